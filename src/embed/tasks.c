#include "base/fault.h"
#include "box.h"
#include "embed.h"
#include "task.h"
#include "task_side.h"
#include "type.h"
#include "worker.h"
#include <stdlib.h>
#include <string.h>

/* ---- Submission ---- */

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

bool wp__embed_reserve(wp_pool *pool) {
  wp_embedder *embedder = pool->embedder;
  /* Relaxed is exact enough: only main adds tasks, and it frees them. */
  size_t needed =
      embedder->settled_count + wp_atomic_load_relaxed_u32(&pool->slots.in_use) + (size_t)1;
  if (needed <= embedder->settled_capacity) return true;
  size_t capacity = needed < 32 ? 64 : 2 * needed;
  wp_settled *grown =
      WP_FAULT("settled") ? NULL : realloc(embedder->settled, capacity * sizeof *grown);
  if (!grown) return false;
  embedder->settled = grown;
  embedder->settled_capacity = capacity;
  return true;
}

wp_status wp_submit(wp_pool *pool, const char *name, uint32_t type, const void *data, size_t bytes,
                    const wp_submit_options *options, wp_handle *handle) {
  static const uint32_t weights[] = {0, WP_SLOT_LIGHT, WP_SLOT_HEAVY};
  const wp_submit_options plain = {.priority = WP_PRIORITY_NORMAL};
  if (!options) options = &plain;
  if (!name || (bytes && !data) || !wp_type_holds(type, bytes) ||
      options->priority >= WP_PRIORITY_COUNT || options->weight > WP_WEIGHT_HEAVY)
    return WP_E_INVALID_ARGUMENT;
  uint32_t task = find_task(pool, name), index = 0;
  if (!task) return WP_E_UNKNOWN_TASK;
  if (!wp_task_admits(pool, 1)) return WP_E_QUEUE_FULL;
  if (!wp__embed_reserve(pool)) return WP_E_NO_MEMORY;
  wp_status status = wp_task_reserve(pool, WP_MAIN, &index);
  if (status) return status;
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  slot->c_task = task;
  slot->priority = options->priority;
  slot->timeout_ms = options->timeout_ms;
  slot->flags = weights[options->weight] | (options->requeue ? WP_SLOT_REQUEUE : 0U);
  status = fill_argument(pool, slot, type, data, bytes);
  if (status) {
    wp_task_free(pool, WP_MAIN, index);
    return status;
  }
  if (handle)
    *handle = (wp_handle){index, wp_word_generation(wp_atomic_load_acquire_u64(&slot->word))};
  wp_task_submit(pool, index);
  return WP_OK;
}

/* ---- Cancellation ---- */

void wp__embed_settle(wp_pool *pool, wp_handle handle, wp_status status) {
  wp_embedder *embedder = pool->embedder;
  wp_task_count_settled(pool, 1, status != WP_OK);
  embedder->settled[embedder->settled_count++] = (wp_settled){handle, status};
}

/* Gives a task up and queues its one completion, WP_E_CANCELLED. *thread: the thread that runs it, or 0. False: it has ended already. */
static bool give_up(wp_pool *pool, wp_handle handle, uint32_t *thread) {
  *thread = 0;
  if (handle.index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return false;
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
  return give_up(pool, handle, &thread);
}

bool wp_terminate(wp_pool *pool, wp_handle handle) {
  uint32_t thread = 0;
  if (!give_up(pool, handle, &thread)) return false;
  if (!thread) return true;
  const wp_embed_thread *host = &((const wp_embedder *)pool->embedder)->threads[thread];
  const wp_fleet_event kill = {.kind = WP_FLEET_KILL,
                               .thread = thread,
                               .incarnation = host->incarnation,
                               .task = handle,
                               .grace_ms = -1};
  wp__embed_step(pool, &kill);
  return true;
}

/* ---- Completions ---- */

static size_t take_settled(wp_pool *pool, wp_completion *completions, size_t limit) {
  wp_embedder *embedder = pool->embedder;
  size_t count = 0;
  while (count < limit && embedder->settled_next < embedder->settled_count) {
    wp_settled settled = embedder->settled[embedder->settled_next++];
    completions[count++] =
        (wp_completion){.handle = settled.handle, .status = settled.status, .slot = WP_NONE};
  }
  if (embedder->settled_next == embedder->settled_count)
    embedder->settled_next = embedder->settled_count = 0;
  return count;
}

static wp_completion read_completion(wp_pool *pool, uint32_t index) {
  const wp_slot *slot = wp_slot_at(&pool->slots, index);
  const wp_value *result = &slot->result;
  bool progress = slot->flags & WP_SLOT_EVENT;
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&slot->word));
  if (!progress) wp_task_count_settled(pool, 1, slot->status != WP_OK);
  return (wp_completion){
      .handle = progress ? (wp_handle){slot->parent, slot->parent_generation}
                         : (wp_handle){index, generation},
      .status = slot->status,
      .type = result->type,
      .data = result->box ? (const void *)(uintptr_t)wp_box_at(pool, result->box - 1)->address
                          : slot->result_inline,
      .bytes = result->bytes,
      .progress = progress,
      .slot = index,
  };
}

size_t wp_poll(wp_pool *pool, wp_completion *completions, size_t limit) {
  wp__embed_step(pool, NULL);
  size_t count = take_settled(pool, completions, limit);
  while (count < limit) {
    uint32_t index = 0;
    if (!wp_task_drain(pool, &index, 1)) break;
    completions[count++] = read_completion(pool, index);
  }
  return count;
}

void wp_completion_release(wp_pool *pool, const wp_completion *completion) {
  uint32_t index = completion->slot;
  if (index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return; /* WP_NONE among them */
  if (wp_slot_state_of(wp_slot_at(&pool->slots, index)) == WP_SLOT_DELIVERED)
    wp_task_free(pool, WP_MAIN, index);
}

size_t wp_wait(wp_pool *pool, wp_completion *completions, size_t limit, uint32_t timeout_ms) {
  double end_ms = wp_port_now_ms() + timeout_ms;
  for (;;) {
    size_t count = wp_poll(pool, completions, limit);
    double left_ms = end_ms - wp_port_now_ms();
    if (count || left_ms <= 0) return count;
    wp__embed_sleep(pool, left_ms);
  }
}
