#include "isolated/isolated.h"
#include "type.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
  struct block *next;
  _Alignas(16) char bytes[];
};

/* Implemented in js/handlers/isolated.js, called through wasm/isolated.js. */
extern int wp_js_isolated_cancelled(void);
extern void wp_js_isolated_heartbeat(void);
extern wp_status wp_js_isolated_progress(uint32_t type, const void *data, size_t bytes);
extern void wp_js_isolated_end_lines(void);

static wp_task run;
static wp_task_entry *first_entry, **last_entry = &first_entry;

/* ---- Tasks ---- */

void wp_task_register(wp_task_entry *entry) {
  *last_entry = entry;
  last_entry = &entry->next;
}

static const wp_task_entry *entry_at(uint32_t index) {
  const wp_task_entry *entry = first_entry;
  while (entry && index--) entry = entry->next;
  return entry;
}

const char *wp_isolated_name(uint32_t index) {
  const wp_task_entry *entry = entry_at(index);
  return entry ? entry->name : NULL;
}

/* ---- A run ---- */

void wp_isolated_end(void) {
  while (run.first) {
    struct block *block = run.first;
    run.first = block->next;
    free(block);
  }
  free(run.argument);
  free(run.result);
  run = (wp_task){0};
}

/* At least one byte, so that NULL always means that memory has run out. */
static void *allocate(size_t bytes) { return malloc(bytes ? bytes : 1); }

void *wp_isolated_argument(uint32_t type, size_t bytes) {
  wp_isolated_end();
  run.type = type;
  run.bytes = bytes;
  return run.argument = allocate(bytes);
}

wp_status wp_isolated_run(uint32_t index) {
  wp_isolated_no_sections();
  wp_status status = entry_at(index)->function(&run);
  fflush(NULL);
  wp_js_isolated_end_lines();
  return status;
}

const wp_task *wp_isolated_task(void) { return &run; }

/* ---- The task side ---- */

const void *wp_task_input(const wp_task *task, size_t *bytes, uint32_t *type) {
  if (bytes) *bytes = task->bytes;
  if (type) *type = task->type;
  return task->argument;
}

static void drop_result(wp_task *task) {
  free(task->result);
  task->result = NULL;
  task->result_type = WP_TYPE_UNDEFINED;
  task->result_bytes = 0;
}

static wp_status make_room(wp_task *task, uint32_t type, size_t bytes) {
  if (task->part) return WP_E_INVALID_ARGUMENT;
  drop_result(task);
  if (!wp_type_holds(type, bytes)) return WP_E_INVALID_ARGUMENT;
  task->result = allocate(bytes);
  if (!task->result) return WP_E_NO_MEMORY;
  task->result_type = type;
  task->result_bytes = bytes;
  return WP_OK;
}

wp_status wp_task_result(wp_task *task, uint32_t type, const void *data, size_t bytes) {
  if (bytes && !data) return WP_E_INVALID_ARGUMENT;
  wp_status status = make_room(task, type, bytes);
  if (!status && bytes) memcpy(task->result, data, bytes);
  return status;
}

void *wp_task_result_alloc(wp_task *task, uint32_t type, size_t bytes) {
  return make_room(task, type, bytes) ? NULL : task->result;
}

void *wp_task_alloc(wp_task *task, size_t bytes) {
  if (bytes > SIZE_MAX - sizeof(struct block)) return NULL;
  struct block *block = malloc(sizeof *block + bytes);
  if (!block) return NULL;
  block->next = task->first;
  task->first = block;
  return block->bytes;
}

wp_status wp_task_fail(wp_task *task, const char *text) {
  wp_task_result(task, WP_TYPE_STRING, text, text ? strlen(text) : 0);
  return WP_E_TASK_FAILED;
}

bool wp_task_cancelled(const wp_task *task) {
  (void)task;
  return wp_js_isolated_cancelled() != 0;
}

void wp_task_heartbeat(wp_task *task) {
  (void)task;
  wp_js_isolated_heartbeat();
}

wp_status wp_task_progress(wp_task *task, uint32_t type, const void *data, size_t bytes) {
  if (task->part || (bytes && !data) || !wp_type_holds(type, bytes)) return WP_E_INVALID_ARGUMENT;
  return wp_js_isolated_progress(type, data, bytes);
}

/* There is no other worker in this memory: parts run at once, on the only thread. */
void wp_task_spawn(wp_task *task, wp_subtask *child, wp_subtask_function function, void *context) {
  bool before = task->part;
  task->part = true;
  *child = (wp_subtask){0, function(task, context)};
  task->part = before;
}

wp_status wp_task_await(wp_task *task, wp_subtask *child) {
  (void)task;
  return child->status;
}

/* The heap belongs to this instance alone: when a task is killed or traps, its memory goes with the instance. */
void *wp_malloc(size_t bytes) { return malloc(bytes); }
void *wp_calloc(size_t count, size_t bytes) { return calloc(count, bytes); }
void *wp_realloc(void *block, size_t bytes) { return realloc(block, bytes); }
void *wp_aligned_alloc(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
void wp_free(void *block) { free(block); }
void wp_keep(void *block) { (void)block; }
