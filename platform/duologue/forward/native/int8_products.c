#include "int8.h"
#include "pairs.h"

// Scale the sums of one group of inputs, and add them to those of the groups before: R rows times W vectors of outputs.
#define ADD_GROUP(R, W, scales)                                                                  \
  for (int j = 0; j < W; j++) {                                                                  \
    sums scale = scales;                                                                         \
    for (int i = 0; i < R; i++) {                                                                \
      float *to = tile + i * BLOCK + PER_VECTOR * j;                                             \
      STORE(to, FMA(scale, sum[i][j], first ? load_floats(to) : ZERO()));                        \
    }                                                                                            \
  }

// R rows times WIDTH outputs of a block that unpack_int8 has unpacked.
#define ROWS_GROUPED(R)                                                                          \
  static void grouped_rows_##R(const uint16_t *x, const char *group, int column, float *tile,    \
                               int inputs) {                                                     \
    for (int first = 0; first < inputs; first += GROUP) {                                        \
      int end = first + GROUP < inputs ? first + GROUP : inputs;                                 \
      const uint16_t *w = (const uint16_t *)(group + 4 * BLOCK) + 2 * column;                    \
      sums sum[R][AT_ONCE];                                                                      \
      for (int i = 0; i < R; i++)                                                                \
        for (int j = 0; j < AT_ONCE; j++) sum[i][j] = ZERO();                                    \
      for (int k = first; k < end; k += 2, w += 2 * BLOCK) {                                     \
        weights part[AT_ONCE];                                                                   \
        for (int j = 0; j < AT_ONCE; j++) part[j] = load_pair(w + 2 * PER_VECTOR * j);           \
        for (int i = 0; i < R; i++) {                                                            \
          inputs_pair two = spread_pair(x + (int64_t)i * inputs + k);                            \
          for (int j = 0; j < AT_ONCE; j++) sum[i][j] = add_pair(sum[i][j], two, part[j]);       \
        }                                                                                        \
      }                                                                                          \
      ADD_GROUP(R, AT_ONCE, load_floats((const float *)group + column + PER_VECTOR * j))         \
      group += UNPACKED_GROUP_BYTES;                                                             \
    }                                                                                            \
  }

ROWS_GROUPED(1) ROWS_GROUPED(2) ROWS_GROUPED(3) ROWS_GROUPED(4)
#if MAX_ROWS == 6
ROWS_GROUPED(5) ROWS_GROUPED(6)
#endif

typedef void (*grouped_rows)(const uint16_t *, const char *, int, float *, int);
static const grouped_rows grouped_by_rows[] = {0, grouped_rows_1, grouped_rows_2, grouped_rows_3, grouped_rows_4,
#if MAX_ROWS == 6
                                               grouped_rows_5, grouped_rows_6
#endif
};

static void grouped_block(const uint16_t *x, const void *room, float *tile, int rows, int inputs) {
  int passes = (rows + MAX_ROWS - 1) / MAX_ROWS;
  for (int pass = 0, row = 0; pass < passes; pass++) {
    int count = (rows - row + passes - pass - 1) / (passes - pass);
    for (int column = 0; column < BLOCK; column += WIDTH)
      grouped_by_rows[count](x + (int64_t)row * inputs, room, column, tile + (int64_t)row * BLOCK + column, inputs);
    row += count;
  }
}

#if defined(__AVX512BF16__)
// bfloat16 of the whole numbers to 127, by their lower and upper bytes.
#define LOWER(n) ((n) ? (uint8_t)(((n) << (7 - TOP(n)) & 0x7f) | ((127 + TOP(n)) << 7 & 0x80)) : 0)
#define UPPER(n) ((n) ? (uint8_t)((127 + TOP(n)) >> 1) : 0)
#define TOP(n) ((n) >= 64 ? 6 : (n) >= 32 ? 5 : (n) >= 16 ? 4 : (n) >= 8 ? 3 : (n) >= 4 ? 2 : (n) >= 2 ? 1 : 0)
#define EIGHT(f, n) f(n), f(n + 1), f(n + 2), f(n + 3), f(n + 4), f(n + 5), f(n + 6), f(n + 7)
#define ALL(f)                                                                                       \
  {EIGHT(f, 0), EIGHT(f, 8), EIGHT(f, 16), EIGHT(f, 24), EIGHT(f, 32), EIGHT(f, 40), EIGHT(f, 48),   \
   EIGHT(f, 56), EIGHT(f, 64), EIGHT(f, 72), EIGHT(f, 80), EIGHT(f, 88), EIGHT(f, 96), EIGHT(f, 104), \
   EIGHT(f, 112), EIGHT(f, 120)}
static const uint8_t lower_bytes[128] __attribute__((aligned(64))) = ALL(LOWER);
static const uint8_t upper_bytes[128] __attribute__((aligned(64))) = ALL(UPPER);

// The numbers of 32 outputs in bfloat16: two vectors of pairs.
static inline void load_int8_pairs(const uint8_t *from, weights *two) {
  __m512i numbers = _mm512_loadu_si512((const void *)from);
  __m512i lower = _mm512_permutex2var_epi8(_mm512_load_si512(lower_bytes), numbers,
                                           _mm512_load_si512(lower_bytes + 64));
  __m512i upper = _mm512_permutex2var_epi8(_mm512_load_si512(upper_bytes), numbers,
                                           _mm512_load_si512(upper_bytes + 64));
  upper = _mm512_ternarylogic_epi32(upper, numbers, _mm512_set1_epi8((char)0x80), 0xf8);  // with the sign
  two[0] = (weights)_mm512_unpacklo_epi8(lower, upper);
  two[1] = (weights)_mm512_unpackhi_epi8(lower, upper);
}

static inline sums load_scales(const uint8_t *from) {
  __m512i scales = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(scales, 16));
}

// Rows are found from every third one: a pointer to each would be more than there are registers, which the compiler is
// kept from by not being told what it may know of these.
#define THREES(R)                                                                                \
    const uint16_t *rows[(R + 2) / 3];                                                           \
    for (int i = 0; i < (R + 2) / 3; i++) rows[i] = x + (int64_t)3 * i * inputs;
#define NEXT(R)                                                                                  \
    for (int i = 0; i < (R + 2) / 3; i++) {                                                      \
      rows[i] += 2;                                                                              \
      __asm__("" : "+r"(rows[i]));                                                               \
    }

// R rows times W vectors of outputs from a column of the block on: weights are unpacked on the way, and kept in `room`
// as unpack_int8 does it if that is not null.
#define ROWS_INT8(R, W)                                                                          \
  static void int8_rows_##R(const uint16_t *x, const uint8_t *group, int column, float *tile,    \
                            int inputs, char *room, const char *ahead, int lines, int near) {    \
    THREES(R)                                                                                    \
    for (int first = 0; first < inputs; first += GROUP) {                                        \
      ahead = prefetch(ahead, lines, near);                                                      \
      int end = first + GROUP < inputs ? first + GROUP : inputs;                                 \
      const uint8_t *w = group + 2 * BLOCK + 2 * column;                                         \
      sums sum[R][W];                                                                            \
      for (int i = 0; i < R; i++)                                                                \
        for (int j = 0; j < W; j++) sum[i][j] = ZERO();                                          \
      for (int k = first; k < end; k += 2, w += 2 * BLOCK) {                                     \
        ahead = prefetch(ahead, lines, near);                                                    \
        weights part[W];                                                                         \
        for (int j = 0; j < W; j += 2) load_int8_pairs(w + 2 * PER_VECTOR * j, part + j);        \
        if (room)                                                                                \
          for (int j = 0; j < W; j++)                                                            \
            _mm512_store_si512(room + 4 * BLOCK + (k - first) * 2 * BLOCK + 4 * column + LINE * j, \
                               (__m512i)part[j]);                                                \
        for (int i = 0; i < R; i++) {                                                            \
          inputs_pair two = spread_pair(rows[i / 3] + i % 3 * (int64_t)inputs);                  \
          for (int j = 0; j < W; j++) sum[i][j] = add_pair(sum[i][j], two, part[j]);             \
        }                                                                                        \
        NEXT(R)                                                                                  \
      }                                                                                          \
      if (room) {                                                                                \
        for (int j = 0; j < W; j++)                                                              \
          STORE((float *)room + column + PER_VECTOR * j,                                         \
                load_scales(group + 2 * (column + PER_VECTOR * j)));                             \
        room += UNPACKED_GROUP_BYTES;                                                            \
      }                                                                                          \
      ADD_GROUP(R, W, load_scales(group + 2 * (column + PER_VECTOR * j)))                        \
      group += INT8_GROUP_BYTES;                                                                 \
    }                                                                                            \
  }

ROWS_INT8(1, 4) ROWS_INT8(2, 4) ROWS_INT8(3, 4) ROWS_INT8(4, 4) ROWS_INT8(5, 4) ROWS_INT8(6, 4)
ROWS_INT8(7, 2) ROWS_INT8(8, 2) ROWS_INT8(9, 2) ROWS_INT8(10, 2)

typedef void (*int8_rows)(const uint16_t *, const uint8_t *, int, float *, int, char *, const char *, int, int);
static const int8_rows int8_by_rows[] = {0, int8_rows_1, int8_rows_2, int8_rows_3, int8_rows_4, int8_rows_5,
                                         int8_rows_6, int8_rows_7, int8_rows_8, int8_rows_9, int8_rows_10};
#define FIRST_ROWS 10  // two more would fit, but not with every compiler

// Products with 8-bit weights are bound by arithmetic from a few rows on, so it pays to unpack beside as much of it
// as there are registers for. All further rows take what the first ones have unpacked.
void int8_block(const uint16_t *x, const uint8_t *block, const void *next, float *tile, int rows, int inputs,
                char *room) {
  int first = rows < FIRST_ROWS ? rows : FIRST_ROWS, more = rows - first;
  if (first <= MAX_ROWS) {
    int8_by_rows[first](x, block, 0, tile, inputs, 0, (const char *)block + AHEAD_BYTES, 2, 1);
    return;
  }
  const char *ahead = next;
  int lines = next != 0, groups = (inputs + GROUP - 1) / GROUP;
  for (int column = 0; column < BLOCK; column += BLOCK / 2) {
    int8_by_rows[first](x, block, column, tile + column, inputs, more ? room : 0, ahead, lines, 0);
    ahead += (int64_t)lines * LINE * (inputs / 2 + groups);
  }
  grouped_block(x + (int64_t)first * inputs, room, tile + (int64_t)first * BLOCK, more, inputs);
}
#else
void int8_block(const uint16_t *x, const uint8_t *block, const void *next, float *tile, int rows, int inputs,
                char *room) {
  (void)next;
  unpack_int8(BFLOAT16, block, room, inputs);
  grouped_block(x, room, tile, rows, inputs);
}
#endif
