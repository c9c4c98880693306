#include "linear.h"

#include "int8.h"
#include "numbers.h"
#include "pairs.h"

// R rows times WIDTH outputs, sums in registers.
#define ROWS_BF16(R)                                                                             \
  static void bf16_rows_##R(const uint16_t *x, const uint16_t *w, float *tile, int inputs,       \
                            const char *ahead, int lines, int near) {                            \
    sums sum[R][AT_ONCE];                                                                        \
    for (int i = 0; i < R; i++)                                                                  \
      for (int j = 0; j < AT_ONCE; j++) sum[i][j] = ZERO();                                      \
    for (int k = 0; k < inputs; k += 2, w += 2 * BLOCK) {                                        \
      ahead = prefetch(ahead, lines, near);                                                      \
      weights part[AT_ONCE];                                                                     \
      for (int j = 0; j < AT_ONCE; j++) part[j] = load_pair(w + 2 * PER_VECTOR * j);             \
      for (int i = 0; i < R; i++) {                                                              \
        inputs_pair two = spread_pair(x + (int64_t)i * inputs + k);                              \
        for (int j = 0; j < AT_ONCE; j++) sum[i][j] = add_pair(sum[i][j], two, part[j]);         \
      }                                                                                          \
    }                                                                                            \
    for (int i = 0; i < R; i++)                                                                  \
      for (int j = 0; j < AT_ONCE; j++) STORE(tile + i * BLOCK + PER_VECTOR * j, sum[i][j]);     \
  }

#define ROWS_FLOAT(R)                                                                            \
  static void float_rows_##R(const float *x, const float *w, float *tile, int inputs,            \
                             const char *ahead, int lines, int near) {                           \
    sums sum[R][AT_ONCE];                                                                        \
    for (int i = 0; i < R; i++)                                                                  \
      for (int j = 0; j < AT_ONCE; j++) sum[i][j] = ZERO();                                      \
    for (int k = 0; k < inputs; k++, w += BLOCK) {                                               \
      ahead = prefetch(ahead, lines, near);                                                      \
      sums part[AT_ONCE];                                                                        \
      for (int j = 0; j < AT_ONCE; j++) part[j] = load_floats(w + PER_VECTOR * j);               \
      for (int i = 0; i < R; i++) {                                                              \
        sums one = spread_float(x + (int64_t)i * inputs + k);                                    \
        for (int j = 0; j < AT_ONCE; j++) sum[i][j] = FMA(one, part[j], sum[i][j]);              \
      }                                                                                          \
    }                                                                                            \
    for (int i = 0; i < R; i++)                                                                  \
      for (int j = 0; j < AT_ONCE; j++) STORE(tile + i * BLOCK + PER_VECTOR * j, sum[i][j]);     \
  }

#define ROWS(R) ROWS_BF16(R) ROWS_FLOAT(R)
ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#if MAX_ROWS == 6
ROWS(5) ROWS(6)
#endif

typedef void (*bf16_rows)(const uint16_t *, const uint16_t *, float *, int, const char *, int, int);
typedef void (*float_rows)(const float *, const float *, float *, int, const char *, int, int);
static const bf16_rows bf16_by_rows[] = {0, bf16_rows_1, bf16_rows_2, bf16_rows_3, bf16_rows_4,
#if MAX_ROWS == 6
                                         bf16_rows_5, bf16_rows_6
#endif
};
static const float_rows float_by_rows[] = {0, float_rows_1, float_rows_2, float_rows_3,
                                           float_rows_4,
#if MAX_ROWS == 6
                                           float_rows_5, float_rows_6
#endif
};

int64_t block_bytes(kind_of_product kind) {
  return kind.is_int8 ? int8_block_bytes(kind.inputs) : (int64_t)BLOCK * kind.inputs * bytes_of(kind.format);
}

void linear_block(kind_of_product kind, const void *x, const void *block, const void *next, float *tile, int rows,
                  void *room) {
  int inputs = kind.inputs;
  int passes = (rows + MAX_ROWS - 1) / MAX_ROWS, step_lines = WIDTH * 4 / LINE;
  if (kind.is_int8) {
    if (kind.format == BFLOAT16) {
      int8_block(x, block, next, tile, rows, inputs, room);
      return;
    }
    unpack_int8(kind.format, block, room, inputs);
    block = room;
    step_lines = 0;
  }
  // Memory is asked for the next block while this one is multiplied, a part in every pass; in a single pass that
  // would be too far ahead.
  const char *ahead = (const char *)(passes == 1 ? block : next) + (passes == 1 ? AHEAD_BYTES : 0);
  int left = step_lines;  // lines that have to be asked for per step, by all passes together
  for (int pass = 0, row = 0; pass < passes; pass++) {
    int count = (rows - row + passes - pass - 1) / (passes - pass);
    int lines = next || passes == 1 ? (left + passes - pass - 1) / (passes - pass) : 0;
    left -= lines;
    int64_t start = (int64_t)row * inputs;
    for (int column = 0; column < BLOCK; column += WIDTH) {
      float *to = tile + (int64_t)row * BLOCK + column;
      if (kind.format == BFLOAT16)
        bf16_by_rows[count]((const uint16_t *)x + start, (const uint16_t *)block + 2 * column, to, inputs, ahead,
                            lines, passes == 1);
      else
        float_by_rows[count]((const float *)x + start, (const float *)block + column, to, inputs, ahead, lines,
                             passes == 1);
      ahead += (int64_t)lines * LINE * (inputs / (kind.format == BFLOAT16 ? 2 : 1));
    }
    row += count;
  }
}

void read_output(kind_of_product kind, const void *weights, int64_t output, float *to) {
  const char *block = (const char *)weights + output / BLOCK * block_bytes(kind);
  int64_t place = output % BLOCK, width = kind.format == BFLOAT16 ? 2 : 1;
  if (kind.is_int8)
    unpack_int8_output(block, (int)place, to, kind.inputs);
  else
    for (int64_t k = 0; k < kind.inputs; k++)
      to[k] = read_number(kind.format, block, (k / width * BLOCK + place) * width + k % width);
}
