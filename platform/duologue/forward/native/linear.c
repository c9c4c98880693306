#include "linear.h"

#include <immintrin.h>

#include "int8.h"
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

#if defined(__AVX512BF16__)
// Scales of 16 outputs, each twice, as float32: bfloat16 is the upper half of it.
typedef struct { __m512 low, high; } scale_pairs;
static inline scale_pairs load_scales(const uint16_t *from) {
  __m512i scales = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)from));
  const __m512i each = _mm512_set_epi16(7, 7, 7, 7, 6, 6, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1,
                                        1, 1, 0, 0, 0, 0);
  __m512i next = _mm512_add_epi16(each, _mm512_set1_epi16(8));
  return (scale_pairs){_mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, each, scales)),
                       _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, next, scales))};
}

static inline __m512 load_scaled(const int8_t *from, __m512 scales) {
  __m512i numbers = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)from));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(numbers), scales);
}

static inline weights load_int8_pair(const int8_t *from, scale_pairs scales) {
  return _mm512_cvtne2ps_pbh(load_scaled(from + 16, scales.high), load_scaled(from, scales.low));
}

// Like bf16_rows of weights that are unpacked on the way, and kept in `room` if that is not null.
#define ROWS_INT8(R)                                                                             \
  static void int8_rows_##R(const uint16_t *x, const int8_t *w, float *tile, int inputs,         \
                            uint16_t *room, const char *ahead, int lines, int near) {            \
    sums sum[R][AT_ONCE];                                                                        \
    for (int i = 0; i < R; i++)                                                                  \
      for (int j = 0; j < AT_ONCE; j++) sum[i][j] = ZERO();                                      \
    for (int first = 0; first < inputs; first += GROUP) {                                        \
      ahead = prefetch(ahead, 2 * (lines > 0), near);                                            \
      scale_pairs scales[AT_ONCE];                                                               \
      for (int j = 0; j < AT_ONCE; j++)                                                          \
        scales[j] = load_scales((const uint16_t *)w + PER_VECTOR * j);                           \
      w += 2 * BLOCK;                                                                            \
      int end = first + GROUP < inputs ? first + GROUP : inputs;                                 \
      for (int k = first; k < end; k += 2, w += 2 * BLOCK) {                                     \
        ahead = prefetch(ahead, lines, near);                                                    \
        weights part[AT_ONCE];                                                                   \
        for (int j = 0; j < AT_ONCE; j++)                                                        \
          part[j] = load_int8_pair(w + 2 * PER_VECTOR * j, scales[j]);                           \
        if (room)                                                                                \
          for (int j = 0; j < AT_ONCE; j++)                                                      \
            _mm512_store_si512((void *)(room + (int64_t)k * BLOCK + 2 * PER_VECTOR * j),         \
                               (__m512i)part[j]);                                                \
        for (int i = 0; i < R; i++) {                                                            \
          inputs_pair two = spread_pair(x + (int64_t)i * inputs + k);                            \
          for (int j = 0; j < AT_ONCE; j++) sum[i][j] = add_pair(sum[i][j], two, part[j]);       \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
    for (int i = 0; i < R; i++)                                                                  \
      for (int j = 0; j < AT_ONCE; j++) STORE(tile + i * BLOCK + PER_VECTOR * j, sum[i][j]);     \
  }

ROWS_INT8(1) ROWS_INT8(2) ROWS_INT8(3) ROWS_INT8(4) ROWS_INT8(5) ROWS_INT8(6)

typedef void (*int8_rows)(const uint16_t *, const int8_t *, float *, int, uint16_t *, const char *, int, int);
static const int8_rows int8_by_rows[] = {0, int8_rows_1, int8_rows_2, int8_rows_3, int8_rows_4, int8_rows_5,
                                         int8_rows_6};
#endif

int64_t block_bytes(kind_of_product kind) {
  return kind.is_int8 ? int8_block_bytes(kind.inputs) : (int64_t)BLOCK * kind.inputs * bytes_of(kind.format);
}

#if defined(__AVX512BF16__)
// 8-bit weights are unpacked by the first pass.
static int unpacks_on_the_way(kind_of_product kind) { return kind.is_int8 && kind.format == BFLOAT16; }
#else
static int unpacks_on_the_way(kind_of_product kind) {
  (void)kind;
  return 0;
}
#endif

void linear_block(kind_of_product kind, const void *x, const void *block, const void *next, float *tile, int rows,
                  void *room) {
  int inputs = kind.inputs;
  int passes = (rows + MAX_ROWS - 1) / MAX_ROWS, step_lines = WIDTH * (kind.is_int8 ? 2 : 4) / LINE;
  int on_the_way = unpacks_on_the_way(kind);
  if (kind.is_int8 && !on_the_way) {
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
#if defined(__AVX512BF16__)
    if (on_the_way && pass == 0) {
      int8_by_rows[count](x, block, tile, inputs, passes == 1 ? 0 : room, ahead, lines, passes == 1);
      ahead += lines ? (int64_t)LINE * (lines * (inputs / 2) + 2 * ((inputs + GROUP - 1) / GROUP)) : 0;
      block = room;
      row += count;
      continue;
    }
#endif
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
    unpack_int8_output(kind.format, block, (int)place, to, kind.inputs);
  else
    for (int64_t k = 0; k < kind.inputs; k++)
      to[k] = read_number(kind.format, block, (k / width * BLOCK + place) * width + k % width);
}
