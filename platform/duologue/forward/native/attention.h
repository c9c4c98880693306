// Attention of rows over slots of cells, for a CPU: the rule of the two channels, grouped query heads, float32 sums.
//
// A slot's cells lie in blocks of a pool, which its table names. One task is one slot and one key/value head: it reads
// that head's cells once for all rows of the slot, of whatever channels. Tasks touch disjoint memory, so that threads may take them in any order; a row's result has the same bits
// whatever other rows, tasks and threads there are. A call needs 200 KiB of stack.
#ifndef DUOLOGUE_ATTENTION_H
#define DUOLOGUE_ATTENTION_H
#include <stdint.h>

enum { DUOLOGUE_BF16 = 0, DUOLOGUE_FLOAT32 = 1 };
enum { DUOLOGUE_CELL_BLOCK = 32, DUOLOGUE_DIM_BLOCK = 16, DUOLOGUE_MAX_DIM = 256 };

// The rows of one forward that lie in one slot: neighbours, `num_rows` of them from `first_row` on.
typedef struct {
  const int32_t *table;      // [entries]: blocks of the pool; -1 for one that nobody sees
  const int32_t *owners;     // [entries * DUOLOGUE_CELL_BLOCK]: labels of the slot's cells
  const int32_t *positions;  // the same
  int32_t num_entries;
  int32_t first_row;
  int32_t num_rows;
} duologue_slot_rows;

// What all layers of a forward share.
typedef struct {
  int32_t kv_heads;
  int32_t group;           // query heads that share a key/value head
  int32_t dim;             // of a head; a multiple of DUOLOGUE_DIM_BLOCK, at most DUOLOGUE_MAX_DIM
  int32_t cell_type;       // of keys and values in cells: DUOLOGUE_BF16 or DUOLOGUE_FLOAT32
  int64_t num_slot_rows;
  const duologue_slot_rows *slot_rows;  // each slot once
  const int32_t *row_channels;   // [rows]
  const int32_t *row_positions;  // [rows]
  const int32_t *row_cells;      // [rows]: the cell of its slot that a row's key and value go to
} duologue_attention_plan;

// What one layer brings. Strides count elements; 0 as a pointer leaves a step out.
typedef struct {
  void *keys;    // [blocks, kv_heads, dim, DUOLOGUE_CELL_BLOCK]
  void *values;  // [blocks, kv_heads, DUOLOGUE_CELL_BLOCK, dim]
  const uint32_t *visible;  // what duologue_see wrote
  // Rows of new queries [heads, dim], keys [kv_heads, dim] and values [kv_heads, dim], such as three places in the
  // rows of one fused product. Without new_keys, cells are left as they are.
  const void *queries;
  const void *new_keys;
  const void *new_values;
  int64_t row_stride;   // from a row of `queries`, `new_keys` and `new_values` to the next
  int32_t input_type;   // of these three: DUOLOGUE_BF16 or DUOLOGUE_FLOAT32
  // Rotary embedding of queries and keys, in float32: of the first `rotated` dimensions, i goes with i + rotated / 2.
  int32_t rotated;
  const float *cosines;  // [rows, rotated / 2]; 0: queries and keys come rotated
  const float *sines;    // [rows, rotated / 2]
  float scale;           // of the queries, after rotation
  int32_t result_type;   // DUOLOGUE_BF16 or DUOLOGUE_FLOAT32
  void *results;         // rows of [heads, dim]
  int64_t result_stride;
  int32_t task_step;  // from a task to the next one that this thread will likely do, whose keys are fetched; 0 is 1
} duologue_attention_layer;

// Words of a block's cells that duologue_see writes for one row; every row has the same number.
int64_t duologue_visible_words(const duologue_attention_plan *plan);

// Write which cells each row sees, [rows, words], once for all layers that have this window (0: none). Cells of the
// rows of this forward must be labelled before. Words are in an order of the variant's own.
void duologue_see(const duologue_attention_plan *plan, int32_t window, uint32_t *visible);

// The number of tasks of a layer, for duologue_attend.
int64_t duologue_attention_tasks(const duologue_attention_plan *plan);

// Do tasks first to last (exclusive): write new keys and values into their cells, then attend.
void duologue_attend(const duologue_attention_plan *plan, const duologue_attention_layer *layer, int64_t first,
                     int64_t last);

// The exponential of attention, for tests: `count` values, a multiple of 16, none above 0.
void duologue_exponentials(const float *values, float *results, int64_t count);
#endif
