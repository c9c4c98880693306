#include "linear.h"

#include <immintrin.h>

#include "numbers.h"

#define LINE 64

// How far ahead of their use weights are asked for where a block is gone through only once.
#define AHEAD_BYTES 4096

#if defined(__AVX512F__)
typedef __m512 sums;
#define PER_VECTOR 16
#define AT_ONCE 4 // vectors of outputs: the whole block
#define MAX_ROWS 6
#define ZERO _mm512_setzero_ps
#define STORE _mm512_storeu_ps
#define FMA _mm512_fmadd_ps
#else
typedef __m256 sums;
#define PER_VECTOR 8
#define AT_ONCE 2 // a quarter of the block: there are sixteen registers
#define MAX_ROWS 4
#define ZERO _mm256_setzero_ps
#define STORE _mm256_storeu_ps
#define FMA _mm256_fmadd_ps
#endif

#define WIDTH (PER_VECTOR * AT_ONCE)

// Two inputs' weights of PER_VECTOR outputs, as they lie.
#if defined(__AVX512BF16__)
typedef __m512bh weights;
static inline weights load_pair(const uint16_t *from) {
  return (__m512bh)_mm512_loadu_si512((const void *)from);
}
typedef __m512bh inputs_pair;
static inline inputs_pair spread_pair(const uint16_t *from) {
  int32_t two;
  memcpy(&two, from, 4);
  return (__m512bh)_mm512_set1_epi32(two);
}
static inline sums add_pair(sums sum, inputs_pair x, weights w) {
  return _mm512_dpbf16_ps(sum, x, w);
}
#elif defined(__AVX512F__)
typedef struct { __m512 even, odd; } weights;
static inline weights load_pair(const uint16_t *from) {
  __m512i both = _mm512_loadu_si512((const void *)from);
  return (weights){_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)),
                   _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32((int)0xffff0000)))};
}
typedef struct { __m512 even, odd; } inputs_pair;
static inline inputs_pair spread_pair(const uint16_t *from) {
  return (inputs_pair){_mm512_set1_ps(bf16_to_float(from[0])),
                       _mm512_set1_ps(bf16_to_float(from[1]))};
}
static inline sums add_pair(sums sum, inputs_pair x, weights w) {
  return FMA(x.odd, w.odd, FMA(x.even, w.even, sum));
}
#else
typedef struct { __m256 even, odd; } weights;
static inline weights load_pair(const uint16_t *from) {
  __m256i both = _mm256_loadu_si256((const __m256i *)from);
  return (weights){_mm256_castsi256_ps(_mm256_slli_epi32(both, 16)),
                   _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32((int)0xffff0000)))};
}
typedef struct { __m256 even, odd; } inputs_pair;
static inline inputs_pair spread_pair(const uint16_t *from) {
  return (inputs_pair){_mm256_set1_ps(bf16_to_float(from[0])),
                       _mm256_set1_ps(bf16_to_float(from[1]))};
}
static inline sums add_pair(sums sum, inputs_pair x, weights w) {
  return FMA(x.odd, w.odd, FMA(x.even, w.even, sum));
}
#endif

#if defined(__AVX512F__)
static inline sums load_floats(const float *from) { return _mm512_loadu_ps(from); }
static inline sums spread_float(const float *from) { return _mm512_set1_ps(*from); }
#else
static inline sums load_floats(const float *from) { return _mm256_loadu_ps(from); }
static inline sums spread_float(const float *from) { return _mm256_set1_ps(*from); }
#endif

// Ask memory for lines: near ones for the nearest cache, where they are used soon, others for the one behind it.
static inline const char *prefetch(const char *ahead, int lines, int near) {
  for (int i = 0; i < lines; i++, ahead += LINE)
    if (near)
      _mm_prefetch(ahead, _MM_HINT_T0);
    else
      _mm_prefetch(ahead, _MM_HINT_T1);
  return ahead;
}

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

void linear_block(int format, const void *x, const void *block, const void *next, float *tile, int rows,
                  int inputs) {
  int passes = (rows + MAX_ROWS - 1) / MAX_ROWS, step_lines = WIDTH * 4 / LINE;
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
      if (format == BFLOAT16)
        bf16_by_rows[count]((const uint16_t *)x + start, (const uint16_t *)block + 2 * column, to, inputs, ahead,
                            lines, passes == 1);
      else
        float_by_rows[count]((const float *)x + start, (const float *)block + column, to, inputs, ahead, lines,
                             passes == 1);
      ahead += (int64_t)lines * LINE * (inputs / (format == BFLOAT16 ? 2 : 1));
    }
    row += count;
  }
}
