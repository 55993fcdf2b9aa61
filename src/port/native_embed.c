/*
 * The pool side of wasmpool.h for native hosts: threads are started here, and main may wait.
 */
#include "base/fault.h"
#include "box.h"
#include "port/port.h"
#include "scheduler.h"
#include "task.h"
#include "task_side.h"
#include "worker.h"
#include <stdlib.h>
#include <string.h>

enum { ACTIONS = 16 };

typedef struct worker_argument {
  wp_pool *pool;
  uint32_t self;
} worker_argument;

/* A task whose end its worker will never report: it was given up. */
typedef struct settled_task {
  wp_handle handle;
  wp_status status;
} settled_task;

typedef struct wp_embedder {
  wp_segments segments;
  wp_thread_memory memory[WP_THREADS_MAX];
  wp_port_thread *threads[WP_THREADS_MAX];
  worker_argument arguments[WP_THREADS_MAX];
  settled_task *settled; /* first in, first out from `next` */
  size_t settled_count, settled_capacity, settled_next;
} wp_embedder;

/* ---- Workers ---- */

static void worker_main(void *argument) {
  const worker_argument *self = argument;
  wp_pool *pool = self->pool;
  wp_thread *thread = &pool->threads[self->self];
  wp__self = thread;
  wp__self_pool = pool;
  double now_ms = wp_port_now_ms();
  for (bool waited = false;;) { /* ended by being killed: while it runs a task, or parked */
    uint32_t seen =
        wp_atomic_load_acquire_u32(&thread->wake); /* before the look for work: see scheduler.h */
    uint32_t taken = wp_sched_take(pool, self->self, now_ms);
    bool ring = thread->ring != 0;
    thread->ring = 0;
    if (taken) {
      wp_status status = wp_worker_run(pool, self->self, taken - 1);
      now_ms = wp_port_now_ms(); /* for the next take as well */
      ring |= wp_task_finish_at(pool, self->self, taken - 1, status, now_ms);
    }
    if (ring) wp_port_ring(pool);
    if (!taken) {
      wp_worker_wait(pool, self->self, seen, waited ? WP_PARK_MS : WP_SHORT_WAIT_MS);
      now_ms = wp_port_now_ms();
    }
    waited = !taken;
  }
}

static wp_status start_worker(wp_pool *pool, uint32_t seat) {
  wp_embedder *embedder = pool->embedder;
  uint32_t number = wp_worker_open(pool);
  if (!number) return WP_E_START_FAILED;
  embedder->arguments[number] = (worker_argument){pool, number};
  wp_worker_ready(pool, number);
  wp_worker_seat(pool, number, seat);
  wp_status status =
      wp_port_thread_start(&embedder->threads[number], worker_main, &embedder->arguments[number]);
  if (!status) return WP_OK;
  while (wp_worker_reap(pool, number, true))
    wp_port_pause(); /* the lock's holder is about to leave it */
  return status;
}

/* Stops a thread that is doomed and outside the gate, and takes back what it held. */
static uint32_t stop_worker(wp_pool *pool, uint32_t number) {
  wp_embedder *embedder = pool->embedder;
  wp_port_thread_kill(embedder->threads[number]);
  embedder->threads[number] = NULL;
  uint32_t seat = wp_worker_doom(pool, number);
  while (wp_worker_reap(pool, number, true))
    wp_port_pause(); /* the lock's holder is about to leave it */
  return seat;
}

static void doom_and_wait(wp_thread *thread) {
  wp_gate_doom(thread);
  while (wp_gate_inside(thread)) wp_port_pause(); /* gate sections are short */
}

/* Kills the worker of a task, if it still runs it. */
static void kill_worker(wp_pool *pool, uint32_t number,
                        bool (*is_right)(wp_pool *, uint32_t, wp_handle), wp_handle handle) {
  doom_and_wait(&pool->threads[number]);
  if (!is_right(pool, number, handle)) {
    wp_gate_pardon(&pool->threads[number]);
    return;
  }
  uint32_t seat = stop_worker(pool, number);
  if (seat) start_worker(pool, seat - 1);
}

static bool still_runs(wp_pool *pool, uint32_t number, wp_handle handle) {
  return wp_worker_runs(pool, number, handle.index, handle.generation);
}

static bool still_poisoned(wp_pool *pool, uint32_t number, wp_handle handle) {
  (void)handle;
  return wp_atomic_load_acquire_u32(&pool->threads[number].poisoned) != 0;
}

static bool still_silent(wp_pool *pool, uint32_t number, wp_handle handle) {
  return wp_atomic_load_acquire_u32(&pool->threads[number].beat) == handle.generation;
}

/* ---- Creation ---- */

wp_status wp_pool_create(const wp_config *config, wp_pool **out) {
  if (!config || !out) return WP_E_INVALID_ARGUMENT;
  wp_embedder *embedder = WP_FAULT("embedder") ? NULL : calloc(1, sizeof *embedder);
  if (!embedder) return WP_E_NO_MEMORY;
  wp_pool *pool = NULL;
  wp_status status = wp_segments_open(&embedder->segments, config->memory_bytes);
  if (!status) {
    status = wp_heap_open(&embedder->memory[WP_MAIN].heap, &embedder->segments, WP_MAIN);
    if (!status) status = wp_pool_lay_out(config, &embedder->segments, embedder->memory, &pool);
    if (status) wp_segments_close(&embedder->segments);
  }
  if (status) {
    free(embedder);
    return status;
  }
  pool->embedder = embedder;
  for (uint32_t seat = 0; seat < config->workers && !status; seat++)
    status = start_worker(pool, seat);
  if (status)
    wp_pool_destroy(pool);
  else
    *out = pool;
  return status;
}

void wp_pool_destroy(wp_pool *pool) {
  if (!pool) return;
  wp_embedder *embedder = pool->embedder;
  for (uint32_t i = 1; i < pool->thread_count; i++) {
    if (!embedder->threads[i]) continue;
    doom_and_wait(&pool->threads[i]);
    wp_port_thread_kill(embedder->threads[i]);
  }
  wp_segments_close(&embedder->segments); /* the pool itself lies in there */
  free(embedder->settled);
  free(embedder);
}

/* ---- Tasks ---- */

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

/* Room for the ends of all tasks that there are and of one more: no end may be lost for want of memory. */
static bool reserve_settled(wp_pool *pool) {
  wp_embedder *embedder = pool->embedder;
  /* Relaxed: of the tasks, which only main adds and frees, it misses none. */
  size_t needed =
      embedder->settled_count + wp_atomic_load_relaxed_u32(&pool->slots.in_use) + (size_t)1;
  if (needed <= embedder->settled_capacity) return true;
  size_t capacity = needed < 32 ? 64 : 2 * needed;
  settled_task *grown =
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
  if (!name || (bytes && !data) || options->priority >= WP_PRIORITY_COUNT ||
      options->weight > WP_WEIGHT_HEAVY)
    return WP_E_INVALID_ARGUMENT;
  uint32_t task = find_task(pool, name), index = 0;
  if (!task) return WP_E_UNKNOWN_TASK;
  if (!wp_task_admits(pool, 1)) return WP_E_QUEUE_FULL;
  if (!reserve_settled(pool)) return WP_E_NO_MEMORY;
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

/* Remembers the end of a task for wp_poll. */
static void note_settled(wp_pool *pool, wp_handle handle, wp_status status) {
  wp_embedder *embedder = pool->embedder;
  wp_task_count_settled(pool, 1, status != WP_OK);
  embedder->settled[embedder->settled_count++] =
      (settled_task){handle, status}; /* reserve_settled saw to the room */
}

bool wp_cancel(wp_pool *pool, wp_handle handle) {
  return wp_task_cancel(pool, handle.index, handle.generation) != WP_CANCEL_STALE;
}

bool wp_terminate(wp_pool *pool, wp_handle handle) {
  if (handle.index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return false;
  uint32_t number = wp_atomic_load_acquire_u32(&wp_slot_at(&pool->slots, handle.index)->owner);
  enum wp_cancel_result result = wp_task_cancel(pool, handle.index, handle.generation);
  if (result == WP_CANCEL_STALE) return false;
  if (result == WP_CANCEL_RUNNING && number) kill_worker(pool, number, still_runs, handle);
  note_settled(pool, handle, WP_E_CANCELLED);
  return true;
}

/* ---- Completions ---- */

/* A seat stays empty when the host refuses a thread: it is asked again. */
static void serve_seats(wp_pool *pool) {
  for (uint32_t seat = 0; seat < pool->seat_count; seat++) {
    if (!wp_atomic_load_relaxed_u32(&pool->seats[seat]))
      start_worker(pool, seat); /* main's own word */
  }
}

/* Enforces time limits; returns how long main may sleep. */
static double tick(wp_pool *pool, double now_ms) {
  serve_seats(pool);
  wp_action actions[ACTIONS];
  double next_ms = 0;
  for (uint32_t count = ACTIONS; count == ACTIONS;) {
    count = wp_task_tick(pool, now_ms, actions, ACTIONS, &next_ms);
    for (uint32_t i = 0; i < count; i++) {
      wp_handle handle = {actions[i].slot, actions[i].generation};
      if (actions[i].kind == WP_ACTION_EXPIRED)
        note_settled(pool, handle, WP_E_TIMEOUT);
      else if (actions[i].kind == WP_ACTION_KILL)
        kill_worker(pool, actions[i].thread, still_poisoned, handle);
      else
        kill_worker(pool, actions[i].thread, still_silent, handle);
    }
    if (count) count = ACTIONS; /* what expired may have to be killed at once */
  }
  return next_ms;
}

static size_t take_settled(wp_pool *pool, wp_completion *completions, size_t limit) {
  wp_embedder *embedder = pool->embedder;
  size_t count = 0;
  while (count < limit && embedder->settled_next < embedder->settled_count) {
    settled_task settled = embedder->settled[embedder->settled_next++];
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
  tick(pool, wp_port_now_ms());
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

/* Main does not know when a worker starts a task, so with time limits about it looks as often as this. */
static const double look_ms = 10;

/* No points: main only. */
size_t wp_wait(wp_pool *pool, wp_completion *completions, size_t limit, uint32_t timeout_ms) {
  double end_ms = wp_port_now_ms() + timeout_ms;
  for (;;) {
    size_t count = wp_poll(pool, completions, limit);
    double now_ms = wp_port_now_ms();
    if (count || now_ms >= end_ms) return count;
    double sleep_ms = end_ms - now_ms < look_ms ? end_ms - now_ms : look_ms;
    if (wp_task_arm_bell(pool)) wp_port_wait(&pool->bell, 1, (uint32_t)sleep_ms + 1);
    wp_atomic_store_seq_u32(&pool->bell, 0); /* awake: nobody needs to ring */
  }
}

/* ---- Memory of C tasks ---- */

static bool is_pools(const void *block) {
  const wp_region *region = wp__self_pool ? &wp__self_pool->segments->region : NULL;
  return region && (const uint8_t *)block >= region->base &&
         (const uint8_t *)block < region->base + region->limit_bytes;
}

static wp_heap *enter(void) {
  wp_gate_enter(wp__self);
  return wp_pool_heap(wp__self_pool, wp__self->index);
}

static uint32_t own_tag(void) { return wp_atomic_load_relaxed_u32(&wp__self->tag); /* own word */ }

void *wp_aligned_alloc(size_t alignment, size_t bytes) {
  if (!wp__self) return aligned_alloc(alignment, bytes);
  void *block = wp_heap_alloc_aligned(enter(), alignment, bytes, own_tag());
  wp_gate_leave(wp__self);
  return block;
}

void *wp_malloc(size_t bytes) {
  return wp__self ? wp_aligned_alloc(WP_HEAP_ALIGN, bytes) : malloc(bytes);
}

void *wp_calloc(size_t count, size_t bytes) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) return NULL;
  void *block = wp_malloc(total);
  return block ? memset(block, 0, total) : NULL;
}

void *wp_realloc(void *block, size_t bytes) {
  if (!wp__self || (block && !is_pools(block))) return realloc(block, bytes);
  void *moved = wp_heap_realloc(enter(), block, bytes, own_tag());
  wp_gate_leave(wp__self);
  return moved;
}

void wp_free(void *block) {
  if (!is_pools(block)) {
    free(block);
    return;
  }
  wp_heap_free(enter(), block);
  wp_gate_leave(wp__self);
}
