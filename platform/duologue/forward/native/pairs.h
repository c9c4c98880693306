// What products are made of: vectors of sums, pairs of inputs, and the weights that meet them, for every variant.
#ifndef DUOLOGUE_PAIRS_H
#define DUOLOGUE_PAIRS_H
#include <immintrin.h>

#include "linear.h"
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

#endif
