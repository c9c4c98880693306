#include "attention.h"

#include <float.h>

#include "ahead.h"
#include "lanes.h"
#include "products.h"

// A row's sums are carried from tile to tile of cells, whose borders do not depend on who asks.
#define TILE 256
#define MAX_QUERIES 48  // that go through a tile while it is in the cache: their sums live on the stack
#define TURN 16         // of them at a time: their scores stay in the nearest cache
#define BLOCK DUOLOGUE_CELL_BLOCK
#define LINES_AHEAD(kind) (ROWS * BLOCK * stored_bytes(kind) / LINE)  // as many as a block has
#define MAX_DIM DUOLOGUE_MAX_DIM

typedef duologue_attention_plan plan_t;
typedef duologue_attention_layer layer_t;
typedef duologue_slot_rows slot_rows_t;

// Queries of one slot and key/value head on their way through its cells.
typedef struct {
  _Alignas(64) char left[MAX_QUERIES][MAX_DIM * 4];  // rotated and scaled
  _Alignas(64) float sums[MAX_QUERIES][MAX_DIM];     // of values, weighted by e^(score - largest)
  _Alignas(64) float scores[TURN][TILE];
  _Alignas(64) char weights[TURN][TILE * 4];
  float largest[MAX_QUERIES];
  float total[MAX_QUERIES];  // of the weights
  const uint32_t *visible[MAX_QUERIES];
  int count;
} queries_t;

// Where a head's keys, or its values, begin in a block: in numbers, from the beginning of a layer's.
static int64_t start_of(const plan_t *plan, int64_t block, int64_t head) {
  return (block * plan->kv_heads + head) * plan->dim * BLOCK;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// ---- Which cells a row sees.

int64_t duologue_visible_words(const plan_t *plan) {
  int64_t words = 0;
  for (int64_t i = 0; i < plan->num_slot_rows; i++) {
    int64_t needed = plan->slot_rows[i].num_entries;
    words = needed > words ? needed : words;
  }
  return words;
}

INLINE void see(enum kind kind, const plan_t *plan, int32_t window, uint32_t *visible) {
  int64_t words = duologue_visible_words(plan);
  for (int64_t i = 0; i < plan->num_slot_rows; i++) {
    const slot_rows_t *rows = plan->slot_rows + i;
    for (int64_t row = rows->first_row; row < rows->first_row + rows->num_rows; row++) {
      int32_t channel = plan->row_channels[row], last = plan->row_positions[row];
      int64_t before = window ? (int64_t)last - window : INT64_MIN;
      for (int64_t word = 0; word < rows->num_entries; word++) {
        const int32_t *owners = rows->owners + word * BLOCK;
        const int32_t *positions = rows->positions + word * BLOCK;
        uint32_t seen = 0;
        for (int cell = 0; cell < BLOCK; cell++) {
          uint32_t sees = (owners[cell] == 0) | (owners[cell] == channel);
          sees &= (positions[cell] <= last) & (positions[cell] > before);
          seen |= sees << place(kind, cell);
        }
        visible[row * words + word] = seen;
      }
    }
  }
}

void duologue_see(const plan_t *plan, int32_t window, uint32_t *visible) {
  if (plan->cell_type == DUOLOGUE_BF16)
    see(KIND_OF_BF16, plan, window, visible);
  else
    see(PLAIN, plan, window, visible);
}

// ---- What comes in.

// A head of a row as float32, rotated where that is wanted.
static void read_head(const plan_t *plan, const layer_t *layer, const void *rows, int64_t row, int64_t head,
                      int rotates, float *result) {
  int dim = plan->dim;
  int64_t start = row * layer->row_stride + head * dim;
  if (layer->input_type == DUOLOGUE_FLOAT32)
    memcpy(result, (const float *)rows + start, dim * 4);
  else
    for (int i = 0; i < dim; i++) result[i] = float_of(((const uint16_t *)rows)[start + i]);
  if (!rotates || !layer->cosines) return;
  int half = layer->rotated / 2;
  const float *cosines = layer->cosines + row * half, *sines = layer->sines + row * half;
  for (int i = 0; i < half; i++) {
    float one = result[i], two = result[i + half];
    result[i] = one * cosines[i] - two * sines[i];
    result[i + half] = two * cosines[i] + one * sines[i];
  }
}

INLINE void write_cells(enum kind kind, const plan_t *plan, const layer_t *layer, const slot_rows_t *rows,
                        int64_t head) {
  int dim = plan->dim;
  float key[MAX_DIM], value[MAX_DIM];
  for (int64_t row = rows->first_row; row < rows->first_row + rows->num_rows; row++) {
    read_head(plan, layer, layer->new_keys, row, head, 1, key);
    read_head(plan, layer, layer->new_values, row, head, 0, value);
    int64_t cell = plan->row_cells[row];
    int64_t start = start_of(plan, rows->table[cell / BLOCK], head);
    int64_t key_start = start + cell % BLOCK, value_start = start + cell % BLOCK * dim;
    if (kind == PLAIN) {
      for (int i = 0; i < dim; i++) ((float *)layer->keys)[key_start + i * BLOCK] = key[i];
      memcpy((float *)layer->values + value_start, value, dim * 4);
    } else {
      for (int i = 0; i < dim; i++) ((uint16_t *)layer->keys)[key_start + i * BLOCK] = bf16_of(key[i]);
      for (int i = 0; i < dim; i++) ((uint16_t *)layer->values)[value_start + i] = bf16_of(value[i]);
    }
  }
}

// The queries of a task from number `first` on: those of a row are neighbours.
INLINE void take_queries(enum kind kind, const plan_t *plan, const layer_t *layer, const slot_rows_t *rows,
                         int64_t head, int64_t first, int64_t words, queries_t *queries) {
  float query[MAX_DIM];
  queries->count = (int)least(MAX_QUERIES, (int64_t)rows->num_rows * plan->group - first);
  for (int q = 0; q < queries->count; q++) {
    int64_t row = rows->first_row + (first + q) / plan->group;
    read_head(plan, layer, layer->queries, row, head * plan->group + (first + q) % plan->group, 1, query);
    for (int i = 0; i < plan->dim; i++)
      if (kind == DOT)
        ((uint16_t *)queries->left[q])[i] = bf16_of(query[i] * layer->scale);
      else
        ((float *)queries->left[q])[i] = query[i] * layer->scale;
    queries->visible[q] = layer->visible + row * words;
    queries->largest[q] = -FLT_MAX;
    queries->total[q] = 0;
    memset(queries->sums[q], 0, (plan->dim + BLOCK - 1) / BLOCK * BLOCK * 4);
  }
}

// ---- Through the cells.

// From scores to weights, for the blocks first to last of a tile; sums made so far are scaled to the new largest score.
INLINE void weigh(enum kind kind, const float *scores, const uint32_t *visible, int first, int last, float *largest,
                  float *total, float *sums, int dim, char *weights) {
  floats best = all_of(-FLT_MAX);
  for (int b = first; b < last; b++)
    for (int c = 0; c < BLOCK; c += LANES) {
      lane_set lanes = lanes_of(visible[b] >> c);
      best = larger(chosen(lanes, load_floats(scores + b * BLOCK + c), best), best);
    }
  float was = *largest, now = largest_of(best);
  now = now > was ? now : was;
  float fading[LANES];
  store_floats(fading, exponential(all_of(was - now)));
  *largest = now;
  floats part = {0};
  for (int b = first; b < last; b++) {
    floats exact[BLOCK / LANES];
    for (int i = 0; i < BLOCK / LANES; i++) {
      lane_set lanes = lanes_of(visible[b] >> i * LANES);
      floats power = exponential(load_floats(scores + b * BLOCK + i * LANES) - now);
      exact[i] = chosen(lanes, power, (floats){0});
    }
    if (kind == DOT) {
#if defined(__AVX512BF16__)
      // The total is of the rounded weights, so that they make 1 together.
      __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh((__m512)exact[1], (__m512)exact[0]);
      _mm512_storeu_si512(weights + b * BLOCK * 2, rounded);
      part += (floats)_mm512_slli_epi32(rounded, 16);
      part += (floats)_mm512_and_si512(rounded, _mm512_set1_epi32((int)0xffff0000));
#endif
      continue;
    }
    for (int i = 0; i < BLOCK / LANES; i++) {
      memcpy(weights + (b * BLOCK + i * LANES) * 4, exact + i, sizeof exact[i]);
      part += exact[i];
    }
  }
  *total = *total * fading[0] + sum_of(part);
  if (fading[0] != 1)
    for (int i = 0; i < dim; i++) sums[i] *= fading[0];
}

// The two products, with all that the compiler is to know spelled out as constants.
INLINE void add_keys(enum kind kind, block b, int d) {
  if (d == 0)
    add_products(kind, b, d, 0, 0, 1);
  else
    add_products(kind, b, d, 0, 0, 0);
}

INLINE void add_values(enum kind kind, block b, int row, int is_half) {
  if (row == 0 && is_half)
    add_products(kind, b, 0, 1, 1, 0);
  else if (row == 0)
    add_products(kind, b, 0, 1, 0, 0);
  else if (is_half)
    add_products(kind, b, ROWS, 1, 1, 0);
  else
    add_products(kind, b, ROWS, 1, 0, 0);
}

// Some queries through some blocks of a tile.
INLINE void pass_tile(enum kind kind, const plan_t *plan, const layer_t *layer, const slot_rows_t *rows, int64_t head,
                      int64_t tile, int num_blocks, int first_query, int count, queries_t *queries, ahead_t *ahead) {
  int dim = plan->dim, padded_dim = (dim + BLOCK - 1) / BLOCK * BLOCK;
  uint32_t seen[TILE / BLOCK] = {0};
  for (int q = 0; q < count; q++)
    for (int b = 0; b < num_blocks; b++) seen[b] |= queries->visible[first_query + q][tile * (TILE / BLOCK) + b];
  // What no query sees, such as all of an entry without a block, adds exact zeros: leaving it out changes no bit.
  int first = 0, last = num_blocks;
  while (first < last && !seen[first]) first++;
  while (first < last && !seen[last - 1]) last--;
  if (first == last) return;

  int64_t bytes = stored_bytes(kind);
  const int32_t *table = rows->table + tile * (TILE / BLOCK);
  block score = {.row_bytes = BLOCK * bytes,
                 .left = queries->left[first_query],
                 .left_row_bytes = sizeof queries->left[0],
                 .sum_stride = TILE,
                 .num_left = count};
  const char *keys[TILE / BLOCK];
  for (int b = first; b < last; b++)
    keys[b] = seen[b] ? (const char *)layer->keys + start_of(plan, table[b], head) * bytes : 0;
  // Block by block in turns, since a sum has to wait for what was added to it before.
  for (int d = 0; d < dim; d += ROWS)
    for (int b = first; b < last; b++) {
      if (!keys[b]) continue;
      if (first_query == 0) fetch(ahead, LINES_AHEAD(kind));
      score.rows = keys[b] + d * BLOCK * bytes;
      score.sums = queries->scores[0] + b * BLOCK;
      add_keys(kind, score, d);
    }
  for (int q = 0; q < count; q++) {
    int at = first_query + q;
    weigh(kind, queries->scores[q], queries->visible[at] + tile * (TILE / BLOCK), first, last, queries->largest + at,
          queries->total + at, queries->sums[at], padded_dim, queries->weights[q]);
  }
  block sum = {.row_bytes = dim * bytes,
               .left_row_bytes = sizeof queries->weights[0],
               .sum_stride = MAX_DIM,
               .num_left = count};
  for (int b = first; b < last; b++) {
    if (!seen[b]) continue;
    const char *values = (const char *)layer->values + start_of(plan, table[b], head) * bytes;
    sum.left = queries->weights[0] + b * BLOCK * left_bytes(kind);
    for (int row = 0; row < BLOCK; row += ROWS)
      for (int d = 0; d < dim; d += BLOCK) {
        if (first_query == 0) fetch(ahead, LINES_AHEAD(kind));
        sum.rows = values + (row * dim + d) * bytes;
        sum.sums = queries->sums[first_query] + d;
        add_values(kind, sum, row, d + ROWS == dim);
      }
  }
}

// ---- What goes out.

INLINE void give_results(enum kind kind, const plan_t *plan, const layer_t *layer, const slot_rows_t *rows,
                         int64_t head, int64_t first, const queries_t *queries) {
  for (int q = 0; q < queries->count; q++) {
    int64_t row = rows->first_row + (first + q) / plan->group;
    int64_t start = row * layer->result_stride + (head * plan->group + (first + q) % plan->group) * plan->dim;
    // A row sees itself at the least; one that saw nothing would get zeros.
    float share = queries->total[q] > 0 || queries->total[q] != queries->total[q] ? 1 / queries->total[q] : 0;
    for (int i = 0; i < plan->dim; i++) {
      float mean = queries->sums[q][i / BLOCK * BLOCK + place(kind, i % BLOCK)] * share;
      if (layer->result_type == DUOLOGUE_FLOAT32)
        ((float *)layer->results)[start + i] = mean;
      else
        ((uint16_t *)layer->results)[start + i] = bf16_of(mean);
    }
  }
}

INLINE void attend(enum kind kind, const plan_t *plan, const layer_t *layer, const slot_rows_t *rows, int64_t head,
                   int64_t words, queries_t *queries, ahead_t *ahead) {
  if (layer->new_keys) write_cells(kind, plan, layer, rows, head);
  int64_t num_blocks = rows->num_entries, per_tile = TILE / BLOCK;
  for (int64_t first = 0; first < (int64_t)rows->num_rows * plan->group; first += MAX_QUERIES) {
    take_queries(kind, plan, layer, rows, head, first, words, queries);
    int num_turns = (queries->count + TURN - 1) / TURN, per_turn = (queries->count + num_turns - 1) / num_turns;
    for (int64_t tile = 0; tile * per_tile < num_blocks; tile++)
      for (int query = 0; query < queries->count; query += per_turn)
        pass_tile(kind, plan, layer, rows, head, tile, (int)least(per_tile, num_blocks - tile * per_tile), query,
                  (int)least(per_turn, queries->count - query), queries, ahead);
    give_results(kind, plan, layer, rows, head, first, queries);
  }
}

int64_t duologue_attention_tasks(const plan_t *plan) { return plan->num_slot_rows * plan->kv_heads; }

void duologue_attend(const plan_t *plan, const layer_t *layer, int64_t first, int64_t last) {
#if defined(__x86_64__)
  // Numbers too small for float32's exponent count as 0 in every instruction, as they do in bfloat16's own: a zero
  // more or less in a sum then never makes a difference.
  unsigned int control = _mm_getcsr();
  _mm_setcsr(control | 0x8040);
#endif
  queries_t queries;
  int64_t words = duologue_visible_words(plan);
  for (int64_t task = first; task < last; task++) {
    const slot_rows_t *rows = plan->slot_rows + task / plan->kv_heads;
    int64_t head = task % plan->kv_heads;
    ahead_t ahead = ahead_of(plan, layer, task);
    if (plan->cell_type == DUOLOGUE_BF16)
      attend(KIND_OF_BF16, plan, layer, rows, head, words, &queries, &ahead);
    else
      attend(PLAIN, plan, layer, rows, head, words, &queries, &ahead);
  }
#if defined(__x86_64__)
  _mm_setcsr(control);
#endif
}

void duologue_exponentials(const float *values, float *results, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES) store_floats(results + i, exponential(load_floats(values + i)));
}
