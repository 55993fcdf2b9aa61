/* Critical sections: what a thread holds, when it is stopped, and what its death leaves. */
#include "critical.h"
#include "kill.h"
#include "ladder.h"
#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { LOCKS = WP_HELD_MAX + 4, TAG = 7 };

static fixture f;
static uint32_t locks[LOCKS]; /* 0, or the number of the thread that holds it */

static wp_thread *thread(void) { return &f.pool->threads[1]; }

static bool release(void *lock, uint32_t number) {
  uint32_t *word = lock;
  if (*word != number) return false;
  *word = 0;
  return true;
}

static void lock(uint32_t number) {
  wp_critical_enter(&locks[number], release);
  WP_POINT("test.take");
  locks[number] = 1;
}

static void unlock(uint32_t number) {
  WP_POINT("test.give");
  locks[number] = 0;
  wp_critical_leave(&locks[number]);
}

static uint32_t held(void) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < LOCKS; i++) count += locks[i] != 0;
  return count;
}

static wp_status open(void) {
  wp_config config = fixture_config(1);
  wp_status status = fixture_open(&f, &config);
  memset(locks, 0, sizeof locks);
  if (status) return status;
  start_worker(f.pool, 0);
  wp__self = thread();
  wp__self_pool = f.pool;
  wp_atomic_store_release_u32(&thread()->tag, TAG);
  wp_critical_reset(thread(), TAG);
  return WP_OK;
}

static void close(void) {
  wp__self = NULL;
  wp__self_pool = NULL;
  fixture_close(&f);
}

TEST(mark, "the word that loop checks compare differs from the task's tag while it holds a lock, "
           "by more if it holds several") {
  CHECK_EQ(open(), WP_OK);
  CHECK_EQ(thread()->mark, TAG);
  lock(0);
  CHECK_EQ(thread()->mark, TAG ^ WP_MARK_HOLDS);
  wp_critical_begin();
  CHECK_EQ(thread()->mark, TAG ^ WP_MARK_BITS);
  wp_critical_end();
  CHECK_EQ(thread()->mark, TAG ^ WP_MARK_HOLDS);
  unlock(0);
  CHECK_EQ(thread()->mark, TAG);
  CHECK_EQ(wp_critical_holds(thread()), 0);
  close();
}

TEST(order, "locks are given back in any order, one of them twice taken, more than the list has "
            "room for; unknown ones are ignored") {
  CHECK_EQ(open(), WP_OK);
  wp_critical_end();
  CHECK_EQ(wp_critical_holds(thread()), 0);
  for (uint32_t i = 0; i < LOCKS; i++) lock(i);
  CHECK_EQ(wp_critical_holds(thread()), LOCKS);
  for (uint32_t i = 0; i < LOCKS; i += 2) unlock(i);
  for (uint32_t i = 1; i < LOCKS; i += 2) unlock(i);
  CHECK_EQ(wp_critical_holds(thread()), 0);
  CHECK_EQ(thread()->mark, TAG);
  lock(3);
  wp_critical_enter(&locks[3], release);
  wp_critical_leave(&locks[3]);
  CHECK_EQ(wp_critical_holds(thread()), 1);
  CHECK(wp_critical_break(f.pool, 1));
  CHECK_EQ(held(), 0);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&thread()->broken), 1);
  CHECK(!wp_critical_break(f.pool, 1));
  close();
}

TEST(ends, "a task that ends holds nothing any more, and leaves its locks as they are") {
  CHECK_EQ(open(), WP_OK);
  lock(0);
  wp_worker_end(f.pool, 1);
  CHECK_EQ(wp_critical_holds(thread()), 0);
  CHECK_EQ(thread()->mark, 0);
  CHECK_EQ(held(), 1);
  close();
}

TEST(stop, "a stop that is in force names the task where it holds nothing; pressed, where it holds "
           "one lock, or as many as it does") {
  CHECK_EQ(open(), WP_OK);
  wp_atomic_store_seq_u32(&thread()->stop, WP_STOP_MARK | TAG);
  wp_worker_stop_press(f.pool, 1, 1);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | TAG);
  wp_atomic_store_seq_u32(&thread()->stop, 0);
  lock(0);
  lock(1);
  wp_worker_stop_press(f.pool, 1, 1);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), 0); /* it has trapped already */
  wp_atomic_store_seq_u32(&thread()->stop, WP_STOP_MARK | TAG);
  wp_worker_stop_press(f.pool, 1, 1);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | (TAG ^ WP_MARK_HOLDS));
  wp_worker_stop_press(f.pool, 1, UINT32_MAX);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | (TAG ^ WP_MARK_BITS));
  wp_atomic_store_seq_u32(&thread()->tag, TAG + 1); /* the next task */
  wp_worker_stop_press(f.pool, 1, 1);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | (TAG ^ WP_MARK_BITS));
  close();
}

static const wp_ladder_config with_checks = {
    .flag_ms = 1, .check_ms = 20, .locks_ms = 40, .inside_ms = 1000, .checks = true, .stops = true};
static const wp_ladder_config without_checks = {
    .flag_ms = 1, .locks_ms = 40, .inside_ms = 1000, .stops = true};

static wp_ladder ladder;
static wp_suspicion suspicion;
static double again_ms;

/* Makes the worker run a C task that its caller has given up, and that holds two locks. */
static void run_holding(void) {
  ladder = (wp_ladder){0};
  uint32_t index = reserve(f.pool, WP_PRIORITY_NORMAL, 0);
  slot_of(f.pool, index)->c_task = 1;
  wp_task_submit(f.pool, index);
  wp_handle task = {index, generation_of(f.pool, index)};
  take(f.pool, 1, 0);
  wp_task_cancel(f.pool, index, task.generation);
  lock(0);
  lock(1);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
}

static enum wp_verdict climb(const wp_ladder_config *config, double now_ms) {
  return wp_ladder_climb(config, f.pool, &ladder, &suspicion, now_ms, &again_ms);
}

TEST(rung, "the ladder waits for locks, then cuts off the outermost section, then any, then dooms "
           "the thread") {
  CHECK_EQ(open(), WP_OK);
  run_holding();
  CHECK_EQ(climb(&with_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&with_checks, 100.5), WP_VERDICT_OPEN);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | TAG);
  CHECK_EQ(climb(&with_checks, 120.5), WP_VERDICT_OPEN);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | (TAG ^ WP_MARK_HOLDS));
  CHECK_EQ(climb(&with_checks, 141), WP_VERDICT_OPEN);
  CHECK_EQ(wp_atomic_load_seq_u32(&thread()->stop), WP_STOP_MARK | (TAG ^ WP_MARK_BITS));
  CHECK(again_ms <= 160.5);
  CHECK(!wp_gate_doomed(thread()));
  CHECK_EQ(climb(&with_checks, 160.5), WP_VERDICT_GUILTY);
  close();
}

TEST(softly, "without loop checks a doomed thread goes on to the end of its section, also through "
             "the gate; then it stops, or in time "
             "wherever it is") {
  for (int hangs = 0; hangs < 2; hangs++) {
    CHECK_EQ(open(), WP_OK);
    run_holding();
    CHECK_EQ(climb(&without_checks, 100), WP_VERDICT_OPEN);
    CHECK_EQ(climb(&without_checks, 101), WP_VERDICT_OPEN);
    CHECK(wp_gate_doomed(thread()));
    wp_gate_enter(thread());
    wp_gate_leave(thread());
    CHECK_EQ(climb(&without_checks, 102), WP_VERDICT_OPEN);
    if (hangs) {
      CHECK_EQ(climb(&without_checks, 141), WP_VERDICT_GUILTY);
      CHECK_EQ(wp_atomic_load_seq_u32(&thread()->doomed), WP_DOOM_NOW);
    } else {
      wp_atomic_store_seq_u32(&thread()->holds, 0); /* it would park at the end of the section */
      CHECK_EQ(climb(&without_checks, 103), WP_VERDICT_GUILTY);
    }
    close();
  }
}

#ifdef WP_KILL_POINTS
/* A lock that counts its readers, as pthread_rwlock_t in wasm: it does not know who they are. */
static uint32_t readers;

static bool release_share(void *lock, uint32_t number) {
  (void)number;
  --*(uint32_t *)lock;
  return true;
}

static void share(void) {
  wp_gate_enter(thread());
  readers++;
  wp_critical_enter(&readers, release_share);
  wp_gate_leave(thread());
}

static void unshare(void) {
  wp_gate_enter(thread());
  readers--;
  wp_critical_leave(&readers);
  wp_gate_leave(thread());
  wp_critical_settle();
}

static void script(void *unused) {
  (void)unused;
  lock(0);
  lock(1);
  lock(2);
  wp_critical_begin();
  unlock(0);
  unlock(2);
  share();
  wp_critical_end();
  lock(2);
  share();
  unlock(1);
  unlock(2);
  unshare();
  unshare();
}

TEST(deaths, "wherever a thread dies, its locks are open after it was taken back, shares of others "
             "are not, and the next thread holds nothing") {
  uint64_t n = 1;
  for (bool died = true; died; n++) {
    CHECK_EQ(open(), WP_OK);
    readers = 1; /* another thread's */
    died = kill_run(n, script, NULL);
    bool planned = !wp_gate_inside(thread());
    uint32_t before = held();
    CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
    CHECK_EQ(held(), 0);
    CHECK(!planned || readers == 1);
    CHECK(wp_atomic_load_relaxed_u32(&thread()->broken) >= before);
    CHECK_EQ(wp_critical_holds(thread()), 0);
    CHECK_EQ(thread()->mark, 0);
    close();
  }
  CHECK(n > 15);
}
#endif
