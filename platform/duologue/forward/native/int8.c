#include "int8.h"

#include <immintrin.h>
#include <string.h>

#include "numbers.h"

#define RUN 8  // bytes that lie together: two inputs of four outputs

// Where the first of an output's two numbers is among those of a pair of inputs.
static int byte_of(int output) { return output / 32 * 64 + output % 16 / 4 * 16 + output % 32 / 16 * 8 + output % 4 * 2; }

static float number_of(uint8_t byte) { return byte & 0x80 ? -(float)(byte & 0x7f) : (float)byte; }

// A run in float32, where the sign is the highest bit.
static inline __m256 run_of(const uint8_t *from) {
  __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)from));
  __m256i signs = _mm256_slli_epi32(_mm256_and_si256(bytes, _mm256_set1_epi32(0x80)), 24);
  __m256 sizes = _mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(0x7f)));
  return _mm256_or_ps(sizes, _mm256_castsi256_ps(signs));
}

// Two runs of a line go to outputs that are 16 apart.
static void unpack_pairs(const uint8_t *numbers, uint16_t *to, int inputs) {
  for (int k = 0; k < inputs; k += 2, to += 2 * BLOCK)
    for (int output = 0; output < BLOCK; output += output % 16 == 12 ? 20 : 4, numbers += 2 * RUN) {
      __m256i one = _mm256_srli_epi32(_mm256_castps_si256(run_of(numbers)), 16);
      __m256i other = _mm256_srli_epi32(_mm256_castps_si256(run_of(numbers + RUN)), 16);
      __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(one, other), 0xd8);
      _mm_storeu_si128((void *)(to + 2 * output), _mm256_castsi256_si128(both));
      _mm_storeu_si128((void *)(to + 2 * output + 32), _mm256_extracti128_si256(both, 1));
    }
}

static void unpack_singles(const uint8_t *numbers, const float *scales, float *to, int inputs) {
  const __m256i evens_first = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  for (int k = 0; k < inputs; k += 2, numbers += 2 * BLOCK, to += 2 * BLOCK)
    for (int output = 0; output < BLOCK; output += RUN / 2) {
      __m256 run = _mm256_permutevar8x32_ps(run_of(numbers + byte_of(output)), evens_first);
      __m128 scale = _mm_loadu_ps(scales + output);
      _mm_storeu_ps(to + output, _mm_mul_ps(_mm256_castps256_ps128(run), scale));
      _mm_storeu_ps(to + BLOCK + output, _mm_mul_ps(_mm256_extractf128_ps(run, 1), scale));
    }
}

void unpack_int8(int format, const void *block, void *unpacked, int inputs) {
  const uint8_t *group = block;
  char *to = unpacked;
  for (int first = 0; first < inputs; first += GROUP, group += INT8_GROUP_BYTES) {
    int count = inputs - first < GROUP ? inputs - first : GROUP;
    float scales[BLOCK];
    for (int i = 0; i < BLOCK; i++) scales[i] = read_number(BFLOAT16, group, i);
    if (format == BFLOAT16) {
      memcpy(to, scales, sizeof scales);
      unpack_pairs(group + 2 * BLOCK, (uint16_t *)(to + sizeof scales), count);
      to += UNPACKED_GROUP_BYTES;
    } else {
      unpack_singles(group + 2 * BLOCK, scales, (float *)to, count);
      to += GROUP * BLOCK * sizeof(float);
    }
  }
}

void unpack_int8_output(const void *block, int place, float *unpacked, int inputs) {
  const uint8_t *group = block;
  for (int first = 0; first < inputs; first += GROUP, group += INT8_GROUP_BYTES) {
    float scale = read_number(BFLOAT16, group, place);
    const uint8_t *numbers = group + 2 * BLOCK + byte_of(place);
    for (int k = first; k < first + GROUP && k < inputs; k++)
      unpacked[k] = number_of(numbers[(k - first) / 2 * 2 * BLOCK + k % 2]) * scale;
  }
}
