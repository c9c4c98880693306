#include "int8.h"

#include "numbers.h"

typedef int8_t vbytes __attribute__((vector_size(LANES)));

static inline vfloat load_bytes(const int8_t *from) {
  vbytes bytes;
  memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, vint), vfloat);
}

// To the nearest, ties to even; of numbers that are none there are no products here.
static inline void store_rounded(uint16_t *to, vfloat value) {
  vuint bits = (vuint)value;
  vhalf halves = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, vhalf);
  memcpy(to, &halves, sizeof halves);
}

// One group in bfloat16; `scales` has each output's twice.
static void unpack_pairs(const int8_t *numbers, const float *scales, uint16_t *to, int inputs) {
  for (int k = 0; k < inputs; k += 2, numbers += 2 * BLOCK, to += 2 * BLOCK)
    for (int i = 0; i < 2 * BLOCK; i += LANES)
      store_rounded(to + i, load_bytes(numbers + i) * vload(scales + i));
}

// One group in float32, where an input's weights lie together.
static void unpack_singles(const int8_t *numbers, const float *scales, float *to, int inputs) {
  for (int k = 0; k < inputs; k += 2, numbers += 2 * BLOCK, to += 2 * BLOCK)
    for (int i = 0; i < BLOCK; i++) {
      to[i] = (float)numbers[2 * i] * scales[2 * i];
      to[BLOCK + i] = (float)numbers[2 * i + 1] * scales[2 * i];
    }
}

void unpack_int8(int format, const void *block, void *unpacked, int inputs) {
  const uint16_t *group = block;
  for (int first = 0; first < inputs; first += GROUP) {
    int count = inputs - first < GROUP ? inputs - first : GROUP;
    float scales[2 * BLOCK];
    for (int i = 0; i < BLOCK; i++) scales[2 * i] = scales[2 * i + 1] = bf16_to_float(group[i]);
    const int8_t *numbers = (const int8_t *)(group + BLOCK);
    if (format == BFLOAT16)
      unpack_pairs(numbers, scales, (uint16_t *)unpacked + (int64_t)first * BLOCK, count);
    else
      unpack_singles(numbers, scales, (float *)unpacked + (int64_t)first * BLOCK, count);
    group = (const uint16_t *)(numbers + count * BLOCK);
  }
}

void unpack_int8_output(int format, const void *block, int place, float *unpacked, int inputs) {
  const char *group = block;
  for (int first = 0; first < inputs; first += GROUP, group += GROUP * BLOCK + 2 * BLOCK) {
    float scale = bf16_to_float(((const uint16_t *)group)[place]);
    const int8_t *numbers = (const int8_t *)group + 2 * BLOCK + 2 * place;
    for (int k = first; k < first + GROUP && k < inputs; k++) {
      float value = (float)numbers[(k - first) / 2 * 2 * BLOCK + k % 2] * scale;
      unpacked[k] = format == BFLOAT16 ? bf16_to_float(float_to_bf16(value)) : value;
    }
  }
}
