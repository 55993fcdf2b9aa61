#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static uint64_t processed(void) { return wp_atomic_load_relaxed_u64(&f.pool->counters.processed); }
static uint64_t errors(void) { return wp_atomic_load_relaxed_u64(&f.pool->counters.errors); }
static uint64_t late(void) { return wp_atomic_load_relaxed_u64(&f.pool->counters.late); }

/* Does main's part for everything that a tick found; gives how many. */
static uint32_t tick(double now_ms, wp_action *actions, double *next_ms) {
  uint32_t count = wp_task_tick(f.pool, now_ms, actions, 8, next_ms);
  for (uint32_t i = 0; i < count; i++) {
    if (actions[i].kind == WP_ACTION_EXPIRED) wp_task_count_settled(f.pool, 1, 1);
  }
  return count;
}

TEST(clock_start,
     "the time limit runs from the start, not from submission; none is none [AM-03, XP-02]") {
  wp_config config = fixture_config(1);
  wp_action action[8];
  double next_ms = 0, now_ms = 1e6;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), tasks[10];
  wp_status status = WP_OK;
  for (int i = 0; i < 10; i++) tasks[i] = submit_timed(f.pool, 200);
  CHECK_EQ(tick(now_ms + 500, action, &next_ms), 0);
  CHECK_EQ(next_ms, 0);
  for (int i = 0; i < 10; i++, now_ms += 100) {
    CHECK_EQ(take(f.pool, w, now_ms), tasks[i]);
    CHECK_EQ(tick(now_ms + 99, action, &next_ms), 0);
    CHECK_EQ(next_ms, now_ms + 200);
    wp_task_finish(f.pool, w, tasks[i], WP_OK);
    CHECK_EQ(deliver(f.pool, &status), tasks[i]);
    CHECK_EQ(status, WP_OK);
  }
  uint32_t unlimited = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, now_ms), unlimited);
  CHECK_EQ(tick(now_ms + 1e15, action, &next_ms), 0);
  CHECK_EQ(next_ms, 0);
  fixture_close(&f);
}

TEST(deadline, "no worker starts a task from its deadline on, whatever main does") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), tasks[2];
  for (int i = 0; i < 2; i++) {
    tasks[i] = reserve(f.pool, WP_LEVEL_NORMAL, 0);
    slot_of(f.pool, tasks[i])->flags = WP_SLOT_DEADLINE;
    slot_of(f.pool, tasks[i])->due_ms = i ? 101 : 100;
    wp_task_submit(f.pool, tasks[i]);
  }
  CHECK_EQ(take(f.pool, w, 100), tasks[1]);
  wp_status status = WP_OK;
  CHECK_EQ(deliver(f.pool, &status), tasks[0]);
  CHECK_EQ(status, WP_E_TIMEOUT);
  wp_task_finish(f.pool, w, tasks[1], WP_OK);
  CHECK_EQ(deliver(f.pool, &status), tasks[1]);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(bound, "a full queue admits nothing; nothing is evicted, running tasks do not count [AM-05]") {
  wp_config config = fixture_config(1);
  config.max_queue = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  CHECK(wp_task_admits(f.pool, 2) && !wp_task_admits(f.pool, 3)); /* no worker yet */
  uint32_t w = start_worker(f.pool, 0);
  CHECK(wp_task_admits(f.pool, 3) && !wp_task_admits(f.pool, 4)); /* one can start at once */
  uint32_t running = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 0), running);
  CHECK(wp_task_admits(f.pool, 1));
  uint32_t second = submit_normal(f.pool);
  CHECK(wp_task_admits(f.pool, 1));
  uint32_t third = submit_normal(f.pool);
  CHECK(!wp_task_admits(f.pool, 1));
  wp_status status;
  wp_task_finish(f.pool, w, running, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), running);
  CHECK_EQ(run_one(f.pool, w, 0), second);
  CHECK_EQ(run_one(f.pool, w, 0), third);
  f.pool->config.max_queue = WP_NONE;
  CHECK(wp_task_admits(f.pool, UINT32_MAX));
  fixture_close(&f);
}

TEST(no_queue, "max_queue 0 admits as many as there are workers free now [AM-05]") {
  wp_config config = fixture_config(2);
  config.max_queue = 0;
  wp_action action[8];
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  CHECK(!wp_task_admits(f.pool, 1));
  uint32_t a = start_worker(f.pool, 0);
  CHECK(wp_task_admits(f.pool, 1) && !wp_task_admits(f.pool, 2));
  submit_timed(f.pool, 10);
  CHECK(!wp_task_admits(f.pool, 1)); /* the free worker has a task coming */
  CHECK(take(f.pool, a, 0) != WP_NONE);
  CHECK(!wp_task_admits(f.pool, 1));
  CHECK_EQ(tick(10, action, &next_ms), 1);
  CHECK(!wp_task_admits(f.pool, 1)); /* a poisoned worker is not free */
  start_worker(f.pool, 1);
  CHECK(wp_task_admits(f.pool, 1));
  wp_pause(f.pool);
  CHECK(!wp_task_admits(f.pool, 1));
  fixture_close(&f);
}

TEST(atomic_batch, "a batch is admitted whole or not at all [AM-21]") {
  wp_config config = fixture_config(1);
  config.max_queue = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), running = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 0), running);
  CHECK(!wp_task_admits(f.pool, 4));
  CHECK(wp_task_admits(f.pool, 2));
  CHECK(!wp_task_admits(f.pool, UINT32_MAX)); /* no overflow */
  CHECK_EQ(queued_of(f.pool), 0);
  fixture_close(&f);
}

TEST(fail_fast,
     "a failed member cancels those that have not started; running ones finish [AM-19]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1), group = 0, m[5];
  CHECK_EQ(wp_group_create(f.pool, 5, WP_GROUP_FAIL_FAST, &group), WP_OK);
  for (uint32_t i = 0; i < 5; i++) m[i] = submit_member(f.pool, group, i);
  uint32_t after = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, 0), m[0]);
  CHECK_EQ(take(f.pool, b, 0), m[1]);
  CHECK(wp_task_arm_bell(f.pool));
  CHECK(wp_task_finish(f.pool, b, m[1], WP_E_TASK_FAILED));
  const wp_group *record = wp_table_at(&f.pool->groups, group);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->failed), 2); /* the failing index + 1 */
  wp_status status = WP_OK;
  CHECK_EQ(deliver(f.pool, &status), m[1]);
  CHECK_EQ(status, WP_E_TASK_FAILED);
  CHECK(wp_task_arm_bell(f.pool));
  CHECK_EQ(take(f.pool, b, 0), after); /* none of the rest ever runs */
  CHECK_EQ(f.pool->threads[b].ring, 1);
  for (int i = 2; i < 5; i++) {
    CHECK_EQ(deliver(f.pool, &status), m[i]);
    CHECK_EQ(status, WP_E_CANCELLED);
  }
  wp_task_finish(f.pool, a, m[0], WP_E_TIMEOUT);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->failed), 2); /* the first failure stays */
  CHECK_EQ(deliver(f.pool, &status), m[0]);
  wp_task_finish(f.pool, b, after, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), after);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->groups.in_use), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(not_fail_fast, "only a batch that asked for it; main may fail a group by itself [AM-19]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), group[2] = {0, 0}, m[2][2];
  wp_status status = WP_OK;
  for (uint32_t g = 0; g < 2; g++) {
    CHECK_EQ(wp_group_create(f.pool, 2, g == 1 ? WP_GROUP_FAIL_FAST : 0, &group[g]), WP_OK);
    for (uint32_t i = 0; i < 2; i++) m[g][i] = submit_member(f.pool, group[g], i);
  }
  wp_group_fail(f.pool, group[1]);
  CHECK_EQ(take(f.pool, w, 0), m[0][0]);
  wp_task_finish(f.pool, w, m[0][0], WP_E_TASK_FAILED);
  CHECK_EQ(deliver(f.pool, &status), m[0][0]);
  CHECK_EQ(take(f.pool, w, 0), m[0][1]);
  wp_task_finish(f.pool, w, m[0][1], WP_OK);
  CHECK_EQ(deliver(f.pool, &status), m[0][1]);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  for (int i = 0; i < 2; i++) CHECK_EQ(deliver(f.pool, &status), m[1][i]);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->groups.in_use), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(counters, "free + busy = seats; starting and poisoned are busy; errors <= processed [AM-28]") {
  wp_config config = fixture_config(2);
  wp_action action[8];
  wp_status status = WP_OK;
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  CHECK_EQ(free_of(f.pool), 0);
  uint32_t a = wp_worker_open(f.pool);
  CHECK_EQ(free_of(f.pool), 0);
  wp_worker_ready(f.pool, a);
  CHECK_EQ(free_of(f.pool), 0);
  wp_worker_seat(f.pool, a, 0);
  CHECK_EQ(free_of(f.pool), 1);
  start_worker(f.pool, 1);
  CHECK_EQ(free_of(f.pool), 2);
  uint32_t fails = submit_normal(f.pool), slow = submit_timed(f.pool, 10);
  CHECK_EQ(take(f.pool, a, 0), fails);
  CHECK_EQ(free_of(f.pool), 1);
  wp_task_finish(f.pool, a, fails, WP_E_TASK_FAILED);
  CHECK_EQ(deliver(f.pool, &status), fails);
  CHECK(processed() == 1 && errors() == 1 && free_of(f.pool) == 2);
  CHECK_EQ(take(f.pool, a, 0), slow);
  CHECK_EQ(tick(11, action, &next_ms), 1);
  CHECK(processed() == 2 && errors() == 2 && free_of(f.pool) == 1);
  wp_worker_doom(f.pool, a);
  CHECK_EQ(free_of(f.pool), 1);
  fixture_close(&f);
}

TEST(timeout,
     "a time-out poisons the worker; its late answer is dropped and frees it [AM-43, AM-44]") {
  wp_config config = fixture_config(1);
  wp_action action[8];
  wp_status status = WP_OK;
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), slow = submit_timed(f.pool, 100);
  uint32_t echo = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 1000), slow);
  uint32_t generation = generation_of(f.pool, slow);
  CHECK_EQ(tick(1099, action, &next_ms), 0);
  CHECK_EQ(tick(1100, action, &next_ms), 1);
  CHECK_EQ(action[0].kind, WP_ACTION_EXPIRED);
  CHECK(action[0].slot == slow && action[0].generation == generation && action[0].thread == w);
  CHECK_EQ(tick(1e9, action, &next_ms),
           0); /* once, and without a recycle time, so it is never killed */
  CHECK_EQ(next_ms, 0);
  CHECK_EQ(wp_task_cancel(f.pool, slow, generation), WP_CANCEL_STALE);
  CHECK_EQ(take(f.pool, w, 1200), WP_NONE);
  CHECK_EQ(free_of(f.pool), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&f.pool->threads[w].poisoned), 1);
  wp_task_finish(f.pool, w, slow, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(late(), 1);
  CHECK_EQ(free_of(f.pool), 1);
  CHECK_EQ(run_one(f.pool, w, 1300), echo);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(recycle,
     "silent until the recycle deadline: killed, and a new thread serves the seat [AM-45]") {
  wp_config config = fixture_config(1);
  config.recycle_ms = 50;
  wp_action action[8];
  wp_status status = WP_OK;
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), hung = submit_timed(f.pool, 100);
  uint32_t echo = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 1000), hung);
  CHECK_EQ(tick(1100, action, &next_ms), 1);
  CHECK_EQ(tick(1149, action, &next_ms), 0);
  CHECK_EQ(next_ms, 1150);
  CHECK_EQ(tick(1150, action, &next_ms), 1);
  CHECK(action[0].kind == WP_ACTION_KILL && action[0].thread == w);
  CHECK_EQ(wp_worker_doom(f.pool, w), 1);
  CHECK_EQ(tick(2000, action, &next_ms), 0); /* asked for once */
  uint32_t next = wp_worker_open(f.pool);
  CHECK(next && next != w); /* nothing of the old thread is used before its death is confirmed */
  CHECK_EQ(wp_worker_reap(f.pool, w, true), WP_OK);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(take(f.pool, next, 2000), WP_NONE);
  wp_worker_ready(f.pool, next);
  wp_worker_seat(f.pool, next, 0);
  CHECK_EQ(run_one(f.pool, next, 2000), echo);
  CHECK_EQ(free_of(f.pool), 1);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(cancel_hangs, "a cancelled task that hangs past its limit is nobody's news, and its "
                   "worker is killed [AM-45]") {
  wp_config config = fixture_config(1);
  config.recycle_ms = 50;
  wp_action action[8];
  wp_status status = WP_OK;
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), hung = submit_timed(f.pool, 100);
  CHECK_EQ(take(f.pool, w, 1000), hung);
  CHECK_EQ(wp_task_cancel(f.pool, hung, generation_of(f.pool, hung)), WP_CANCEL_RUNNING);
  CHECK_EQ(tick(1099, action, &next_ms), 0);
  CHECK_EQ(next_ms, 1100);
  CHECK_EQ(tick(1100, action, &next_ms), 0); /* its caller got the answer from the cancel */
  CHECK_EQ(wp_atomic_load_acquire_u32(&f.pool->threads[w].poisoned), 1);
  CHECK_EQ(tick(1150, action, &next_ms), 1);
  CHECK(action[0].kind == WP_ACTION_KILL && action[0].thread == w);
  CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(cancel_late, "its late answer is dropped, and the worker is free again [AM-44]") {
  wp_config config = fixture_config(1);
  wp_action action[8];
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), slow = submit_timed(f.pool, 100);
  CHECK_EQ(take(f.pool, w, 1000), slow);
  CHECK_EQ(wp_task_cancel(f.pool, slow, generation_of(f.pool, slow)), WP_CANCEL_RUNNING);
  CHECK_EQ(tick(1100, action, &next_ms), 0);
  CHECK_EQ(free_of(f.pool), 0);
  wp_task_finish(f.pool, w, slow, WP_OK);
  CHECK_EQ(late(), 1);
  CHECK_EQ(wp_atomic_load_acquire_u32(&f.pool->threads[w].poisoned), 0);
  CHECK_EQ(free_of(f.pool), 1);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(cancel,
     "a cancelled task is answered by the cancel alone: queued, in its lane, or running [XP-16]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), running = submit_normal(f.pool);
  wp_status status = WP_OK;
  CHECK_EQ(take(f.pool, w, 0), running);
  uint32_t task[3], generation[3];
  for (int i = 0; i < 3; i++) {
    task[i] = submit_normal(f.pool);
    generation[i] = generation_of(f.pool, task[i]);
  }
  CHECK_EQ(wp_task_cancel(f.pool, task[1], generation[1]), WP_CANCEL_QUEUED);
  CHECK_EQ(wp_task_cancel(f.pool, task[1], generation[1]), WP_CANCEL_STALE);
  CHECK_EQ(queued_of(f.pool), 2);
  CHECK_EQ(wp_task_cancel(f.pool, task[0], generation[0]), WP_CANCEL_QUEUED);
  CHECK_EQ(wp_table_in_use(&f.pool->slots), 2); /* nobody had to take them */
  CHECK_EQ(wp_task_cancel(f.pool, running, generation_of(f.pool, running)), WP_CANCEL_RUNNING);
  wp_task_finish(f.pool, w, running, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(run_one(f.pool, w, 0), task[2]);
  CHECK_EQ(wp_task_cancel(f.pool, task[2], generation[2]), WP_CANCEL_STALE);
  CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(wrap, "a slot's generation goes over its end, skips 0, and old handles stay stale [XP-11]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  static const uint32_t expected[] = {0xfffffffd, 0xfffffffe, 0xffffffff, 1, 2};
  uint32_t w = start_worker(f.pool, 0);
  uint32_t index = reserve(f.pool, WP_LEVEL_NORMAL, 0);
  wp_atomic_store_release_u64(&slot_of(f.pool, index)->word, wp_word(0xfffffffd, WP_SLOT_FILLING));
  for (int i = 0; i < 5; i++) {
    if (i) CHECK_EQ(reserve(f.pool, WP_LEVEL_NORMAL, 0), index);
    CHECK_EQ(generation_of(f.pool, index), expected[i]);
    wp_task_submit(f.pool, index);
    for (int old = 0; old < i; old++) {
      CHECK_EQ(wp_task_cancel(f.pool, index, expected[old]), WP_CANCEL_STALE);
    }
    CHECK_EQ(wp_task_cancel(f.pool, index, 0), WP_CANCEL_STALE);
    CHECK_EQ(run_one(f.pool, w, 0), index);
  }
  fixture_close(&f);
}

TEST(bell,
     "armed, the first completion rings once; arming fails when there are some already [XP-16]") {
  wp_config config = fixture_config(1);
  config.concurrency = 3;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), task[3], done[3] = {0, 0, 0};
  for (int i = 0; i < 3; i++) task[i] = submit_normal(f.pool);
  for (int i = 0; i < 3; i++) CHECK_EQ(take(f.pool, w, 0), task[i]);
  CHECK(!wp_task_finish(f.pool, w, task[2], WP_OK));
  CHECK(!wp_task_arm_bell(f.pool));
  CHECK_EQ(wp_task_drain(f.pool, done, 3), 1);
  CHECK(wp_task_arm_bell(f.pool));
  CHECK(wp_task_finish(f.pool, w, task[0], WP_OK));
  CHECK(!wp_task_finish(f.pool, w, task[1], WP_OK));
  CHECK_EQ(wp_task_drain(f.pool, done, 1), 1);
  CHECK_EQ(done[0], task[0]);
  CHECK(!wp_task_arm_bell(f.pool)); /* main has taken one and not delivered it */
  CHECK_EQ(wp_task_drain(f.pool, done, 3), 1);
  CHECK_EQ(done[0], task[1]);
  fixture_close(&f);
}

TEST(steady_clock, "only differences of the clock count: it may start anywhere [XP-15]") {
  static const double origins[] = {0, 5000, 1.7e12};
  for (int i = 0; i < 3; i++) {
    wp_config config = fixture_config(1);
    config.recycle_ms = 50;
    wp_action action[8];
    double next_ms;
    CHECK_EQ(fixture_open(&f, &config), WP_OK);
    uint32_t w = start_worker(f.pool, 0), task = submit_timed(f.pool, 100);
    CHECK_EQ(take(f.pool, w, origins[i]), task);
    CHECK_EQ(tick(origins[i] + 99, action, &next_ms), 0);
    CHECK_EQ(tick(origins[i] + 100, action, &next_ms), 1);
    CHECK_EQ(tick(origins[i] + 149, action, &next_ms), 0);
    CHECK_EQ(tick(origins[i] + 150, action, &next_ms), 1);
    fixture_close(&f);
  }
}

TEST(misuse, "bad configurations and handles are refused with a status [XP-17]") {
  wp_config config = fixture_config(1), bad;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  wp_pool *pool = NULL;
  for (int i = 0; i < 7; i++) {
    bad = config;
    if (i == 0) bad.workers = 0;
    if (i == 1) bad.workers = WP_SEATS_MAX + 1;
    if (i == 2) bad.spares = WP_SEATS_MAX;
    if (i == 3) bad.concurrency = 0;
    if (i == 4) bad.concurrency = WP_CONCURRENCY_MAX + 1;
    if (i == 5) bad.max_tasks = 0;
    if (i == 6) bad.box_count = 0;
    CHECK_EQ(wp_pool_lay_out(&bad, &f.segments, &f.memory, &pool), WP_E_INVALID_ARGUMENT);
  }
  CHECK_EQ(wp_task_cancel(f.pool, 0, 1), WP_CANCEL_STALE);
  CHECK_EQ(wp_task_cancel(f.pool, WP_NONE, 1), WP_CANCEL_STALE);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(sum_wraps, "a number of spares that makes the sum wrap is refused [XP-17]") {
  wp_config config = fixture_config(1);
  config.spares = UINT32_MAX;
  CHECK_EQ(fixture_open(&f, &config), WP_E_INVALID_ARGUMENT);
  fixture_close(&f);
}

TEST(exhausted, "no descriptor left is TABLE_FULL, no memory left is NO_MEMORY [XP-17, AM-05]") {
  wp_config config = fixture_config(1);
  config.max_tasks = WP_TABLE_CHUNK;
  uint32_t index = 0;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  for (int i = 0; i < WP_TABLE_CHUNK; i++)
    CHECK_EQ(wp_task_reserve(f.pool, WP_MAIN, &index), WP_OK);
  CHECK_EQ(wp_task_reserve(f.pool, WP_MAIN, &index), WP_E_TABLE_FULL);
  free_slot(f.pool, 77);
  CHECK_EQ(wp_task_reserve(f.pool, WP_MAIN, &index), WP_OK);
  CHECK_EQ(index, 77);
  fixture_close(&f);
  config.max_tasks = WP_TABLE_RECORDS_MAX;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  wp_status status = WP_OK;
  while (!status) status = wp_task_reserve(f.pool, WP_MAIN, &index);
  CHECK_EQ(status, WP_E_NO_MEMORY);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- Random load against a model ---- */

enum { MODEL_TASKS = 4000, MODEL_SEATS = 3 };
static uint32_t model_slot[MODEL_TASKS], model_generation[MODEL_TASKS], model_ends[MODEL_TASKS];
static uint32_t model_count, model_thread[MODEL_SEATS];
static double model_ms;

static void model_submit(uint64_t r) {
  if (model_count == MODEL_TASKS) return;
  uint32_t seat = r % 8 == 0 ? 1 + (uint32_t)(r >> 8) % MODEL_SEATS : 0;
  uint32_t index = reserve(f.pool, (uint32_t)(r >> 16) % WP_LEVEL_COUNT, seat);
  wp_slot *slot = slot_of(f.pool, index);
  slot->item = model_count; /* the test may use the field: these slots are in no group */
  slot->timeout_ms = r >> 20 & 1 ? (uint32_t)(r >> 24) % 50 : 0;
  slot->flags = (r >> 40) % 4 == 0 ? WP_SLOT_REQUEUE : 0;
  if ((r >> 44) % 8 == 0) slot->flags |= WP_SLOT_EXCLUSIVE;
  model_slot[model_count] = index;
  model_generation[model_count] = generation_of(f.pool, index);
  model_ends[model_count++] = 0;
  wp_task_submit(f.pool, index);
}

static void model_drain(uint32_t limit) {
  uint32_t index = 0;
  while (limit-- && wp_task_drain(f.pool, &index, 1)) {
    model_ends[slot_of(f.pool, index)->item]++;
    wp_task_count_settled(f.pool, 1, slot_of(f.pool, index)->status != WP_OK);
    free_slot(f.pool, index);
  }
}

static void model_tick(void) {
  wp_action action[8];
  double next_ms;
  uint32_t count = tick(model_ms, action, &next_ms);
  for (uint32_t i = 0; i < count; i++) {
    if (action[i].kind == WP_ACTION_EXPIRED)
      model_ends[slot_of(f.pool, action[i].slot)->item]++;
    else
      wp_worker_doom(f.pool, action[i].thread);
  }
}

static void model_finish(uint32_t thread, uint64_t r) {
  uint32_t index = wp_atomic_load_acquire_u32(&f.pool->threads[thread].slots[r % 2]);
  if (index && !wp_gate_doomed(&f.pool->threads[thread]))
    wp_task_finish(f.pool, thread, index - 1, r >> 8 & 1 ? WP_OK : WP_E_TASK_FAILED);
}

static void model_replace(uint32_t seat) {
  uint32_t next = wp_worker_open(f.pool);
  wp_worker_doom(f.pool, model_thread[seat]);
  if (wp_worker_reap(f.pool, model_thread[seat], true)) return;
  wp_worker_ready(f.pool, next);
  wp_worker_seat(f.pool, next, seat);
  model_thread[seat] = next;
}

static void model_cancel(uint64_t r) {
  if (!model_count) return;
  uint32_t id = (uint32_t)(r % model_count);
  if (wp_task_cancel(f.pool, model_slot[id], model_generation[id])) model_ends[id]++;
}

static void model_step(uint64_t r) {
  uint32_t seat = (uint32_t)(r >> 8) % MODEL_SEATS, thread = model_thread[seat];
  uint64_t rest = r >> 16, kind = r % 64;
  if (kind < 20)
    model_submit(rest);
  else if (kind < 38 && !wp_gate_doomed(&f.pool->threads[thread]))
    take(f.pool, thread, model_ms);
  else if (kind < 50)
    model_finish(thread, rest);
  else if (kind < 55)
    model_drain((uint32_t)(rest % 4));
  else if (kind < 58)
    model_cancel(rest);
  else if (kind < 60)
    model_tick();
  else if (kind < 61)
    model_replace(seat);
  else if (kind < 62)
    rest % 2 ? wp_pause(f.pool) : wp_resume(f.pool);
  model_ms += (double)(rest % 8);
}

/* Runs every task that is left to its end. */
static void model_end(void) {
  wp_resume(f.pool);
  for (uint32_t seat = 0; seat < MODEL_SEATS; seat++) model_replace(seat);
  for (uint32_t idle = 0; idle < MODEL_SEATS;) {
    idle = 0;
    for (uint32_t seat = 0; seat < MODEL_SEATS; seat++) {
      uint32_t index = take(f.pool, model_thread[seat], model_ms);
      idle += index == WP_NONE;
      if (index != WP_NONE) wp_task_finish(f.pool, model_thread[seat], index, WP_OK);
    }
  }
  model_drain(WP_NONE);
}

TEST(random_load,
     "under random load, cancels, time-outs and deaths each task ends once [XP-16, AM-28]") {
  uint64_t seed = wp_test_env("SEED", 1), steps = 20000 * wp_test_env("SCALE", 1);
  for (uint64_t round = 0; round < 3; round++) {
    uint64_t random = (seed + round) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    wp_config config = fixture_config(MODEL_SEATS);
    config.concurrency = 2;
    config.recycle_ms = 20;
    CHECK_EQ(fixture_open(&f, &config), WP_OK);
    model_count = 0;
    for (uint32_t seat = 0; seat < MODEL_SEATS; seat++)
      model_thread[seat] = start_worker(f.pool, seat);
    for (uint64_t i = 0; i < steps && model_count < MODEL_TASKS; i++) {
      model_step(wp_test_random(&random));
      if (i % 16 == 0) CHECK_EQ(wp_pool_check(f.pool), WP_OK);
      CHECK(free_of(f.pool) <= MODEL_SEATS);
      CHECK(errors() <= processed());
    }
    model_end();
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    for (uint32_t id = 0; id < model_count; id++) CHECK_EQ(model_ends[id], 1);
    CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
    CHECK_EQ(queued_of(f.pool), 0);
    fixture_close(&f);
  }
}
