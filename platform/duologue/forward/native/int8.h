// Weights as 8-bit numbers: how they lie, and what is unpacked of them.
//
// A weight is a whole number from -127 to 127 times a scale, which GROUP inputs of one output share. In products of
// bfloat16, a group's numbers are multiplied and summed as they are, and its sum is scaled.
#ifndef DUOLOGUE_INT8_H
#define DUOLOGUE_INT8_H
#include <stdint.h>

#include "linear.h"

#define GROUP 64

// A block is a stream of groups: BLOCK scales in bfloat16, then for every pair of inputs the numbers of the block's
// outputs, a byte each, of which the highest bit is the sign. The last group is shorter where `inputs` is no multiple.
//
// The numbers of 32 outputs lie so that unpacking needs no more than to interleave bytes: 4 of the first 16 outputs,
// 4 of the others, and so on, an output's two inputs side by side.
#define INT8_GROUP_BYTES (2 * BLOCK + GROUP * BLOCK)

static inline int64_t int8_block_bytes(int inputs) {
  return (int64_t)(inputs + GROUP - 1) / GROUP * BLOCK * 2 + (int64_t)inputs * BLOCK;
}

// Unpacked, a group is BLOCK scales in float32 and [GROUP / 2][BLOCK][2] numbers in bfloat16.
#define UNPACKED_GROUP_BYTES (4 * BLOCK + 2 * GROUP * BLOCK)

// Room for a block, unpacked for products of either format.
static inline int64_t unpacked_block_bytes(int inputs) {
  return (int64_t)(inputs + GROUP - 1) / GROUP * 2 * UNPACKED_GROUP_BYTES;
}

// A block for products of bfloat16 as above; for float32 as linear.h has it, scaled.
void unpack_int8(int format, const void *block, void *unpacked, int inputs);

// The weights of one of its outputs, scaled.
void unpack_int8_output(const void *block, int place, float *unpacked, int inputs);

// linear_block of bfloat16 with such a block.
void int8_block(const uint16_t *x, const uint8_t *block, const void *next, float *tile, int rows, int inputs,
                char *room);

#endif
