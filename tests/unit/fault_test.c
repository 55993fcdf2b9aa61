/*
 * Whatever can fail for want of memory or threads fails at its nth attempt, for every n until nothing fails: each time there is a
 * clear status or a recovery, and nothing is left behind. Does nothing unless built with WP_KILL_POINTS.
 */
#include "kill.h"
#include "test.h"

#ifdef WP_KILL_POINTS
#include "base/fault.h"
#include "matrix_ops.h"

void (*wp__point_hook)(const char *name);

/* ---- The n-th attempt ---- */

static wp_atomic_u32 armed;    /* whether attempts count */
static wp_atomic_u32 attempts; /* attempts so far, by any thread */
static uint32_t fails_at;      /* only that attempt fails, or all from that one on */
static bool fails_on;
static wp_atomic_u32 failed;

static bool fail(const char *name) {
  (void)name;
  if (!wp_atomic_load_relaxed_u32(&armed)) return false;
  uint32_t attempt = wp_atomic_fetch_add_relaxed_u32(&attempts, 1) + 1;
  bool fails = attempt == fails_at || (fails_on && attempt > fails_at);
  if (fails) wp_atomic_fetch_add_relaxed_u32(&failed, 1);
  return fails;
}

static void begin_faults(uint32_t n, bool go_on) {
  wp_atomic_store_relaxed_u32(&attempts, 0);
  wp_atomic_store_relaxed_u32(&failed, 0);
  fails_at = n;
  fails_on = go_on;
  wp__fault_hook = fail; /* static, since threads read it */
  wp_atomic_store_relaxed_u32(&armed, 1);
}

/* True if something failed. */
static bool end_faults(void) {
  wp_atomic_store_relaxed_u32(&armed, 0);
  return wp_atomic_load_relaxed_u32(&failed) != 0;
}

/* Runs a case for n = 1, 2, 3 … until nothing fails: once with only the nth attempt failing, once with all from the nth on. */
static bool for_every_n(const char *name, bool (*one)(uint32_t n, bool go_on)) {
  uint32_t count = 0;
  for (int go_on = 0; go_on < 2; go_on++) {
    uint32_t n = 1;
    while (one(n, go_on != 0) && !s.complaint) n++;
    count += n - 1;
    if (!s.complaint) continue;
    printf("# %s, %s %u: %s\n", name, go_on ? "from" : "at", n, s.complaint);
    return false;
  }
  printf("# %s: %u failures\n", name, count);
  return true;
}

/* ---- A worker's operations ---- */

static int played;

/* A result without a box lies in its slot, so it cannot be longer. */
static void check_results(void) {
  for (uint32_t i = 0; i < s.task_count; i++) {
    const wp_slot *slot = slot_of(s.f.pool, s.tasks[i].handle.index);
    if (wp_slot_state_of(slot) == WP_SLOT_DONE && !slot->result.box &&
        slot->result.bytes > WP_INLINE_BYTES)
      complain("a result is longer than its bytes");
  }
}

static bool run_operation(uint32_t n, bool go_on) {
  if (!open_scene()) complain("no scene");
  operations[played].prepare();
  block_lock(false); /* nothing here could let it go */
  play(VICTIM);
  begin_faults(n, go_on);
  operations[played].run();
  bool any = end_faults();
  play(WP_MAIN);
  check_results();
  if (operations[played].end) operations[played].end();
  check_whole("damaged by a failure");
  if (kill_worker(s.f.pool, VICTIM) || start_worker(s.f.pool, 0) != VICTIM)
    complain("no new worker");
  check_end(0);
  fixture_close(&s.f);
  return any;
}

TEST(operations_fail, "any allocation of any operation of a worker fails: "
                      "statuses, whole pool, nothing left [XP-16, XP-17, NF-87]") {
  for (played = 0; played < OPERATIONS; played++)
    CHECK(for_every_n(operations[played].name, run_operation));
}

/* ---- Main's operations ---- */

static void submit_all(void) {
  wp_pool *pool = s.f.pool;
  uint32_t index = 0, name = 0, group = 0, box = 0;
  wp_status status[6] = {wp_task_reserve(pool, WP_MAIN, &index)};
  if (!status[0]) {
    status[1] = wp_box_create(pool, WP_MAIN, LARGE_BYTES, &box);
    if (!status[1]) {
      slot_of(pool, index)->argument = (wp_value){WP_TYPE_BINARY, 0, LARGE_BYTES, box + 1};
      status[2] = wp_box_commit(pool, WP_MAIN, box, WP_TYPE_BINARY, 0, LARGE_BYTES);
    }
    wp_task_submit(pool, track(index));
  }
  status[3] = wp_group_create(pool, 1, WP_GROUP_FAIL_FAST, &group);
  if (!status[3]) wp_group_leave(pool, group);
  status[4] = wp_name_intern(pool, "name", 4, &name);
  for (int i = 0; i < 6; i++) {
    if (status[i] && status[i] != WP_E_NO_MEMORY) complain("not the status for no memory");
  }
}

static bool run_submit(uint32_t n, bool go_on) {
  if (!open_scene()) complain("no scene");
  begin_faults(n, go_on);
  submit_all();
  bool any = end_faults();
  check_whole("damaged by a failure");
  submit_all();
  if (s.task_count == 0) complain("no memory after the failure");
  uint64_t name[2];
  count_memory(name); /* the name and its table stay */
  finish_rest();
  check_whole("damaged while it went on");
  end_workers();
  fixture_close(&s.f);
  return any;
}

TEST(submit_fails, "any allocation of main fails while it submits: NO_MEMORY, and the "
                   "next attempt succeeds [XP-16, XP-17]") {
  CHECK(for_every_n("submit", run_submit));
}

static bool run_layout(uint32_t n, bool go_on) {
  wp_config config = fixture_config(3);
  memset(&s, 0, sizeof s);
  begin_faults(n, go_on);
  wp_status status = fixture_open(&s.f, &config);
  bool any = end_faults();
  if (status ? status != WP_E_NO_MEMORY : any) complain("not the status for no memory");
  if (s.f.segments.region.base) fixture_close(&s.f);
  return any;
}

TEST(layout_fails, "any allocation fails while a pool is laid out: NO_MEMORY [XP-17]") {
  CHECK(for_every_n("lay out", run_layout));
}

/* ---- Recovery ---- */

static uint64_t died_at;
static bool died;

static void run_script(void *op) { operations[*(const int *)op].run(); }

/* A worker dies inside the gate at the nth point of a take; main has no memory while it rebuilds. */
static bool run_rebuild(uint32_t n, bool go_on) {
  if (!open_scene()) complain("no scene");
  operations[played].prepare();
  block_lock(false); /* nothing here could let it go */
  play(VICTIM);
  died = kill_run(died_at, run_script, &played);
  play(WP_MAIN);
  bool inside = wp_gate_inside(&s.f.pool->threads[VICTIM]);
  begin_faults(n, go_on);
  if (wp_worker_reap(s.f.pool, VICTIM, false)) complain("the dead one cannot be reaped");
  bool any = end_faults();
  if (operations[played].end) operations[played].end();
  check_whole("damaged after the death");
  if (start_worker(s.f.pool, 0) != VICTIM) complain("the dead one's record is not used again");
  check_end(inside ? 1 : 0);
  fixture_close(&s.f);
  return any;
}

TEST(rebuild_fails,
     "a dead worker is taken back without any memory to do it [XP-05, XP-16, XP-17]") {
  uint64_t points = 0;
  uint32_t failures = 0;
  for (played = 0; played < OPERATIONS; played++) {
    died = true;
    for (died_at = 1; died; died_at++, points++) {
      uint32_t n = 1;
      while (run_rebuild(n, false) && !s.complaint) n++;
      failures += n - 1;
      if (s.complaint) printf("# point %llu: %s\n", (unsigned long long)died_at, s.complaint);
      CHECK(!s.complaint);
    }
  }
  printf("# %u failures after %llu deaths\n", failures, (unsigned long long)points);
  CHECK(failures > 0);
}

/* ---- The whole pool, with threads ---- */

enum { SUBMITTED = 6 };
static wp_handle handles[SUBMITTED + 1];
static uint32_t handle_count;

WP_TASK(hang) {
  while (!wp_task_cancelled(task)) wp_task_heartbeat(task);
  for (volatile uint32_t i = 0;; i++) {
  }
}

static void submit_some(wp_pool *pool) {
  static const uint8_t bytes[BOX_BYTES] = {3};
  static const char *const names[] = {"answer_box", "answer_inline", "answer_no"};
  for (uint32_t i = 0; i < SUBMITTED; i++) {
    wp_status status = wp_submit(pool, names[i % 3], WP_TYPE_BINARY, bytes, i % 2 ? BOX_BYTES : 8,
                                 NULL, &handles[handle_count]);
    if (!status)
      handle_count++;
    else if (status != WP_E_NO_MEMORY)
      complain("submit says something else than no memory");
  }
}

static void terminate_one(wp_pool *pool) {
#ifdef NO_ASYNC_CANCEL
  (void)pool;
#else
  wp_handle *handle = &handles[handle_count];
  if (wp_submit(pool, "hang", 0, NULL, 0, NULL, handle)) return;
  handle_count++;
  wp_stats stats;
  wp_completion none;
  /* Until it runs. Main may have to start the successor of a killed thread for that. */
  for (wp_stats_read(pool, &stats); stats.queued; wp_stats_read(pool, &stats))
    if (wp_wait(pool, &none, 1, 1)) complain("a task ends twice");
  wp_terminate(pool, *handle);
#endif
}

/* Every accepted task ends once. */
static void await_all(wp_pool *pool) {
  bool ended[SUBMITTED + 1] = {false};
  for (uint32_t left = handle_count; left && !s.complaint;) {
    wp_completion completion;
    if (!wp_wait(pool, &completion, 1, 60000)) complain("a task does not end");
    for (uint32_t i = 0; !completion.progress && i < handle_count; i++) {
      if (memcmp(&handles[i], &completion.handle, sizeof *handles) != 0) continue;
      if (ended[i]) complain("a task ends twice");
      ended[i] = true;
      left--;
    }
    wp_completion_release(pool, &completion);
  }
}

static uint32_t workers;

static bool run_pool(uint32_t n, bool go_on) {
  wp_config config;
  wp_pool *pool = NULL;
  wp_config_defaults(&config);
  config.memory_bytes = FIXTURE_BYTES;
  config.box_bytes = 1024;
  config.workers = workers;
  config.restart_min_ms = 1;
  memset(&s, 0, sizeof s);
  begin_faults(n, go_on);
  wp_status status = wp_pool_create(&config, &pool);
  if (status && status != WP_E_NO_MEMORY && status != WP_E_START_FAILED)
    complain("create says something else");
  for (int round = 0; pool && round < 2; round++) {
    handle_count = 0;
    terminate_one(pool);
    submit_some(pool);
    if (go_on && round == 0) end_faults(); /* otherwise no lost seat is ever served again */
    await_all(pool);
    if (round == 0) end_faults(); /* the second round finds everything as it should be */
    if (round == 1 && handle_count < SUBMITTED) complain("no memory after the failure");
  }
  wp_stats stats = {0};
  wp_completion none;
  for (uint32_t look = 0; pool && look < 60000;
       look++) { /* whatever a killed thread held comes back with it */
    wp_stats_read(pool, &stats);
    if (!stats.tasks_in_use && !stats.boxes_in_use) break;
    if (wp_wait(pool, &none, 1, 1)) complain("a task ends twice");
  }
  if (stats.tasks_in_use || stats.boxes_in_use) complain("something is left");
  if (pool) wp_pool_destroy(pool);
  return end_faults();
}

TEST(pool_fails, "any allocation, growth or start of a thread fails in a pool "
                 "with threads: each task that was accepted ends once [XP-16, XP-17, AM-54]") {
#ifdef NO_ASYNC_CANCEL
  printf("# without wp_terminate: %s\n", NO_ASYNC_CANCEL);
#endif
  for (workers = 1; workers <= 2; workers++) CHECK(for_every_n("pool", run_pool));
}
#endif
