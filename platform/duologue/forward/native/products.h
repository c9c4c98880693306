// Products of a few left rows with a block of a stored matrix that is read as it lies.
//
// Both steps of attention are weighted sums of stored rows: scores are the rows of transposed keys weighted by the
// query, the result is the rows of values weighted by the attention. So both are this product:
//     sums[q][c] += left[q][r] * rows[r][c]      for 16 stored rows r and 32 columns c
// A block of stored rows is held in registers and meets every left row, however many there are; each sum goes through
// its rows in rising order, so that it does not depend on them.
//
// Columns come out in an order of the kind's own, which saves shuffling them: column c stands at `place(kind, c)`.
#ifndef DUOLOGUE_PRODUCTS_H
#define DUOLOGUE_PRODUCTS_H
#include "attention.h"
#include "lanes.h"

#define ROWS DUOLOGUE_DIM_BLOCK
#define COLUMNS DUOLOGUE_CELL_BLOCK

// How a bank's numbers are multiplied.
enum kind {
  DOT,     // bfloat16 pairs by the processor's own instruction; left rows are bfloat16
  WIDENED,  // bfloat16 made float32; left rows are float32
  PLAIN,   // float32
};

#if defined(__AVX512BF16__)
#define KIND_OF_BF16 DOT
#else
#define KIND_OF_BF16 WIDENED
#endif

INLINE int place(enum kind kind, int column) {
  if (kind == DOT) return column / 4 % 2 * 16 + column / 8 * 4 + column % 4;
  if (kind == WIDENED)
    return column / (2 * LANES) * (2 * LANES) + column % 2 * LANES + column % (2 * LANES) / 2;
  return column;
}

INLINE int64_t left_bytes(enum kind kind) { return kind == DOT ? 2 : 4; }
INLINE int64_t stored_bytes(enum kind kind) { return kind == PLAIN ? 4 : 2; }

// One block of the stored matrix, and what it meets.
typedef struct {
  const char *rows;
  int64_t row_bytes;  // from a stored row to the next
  const char *left;
  int64_t left_row_bytes;
  float *sums;
  int64_t sum_stride;
  int num_left;
} block;

#if defined(__AVX512BF16__)
INLINE void add_dot(block b, int first, int placed, int is_half, int is_new) {
  __m512bh pairs[ROWS];
  for (int r = 0; r < ROWS; r += 2) {
    const char *row = b.rows + r * b.row_bytes;
    __mmask32 half = is_half ? 0xffff : 0xffffffff;
    __m512i even = _mm512_maskz_loadu_epi16(half, row), odd = _mm512_maskz_loadu_epi16(half, row + b.row_bytes);
    pairs[r] = (__m512bh)_mm512_unpacklo_epi16(even, odd);
    pairs[r + 1] = (__m512bh)_mm512_unpackhi_epi16(even, odd);
  }
  for (int q = 0; q < b.num_left; q++) {
    float *sums = b.sums + q * b.sum_stride;
    const char *left = b.left + q * b.left_row_bytes;
    __m512 low = is_new ? _mm512_setzero_ps() : _mm512_loadu_ps(sums);
    __m512 high = is_new ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + 16);
    for (int r = 0; r < ROWS; r += 2) {
      int32_t pair;
      memcpy(&pair, left + 2 * (placed ? place(DOT, first + r) : first + r), 4);
      __m512bh weights = (__m512bh)_mm512_set1_epi32(pair);
      low = _mm512_dpbf16_ps(low, weights, pairs[r]);
      high = _mm512_dpbf16_ps(high, weights, pairs[r + 1]);
    }
    _mm512_storeu_ps(sums, low);
    _mm512_storeu_ps(sums + 16, high);
  }
}
#endif

// 2 * LANES numbers of a stored row as float32.
INLINE void widen(enum kind kind, const char *from, int is_half, floats *one, floats *two) {
  if (kind == PLAIN) {
    memcpy(one, from, sizeof *one);
    *two = (floats){0};
    if (!is_half) memcpy(two, from + sizeof *one, sizeof *two);
  } else {
    ints both = {0};
    memcpy(&both, from, is_half ? sizeof both / 2 : sizeof both);
    *one = (floats)(both << 16);
    *two = (floats)(both & (int32_t)0xffff0000);
  }
}

INLINE void add_floats(enum kind kind, block b, int first, int placed, int is_half, int is_new) {
  enum { DEPTH = LANES / 2 };
  for (int c = 0; c < COLUMNS; c += 2 * LANES)
    for (int r = 0; r < ROWS; r += DEPTH) {
      if (is_half && c >= COLUMNS / 2) break;
      floats one[DEPTH], two[DEPTH];
      for (int i = 0; i < DEPTH; i++)
        widen(kind, b.rows + (r + i) * b.row_bytes + c * stored_bytes(kind), is_half && 2 * LANES > COLUMNS / 2,
              one + i, two + i);
      for (int q = 0; q < b.num_left; q++) {
        float *sums = b.sums + q * b.sum_stride + c;
        const char *left = b.left + q * b.left_row_bytes;
        floats a = is_new && r == 0 ? (floats){0} : load_floats(sums);
        floats z = is_new && r == 0 ? (floats){0} : load_floats(sums + LANES);
        for (int i = 0; i < DEPTH; i++) {
          float weight;
          memcpy(&weight, left + 4 * (placed ? place(kind, first + r + i) : first + r + i), 4);
          a = fused(all_of(weight), one[i], a);
          z = fused(all_of(weight), two[i], z);
        }
        store_floats(sums, a);
        store_floats(sums + LANES, z);
      }
    }
}

// `first` is the number of the block's first row within what the left rows hold, which is in the order of `place` if
// `placed`. Half a block has 16 columns. New sums begin at 0.
INLINE void add_products(enum kind kind, block b, int first, int placed, int is_half, int is_new) {
#if defined(__AVX512BF16__)
  if (kind == DOT) {
    add_dot(b, first, placed, is_half, is_new);
    return;
  }
#endif
  add_floats(kind, b, first, placed, is_half, is_new);
}
#endif
