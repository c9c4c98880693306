#include "ranks.h"

#include "crew.h"
#include "linear.h"
#include "numbers.h"

// What one piece of work finds: few enough sums for the registers.
#define RANKS_TOGETHER (2 * LANES)
#define ROWS_TOGETHER 4

typedef struct {
  const float *down;  // [width][rank], from the first of the ranks on
  int64_t rank;
  int64_t width;
  const void *x[ROWS_TOGETHER];
  float *sums[ROWS_TOGETHER];
} rows_and_ranks;

// Where format and number of rows are constants the compiler keeps all sums in registers.
static inline __attribute__((always_inline)) void find_sums(const rows_and_ranks *p, int format, int rows) {
  vfloat found[ROWS_TOGETHER][2] = {0};
  const float *down = p->down;
  for (int64_t k = 0; k < p->width; k++, down += p->rank) {
    vfloat low = vload(down), high = vload(down + LANES);
    for (int i = 0; i < rows; i++) {
      vfloat value = vset(read_number(format, p->x[i], k));
      found[i][0] += value * low;
      found[i][1] += value * high;
    }
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < 2; j++) vstore(p->sums[i] + j * LANES, found[i][j]);
}

#define OF_ROWS(R)                                                                              \
  static void bf16_rows_##R(const rows_and_ranks *p) { find_sums(p, BFLOAT16, R); }             \
  static void float_rows_##R(const rows_and_ranks *p) { find_sums(p, FLOAT32, R); }
OF_ROWS(1) OF_ROWS(2) OF_ROWS(3) OF_ROWS(4)

typedef void (*sums_finder)(const rows_and_ranks *);
static const sums_finder finders[][ROWS_TOGETHER] = {
    [BFLOAT16] = {bf16_rows_1, bf16_rows_2, bf16_rows_3, bf16_rows_4},
    [FLOAT32] = {float_rows_1, float_rows_2, float_rows_3, float_rows_4},
};

static void do_few(void *context, int64_t piece, int thread) {
  (void)thread;
  const updated_rows *rows = context;
  const duologue_linear *layer = rows->layer;
  int64_t chunks = layer->rank / RANKS_TOGETHER;
  int64_t at = piece / chunks * ROWS_TOGETHER, first = piece % chunks * RANKS_TOGETHER;
  int64_t left = rows->num_updated - at, count = left < ROWS_TOGETHER ? left : ROWS_TOGETHER;
  rows_and_ranks part = {.down = layer->down + first, .rank = layer->rank, .width = layer->inputs};
  for (int64_t i = 0; i < count; i++) {
    int64_t row = rows->updated[at + i];
    part.x[i] = (const char *)rows->x + row * layer->inputs * bytes_of(rows->format);
    part.sums[i] = rows->sums + rows->input_row_of[row] * rows->sums_stride + first;
  }
  finders[rows->format][count - 1](&part);
}

void find_rank_sums(updated_rows *rows, int threads) {
  rows->num_updated = 0;
  for (int64_t row = 0; row < rows->num_rows; row++)
    if (rows->input_row_of[row] >= 0) rows->updated[rows->num_updated++] = (int32_t)row;
  int64_t groups = (rows->num_updated + ROWS_TOGETHER - 1) / ROWS_TOGETHER;
  crew_do(threads, groups * (rows->layer->rank / RANKS_TOGETHER), do_few, rows);
}

void add_ranks(const duologue_linear *layer, int64_t block, const float *sums, float *tile) {
  enum { VECTORS = BLOCK / LANES };
  const duologue_reach *reach = layer->reach + block;
  const float *of_half[] = {sums + reach->first[0], sums + reach->first[1]};
  const float *up = layer->up + (int64_t)reach->start * BLOCK;
  vfloat found[VECTORS];
  for (int j = 0; j < VECTORS; j++) found[j] = vload(tile + j * LANES);
  for (int r = 0; r < reach->count; r++, up += BLOCK)
    for (int j = 0; j < VECTORS; j++) found[j] += vset(of_half[j * 2 / VECTORS][r]) * vload(up + j * LANES);
  for (int j = 0; j < VECTORS; j++) vstore(tile + j * LANES, found[j]);
}
