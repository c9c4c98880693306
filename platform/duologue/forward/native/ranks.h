// Low-rank updates of a linear layer, for rows of the input channel: (x down) up, in float32.
//
// Layers that read the same states are computed as one, so most of what their updates are together is zeros: the
// ranks of one layer reach the outputs of no other. Each half block of outputs meets its own ranks only.
//
// A row's sums run over its inputs, and over its ranks, in order, whatever the number of rows.
#ifndef DUOLOGUE_RANKS_H
#define DUOLOGUE_RANKS_H
#include <stdint.h>

#include "forward.h"

// A product's rows, of which those of the input channel are updated.
typedef struct {
  const duologue_linear *layer;
  int format;
  const void *x;                // [rows][inputs]
  int64_t num_rows;
  const int32_t *input_row_of;  // [rows]: number among the input rows, -1 for others
  float *sums;                  // [input rows][sums_stride]: x down
  int64_t sums_stride;
  int32_t *updated;             // [num_updated]: which rows these are; room for all
  int64_t num_updated;          // found with the sums
} updated_rows;

// Find the sums of all input rows.
void find_rank_sums(updated_rows *rows, int threads);

// tile[BLOCK] += a row's sums times what reaches this block of outputs.
void add_ranks(const duologue_linear *layer, int64_t block, const float *sums, float *tile);

#endif
