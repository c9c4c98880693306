// Weights as 8-bit numbers: how they lie, and the numbers of the model's format that they stand for.
//
// A weight is a whole number from -127 to 127 times a scale, which GROUP inputs of one output share. Scales are
// bfloat16, and a scaled weight is rounded to the model's format before it is multiplied: a product with 8-bit weights
// has the very bits of one with the weights that they stand for.
#ifndef DUOLOGUE_INT8_H
#define DUOLOGUE_INT8_H
#include <stdint.h>

#include "linear.h"

// A block is a stream of groups: BLOCK scales, then [GROUP / 2][BLOCK][2] numbers, with pairs of inputs side by side.
// The last group is shorter where `inputs` is no multiple.
#define GROUP 32

static inline int64_t int8_block_bytes(int inputs) {
  return (int64_t)(inputs + GROUP - 1) / GROUP * BLOCK * 2 + (int64_t)inputs * BLOCK;
}

// The block as linear.h has it in this format.
void unpack_int8(int format, const void *block, void *unpacked, int inputs);

// One of its outputs, in float32 with the values that it has in this format.
void unpack_int8_output(int format, const void *block, int place, float *unpacked, int inputs);

#endif
