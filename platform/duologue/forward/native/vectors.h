// Vectors of floats as wide as the variant has them, in GNU C's own terms: GCC and Clang know them.
//
// Everything that sums over a row sums in one fixed order, which depends on the row's width and on
// nothing else, so that a row's result is the same in whatever company.
#ifndef DUOLOGUE_VECTORS_H
#define DUOLOGUE_VECTORS_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#else
#define LANES 8
#endif

typedef float vfloat __attribute__((vector_size(4 * LANES)));
typedef int32_t vint __attribute__((vector_size(4 * LANES)));
typedef uint32_t vuint __attribute__((vector_size(4 * LANES)));
typedef uint16_t vhalf __attribute__((vector_size(2 * LANES)));

static inline vfloat vset(float value) { return value - (vfloat){0}; }

static inline vfloat vload(const float *from) {
  vfloat value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline void vstore(float *to, vfloat value) { memcpy(to, &value, sizeof value); }

static inline vfloat vmax(vfloat one, vfloat other) {
  vint larger = one > other;
  return (vfloat)(((vint)one & larger) | ((vint)other & ~larger));
}

static inline vfloat vmin(vfloat one, vfloat other) {
  vint smaller = one < other;
  return (vfloat)(((vint)one & smaller) | ((vint)other & ~smaller));
}

static inline float vsum(vfloat value) {
  float lanes[LANES], sum = 0;
  memcpy(lanes, &value, sizeof value);
  for (int width = LANES / 2; width; width /= 2)
    for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
  sum = lanes[0];
  return sum;
}

// bfloat16 is the upper half of a float32.
static inline float bf16_to_float(uint16_t value) {
  uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, 4);
  return result;
}

// To the nearest, ties to even; a NaN stays one.
static inline uint16_t float_to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)((bits >> 16) | 0x40);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static inline vfloat vload_bf16(const uint16_t *from) {
  vhalf halves;
  memcpy(&halves, from, sizeof halves);
  vuint bits = __builtin_convertvector(halves, vuint) << 16;
  return (vfloat)bits;
}

static inline void vstore_bf16(uint16_t *to, vfloat value) {
  vuint bits = (vuint)value;
  vuint is_nan = (vuint)((vint)(bits & 0x7fffffff) > 0x7f800000);
  vuint rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  vuint result = (is_nan & ((bits >> 16) | 0x40)) | (~is_nan & rounded);
  vhalf halves = __builtin_convertvector(result, vhalf);
  memcpy(to, &halves, sizeof halves);
}

// e to the power of each, to a few units in the last place; the argument is kept within +-87.
static inline vfloat vexp(vfloat x) {
  x = vmin(vmax(x, vset(-87.0f)), vset(87.0f));
  const float round = 12582912.0f; // 1.5 * 2^23: what is added and taken away again is rounded
  vfloat n = (x * 1.44269504088896341f + round) - round;
  vfloat r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vfloat p = vset(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  vint power = (__builtin_convertvector(n, vint) + 127) << 23;
  return p * (vfloat)power;
}

#endif
