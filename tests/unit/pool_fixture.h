/*
 * A pool without threads, for tests that play main and the workers by hand with a clock of their
 * own (XP-02): nothing here waits, and the time is whatever a test passes.
 */
#ifndef WP_TEST_POOL_FIXTURE_H
#define WP_TEST_POOL_FIXTURE_H

#include "base/point.h"
#include "box.h"
#include "lock.h"
#include "name.h"
#include "pool.h"
#include "port/port.h"
#include "rooms.h"
#include "scheduler.h"
#include "status.h"
#include "task.h"
#include "test.h"
#include "tick.h"
#include "worker.h"

enum { FIXTURE_BYTES = 64 << 20 };

typedef struct fixture {
  wp_segments segments;
  wp_thread_memory memory; /* main's */
  wp_pool *pool;
} fixture;

static inline wp_config fixture_config(uint32_t workers) {
  wp_config config;
  wp_config_defaults(&config);
  config.recycle_ms = WP_NONE; /* no kills unless a test sets it */
  config.workers = workers;
  config.box_bytes = 1024; /* the default takes all of FIXTURE_BYTES */
  return config;
}

static inline wp_status fixture_open(fixture *f, const wp_config *config) {
  memset(f, 0, sizeof *f);
  wp_status status = wp_segments_open(&f->segments, FIXTURE_BYTES);
  if (!status) status = wp_heap_open(&f->memory.heap, &f->segments, WP_MAIN);
  return status ? status : wp_pool_lay_out(config, &f->segments, &f->memory, &f->pool);
}

static inline void fixture_close(fixture *f) { wp_segments_close(&f->segments); }

/* ---- Workers ---- */

/* Starts a worker on the seat, through all of its states; 0: no thread record is left. */
static inline uint32_t start_worker(wp_pool *pool, uint32_t seat) {
  uint32_t thread = wp_worker_open(pool);
  if (!thread) return 0;
  wp_worker_ready(pool, thread);
  wp_worker_seat(pool, thread, seat);
  return thread;
}

/* A planned kill: the worker is outside the gate when it ends. */
static inline wp_status kill_worker(wp_pool *pool, uint32_t thread) {
  wp_worker_doom(pool, thread);
  return wp_worker_reap(pool, thread, true);
}

static inline bool is_idle(const wp_pool *pool, uint32_t thread) {
  return wp_atomic_load_seq_u32(&pool->idle[thread >> 5]) >> (thread & 31) & 1;
}

static inline uint32_t wake_of(const wp_pool *pool, uint32_t thread) {
  return wp_atomic_load_seq_u32(&pool->threads[thread].wake);
}

static inline uint32_t queued_of(const wp_pool *pool) {
  return wp_atomic_load_seq_u32(&pool->queued);
}

static inline uint32_t free_of(const wp_pool *pool) {
  uint32_t free = 0, busy = 0;
  wp_pool_count_workers(pool, &free, &busy);
  return free + busy == pool->seat_count ? free : WP_NONE;
}

/* ---- Tasks: indexes, WP_NONE for none ---- */

static inline wp_slot *slot_of(const wp_pool *pool, uint32_t index) {
  return wp_slot_at(&pool->slots, index);
}

static inline uint32_t state_of(const wp_pool *pool, uint32_t index) {
  return wp_slot_state_of(slot_of(pool, index));
}

static inline uint32_t generation_of(const wp_pool *pool, uint32_t index) {
  return wp_word_generation(wp_atomic_load_acquire_u64(&slot_of(pool, index)->word));
}

/* Reserves a slot that the caller fills further and submits with wp_task_submit. */
static inline uint32_t reserve(wp_pool *pool, uint32_t priority, uint32_t seat) {
  uint32_t index = WP_NONE;
  if (wp_task_reserve(pool, WP_MAIN, &index)) return WP_NONE;
  slot_of(pool, index)->priority = priority;
  slot_of(pool, index)->seat = seat; /* seat + 1, or 0 */
  return index;
}

static inline uint32_t submit(wp_pool *pool, uint32_t priority, uint32_t seat) {
  uint32_t index = reserve(pool, priority, seat);
  if (index != WP_NONE) wp_task_submit(pool, index);
  return index;
}

static inline uint32_t submit_normal(wp_pool *pool) { return submit(pool, WP_LEVEL_NORMAL, 0); }

static inline uint32_t submit_flags(wp_pool *pool, uint32_t flags) {
  uint32_t index = reserve(pool, WP_LEVEL_NORMAL, 0);
  slot_of(pool, index)->flags = flags;
  wp_task_submit(pool, index);
  return index;
}

static inline uint32_t submit_timed(wp_pool *pool, uint32_t timeout_ms) {
  uint32_t index = reserve(pool, WP_LEVEL_NORMAL, 0);
  slot_of(pool, index)->timeout_ms = timeout_ms;
  wp_task_submit(pool, index);
  return index;
}

static inline uint32_t submit_member(wp_pool *pool, uint32_t group, uint32_t item) {
  uint32_t index = reserve(pool, WP_LEVEL_NORMAL, 0);
  slot_of(pool, index)->group = group + 1;
  slot_of(pool, index)->item = item;
  wp_task_submit(pool, index);
  return index;
}

static inline uint32_t take(wp_pool *pool, uint32_t thread, double now_ms) {
  return wp_sched_take(pool, thread, now_ms) - 1; /* 0, "none", becomes WP_NONE */
}

static inline void free_slot(wp_pool *pool, uint32_t index) {
  wp_gate_enter(&pool->threads[WP_MAIN]);
  wp_task_free(pool, WP_MAIN, index);
  wp_gate_leave(&pool->threads[WP_MAIN]);
}

/* Delivers the next finished slot, and settles, counts and frees it; its status in *status. */
static inline uint32_t deliver(wp_pool *pool, wp_status *status) {
  uint32_t index = WP_NONE;
  if (!wp_task_drain(pool, &index, 1)) return WP_NONE;
  *status = slot_of(pool, index)->status;
  if (!(slot_of(pool, index)->flags & WP_SLOT_EVENT))
    wp_task_count_settled(pool, 1, *status != WP_OK);
  free_slot(pool, index);
  return index;
}

/* Takes, finishes and delivers one task; gives its index. */
static inline uint32_t run_one(wp_pool *pool, uint32_t thread, double now_ms) {
  wp_status status = WP_OK;
  uint32_t index = take(pool, thread, now_ms);
  if (index == WP_NONE) return WP_NONE;
  wp_task_finish(pool, thread, index, WP_OK);
  return deliver(pool, &status) == index && !status ? index : WP_NONE - 1;
}

#endif
