// Products of rows with weights that are laid out once, in blocks of BLOCK outputs.
#ifndef DUOLOGUE_LINEAR_H
#define DUOLOGUE_LINEAR_H

#include <stdint.h>

#define BLOCK 64

// Packed weights are [outputs / BLOCK][inputs / pair][BLOCK][pair], with pairs of inputs side by
// side in bfloat16 (pair = 2) and single ones in float32 (pair = 1): a block is one contiguous
// stream, which is read once for a few rows at a time. `inputs` is even; `outputs` counts whole
// blocks, with zeros in what the layer has not.

// tile[rows][BLOCK] (float32) = x[rows][inputs] times one block of weights.
//
// A row's sums run over its inputs in order, whatever the number of rows: results are the same to
// the bit alone and in company.
void linear_block(int format, const void *x, const void *block, const void *next, float *tile, int rows, int inputs);

#endif
