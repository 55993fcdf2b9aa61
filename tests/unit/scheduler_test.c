#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
#include "kill.h"
void (*wp__point_hook)(const char *name);
#endif

static fixture f, g;

TEST(levels,
     "critical, high, normal, low; a later higher task passes 100 lower ones [AM-11, AM-12]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), low[100];
  uint32_t running = submit(f.pool, WP_LEVEL_LOW, 0);
  CHECK_EQ(take(f.pool, w, 0), running);
  for (int i = 0; i < 100; i++) low[i] = submit(f.pool, WP_LEVEL_LOW, 0);
  uint32_t normal = submit(f.pool, WP_LEVEL_NORMAL, 0);
  uint32_t high = submit(f.pool, WP_LEVEL_HIGH, 0);
  uint32_t critical = submit(f.pool, WP_LEVEL_CRITICAL, 0);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE); /* what runs is not pre-empted */
  CHECK_EQ(state_of(f.pool, running), WP_SLOT_RUNNING);
  wp_status status;
  wp_task_finish(f.pool, w, running, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), running);
  CHECK_EQ(run_one(f.pool, w, 0), critical);
  CHECK_EQ(run_one(f.pool, w, 0), high);
  CHECK_EQ(run_one(f.pool, w, 0), normal);
  CHECK_EQ(run_one(f.pool, w, 0), low[0]);
  critical = submit(f.pool, WP_LEVEL_CRITICAL, 0);
  CHECK_EQ(run_one(f.pool, w, 0), critical);
  for (int i = 1; i < 100; i++) CHECK_EQ(run_one(f.pool, w, 0), low[i]);
  CHECK_EQ(run_one(f.pool, w, 0), WP_NONE);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(order, "equal level keeps the order of submission, over lane and inbox [AM-13]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), tasks[1000];
  for (int i = 0; i < 1000; i++) {
    tasks[i] = submit_normal(f.pool);
    if (i % 7 == 6) CHECK_EQ(run_one(f.pool, w, 0), tasks[i / 7]);
  }
  for (int i = 1000 / 7; i < 1000; i++) CHECK_EQ(run_one(f.pool, w, 0), tasks[i]);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(seat_levels,
     "in a seat's lane, what a new worker is told first goes before what waited [AM-26]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t waiting = reserve(f.pool, WP_LEVEL_NORMAL, 1);
  wp_task_submit(f.pool, waiting);
  uint32_t w = start_worker(f.pool, 0);
  uint32_t sticky[2];
  for (int i = 0; i < 2; i++) {
    sticky[i] = reserve(f.pool, WP_LEVEL_CRITICAL, 1);
    wp_task_submit(f.pool, sticky[i]);
  }
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(take(f.pool, w, 0), sticky[i]);
    wp_task_finish(f.pool, w, sticky[i], WP_OK);
  }
  CHECK_EQ(take(f.pool, w, 0), waiting);
  fixture_close(&f);
}

static uint32_t submit_bound(wp_pool *pool, enum wp_level priority, uint32_t seat) {
  uint32_t index = reserve(pool, priority, seat);
  wp_slot_at(&pool->slots, index)->flags |= WP_SLOT_BOUND;
  wp_task_submit(pool, index);
  return index;
}

TEST(bound,
     "a task that is bound to a seat waits in the order of all tasks, and only that seat runs it") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1), before = submit_normal(f.pool);
  uint32_t low = submit_bound(f.pool, WP_LEVEL_LOW, 1);
  uint32_t first = submit_bound(f.pool, WP_LEVEL_NORMAL, 1);
  uint32_t after = submit_normal(f.pool);
  uint32_t gone = submit_bound(f.pool, WP_LEVEL_NORMAL, 1);
  uint32_t last = submit_bound(f.pool, WP_LEVEL_NORMAL, 1);
  uint32_t higher = submit(f.pool, WP_LEVEL_HIGH, 0);
  uint32_t copy =
      submit(f.pool, WP_LEVEL_LOW, 1); /* a copy of a broadcast goes before everything */
  uint64_t word = wp_atomic_load_acquire_u64(&wp_slot_at(&f.pool->slots, gone)->word);
  CHECK_EQ(wp_task_cancel(f.pool, gone, wp_word_generation(word)), WP_CANCEL_QUEUED);
  const uint32_t order[] = {copy, higher, before, first, after, last, low};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    CHECK_EQ(take(f.pool, a, 0), order[i]);
    wp_task_finish(f.pool, a, order[i], WP_OK);
  }
  low = submit_bound(f.pool, WP_LEVEL_LOW, 1);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  CHECK_EQ(take(f.pool, a, 0), low);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(broadcast, "a seat's copy goes to that seat once, before ordinary work [AM-22, AM-23]") {
  wp_config config = fixture_config(3);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w[3], copy[3], ordinary[50];
  for (uint32_t s = 0; s < 3; s++) w[s] = start_worker(f.pool, s);
  uint32_t running = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w[1], 0), running);
  for (int i = 0; i < 50; i++) ordinary[i] = submit(f.pool, WP_LEVEL_CRITICAL, 0);
  for (uint32_t s = 0; s < 3; s++) copy[s] = submit(f.pool, WP_LEVEL_LOW, s + 1);
  CHECK_EQ(run_one(f.pool, w[2], 0), copy[2]);
  CHECK_EQ(run_one(f.pool, w[0], 0), copy[0]);
  for (int i = 0; i < 50; i++) CHECK_EQ(run_one(f.pool, w[i % 2 * 2], 0), ordinary[i]);
  CHECK_EQ(run_one(f.pool, w[0], 0), WP_NONE); /* nobody steals the busy worker's copy */
  CHECK_EQ(run_one(f.pool, w[2], 0), WP_NONE);
  CHECK_EQ(queued_of(f.pool), 1);
  wp_status status;
  wp_task_finish(f.pool, w[1], running, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), running);
  CHECK_EQ(run_one(f.pool, w[1], 0), copy[1]);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(broadcast_wakes,
     "a free worker is woken for its own copy, even from another's inbox [AM-23]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  uint32_t seen_a = wake_of(f.pool, a), seen_b = wake_of(f.pool, b);
  uint32_t copy = submit(f.pool, WP_LEVEL_NORMAL, 2);
  CHECK_EQ(wake_of(f.pool, a), seen_a);
  CHECK(wake_of(f.pool, b) != seen_b);
  CHECK(is_idle(f.pool, a) && !is_idle(f.pool, b));
  CHECK_EQ(take(f.pool, a, 0), WP_NONE); /* a empties the inbox, and leaves the copy alone */
  CHECK_EQ(take(f.pool, b, 0), copy);
  fixture_close(&f);
}

TEST(broadcast_respawn,
     "a worker dies before its copy while paused; its replacement runs it [AM-25]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w[2] = {start_worker(f.pool, 0), start_worker(f.pool, 1)}, copy[2];
  wp_pause(f.pool);
  for (uint32_t s = 0; s < 2; s++) copy[s] = submit(f.pool, WP_LEVEL_NORMAL, s + 1);
  CHECK_EQ(take(f.pool, w[0], 0), WP_NONE);
  CHECK_EQ(kill_worker(f.pool, w[0]), WP_OK);
  wp_resume(f.pool);
  CHECK_EQ(run_one(f.pool, w[1], 0), copy[1]);
  CHECK_EQ(run_one(f.pool, w[1], 0), WP_NONE);
  w[0] = start_worker(f.pool, 0);
  CHECK_EQ(run_one(f.pool, w[0], 0), copy[0]);
  CHECK_EQ(run_one(f.pool, w[0], 0), WP_NONE);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(paused,
     "a pause starts nothing and counts what waits; one resume ends two pauses [AM-29, AM-30]") {
  wp_config config = fixture_config(2);
  config.max_queue = 3;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  wp_status status;
  uint32_t running = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, 0), running);
  wp_pause(f.pool);
  wp_pause(f.pool);
  uint32_t low = submit(f.pool, WP_LEVEL_LOW, 0), normal = submit_normal(f.pool);
  uint32_t high = submit(f.pool, WP_LEVEL_HIGH, 0);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  CHECK_EQ(queued_of(f.pool), 3);
  CHECK(!wp_task_admits(f.pool, 1)); /* the bound holds, a free worker or not */
  wp_task_finish(f.pool, a, running, WP_OK);
  CHECK_EQ(deliver(f.pool, &status), running);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  uint32_t seen_a = wake_of(f.pool, a), seen_b = wake_of(f.pool, b);
  wp_resume(f.pool);
  CHECK(wake_of(f.pool, a) != seen_a && wake_of(f.pool, b) != seen_b);
  wp_resume(f.pool);
  CHECK_EQ(run_one(f.pool, a, 0), high);
  CHECK_EQ(run_one(f.pool, b, 0), normal);
  CHECK_EQ(run_one(f.pool, a, 0), low);
  wp_pause(f.pool); /* resume does not count ahead */
  submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  fixture_close(&f);
}

TEST(early, "tasks submitted before any worker is ready wait and then run, in order [AM-41]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = wp_worker_open(f.pool), tasks[200];
  for (int i = 0; i < 100; i++) tasks[i] = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  wp_worker_ready(f.pool, w);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  for (int i = 100; i < 200; i++) tasks[i] = submit_normal(f.pool);
  CHECK_EQ(queued_of(f.pool), 200);
  uint32_t seen = wake_of(f.pool, w);
  wp_worker_seat(f.pool, w, 0);
  CHECK(wake_of(f.pool, w) != seen);
  for (int i = 0; i < 200; i++) CHECK_EQ(run_one(f.pool, w, 0), tasks[i]);
  fixture_close(&f);
}

TEST(wakes,
     "an idle worker is woken for a task; the taker wakes the next while work is left [XP-16]") {
  wp_config config = fixture_config(3);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w[3], seen[3];
  for (uint32_t s = 0; s < 3; s++) {
    w[s] = start_worker(f.pool, s);
    CHECK_EQ(take(f.pool, w[s], 0), WP_NONE);
    CHECK(is_idle(f.pool, w[s]));
    seen[s] = wake_of(f.pool, w[s]);
  }
  submit_normal(f.pool);
  CHECK(wake_of(f.pool, w[0]) != seen[0] && !is_idle(f.pool, w[0]));
  CHECK_EQ(wake_of(f.pool, w[1]), seen[1]);
  submit_normal(f.pool);
  submit_normal(f.pool);
  CHECK(!is_idle(f.pool, w[1]) && !is_idle(f.pool, w[2]));
  CHECK(take(f.pool, w[2], 0) != WP_NONE);
  CHECK(take(f.pool, w[1], 0) != WP_NONE);
  CHECK(take(f.pool, w[0], 0) != WP_NONE);
  fixture_close(&f);
}

TEST(woken_dies, "a worker dies after it was woken; another one is woken for its task [XP-16]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  uint32_t task = submit_normal(f.pool), seen = wake_of(f.pool, b);
  CHECK(!is_idle(f.pool, a) && is_idle(f.pool, b));
  CHECK_EQ(kill_worker(f.pool, a), WP_OK);
  CHECK(wake_of(f.pool, b) != seen);
  CHECK_EQ(run_one(f.pool, b, 0), task);
  fixture_close(&f);
}

TEST(concurrent, "a worker takes as many as its concurrency, an exclusive task alone [AM-12]") {
  wp_config config = fixture_config(1);
  config.concurrency = 3;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), tasks[4];
  for (int i = 0; i < 4; i++) tasks[i] = submit_normal(f.pool);
  uint32_t alone = submit_flags(f.pool, WP_SLOT_EXCLUSIVE), after = submit_normal(f.pool);
  for (int i = 0; i < 3; i++) CHECK_EQ(take(f.pool, w, 0), tasks[i]);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  wp_task_finish(f.pool, w, tasks[0], WP_OK);
  CHECK_EQ(take(f.pool, w, 0), tasks[3]);
  wp_task_finish(f.pool, w, tasks[1], WP_OK);
  wp_task_finish(f.pool, w, tasks[2], WP_OK);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE); /* one still runs */
  wp_task_finish(f.pool, w, tasks[3], WP_OK);
  CHECK_EQ(take(f.pool, w, 0), alone);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  wp_task_finish(f.pool, w, alone, WP_OK);
  CHECK_EQ(take(f.pool, w, 0), after);
  wp_task_finish(f.pool, w, after, WP_OK);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(drain,
     "a worker takes nothing of lower levels while an exclusive task waits for it to be free") {
  wp_config config = fixture_config(1);
  config.concurrency = 3;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), first = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 0), first);
  uint32_t alone = submit_flags(f.pool, WP_SLOT_EXCLUSIVE);
  uint32_t low = submit(f.pool, WP_LEVEL_LOW, 0);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  uint32_t high = submit(f.pool, WP_LEVEL_HIGH, 0); /* it goes first, as ever */
  CHECK_EQ(take(f.pool, w, 0), high);
  wp_task_finish(f.pool, w, first, WP_OK);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  wp_task_finish(f.pool, w, high, WP_OK);
  CHECK_EQ(take(f.pool, w, 0), alone);
  wp_task_finish(f.pool, w, alone, WP_OK);
  CHECK_EQ(take(f.pool, w, 0), low);
  alone = submit_flags(f.pool, WP_SLOT_EXCLUSIVE);
  uint32_t lower = submit(f.pool, WP_LEVEL_LOW, 0);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  /* Nobody waits for it any more, so what it held up goes on. */
  uint32_t seen = wake_of(f.pool, w);
  wp_task_cancel(f.pool, alone, generation_of(f.pool, alone));
  CHECK(wake_of(f.pool, w) != seen);
  CHECK_EQ(take(f.pool, w, 0), lower);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(two_pools, "two pools in one process; one goes, the other goes on [AM-53]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  CHECK_EQ(fixture_open(&g, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(g.pool, 0);
  uint32_t task = submit_normal(f.pool);
  wp_pause(g.pool);
  CHECK_EQ(take(g.pool, b, 0), WP_NONE);
  CHECK_EQ(queued_of(g.pool), 0);
  uint32_t other = submit_normal(g.pool);
  CHECK_EQ(run_one(f.pool, a, 0), task); /* the other's pause is not its */
  fixture_close(&f);
  wp_resume(g.pool);
  CHECK_EQ(run_one(g.pool, b, 0), other);
  CHECK_EQ(wp_pool_check(g.pool), WP_OK);
  fixture_close(&g);
}

/* ---- The lock of a dead holder ---- */

enum { BROKEN_TASKS = 40 };

static uint32_t lane_of(int i) { return (uint32_t)(i * 7 % WP_LEVEL_COUNT); }

/* Whether `w` gets everything in `tasks` that is not `taken` once, by level and then by
 * position. */
static bool all_once_in_order(wp_pool *pool, uint32_t w, const uint32_t *tasks, uint32_t taken) {
  for (uint32_t lane = 0; lane < WP_LEVEL_COUNT; lane++) {
    for (int i = 0; i < BROKEN_TASKS; i++) {
      if (lane_of(i) != lane || tasks[i] == taken) continue;
      if (run_one(pool, w, 0) != tasks[i]) return false;
    }
  }
  return run_one(pool, w, 0) == WP_NONE && queued_of(pool) == 0;
}

TEST(broken_lock,
     "a worker dies with the lock; every queued task runs once, in order [XP-05, XP-01]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  wp_pool *pool = f.pool;
  uint32_t dead = start_worker(pool, 0), w = start_worker(pool, 1), tasks[BROKEN_TASKS];
  for (int i = 0; i < BROKEN_TASKS; i++) {
    tasks[i] = submit(pool, lane_of(i), 0);
    if (i == BROKEN_TASKS / 2) wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX); /* half in lanes */
  }
  uint32_t copy = submit(pool, WP_LEVEL_NORMAL, 2);
  wp_gate_enter(&pool->threads[dead]);
  CHECK(wp_lock_try(pool, dead));
  wp_list *lane = &pool->lanes.lists[0][WP_CLASS_PLAIN];
  *lane = (wp_list){WP_NONE, 17}; /* what a death in the middle of a change may leave */
  pool->lanes.lists[2][WP_CLASS_PLAIN].first = 0;
  wp_atomic_store_seq_u32(&pool->ready, 12345);
  CHECK(!wp_lock_try(pool, w));
  CHECK_EQ(wp_worker_reap(pool, dead, false), WP_OK);
  CHECK_EQ(wp_atomic_load_seq_u32(&pool->lock), 0);
  CHECK_EQ(wp_atomic_load_relaxed_u64(&pool->counters.rebuilt), 1);
  CHECK_EQ(queued_of(pool), BROKEN_TASKS + 1);
  CHECK_EQ(wp_pool_check(pool), WP_OK);
  CHECK_EQ(run_one(pool, w, 0), copy);
  CHECK(all_once_in_order(pool, w, tasks, WP_NONE));
  CHECK_EQ(wp_pool_check(pool), WP_OK);
  fixture_close(&f);
}

TEST(other_holder,
     "the lock of a living holder is not broken; reap says come back, and can [XP-05]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  wp_pool *pool = f.pool;
  uint32_t dead = start_worker(pool, 0), holder = start_worker(pool, 1);
  uint32_t task = submit_normal(pool);
  CHECK_EQ(take(pool, dead, 0), task);
  wp_gate_enter(&pool->threads[dead]);
  wp_gate_enter(&pool->threads[holder]);
  CHECK(wp_lock_try(pool, holder));
  CHECK_EQ(wp_worker_reap(pool, dead, false), WP_E_LOCK_BUSY);
  CHECK_EQ(wp_worker_reap(pool, dead, false), WP_E_LOCK_BUSY);
  CHECK_EQ(wp_atomic_load_relaxed_u64(&pool->counters.reaped), 0);
  wp_lock_release(pool, holder);
  wp_gate_leave(&pool->threads[holder]);
  CHECK_EQ(wp_worker_reap(pool, dead, false), WP_OK);
  wp_status status = WP_OK;
  CHECK_EQ(deliver(pool, &status), task);
  CHECK_EQ(status, WP_E_WORKER_LOST);
  CHECK_EQ(wp_atomic_load_relaxed_u64(&pool->counters.rebuilt), 0);
  CHECK_EQ(wp_pool_check(pool), WP_OK);
  fixture_close(&f);
}

TEST(incarnations,
     "a lock word of a record's earlier user is told from its present one's [XP-05]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0);
  CHECK(wp_lock_try(f.pool, w));
  uint32_t word = wp_atomic_load_seq_u32(&f.pool->lock);
  wp_lock_release(f.pool, w);
  CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  CHECK_EQ(start_worker(f.pool, 0), w);
  wp_atomic_store_seq_u32(&f.pool->lock, word);
  CHECK(!wp_lock_take_over(f.pool, w));
  wp_atomic_store_seq_u32(&f.pool->lock, 0);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
static uint32_t script_worker;

static void script_take(void *context) { wp_sched_take(context, script_worker, 0); }

TEST(dies_taking,
     "a worker dies at each point of taking; every task ends once, in order [XP-01, XP-05]") {
  uint64_t n = 1;
  for (bool died = true; died; n++) {
    wp_config config = fixture_config(2);
    CHECK_EQ(fixture_open(&f, &config), WP_OK);
    wp_pool *pool = f.pool;
    uint32_t w = start_worker(pool, 1), tasks[BROKEN_TASKS];
    script_worker = start_worker(pool, 0);
    for (int i = 0; i < BROKEN_TASKS; i++) tasks[i] = submit(pool, lane_of(i), 0);
    died = kill_run(n, script_take, pool);
    CHECK_EQ(wp_worker_reap(pool, script_worker, false), WP_OK);
    CHECK_EQ(wp_pool_check(pool), WP_OK);
    wp_status status = WP_OK;
    uint32_t lost = deliver(pool, &status);
    CHECK(lost == WP_NONE || status == WP_E_WORKER_LOST);
    CHECK(all_once_in_order(pool, w, tasks, lost));
    CHECK_EQ(wp_pool_check(pool), WP_OK);
    CHECK_EQ(wp_table_in_use(&pool->slots), 0);
    fixture_close(&f);
  }
  CHECK(n > 100); /* so the script got as far as its take */
}
#endif
