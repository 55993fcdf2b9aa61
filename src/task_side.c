#include "task_side.h"
#include "base/point.h"
#include "box.h"
#include "port/port.h"
#include "task.h"
#include "type.h"
#include <string.h>

/* Filled by constructors, constant afterwards. */
static wp_task_entry *first_entry, **last_entry = &first_entry;

void wp_task_register(wp_task_entry *entry) {
  *last_entry = entry;
  last_entry = &entry->next;
}

const char *wp_task_twice(void) {
  for (const wp_task_entry *entry = first_entry; entry; entry = entry->next)
    for (const wp_task_entry *other = entry->next; other; other = other->next)
      if (strcmp(entry->name, other->name) == 0) return entry->name;
  return NULL;
}

wp_status wp_task_side_open(wp_pool *pool, wp_heap *heap) {
  if (wp_task_twice()) return WP_E_INVALID_ARGUMENT; /* only one of them could be called */
  uint32_t count = 0;
  for (const wp_task_entry *entry = first_entry; entry; entry = entry->next) count++;
  const wp_task_entry **tasks = wp_heap_alloc(heap, sizeof *tasks * (count + 1), 0);
  if (!tasks) return WP_E_NO_MEMORY;
  pool->task_count = 0;
  for (const wp_task_entry *entry = first_entry; entry; entry = entry->next)
    tasks[pool->task_count++] = entry;
  pool->tasks = tasks;
  return WP_OK;
}

static const void *value_bytes(const wp_pool *pool, const wp_value *value,
                               const uint8_t *inline_bytes) {
  return value->box ? (const void *)(uintptr_t)wp_box_at(pool, value->box - 1)->address
                    : inline_bytes;
}

const void *wp_task_input(const wp_task *task, size_t *bytes, uint32_t *type) {
  const wp_value *argument = &task->slot->argument;
  if (bytes)
    *bytes =
        argument->box ? (size_t)wp_box_at(task->pool, argument->box - 1)->bytes : argument->bytes;
  if (type) *type = argument->type;
  return value_bytes(task->pool, argument, task->slot->argument_inline);
}

/* Room for a result: inline if it fits and must not be a box. */
static void *make_room(wp_task *task, wp_value *value, uint8_t *inline_bytes, uint32_t type,
                       size_t bytes, wp_status *status) {
  *status = WP_OK;
  if (!wp_type_holds(type, bytes)) *status = WP_E_INVALID_ARGUMENT;
  if (bytes > UINT32_MAX) *status = WP_E_TOO_LARGE;
  if (*status) return NULL;
  if (bytes <= WP_INLINE_BYTES && !(task->slot->flags & WP_SLOT_LEASE)) {
    /* This runs outside the gate, so it leaves value->box alone, which is 0: main may be reading it (recount.h). */
    value->type = type;
    value->aux = 0;
    value->bytes = (uint32_t)bytes;
    return inline_bytes;
  }
  wp_thread *thread = &task->pool->threads[task->self];
  uint32_t index = 0;
  wp_gate_enter(thread); /* also around the store of the box: main reads it in a recount */
  *status = wp_box_create(task->pool, task->self, bytes, &index);
  WP_POINT("result.name");
  if (!*status) *value = (wp_value){type, 0, (uint32_t)bytes, index + 1};
  wp_gate_leave(thread);
  return *status ? NULL : (void *)(uintptr_t)wp_box_at(task->pool, index)->address;
}

wp_status wp_task_result(wp_task *task, uint32_t type, const void *data, size_t bytes) {
  wp_status status = WP_OK;
  if (task->part || (bytes && !data)) return WP_E_INVALID_ARGUMENT;
  wp_task_drop_result(task->pool, task->self, task->index);
  void *room =
      make_room(task, &task->slot->result, task->slot->result_inline, type, bytes, &status);
  if (room && bytes) memcpy(room, data, bytes);
  return status;
}

void *wp_task_result_alloc(wp_task *task, uint32_t type, size_t bytes) {
  wp_status status = WP_OK;
  if (task->part) return NULL;
  wp_task_drop_result(task->pool, task->self, task->index);
  return make_room(task, &task->slot->result, task->slot->result_inline, type, bytes, &status);
}

void *wp_task_alloc(wp_task *task, size_t bytes) {
  wp_thread *thread = &task->pool->threads[task->self];
  wp_gate_enter(
      thread); /* a task that is stopped half-way would leave an arena that its thread goes on to use */
  void *memory = wp_arena_alloc(&wp_pool_memory(task->pool, task->self)->arena, bytes, 16);
  wp_gate_leave(thread);
  return memory;
}

wp_status wp_task_fail(wp_task *task, const char *text) {
  wp_task_result(task, WP_TYPE_STRING, text, text ? strlen(text) : 0);
  return WP_E_TASK_FAILED;
}

/* Records for the ladder that this task checks its flag. One store per task, not per check. */
static void note_look(const wp_task *task) {
  wp_thread *thread = &task->pool->threads[task->self];
  if (wp_atomic_load_relaxed_u32(&thread->looked) == thread->last_tag) return; /* own words */
  WP_POINT("task.look");
  wp_atomic_store_relaxed_u32(&thread->looked, thread->last_tag); /* a hint: it orders nothing */
}

bool wp_task_cancelled(const wp_task *task) {
  note_look(task);
  /* Not whether the thread is doomed: it may be pardoned, or be halted for a moment only (recount.h). */
  return wp_slot_state_of(task->slot) != WP_SLOT_RUNNING;
}

void wp_task_heartbeat(wp_task *task) { wp_thread_beat(&task->pool->threads[task->self]); }

wp_status wp_task_progress(wp_task *task, uint32_t type, const void *data, size_t bytes) {
  uint32_t index = 0;
  if (task->part) return WP_E_INVALID_ARGUMENT;
  wp_status status = wp_task_event(task->pool, task->self, task->index, &index);
  if (status) return status;
  wp_slot *event = wp_slot_at(&task->pool->slots, index);
  wp_task view = {.pool = task->pool, .slot = event, .self = task->self, .index = index};
  status = wp_task_result(&view, type, data, bytes);
  if (!status) status = wp_task_seal(&view, WP_OK);
  if (status) {
    wp_task_drop_event(task->pool, task->self, index);
    return status;
  }
  if (wp_task_send_event(task->pool, task->self, index)) wp_pool_ring(task->pool);
  return WP_OK;
}

/* Fails the task with a text that names a status which is not for tasks. */
static wp_status fail_with_number(wp_task *task, wp_status status) {
  char text[96] = "the task returned a number that is no status of a task: ";
  char digits[12];
  size_t at = strlen(text), count = 0;
  uint32_t rest = status < 0 ? 0U - (uint32_t)status : (uint32_t)status;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (status < 0) digits[count++] = '-';
  while (count && at < sizeof text - 1) text[at++] = digits[--count];
  text[at] = 0;
  return wp_task_fail(task, text);
}

wp_status wp_task_seal(wp_task *task, wp_status status) {
  wp_value *result = &task->slot->result;
  if (!wp_status_is_tasks(status))
    status = fail_with_number(task, status);
  else if (status && status != WP_E_TASK_FAILED) {
    const char *text = wp_status_text(status);
    wp_task_result(task, WP_TYPE_STRING, text, strlen(text));
  }
  if (!result->box) return status;
  return wp_box_commit(task->pool, task->self, result->box - 1, result->type, result->aux,
                       result->bytes)
             ? WP_E_BROKEN_INVARIANT
             : status;
}
