// Keys and values on their way to the second cache, ahead of the tasks that will read them.
//
// A head's keys of a block lie one behind the other, and so do its values, but the next block may lie anywhere: the
// processor's own reading ahead ends there. Blocks are taken in the order of the tables, keys before values.
#ifndef DUOLOGUE_AHEAD_H
#define DUOLOGUE_AHEAD_H
#include "attention.h"
#include "lanes.h"

#define LINE 64
#define BYTES_AHEAD (128 << 10)

typedef struct {
  const duologue_attention_plan *plan;
  const duologue_attention_layer *layer;
  int64_t block_bytes;  // of a head's keys, and as many of its values
  int64_t task, task_step, num_tasks;
  int64_t entry;  // of the task's table
  int in_values;
  const char *place;
  int64_t lines_left;
} ahead_t;

static int64_t entries_of_task(const ahead_t *ahead) {
  return ahead->plan->slot_rows[ahead->task / ahead->plan->kv_heads].num_entries;
}

// Set out on the keys or values of the present entry, or of the next one that has a block; without lines at the end.
static void ahead_set_out(ahead_t *ahead) {
  const duologue_attention_plan *plan = ahead->plan;
  for (ahead->lines_left = 0; ahead->task < ahead->num_tasks; ahead->task += ahead->task_step, ahead->entry = 0)
    for (; ahead->entry < entries_of_task(ahead); ahead->entry++) {
      int64_t block = plan->slot_rows[ahead->task / plan->kv_heads].table[ahead->entry];
      if (block < 0) continue;
      const char *all = ahead->in_values ? ahead->layer->values : ahead->layer->keys;
      ahead->place = all + (block * plan->kv_heads + ahead->task % plan->kv_heads) * ahead->block_bytes;
      ahead->lines_left = ahead->block_bytes / LINE;
      return;
    }
}

// As far ahead of the beginning of a task as is read meanwhile.
static ahead_t ahead_of(const duologue_attention_plan *plan, const duologue_attention_layer *layer, int64_t task) {
  int64_t cell_bytes = plan->cell_type == DUOLOGUE_BF16 ? 2 : 4;
  ahead_t ahead = {.plan = plan,
                   .layer = layer,
                   .block_bytes = plan->dim * DUOLOGUE_CELL_BLOCK * cell_bytes,
                   .task = task,
                   .task_step = layer->task_step ? layer->task_step : 1,
                   .num_tasks = plan->num_slot_rows * plan->kv_heads};
  int64_t distance = BYTES_AHEAD / (2 * ahead.block_bytes);
  while (ahead.task < ahead.num_tasks && distance >= entries_of_task(&ahead)) {
    distance -= entries_of_task(&ahead);
    ahead.task += ahead.task_step;
  }
  ahead.entry = distance;
  ahead_set_out(&ahead);
  return ahead;
}

// The next lines, as many as are read meanwhile.
INLINE void fetch(ahead_t *ahead, int num_lines) {
  while (num_lines && ahead->lines_left) {
    int64_t run = ahead->lines_left < num_lines ? ahead->lines_left : num_lines;
    for (int64_t i = 0; i < run; i++) __builtin_prefetch(ahead->place + i * LINE, 0, 2);
    num_lines -= (int)run;
    ahead->place += run * LINE;
    ahead->lines_left -= run;
    if (ahead->lines_left) continue;
    if (ahead->in_values) ahead->entry++;
    ahead->in_values = !ahead->in_values;
    ahead_set_out(ahead);
  }
}
#endif
