// One pass of a Llama-like model over the rows of many sessions: everything from tokens to logits.
//
// States are float32 throughout; what goes into a product is in the format of the weights. Sums are float32 and run
// in an order that depends on nothing but the model, so a row's result is the same to the bit in any company and on
// any number of threads.
#ifndef DUOLOGUE_FORWARD_H
#define DUOLOGUE_FORWARD_H
#include <stdint.h>

#include "attention.h"

// Which ranks of an update reach one block of outputs: `count` of them, in each half of the block from `first` on.
typedef struct {
  int32_t first[2];
  int32_t count;
  int32_t start;  // row of `up`
} duologue_reach;

// A linear layer, or several that read the same states. `weights` are packed as linear.h says.
typedef struct {
  const void *weights;
  const float *bias;  // [outputs], or null
  int32_t inputs;     // even
  int32_t outputs;    // whole blocks
  // What input rows get on top: (x down) up, in float32.
  const float *down;            // [inputs][rank]
  const float *up;              // [rows][BLOCK], as `reach` says
  const duologue_reach *reach;  // [outputs / BLOCK]
  int32_t rank;                 // whole 32s; 0 for none
  int32_t is_int8;              // weights are 8-bit numbers with scales
} duologue_linear;

typedef struct {
  duologue_linear qkv;
  duologue_linear output;
  duologue_linear gate_up;  // each block has half a block of gates, then the same outputs of up
  duologue_linear down;
  const float *attention_norm;
  const float *mlp_norm;
  const float *query_norm;  // [dim], or null
  const float *key_norm;    // [dim], or null
} duologue_layer;

typedef struct {
  const duologue_layer *layers;
  const float *final_norm;
  const void *embedding;  // [tokens][hidden], or null: the head's weights
  duologue_linear head;
  int32_t num_layers;
  int32_t hidden;
  int32_t heads;
  int32_t kv_heads;
  int32_t dim;
  int32_t inner;
  int32_t vocabulary;
  int32_t format;  // of embedding, cells and weights that are no 8-bit numbers: DUOLOGUE_BF16 or DUOLOGUE_FLOAT32
  int32_t rotated;
  int32_t window;  // 0 for none
  float eps;
  float scale;  // of the queries
} duologue_model;

typedef struct {
  int64_t num_rows;
  const int32_t *tokens;  // [rows]
  const float *cosines;   // [rows][rotated / 2]
  const float *sines;     // [rows][rotated / 2]
  const duologue_attention_plan *plan;
  void *const *keys;    // per layer
  void *const *values;  // per layer
  uint32_t *visible;    // room for duologue_visible_words(plan) of every row; changed when rows leave
  int64_t num_input_rows;
  const int32_t *input_rows;  // rising; rows that the low-rank updates are for
  // Rows that leave behind a layer, since nobody sees what they would be above. Those that stay have new numbers from
  // there on: their places in `staying`.
  int32_t leave_after;  // the layer, at or above all of `hidden_layers`; -1: nobody leaves
  int64_t num_staying;
  const int32_t *staying;  // rising
  // What is read of the last layer, and whose rows it is therefore computed for.
  int64_t num_asked;
  const int32_t *asked;  // rising
  int64_t num_logits;
  const int32_t *logit_places;  // in `asked`
  float *logits;                // [num_logits][vocabulary]
  int64_t num_hidden;
  const int32_t *hidden_rows;
  const int32_t *hidden_places;  // of the same rows in `asked`; not read when rows leave
  int64_t num_hidden_layers;
  const int32_t *hidden_layers;  // -1: what the head sees; else the output of a layer
  float *hidden;                 // [num_hidden][num_hidden_layers][hidden]
  void *workspace;               // duologue_workspace_bytes of it, at a multiple of 64
  int32_t threads;
} duologue_rows;

int64_t duologue_workspace_bytes(const duologue_model *model, int64_t num_rows, int32_t threads);

void duologue_forward(const duologue_model *model, const duologue_rows *rows);

// For packed layers of other models, and for tests: y[rows][outputs] (float32) = x[rows][inputs] times the weights,
// plus bias. Without low-rank updates.
void duologue_linear_rows(int32_t format, const duologue_linear *layer, const void *x, int64_t rows, float *y,
                          int64_t y_stride, int32_t threads);

// Sizes of the structures above, in their order, for callers that declare them in another language.
void duologue_structure_bytes(int64_t sizes[7]);

#endif
