/*
 * The core under arbitrary calls: each byte of the input is a step of main or of a worker. In the end, when everything has
 * come to its end, the pool must be whole (wp_pool_check) and hold nothing. Used by the plain test, which replays a corpus
 * made from a seed, and by the libFuzzer target (make fuzz).
 */
#ifndef WP_POOL_FUZZ_H
#define WP_POOL_FUZZ_H

#include "pool_fixture.h"

enum { FUZZ_WORKERS = 3, FUZZ_RUNS = 4 };

typedef struct fuzz_state {
  fixture f;
  uint32_t threads[FUZZ_WORKERS];            /* by seat; 0: none */
  uint32_t running[FUZZ_WORKERS][FUZZ_RUNS]; /* slots, or WP_NONE */
  wp_handle last;               /* of the newest task: may be stale, which the core must notice */
  uint32_t boxes[FUZZ_WORKERS]; /* pooled, still written, index + 1; 0: none */
  double now_ms;
} fuzz_state;

static void fuzz_submit(fuzz_state *s, uint32_t argument) {
  uint32_t seat = argument % 5 == 0 ? 1 + argument % FUZZ_WORKERS : 0;
  uint32_t index = reserve(s->f.pool, argument % WP_LEVEL_COUNT, seat);
  if (index == WP_NONE) return;
  wp_slot *slot = slot_of(s->f.pool, index);
  slot->flags = (argument & 8 ? WP_SLOT_REQUEUE : 0U) | (argument & 16 ? WP_SLOT_EXCLUSIVE : 0U);
  slot->timeout_ms = argument & 4 ? argument % 7 : 0;
  s->last = (wp_handle){index, generation_of(s->f.pool, index)};
  wp_task_submit(s->f.pool, index);
}

static uint32_t *fuzz_place(fuzz_state *s, uint32_t seat, bool empty) {
  for (uint32_t i = 0; i < FUZZ_RUNS; i++) {
    if ((s->running[seat][i] == WP_NONE) == empty) return &s->running[seat][i];
  }
  return NULL;
}

static void fuzz_take(fuzz_state *s, uint32_t seat) {
  uint32_t *place = fuzz_place(s, seat, true);
  if (place && s->threads[seat]) *place = take(s->f.pool, s->threads[seat], s->now_ms);
}

static void fuzz_finish(fuzz_state *s, uint32_t seat, uint32_t argument) {
  uint32_t *place = fuzz_place(s, seat, false), box = 0;
  wp_pool *pool = s->f.pool;
  if (!place) return;
  wp_slot *slot = slot_of(pool, *place);
  if (argument & 1 && !wp_box_create(pool, s->threads[seat], argument, &box)) {
    slot->result = (wp_value){WP_TYPE_BINARY, 0, argument, box + 1};
    wp_box_commit(pool, s->threads[seat], box, WP_TYPE_BINARY, 0, argument);
  }
  wp_task_finish(pool, s->threads[seat], *place, argument & 4 ? WP_E_TASK_FAILED : WP_OK);
  *place = WP_NONE;
}

static void fuzz_kill(fuzz_state *s, uint32_t seat, bool trusted) {
  if (!s->threads[seat]) return;
  wp_worker_doom(s->f.pool, s->threads[seat]);
  wp_worker_reap(s->f.pool, s->threads[seat], trusted);
  for (uint32_t i = 0; i < FUZZ_RUNS; i++) s->running[seat][i] = WP_NONE;
  s->threads[seat] = 0;
  s->boxes[seat] = 0;
}

static bool fuzz_runs(const fuzz_state *s, uint32_t seat, uint32_t index) {
  for (uint32_t i = 0; i < FUZZ_RUNS; i++) {
    if (s->running[seat][i] == index) return true;
  }
  return false;
}

static void fuzz_drop_box(fuzz_state *s, uint32_t seat) {
  if (s->boxes[seat]) wp_box_drop(s->f.pool, s->threads[seat], s->boxes[seat] - 1);
  s->boxes[seat] = 0;
}

/* Drops the worker's pooled box; or asks for one, perhaps again, and takes it when its turn has come. */
static void fuzz_line(fuzz_state *s, uint32_t seat) {
  uint32_t box = 0, self = s->threads[seat];
  if (!self || s->boxes[seat]) {
    fuzz_drop_box(s, seat);
    return;
  }
  wp_box_request(s->f.pool, self);
  if (!wp_box_create_granted(s->f.pool, self, 10, &box)) s->boxes[seat] = box + 1;
}

/* Calls that no correct program makes, with indexes that are invalid, stale, or somebody else's. */
static void fuzz_misuse(fuzz_state *s, uint32_t argument) {
  static const uint32_t indexes[] = {0, 1, 2, 3, WP_TABLE_CHUNK, WP_TABLE_RECORDS_MAX, WP_NONE};
  wp_pool *pool = s->f.pool;
  uint32_t index = indexes[argument % 7], self = s->threads[argument % FUZZ_WORKERS], box = 0;
  if (!self) return;
  wp_box_commit(pool, self, index, WP_TYPE_BINARY, 0, UINT64_MAX);
  wp_box_release(pool, self, index, argument, argument * 5);
  wp_box_retain(pool, self, index, UINT32_MAX);
  wp_box_grant(pool, index, WP_THREADS_MAX + argument);
  if (!wp_box_granted(pool, self)) wp_box_create_granted(pool, self, 1, &box);
  wp_worker_runs(pool, self, index, argument);
  wp_task_send_event(pool, self, index);
  (void)wp_task_cancel(pool, index, argument * 3);
  if (!fuzz_runs(s, argument % FUZZ_WORKERS, index)) wp_task_finish(pool, self, index, WP_OK);
}

static void fuzz_step(fuzz_state *s, uint32_t op, uint32_t argument) {
  wp_pool *pool = s->f.pool;
  uint32_t seat = argument % FUZZ_WORKERS;
  wp_action actions[2];
  wp_status status = WP_OK;
  double next_ms = 0;
  switch (op % 12) {
  case 0:
  case 1:
    fuzz_submit(s, argument);
    break;
  case 2:
  case 3:
    fuzz_take(s, seat);
    break;
  case 4:
    fuzz_finish(s, seat, argument);
    break;
  case 5:
    (void)wp_task_cancel(pool, s->last.index, s->last.generation);
    break;
  case 6:
    deliver(pool, &status);
    break;
  case 7:
    s->now_ms += argument;
    wp_task_tick(pool, s->now_ms, actions, 2, &next_ms);
    break;
  case 8:
    fuzz_kill(s, seat, argument & 128);
    break;
  case 9:
    fuzz_line(s, seat);
    break;
  case 10:
    fuzz_misuse(s, argument);
    break;
  default:
    if (!s->threads[seat]) s->threads[seat] = start_worker(pool, seat);
    if (argument & 64)
      wp_pause(pool);
    else
      wp_resume(pool);
  }
}

/* Lets everything that was submitted end; true if the pool is intact and empty then. */
static bool fuzz_finish_all(fuzz_state *s) {
  wp_pool *pool = s->f.pool;
  wp_status status = WP_OK;
  wp_resume(pool);
  for (uint32_t round = 0; round < 100000; round++) {
    for (uint32_t seat = 0; seat < FUZZ_WORKERS; seat++) {
      if (!s->threads[seat]) s->threads[seat] = start_worker(pool, seat);
      while (fuzz_place(s, seat, false)) fuzz_finish(s, seat, 0);
      fuzz_drop_box(s, seat);
      fuzz_line(s, seat); /* takes a box that it may have waited for */
      fuzz_drop_box(s, seat);
      fuzz_take(s, seat);
    }
    bool delivered = deliver(pool, &status) != WP_NONE;
    if (!delivered && !queued_of(pool) && free_of(pool) == FUZZ_WORKERS) break;
  }
  wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX | WP_CHORE_PURGE);
  return wp_pool_check(pool) == WP_OK && !wp_table_in_use(&pool->slots) &&
         !wp_atomic_load_relaxed_u32(&pool->boxes.in_use);
}

/* Runs one input; false if the pool was damaged or something remained. */
static bool fuzz_one(const uint8_t *data, size_t size) {
  static fuzz_state state;
  wp_config config = fixture_config(FUZZ_WORKERS);
  config.concurrency = FUZZ_RUNS;
  config.box_count = 2;
  memset(&state, 0, sizeof state);
  if (fixture_open(&state.f, &config)) return false;
  for (uint32_t seat = 0; seat < FUZZ_WORKERS; seat++) {
    state.threads[seat] = start_worker(state.f.pool, seat);
    for (uint32_t i = 0; i < FUZZ_RUNS; i++) state.running[seat][i] = WP_NONE;
  }
  for (size_t i = 0; i + 1 < size; i += 2) fuzz_step(&state, data[i], data[i + 1]);
  bool fine = fuzz_finish_all(&state);
  fixture_close(&state.f);
  return fine;
}

#endif
