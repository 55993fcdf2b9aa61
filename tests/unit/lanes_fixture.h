/* Shared by the tests of the lanes: single tasks of any weight, bulk jobs. */
#ifndef WP_TEST_LANES_FIXTURE_H
#define WP_TEST_LANES_FIXTURE_H

#include "pool_fixture.h"

enum { CRITICAL = WP_LEVEL_CRITICAL, HIGH = WP_LEVEL_HIGH };
enum { NORMAL = WP_LEVEL_NORMAL, LOW = WP_LEVEL_LOW };
enum { WORKERS = 3, NEVER_DUE = 1000000 };

static fixture f;
static uint32_t w[WORKERS];

static inline bool open_with(wp_config config) {
  if (fixture_open(&f, &config)) return false;
  for (uint32_t seat = 0; seat < config.workers; seat++) w[seat] = start_worker(f.pool, seat);
  return true;
}

static inline bool open_pool(uint32_t workers) { return open_with(fixture_config(workers)); }

/* Checks that nothing is left and that the pool is intact. */
static inline bool close_pool(void) {
  bool fine = wp_pool_check(f.pool) == WP_OK && !wp_table_in_use(&f.pool->slots) &&
              !wp_table_in_use(&f.pool->groups) && !wp_atomic_load_seq_u32(&f.pool->bulks) &&
              !wp_atomic_load_seq_u32(&f.pool->held);
  fixture_close(&f);
  return fine;
}

static inline uint32_t single(uint32_t level, uint32_t flags) {
  uint32_t index = reserve(f.pool, level, 0);
  slot_of(f.pool, index)->flags = flags;
  wp_task_submit(f.pool, index);
  return index;
}

/* Makes a bulk job whose slices go first from `due_ms` on; gives its group. */
static inline uint32_t bulk(uint32_t level, double due_ms, uint32_t count, uint32_t *slices) {
  uint32_t group = 0;
  if (wp_group_create(f.pool, count, WP_GROUP_BULK, &group)) abort();
  for (uint32_t i = 0; i < count; i++) {
    slices[i] = reserve(f.pool, level, 0);
    wp_slot *slot = slot_of(f.pool, slices[i]);
    slot->flags = WP_SLOT_SLICE | WP_SLOT_REQUEUE;
    slot->group = group + 1;
    slot->item = i;
    slot->due_ms = due_ms;
    wp_task_submit(f.pool, slices[i]);
  }
  return group;
}

static inline enum wp_cancel_result cancel(uint32_t index) {
  return wp_task_cancel(f.pool, index, generation_of(f.pool, index));
}

static inline uint32_t bulks(void) { return wp_atomic_load_seq_u32(&f.pool->bulks); }

static inline uint32_t run(double now_ms) { return run_one(f.pool, w[0], now_ms); }

/* The worker finishes a task that is still wanted, and main reads the result. */
static inline bool end(uint32_t worker, uint32_t index) {
  wp_status status = WP_E_CANCELLED;
  wp_task_finish(f.pool, worker, index, WP_OK);
  return deliver(f.pool, &status) == index && status == WP_OK;
}

#endif
