#include "forward.h"

#include <stdlib.h>
#include <string.h>

#include "crew.h"
#include "int8.h"
#include "linear.h"
#include "numbers.h"
#include "ranks.h"
#include "steps.h"

// Rows of a tile that one piece of work does: more would not stay in a core's cache.
#define ROWS_AT_ONCE 192

#define ALIGNMENT 64

// A forward under way. Rows leave behind the layer that says so, and in the last one those that nobody reads; the
// others move up.
typedef struct {
  const duologue_model *model;
  const duologue_rows *rows;
  int threads;
  int64_t num_rows;        // of `states` and what follows from them
  const duologue_attention_plan *plan;  // of these rows, and so are the cosines and sines
  const float *cosines;
  const float *sines;
  float *states;           // [rows][hidden]
  void *inputs;            // [rows][hidden]: states, normed, as products take them
  float *qkv;              // [rows][outputs of qkv]
  void *attended;          // [rows][heads][dim]
  void *activated;         // [rows][inner]
  int32_t *input_row_of;   // [rows]: number among the input rows, -1 for others
  int32_t *updated;        // [rows]: which of a product's rows are input rows
  float *sums;             // [input rows][greatest rank]
  int64_t sums_stride;
  float *tiles;            // [threads][ROWS_AT_ONCE][BLOCK]
  char *rooms;             // [threads][room_bytes]: a block of 8-bit weights unpacked
  int64_t room_bytes;
  // For the rows that stay.
  duologue_attention_plan staying_plan;
  duologue_slot_rows *staying_slot_rows;  // [rows]
  int32_t *staying_columns;               // [3][rows]
  float *staying_angles;                  // [2][rows][rotated / 2]
} run;

typedef enum { STORE_ROWS, ADD_TO_ROWS, STORE_ACTIVATED } ending;

// One product for all rows; a piece of work is one block of outputs.
typedef struct {
  const run *of;
  const duologue_linear *layer;
  const void *x;
  int64_t num_rows;
  ending ending;
  float *y;
  int64_t y_stride;
  int64_t y_width;
  const void *next_weights;  // of the product after it, or null
} product;

static void finish_row(const product *p, int64_t row, int64_t block, float *tile) {
  const duologue_linear *layer = p->layer;
  int64_t first = block * BLOCK;
  if (layer->bias) add_row(layer->bias + first, tile, BLOCK);
  if (layer->rank && p->of->input_row_of[row] >= 0)
    add_ranks(layer, block, p->of->sums + p->of->input_row_of[row] * p->of->sums_stride, tile);
  if (p->ending == STORE_ACTIVATED) {
    int64_t inner = p->of->model->inner, at = block * BLOCK / 2;
    int64_t width = inner - at < BLOCK / 2 ? inner - at : BLOCK / 2;
    int format = p->of->model->format;
    char *to = (char *)p->of->activated + (row * inner + at) * bytes_of(format);
    silu_mul(tile, tile + BLOCK / 2, width, format, to);
    return;
  }
  int64_t width = p->y_width - first < BLOCK ? p->y_width - first : BLOCK;
  float *to = p->y + row * p->y_stride + first;
  if (p->ending == ADD_TO_ROWS)
    add_row(tile, to, width);
  else
    memcpy(to, tile, width * sizeof *to);
}

static void do_block(void *context, int64_t block, int thread) {
  const product *p = context;
  const duologue_linear *layer = p->layer;
  kind_of_product kind = {.format = p->of->model->format, .is_int8 = layer->is_int8, .inputs = layer->inputs};
  int64_t size = bytes_of(kind.format), step = block_bytes(kind);
  const char *weights = (const char *)layer->weights + block * step;
  // Which block comes next on this thread is a guess.
  int threads = p->of->threads;
  const char *next = block + threads < layer->outputs / BLOCK ? weights + step * threads : p->next_weights;
  char *room = p->of->rooms + thread * p->of->room_bytes;
  float *tile = p->of->tiles + (int64_t)thread * ROWS_AT_ONCE * BLOCK;
  for (int64_t row = 0; row < p->num_rows; row += ROWS_AT_ONCE) {
    int64_t count = p->num_rows - row < ROWS_AT_ONCE ? p->num_rows - row : ROWS_AT_ONCE;
    linear_block(kind, (const char *)p->x + row * layer->inputs * size, weights, next, tile, (int)count, room);
    for (int64_t i = 0; i < count; i++) finish_row(p, row + i, block, tile + i * BLOCK);
  }
}

static void multiply(const run *r, const product *p) {
  const duologue_linear *layer = p->layer;
  if (layer->rank) {
    updated_rows rows = {.layer = layer, .format = r->model->format, .x = p->x, .num_rows = p->num_rows, .sums = r->sums,
                         .sums_stride = r->sums_stride, .input_row_of = r->input_row_of, .updated = r->updated};
    find_rank_sums(&rows, r->threads);
  }
  crew_do(r->threads, layer->outputs / BLOCK, do_block, (void *)p);
}

// Attention of all rows in one layer; a piece of work is one task.
typedef struct {
  const duologue_attention_plan *plan;
  const duologue_attention_layer *layer;
} attention;

static void do_attention(void *context, int64_t task, int thread) {
  (void)thread;
  const attention *a = context;
  duologue_attend(a->plan, a->layer, task, task + 1);
}

static void attend(const run *r, int number) {
  const duologue_model *model = r->model;
  int64_t queries = (int64_t)model->heads * model->dim, keys = (int64_t)model->kv_heads * model->dim;
  duologue_attention_layer layer = {
      .keys = r->rows->keys[number],
      .values = r->rows->values[number],
      .visible = r->rows->visible,
      .queries = r->qkv,
      .new_keys = r->qkv + queries,
      .new_values = r->qkv + queries + keys,
      .row_stride = model->layers[number].qkv.outputs,
      .input_type = FLOAT32,
      .rotated = model->rotated,
      .cosines = r->cosines,
      .sines = r->sines,
      .scale = model->scale,
      .result_type = model->format,
      .results = r->attended,
      .result_stride = queries,
      .task_step = r->threads,
  };
  attention a = {.plan = r->plan, .layer = &layer};
  crew_do(r->threads, duologue_attention_tasks(a.plan), do_attention, &a);
}

static void norm_heads(const run *r, const duologue_layer *layer) {
  const duologue_model *model = r->model;
  for (int64_t row = 0; row < r->num_rows; row++) {
    float *heads = r->qkv + row * layer->qkv.outputs;
    for (int head = 0; head < model->heads + model->kv_heads; head++)
      normalize_in_place(heads + (int64_t)head * model->dim,
                         head < model->heads ? layer->query_norm : layer->key_norm, model->eps, model->dim);
  }
}

static void norm_row(void *context, int64_t row, int thread) {
  (void)thread;
  const run *r = ((void **)context)[0];
  const float *weight = ((void **)context)[1];
  int64_t hidden = r->model->hidden;
  int format = r->model->format;
  normalize(r->states + row * hidden, weight, r->model->eps, hidden, format,
            (char *)r->inputs + row * hidden * bytes_of(format));
}

static void norm(const run *r, const float *weight) {
  const void *context[] = {r, weight};
  // A few rows take less time than it takes to share them out.
  crew_do(r->num_rows < 8 ? 1 : r->threads, r->num_rows, norm_row, context);
}

// The slots of the rows that stay, with these rows' new numbers; returns how many.
static int64_t slots_of_staying(const run *r) {
  const duologue_attention_plan *plan = r->rows->plan;
  int64_t count = 0, place = 0;
  for (int64_t i = 0; i < plan->num_slot_rows; i++) {
    duologue_slot_rows slot = plan->slot_rows[i];
    int64_t end = slot.first_row + slot.num_rows, first = place;
    while (place < r->rows->num_staying && r->rows->staying[place] < end) place++;
    if (place == first) continue;
    slot.first_row = (int32_t)first;
    slot.num_rows = (int32_t)(place - first);
    r->staying_slot_rows[count++] = slot;
  }
  return count;
}

// From here on, only the rows that stay.
static void keep_staying(run *r) {
  const duologue_attention_plan *plan = r->rows->plan;
  int64_t count = r->rows->num_staying, hidden = r->model->hidden, half = r->model->rotated / 2;
  int32_t *channels = r->staying_columns, *positions = channels + count, *cells = positions + count;
  float *cosines = r->staying_angles, *sines = cosines + count * half;
  r->staying_plan = *plan;
  r->staying_plan.num_slot_rows = slots_of_staying(r);
  r->staying_plan.slot_rows = r->staying_slot_rows;
  r->staying_plan.row_channels = channels;
  r->staying_plan.row_positions = positions;
  r->staying_plan.row_cells = cells;
  int64_t had = duologue_visible_words(plan), words = duologue_visible_words(&r->staying_plan);
  for (int64_t place = 0; place < count; place++) {
    int64_t row = r->rows->staying[place];
    channels[place] = plan->row_channels[row];
    positions[place] = plan->row_positions[row];
    cells[place] = plan->row_cells[row];
    r->input_row_of[place] = r->input_row_of[row];
    memcpy(cosines + place * half, r->rows->cosines + row * half, half * sizeof *cosines);
    memcpy(sines + place * half, r->rows->sines + row * half, half * sizeof *sines);
    memmove(r->states + place * hidden, r->states + row * hidden, hidden * sizeof *r->states);
    memmove(r->rows->visible + place * words, r->rows->visible + row * had, words * sizeof *r->rows->visible);
  }
  r->plan = &r->staying_plan;
  r->cosines = cosines;
  r->sines = sines;
  r->num_rows = count;
}

// From here on, only the rows that are asked for.
static void keep_asked(run *r) {
  int64_t hidden = r->model->hidden;
  int64_t attended_bytes = (int64_t)r->model->heads * r->model->dim * bytes_of(r->model->format);
  for (int64_t place = 0; place < r->rows->num_asked; place++) {
    int64_t row = r->rows->asked[place];
    if (row == place) continue;
    memcpy(r->states + place * hidden, r->states + row * hidden, hidden * sizeof *r->states);
    memcpy((char *)r->attended + place * attended_bytes, (char *)r->attended + row * attended_bytes, attended_bytes);
    r->input_row_of[place] = r->input_row_of[row];
  }
  r->num_rows = r->rows->num_asked;
}

static void read_hidden(const run *r, int layer, const int32_t *rows) {
  int64_t hidden = r->model->hidden, width = hidden * r->rows->num_hidden_layers;
  for (int64_t number = 0; number < r->rows->num_hidden_layers; number++) {
    if (r->rows->hidden_layers[number] != layer) continue;
    for (int64_t i = 0; i < r->rows->num_hidden; i++) {
      float *to = r->rows->hidden + i * width + number * hidden;
      const float *states = r->states + rows[i] * hidden;
      if (layer < 0)
        normalize(states, r->model->final_norm, r->model->eps, hidden, FLOAT32, to);
      else
        memcpy(to, states, hidden * sizeof *to);
    }
  }
}

static void do_layer(run *r, int number) {
  const duologue_layer *layer = &r->model->layers[number];
  int64_t hidden = r->model->hidden;
  norm(r, layer->attention_norm);
  product qkv = {.of = r, .layer = &layer->qkv, .x = r->inputs, .num_rows = r->num_rows, .ending = STORE_ROWS,
                 .y = r->qkv, .y_stride = layer->qkv.outputs, .y_width = layer->qkv.outputs};
  multiply(r, &qkv);
  if (layer->query_norm) norm_heads(r, layer);
  attend(r, number);
  int is_last = number == r->model->num_layers - 1;
  if (is_last) keep_asked(r);
  product output = {.of = r, .layer = &layer->output, .x = r->attended, .num_rows = r->num_rows,
                    .ending = ADD_TO_ROWS, .y = r->states, .y_stride = hidden, .y_width = hidden,
                    .next_weights = layer->gate_up.weights};
  multiply(r, &output);
  norm(r, layer->mlp_norm);
  product gate_up = {.of = r, .layer = &layer->gate_up, .x = r->inputs, .num_rows = r->num_rows,
                     .ending = STORE_ACTIVATED, .next_weights = layer->down.weights};
  multiply(r, &gate_up);
  product down = {.of = r, .layer = &layer->down, .x = r->activated, .num_rows = r->num_rows, .ending = ADD_TO_ROWS,
                  .y = r->states, .y_stride = hidden, .y_width = hidden,
                  .next_weights = is_last ? r->model->head.weights : layer[1].qkv.weights};
  multiply(r, &down);
  read_hidden(r, number, is_last ? r->rows->hidden_places : r->rows->hidden_rows);
}

static void read_logits(const run *r) {
  const duologue_model *model = r->model;
  int64_t hidden = model->hidden, bytes = bytes_of(model->format);
  if (!r->rows->num_logits) return;
  for (int64_t i = 0; i < r->rows->num_logits; i++)
    normalize(r->states + r->rows->logit_places[i] * hidden, model->final_norm, model->eps, hidden, model->format,
              (char *)r->inputs + i * hidden * bytes);
  product head = {.of = r, .layer = &model->head, .x = r->inputs, .num_rows = r->rows->num_logits,
                  .ending = STORE_ROWS, .y = r->rows->logits, .y_stride = model->vocabulary,
                  .y_width = model->vocabulary};
  multiply(r, &head);
}

static int64_t rounded(int64_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

// Bytes of one block of a layer's 8-bit weights, unpacked.
static int64_t room_bytes_of(const duologue_linear *layer) {
  return layer->is_int8 ? unpacked_block_bytes(layer->inputs) : 0;
}

static void find_greatest(run *r, const duologue_model *model) {
  r->sums_stride = 0;
  r->room_bytes = room_bytes_of(&model->head);
  for (int i = 0; i < model->num_layers; i++) {
    const duologue_linear *linears[] = {&model->layers[i].qkv, &model->layers[i].output, &model->layers[i].gate_up,
                                        &model->layers[i].down};
    for (int j = 0; j < 4; j++) {
      int64_t room_bytes = room_bytes_of(linears[j]);
      if (linears[j]->rank > r->sums_stride) r->sums_stride = linears[j]->rank;
      if (room_bytes > r->room_bytes) r->room_bytes = room_bytes;
    }
  }
}

// Lay the parts of a run out from `memory` on; returns how many bytes they take. Without memory, only counts.
static int64_t lay_out(run *r, const duologue_model *model, int64_t num_rows, int threads, char *memory) {
  int64_t size = bytes_of(model->format), at = 0;
  find_greatest(r, model);
#define PLACE(field, bytes)               \
  do {                                    \
    if (memory) field = (void *)(memory + at); \
    at += rounded(bytes);                 \
  } while (0)
  PLACE(r->states, num_rows * model->hidden * 4);
  PLACE(r->inputs, num_rows * model->hidden * size);
  PLACE(r->qkv, num_rows * model->layers[0].qkv.outputs * 4);
  PLACE(r->attended, num_rows * model->heads * model->dim * size);
  PLACE(r->activated, num_rows * model->inner * size);
  PLACE(r->input_row_of, num_rows * 4);
  PLACE(r->updated, num_rows * 4);
  PLACE(r->sums, num_rows * r->sums_stride * 4);
  PLACE(r->tiles, (int64_t)threads * ROWS_AT_ONCE * BLOCK * 4);
  PLACE(r->rooms, threads * r->room_bytes);
  PLACE(r->staying_slot_rows, num_rows * (int64_t)sizeof *r->staying_slot_rows);
  PLACE(r->staying_columns, 3 * num_rows * 4);
  PLACE(r->staying_angles, num_rows * model->rotated * 4);
#undef PLACE
  return at;
}

int64_t duologue_workspace_bytes(const duologue_model *model, int64_t num_rows, int32_t threads) {
  run r;
  return lay_out(&r, model, num_rows, threads, 0);
}

static void embed(const run *r) {
  const duologue_model *model = r->model;
  int64_t hidden = model->hidden;
  kind_of_product head = {.format = model->format, .is_int8 = model->head.is_int8, .inputs = model->head.inputs};
  for (int64_t row = 0; row < r->num_rows; row++) {
    int64_t token = r->rows->tokens[row], start = token * hidden, i = 0;
    float *to = r->states + row * hidden;
    if (!model->embedding) {
      read_output(head, model->head.weights, token, to);
      continue;
    }
    for (; i + LANES <= hidden; i += LANES) vstore(to + i, read_numbers(model->format, model->embedding, start + i));
    for (; i < hidden; i++) to[i] = read_number(model->format, model->embedding, start + i);
  }
}

void duologue_forward(const duologue_model *model, const duologue_rows *rows) {
  run r = {.model = model,
           .rows = rows,
           .num_rows = rows->num_rows,
           .plan = rows->plan,
           .cosines = rows->cosines,
           .sines = rows->sines};
  lay_out(&r, model, rows->num_rows, rows->threads, rows->workspace);
  for (int64_t row = 0; row < rows->num_rows; row++) r.input_row_of[row] = -1;
  for (int64_t i = 0; i < rows->num_input_rows; i++) r.input_row_of[rows->input_rows[i]] = (int32_t)i;
  duologue_see(rows->plan, model->window, rows->visible);
  embed(&r);
  r.threads = crew_begin(rows->threads);
  for (int layer = 0; layer < model->num_layers && r.num_rows; layer++) {
    do_layer(&r, layer);
    if (layer == rows->leave_after) keep_staying(&r);
  }
  read_hidden(&r, -1, rows->hidden_places);
  read_logits(&r);
  crew_end(r.threads);
}

void duologue_linear_rows(int32_t format, const duologue_linear *layer, const void *x, int64_t rows, float *y,
                          int64_t y_stride, int32_t threads) {
  duologue_model model = {.format = format};
  threads = crew_begin(threads);
  run r = {.model = &model, .threads = threads};
  r.tiles = malloc((size_t)threads * ROWS_AT_ONCE * BLOCK * sizeof(float));
  r.room_bytes = room_bytes_of(layer);
  r.rooms = r.room_bytes ? aligned_alloc(ALIGNMENT, (size_t)(threads * r.room_bytes)) : 0;
  product p = {.of = &r, .layer = layer, .x = x, .num_rows = rows, .ending = STORE_ROWS, .y = y,
               .y_stride = y_stride, .y_width = layer->outputs < y_stride ? layer->outputs : y_stride};
  multiply(&r, &p);
  crew_end(threads);
  free(r.tiles);
  free(r.rooms);
}

void duologue_structure_bytes(int64_t sizes[7]) {
  const int64_t found[] = {sizeof(duologue_slot_rows), sizeof(duologue_attention_plan), sizeof(duologue_reach),
                           sizeof(duologue_linear),    sizeof(duologue_layer),          sizeof(duologue_model),
                           sizeof(duologue_rows)};
  memcpy(sizes, found, sizeof found);
}
