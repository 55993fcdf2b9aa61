#include "box.h"
#include "embed.h"
#include "task.h"
#include "task_side.h"
#include "type.h"
#include "worker.h"
#include <string.h>

/* ---- Arguments ---- */

static wp_status fill_argument(wp_pool *pool, wp_slot *slot, uint32_t type, const void *data,
                               size_t bytes) {
  if (bytes > UINT32_MAX) return WP_E_TOO_LARGE;
  void *room = slot->argument_inline;
  slot->argument = (wp_value){type, 0, (uint32_t)bytes, 0};
  if (bytes > WP_INLINE_BYTES) {
    uint32_t box = 0;
    wp_status status = wp_box_create(pool, WP_MAIN, bytes, &box);
    if (status) return status;
    slot->argument.box = box + 1;
    room = (void *)(uintptr_t)wp_box_at(pool, box)->address;
  }
  if (bytes) memcpy(room, data, bytes);
  return slot->argument.box ? wp_box_commit(pool, WP_MAIN, slot->argument.box - 1, type, 0, bytes)
                            : WP_OK;
}

static uint32_t find_task(const wp_pool *pool, const char *name) {
  for (uint32_t i = 0; i < pool->task_count; i++) {
    if (strcmp(pool->tasks[i]->name, name) == 0) return i + 1;
  }
  return 0;
}

/* ---- Submission ---- */

typedef struct submission {
  uint32_t c_task; /* as wp_slot.c_task */
  wp_task_function function;
  uint32_t type;
  const void *data;
  size_t bytes;
  const wp_submit_options *options;
} submission;

/* The box that is the argument; its bytes are read in place. */
static wp_status share_argument(wp_pool *pool, wp_slot *slot, wp_box_handle handle) {
  if (handle.index >= wp_atomic_load_acquire_u32(&pool->boxes.capacity) ||
      !wp_box_retain(pool, WP_MAIN, handle.index, handle.generation))
    return WP_E_STALE_HANDLE;
  const wp_box *box = wp_box_at(pool, handle.index);
  slot->argument = (wp_value){box->type, box->aux, (uint32_t)box->bytes, handle.index + 1};
  return WP_OK;
}

static wp_status try_submit(wp_pool *pool, const submission *s, wp_handle *handle) {
  static const uint32_t weights[] = {0, WP_SLOT_LIGHT, WP_SLOT_HEAVY};
  static const uint32_t levels[] = {WP_LEVEL_NORMAL, WP_LEVEL_CRITICAL, WP_LEVEL_HIGH,
                                    WP_LEVEL_LOW};
  uint32_t index = 0;
  if (!wp_task_admits(pool, 1)) return WP_E_QUEUE_FULL;
  if (!wp__mail_reserve(pool)) return WP_E_NO_MEMORY;
  wp_status status = wp_task_reserve(pool, WP_MAIN, &index);
  if (status) return status;
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  slot->c_task = s->c_task;
  if (s->c_task == WP_C_FUNCTION) slot->function = (uintptr_t)s->function;
  slot->priority = levels[s->options->priority];
  slot->timeout_ms = s->options->timeout_ms;
  slot->flags = weights[s->options->weight] | (s->options->requeue ? WP_SLOT_REQUEUE : 0U);
  *handle = (wp_handle){index, wp_word_generation(wp_atomic_load_acquire_u64(&slot->word))};
  status = s->options->box ? share_argument(pool, slot, *s->options->box)
                           : fill_argument(pool, slot, s->type, s->data, s->bytes);
  if (!status && !wp__mail_register(pool, *handle, s->options->user)) status = WP_E_NO_MEMORY;
  if (status) {
    wp_task_free(pool, WP_MAIN, index);
    return status;
  }
  if (s->options->timeout_ms) pool->embedder->timed = true;
  wp_task_submit(pool, index);
  return WP_OK;
}

static bool is_full(wp_status status) {
  return status == WP_E_QUEUE_FULL || status == WP_E_TABLE_FULL;
}

/* Waits until something has ended, for at most left_ms. Completions go to the mail, since a bell that rings for them is not armed again
 * while they are in the lists. False: no memory for that. */
static bool wait_for_room(wp_pool *pool, double left_ms) {
  wp_embedder *embedder = pool->embedder;
  wp__embed_step(pool, NULL);
  if (wp__mail_collect(pool)) return false;
  embedder->blocked++;
  wp__embed_sleep(pool, left_ms);
  embedder->blocked--;
  return true;
}

static wp_status submit(wp_pool *pool, const submission *s, wp_handle *handle) {
  uint32_t wait_ms = s->options->wait_ms;
  double end_ms = wait_ms ? wp_port_now_ms() + wait_ms : 0;
  wp_handle made;
  wp__embed_enter(pool);
  wp_status status = try_submit(pool, s, &made);
  while (is_full(status) && wait_ms) {
    double left_ms = wait_ms == WP_NONE ? wait_ms : end_ms - wp_port_now_ms();
    if (left_ms <= 0 || !wait_for_room(pool, left_ms)) break;
    status = try_submit(pool, s, &made);
  }
  if (!status && handle) *handle = made;
  wp__embed_leave(pool);
  return status;
}

static bool is_valid(const submission *s) {
  const wp_submit_options *options = s->options;
  if (options->priority >= WP_PRIORITY_COUNT || options->weight > WP_WEIGHT_HEAVY) return false;
  if (options->box) return !s->type && !s->data && !s->bytes;
  return (!s->bytes || s->data) && wp_type_holds(s->type, s->bytes);
}

static const wp_submit_options plain = {.priority = WP_PRIORITY_NORMAL};

wp_status wp_submit(wp_pool *pool, const char *name, uint32_t type, const void *data, size_t bytes,
                    const wp_submit_options *options, wp_handle *handle) {
  submission s = {0, NULL, type, data, bytes, options ? options : &plain};
  if (!name || !is_valid(&s)) return WP_E_INVALID_ARGUMENT;
  s.c_task = find_task(pool, name);
  return s.c_task ? submit(pool, &s, handle) : WP_E_UNKNOWN_TASK;
}

wp_status wp_submit_function(wp_pool *pool, wp_task_function function, uint32_t type,
                             const void *data, size_t bytes, const wp_submit_options *options,
                             wp_handle *handle) {
  const submission s = {WP_C_FUNCTION, function, type, data, bytes, options ? options : &plain};
  return function && is_valid(&s) ? submit(pool, &s, handle) : WP_E_INVALID_ARGUMENT;
}

/* ---- Cancellation ---- */

/* Gives a task up and queues its one completion, WP_E_CANCELLED. *thread: the thread that runs it, or 0. False: it has ended already. */
static bool give_up(wp_pool *pool, wp_handle handle, uint32_t *thread) {
  *thread = 0;
  if (!wp__mail_expects(pool, handle)) return false;
  enum wp_cancel_result result = wp_task_cancel(pool, handle.index, handle.generation);
  if (result == WP_CANCEL_STALE) return false;
  if (result == WP_CANCEL_RUNNING)
    *thread = wp_atomic_load_acquire_u32(
        &wp_slot_at(&pool->slots, handle.index)->owner); /* constant while it runs */
  wp__embed_settle(pool, handle, WP_E_CANCELLED);
  return true;
}

bool wp_cancel(wp_pool *pool, wp_handle handle) {
  uint32_t thread = 0;
  wp__embed_enter(pool);
  bool given_up = give_up(pool, handle, &thread);
  wp__embed_leave(pool);
  return given_up;
}

/* The thread that still runs a task which was given up earlier, or 0. */
static uint32_t runner_of(const wp_pool *pool, wp_handle handle) {
  if (handle.index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return 0;
  const wp_slot *slot = wp_slot_at(&pool->slots, handle.index);
  uint64_t word = wp_atomic_load_acquire_u64(&slot->word);
  bool runs = wp_word_state(word) == WP_SLOT_ABANDONED || wp_word_state(word) == WP_SLOT_TIMED_OUT;
  if (!runs || wp_word_generation(word) != handle.generation) return 0;
  return wp_atomic_load_acquire_u32(&slot->owner); /* constant while it runs */
}

bool wp_terminate(wp_pool *pool, wp_handle handle) {
  uint32_t thread = 0;
  wp__embed_enter(pool);
  bool given_up = give_up(pool, handle, &thread);
  if (!given_up) thread = runner_of(pool, handle);
  if (thread) {
    const wp_embed_thread *host = &((const wp_embedder *)pool->embedder)->threads[thread];
    const wp_fleet_event kill = {.kind = WP_FLEET_KILL,
                                 .thread = thread,
                                 .incarnation = host->incarnation,
                                 .task = handle,
                                 .grace_ms = -1};
    wp__embed_step(pool, &kill);
  }
  wp__embed_leave(pool);
  return given_up;
}

/* ---- Completions ---- */

static size_t poll(wp_pool *pool, wp_completion *completions, size_t limit) {
  wp_embedder *embedder = pool->embedder;
  size_t count = 0;
  if (embedder->has_alarm) wp_port_alarm_clear(&embedder->alarm);
  embedder->raised = false;
  wp__embed_step(pool, NULL);
  while (count < limit && wp__mail_take(pool, &completions[count])) count++;
  while (count < limit && wp__mail_drain(pool, &completions[count])) count++;
  return count;
}

size_t wp_poll(wp_pool *pool, wp_completion *completions, size_t limit) {
  wp__embed_enter(pool);
  size_t count = poll(pool, completions, limit);
  wp__embed_leave(pool);
  return count;
}

/* Whether the slot still has what the completion tells of: one that was released may be another task's by now. */
static bool is_of(const wp_slot *slot, const wp_completion *completion) {
  uint64_t word = wp_atomic_load_acquire_u64(&slot->word);
  if (wp_word_state(word) != WP_SLOT_DELIVERED) return false;
  bool progress = slot->flags & WP_SLOT_EVENT;
  uint32_t generation = progress ? slot->parent_generation : wp_word_generation(word);
  return progress == completion->progress && generation == completion->handle.generation &&
         (!progress || slot->parent == completion->handle.index);
}

void wp_completion_release(wp_pool *pool, const wp_completion *completion) {
  uint32_t index = completion->slot;
  if (index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return; /* WP_NONE among them */
  wp__embed_enter(pool);
  if (is_of(wp_slot_at(&pool->slots, index), completion)) wp_task_free(pool, WP_MAIN, index);
  if (pool->embedder->blocked) wp__turn_tell(&pool->embedder->turn, pool); /* the table has room */
  wp__embed_leave(pool);
}

static double left_of(double end_ms, uint32_t timeout_ms) {
  return timeout_ms == WP_NONE ? timeout_ms : end_ms - wp_port_now_ms();
}

size_t wp_wait(wp_pool *pool, wp_completion *completions, size_t limit, uint32_t timeout_ms) {
  double end_ms = wp_port_now_ms() + timeout_ms;
  wp__embed_enter(pool);
  for (;;) {
    size_t count = poll(pool, completions, limit);
    double left_ms = left_of(end_ms, timeout_ms);
    if (count || left_ms <= 0) {
      wp__embed_leave(pool);
      return count;
    }
    wp__embed_sleep(pool, left_ms);
  }
}

/* One look of wp_wait_for. WP_E_TIMEOUT: it has not come yet. */
static wp_status look_for(wp_pool *pool, wp_handle handle, wp_completion *completion) {
  wp__embed_step(pool, NULL);
  bool collected = wp__mail_collect(pool) == WP_OK;
  if (wp__mail_take_of(pool, handle, completion)) return WP_OK;
  if (!wp__mail_expects(pool, handle)) return WP_E_STALE_HANDLE;
  return collected ? WP_E_TIMEOUT : WP_E_NO_MEMORY;
}

wp_status wp_wait_for(wp_pool *pool, wp_handle handle, wp_completion *completion,
                      uint32_t timeout_ms) {
  double end_ms = wp_port_now_ms() + timeout_ms;
  wp__embed_enter(pool);
  for (;;) {
    wp_status status = look_for(pool, handle, completion);
    double left_ms = left_of(end_ms, timeout_ms);
    if (status != WP_E_TIMEOUT || left_ms <= 0) {
      wp__embed_leave(pool);
      return status;
    }
    wp__embed_sleep(pool, left_ms);
  }
}
