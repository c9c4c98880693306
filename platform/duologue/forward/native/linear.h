// Products of rows with weights that are laid out once, in blocks of BLOCK outputs.
#ifndef DUOLOGUE_LINEAR_H
#define DUOLOGUE_LINEAR_H

#include <stdint.h>

#define BLOCK 64

// Packed weights are [outputs / BLOCK][inputs / pair][BLOCK][pair], with pairs of inputs side by
// side in bfloat16 (pair = 2) and single ones in float32 (pair = 1): a block is one contiguous
// stream, which is read once for a few rows at a time. `inputs` is even; `outputs` counts whole
// blocks, with zeros in what the layer has not.

// Or they are 8-bit numbers with scales, as int8.h says.

// What a product is made of: `format` is that of x, and of the weights unless these are 8-bit numbers.
typedef struct {
  int format;
  int is_int8;
  int inputs;
} kind_of_product;

// Bytes of one block of weights.
int64_t block_bytes(kind_of_product kind);

// tile[rows][BLOCK] (float32) = x[rows][inputs] times one block of weights. Memory is asked for the block `next` on the
// way, if it is not null. 8-bit weights need room for a block of them in `format`, at a multiple of 64.
//
// A row's sums run over its inputs in order, whatever the number of rows: results are the same to
// the bit alone and in company.
void linear_block(kind_of_product kind, const void *x, const void *block, const void *next, float *tile, int rows,
                  void *room);

// to[inputs] = the packed weights of one output, as products have them.
void read_output(kind_of_product kind, const void *weights, int64_t output, float *to);

#endif
