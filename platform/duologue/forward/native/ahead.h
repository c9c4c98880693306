// Keys and values on their way to the second cache, ahead of the tasks that will read them.
//
// The order is that of memory, whole rows of keys and then the values that go with them: processors read ahead by
// themselves along rows, and are slow at the columns in which keys are multiplied. Rows are taken in stages that fit
// into the cache.
#ifndef DUOLOGUE_AHEAD_H
#define DUOLOGUE_AHEAD_H
#include "attention.h"
#include "lanes.h"

#define LINE 64
#define STAGE_BYTES (128 << 10)  // of keys; as much again of values

typedef struct {
  const duologue_attention_plan *plan;
  const duologue_attention_layer *layer;
  int64_t cell_bytes;  // of one number
  int64_t task, task_step, num_tasks;
  int64_t first_cell;
  int in_values;
  const char *row;
  int64_t row_bytes, line, lines_per_row, num_rows;
} ahead_t;

// Set out on keys or values of the present stage.
static void ahead_set_out(ahead_t *ahead) {
  const duologue_attention_plan *plan = ahead->plan;
  const duologue_slot_rows *rows = plan->slot_rows + ahead->task / plan->kv_heads;
  int64_t stage_cells = STAGE_BYTES / (plan->dim * ahead->cell_bytes);
  int64_t cells = rows->num_cells - ahead->first_cell;
  if (cells > stage_cells) cells = stage_cells;
  int64_t head = rows->slot * (int64_t)plan->kv_heads + ahead->task % plan->kv_heads;
  int64_t start = head * plan->dim * plan->capacity;
  ahead->line = 0;
  if (ahead->in_values) {
    ahead->row = (const char *)ahead->layer->values + (start + ahead->first_cell * plan->dim) * ahead->cell_bytes;
    ahead->row_bytes = 0;
    ahead->lines_per_row = (cells * plan->dim * ahead->cell_bytes + LINE - 1) / LINE;
    ahead->num_rows = 1;
  } else {
    ahead->row = (const char *)ahead->layer->keys + (start + ahead->first_cell) * ahead->cell_bytes;
    ahead->row_bytes = plan->capacity * ahead->cell_bytes;
    ahead->lines_per_row = (cells * ahead->cell_bytes + LINE - 1) / LINE;
    ahead->num_rows = plan->dim;
  }
}

// From keys to values, to the next stage, to the next task; rows run out at the end of all.
static void ahead_go_on(ahead_t *ahead) {
  const duologue_attention_plan *plan = ahead->plan;
  if (!ahead->in_values) {
    ahead->in_values = 1;
  } else {
    ahead->in_values = 0;
    ahead->first_cell += STAGE_BYTES / (plan->dim * ahead->cell_bytes);
    if (ahead->first_cell >= plan->slot_rows[ahead->task / plan->kv_heads].num_cells) {
      ahead->first_cell = 0;
      ahead->task += ahead->task_step;
      if (ahead->task >= ahead->num_tasks) return;
    }
  }
  ahead_set_out(ahead);
}

// Begins with the values of a task, whose keys are wanted at once, and so ends with the keys of the next one.
static ahead_t ahead_of(const duologue_attention_plan *plan, const duologue_attention_layer *layer, int64_t task) {
  ahead_t ahead = {.plan = plan,
                   .layer = layer,
                   .cell_bytes = plan->bank_type == DUOLOGUE_BF16 ? 2 : 4,
                   .task = task,
                   .task_step = layer->task_step ? layer->task_step : 1,
                   .num_tasks = plan->num_slot_rows * plan->kv_heads,
                   .in_values = 1};
  ahead_set_out(&ahead);
  return ahead;
}

// The next lines, as many as are read meanwhile.
INLINE void fetch(ahead_t *ahead, int num_lines) {
  while (num_lines && ahead->num_rows) {
    int64_t left = ahead->lines_per_row - ahead->line, run = left < num_lines ? left : num_lines;
    const char *line = ahead->row + ahead->line * LINE;
    for (int64_t i = 0; i < run; i++) __builtin_prefetch(line + i * LINE, 0, 2);
    num_lines -= (int)run;
    ahead->line += run;
    if (run < left) continue;
    ahead->line = 0;
    ahead->row += ahead->row_bytes;
    if (--ahead->num_rows == 0) ahead_go_on(ahead);
  }
}
#endif
