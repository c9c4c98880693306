// Vectors of float32 as wide as the processor's, in the compiler's own vector types: one source for all variants.
#ifndef DUOLOGUE_LANES_H
#define DUOLOGUE_LANES_H
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__FAST_MATH__)
#error "attention counts on exact rounding and on infinities: compile without -ffast-math"
#endif

#if defined(__AVX512F__)
#define LANES 16
#else
#define LANES 8
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));

INLINE floats load_floats(const float *from) {
  floats all;
  memcpy(&all, from, sizeof all);
  return all;
}

INLINE void store_floats(float *to, floats all) { memcpy(to, &all, sizeof all); }

INLINE floats all_of(float value) { return value - (floats){0}; }

// a * b + c, rounded once where the processor can.
INLINE floats fused(floats a, floats b, floats c) {
#if defined(__AVX512F__)
  return (floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

// The larger one; b where a is no number.
INLINE floats larger(floats a, floats b) {
#if defined(__AVX512F__)
  return (floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
  return (floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
  ints first = a > b;
  return (floats)((first & (ints)a) | (~first & (ints)b));
#endif
}

INLINE float sum_of(floats all) {
  float lanes[LANES];
  memcpy(lanes, &all, sizeof all);
  for (int width = LANES / 2; width; width /= 2)
    for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
  return lanes[0];
}

INLINE float largest_of(floats all) {
  float lanes[LANES];
  memcpy(lanes, &all, sizeof all);
  for (int width = LANES / 2; width; width /= 2)
    for (int i = 0; i < width; i++) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
  return lanes[0];
}

// The lanes whose bit is set; of `all` in these lanes, `other` in the rest.
#if defined(__AVX512F__)
typedef __mmask16 lane_set;

INLINE lane_set lanes_of(uint32_t bits) { return (lane_set)bits; }

INLINE floats chosen(lane_set lanes, floats all, floats other) {
  return (floats)_mm512_mask_mov_ps((__m512)other, lanes, (__m512)all);
}
#else
typedef ints lane_set;

INLINE lane_set lanes_of(uint32_t bits) {
  const ints each = {1, 2, 4, 8, 16, 32, 64, 128};
  return (((int32_t)bits - (ints){0}) & each) != 0;
}

INLINE floats chosen(lane_set lanes, floats all, floats other) {
  return (floats)((lanes & (ints)all) | (~lanes & (ints)other));
}
#endif

// e to the power of numbers from -87 to 0, with a relative error below 2e-7 (tested); exactly 1 for 0. Below -87 it
// stays at e^-87, a sum of which is nothing beside the 1 of the largest score.
//
// x = n ln 2 + r with |r| <= ln 2 / 2: 2^n goes into the exponent, e^r is a polynomial (Cephes' expf).
INLINE floats exponential(floats x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number in the lowest bits
  x = larger(all_of(-87.0f), x);  // a NaN stays one
  floats shifted = fused(x, all_of(1.44269504f), all_of(shift));
  floats n = shifted - shift;
  floats r = fused(n, all_of(-0.693359375f), x);
  r = fused(n, all_of(2.12194440e-4f), r);
  floats power = fused(all_of(1.9875691500e-4f), r, all_of(1.3981999507e-3f));
  power = fused(power, r, all_of(8.3334519073e-3f));
  power = fused(power, r, all_of(4.1665795894e-2f));
  power = fused(power, r, all_of(1.6666665459e-1f));
  power = fused(power, r, all_of(5.0000001201e-1f));
  power = fused(power, r * r, r) + 1.0f;
  return (floats)((ints)power + ((ints)shifted << 23));
}

INLINE float float_of(uint16_t bf16) {
  uint32_t bits = (uint32_t)bf16 << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// To the nearest, ties to even; a NaN stays one.
INLINE uint16_t bf16_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t)(value != value ? bits >> 16 | 0x40 : rounded);
}
#endif
