// The two number formats of weights, cells and whatever goes into a product.
#ifndef DUOLOGUE_NUMBERS_H
#define DUOLOGUE_NUMBERS_H

#include "vectors.h"

enum { BFLOAT16 = 0, FLOAT32 = 1 };

static inline int bytes_of(int format) { return format == BFLOAT16 ? 2 : 4; }

static inline float read_number(int format, const void *from, int64_t index) {
  if (format == BFLOAT16) return bf16_to_float(((const uint16_t *)from)[index]);
  return ((const float *)from)[index];
}

static inline void write_number(int format, void *to, int64_t index, float value) {
  if (format == BFLOAT16)
    ((uint16_t *)to)[index] = float_to_bf16(value);
  else
    ((float *)to)[index] = value;
}

static inline vfloat read_numbers(int format, const void *from, int64_t index) {
  if (format == BFLOAT16) return vload_bf16((const uint16_t *)from + index);
  return vload((const float *)from + index);
}

static inline void write_numbers(int format, void *to, int64_t index, vfloat value) {
  if (format == BFLOAT16)
    vstore_bf16((uint16_t *)to + index, value);
  else
    vstore((float *)to + index, value);
}

#endif
