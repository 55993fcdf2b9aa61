/* Which workers are woken for waiting tasks, and how bulk jobs end when a worker dies then (src/lanes.h). */
#include "lanes_fixture.h"

#ifdef WP_KILL_POINTS
#include "base/fault.h"
#include "kill.h"
void (*wp__point_hook)(const char *name);
#endif

TEST(empty_group, "a bulk job without slices, which nobody would end, is refused [TW-29]") {
  CHECK(open_pool(1));
  uint32_t group;
  CHECK_EQ(wp_group_create(f.pool, 0, WP_GROUP_BULK, &group), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(bulks(), 0);
  CHECK(close_pool());
}

/* ---- Wake-ups ---- */

TEST(woken_at_the_end,
     "the end of the last bulk job wakes a worker for each heavy task [TW-07, XP-16]") {
  CHECK(open_pool(3));
  uint32_t s[2], heavy[2];
  for (int i = 0; i < 2; i++) bulk(NORMAL, NEVER_DUE, 1, &s[i]);
  CHECK_EQ(take(f.pool, w[0], 1), s[0]);
  CHECK_EQ(take(f.pool, w[1], 1), s[1]);
  for (int i = 0; i < 2; i++) heavy[i] = single(NORMAL, WP_SLOT_HEAVY);
  wp_task_finish(f.pool, w[0], s[0], WP_OK);
  wp_task_finish(f.pool, w[1], s[1], WP_OK);
  for (int i = 1; i < 3; i++) CHECK_EQ(take(f.pool, w[i], 1), WP_NONE);
  uint32_t seen[] = {wake_of(f.pool, w[1]), wake_of(f.pool, w[2])};
  wp_status status = WP_OK;
  CHECK_EQ(deliver(f.pool, &status), s[0]);
  CHECK(is_idle(f.pool, w[1]) && is_idle(f.pool, w[2])); /* one is left */
  CHECK_EQ(deliver(f.pool, &status), s[1]);
  CHECK(wake_of(f.pool, w[1]) != seen[0] && wake_of(f.pool, w[2]) != seen[1]);
  for (int i = 0; i < 2; i++) CHECK_EQ(run_one(f.pool, w[1 + i], 2), heavy[i]);
  CHECK(close_pool());
}

static uint32_t given_up, second_wake;

/* The only slice of a job runs on the first worker and was given up; the second worker sleeps. Gives the heavy task that waits. */
static uint32_t open_given_up(void) {
  if (!open_pool(2)) return WP_NONE;
  bulk(NORMAL, NEVER_DUE, 1, &given_up);
  bool fine = take(f.pool, w[0], 1) == given_up;
  uint32_t heavy = single(NORMAL, WP_SLOT_HEAVY);
  fine = fine && cancel(given_up) == WP_CANCEL_RUNNING && take(f.pool, w[1], 1) == WP_NONE;
  second_wake = wake_of(f.pool, w[1]);
  return fine ? heavy : WP_NONE;
}

/* Checks that the second worker was woken for it. */
static bool ends_with(uint32_t heavy) {
  return wake_of(f.pool, w[1]) != second_wake && run_one(f.pool, w[1], 2) == heavy && close_pool();
}

TEST(woken_by_late_end, "the end of a cancelled job wakes as well: by the late answer "
                        "of its last slice, or its worker's death [TW-29, XP-16]") {
  uint32_t heavy = open_given_up();
  wp_task_finish(f.pool, w[0], given_up, WP_OK);
  CHECK(ends_with(heavy));
  heavy = open_given_up();
  CHECK_EQ(kill_worker(f.pool, w[0]), WP_OK);
  CHECK(ends_with(heavy));
}

TEST(sleeps_meanwhile, "a heavy task that is held wakes nobody; each look of an idle "
                       "worker is its last [TW-07, XP-16]") {
  CHECK(open_pool(3));
  uint32_t s[1];
  bulk(NORMAL, NEVER_DUE, 1, s);
  CHECK_EQ(take(f.pool, w[0], 1), s[0]);
  uint32_t heavy = single(NORMAL, WP_SLOT_HEAVY);
  for (int i = 1; i < 3; i++) CHECK_EQ(take(f.pool, w[i], 1), WP_NONE);
  uint32_t seen[] = {wake_of(f.pool, w[1]), wake_of(f.pool, w[2])};
  for (int look = 0; look < 10; look++) {
    CHECK_EQ(take(f.pool, w[1 + look % 2], 1), WP_NONE);
    wp_lock_help(f.pool, WP_MAIN, WP_CHORE_INBOX | WP_CHORE_PURGE);
  }
  CHECK(is_idle(f.pool, w[1]) && is_idle(f.pool, w[2]));
  CHECK(wake_of(f.pool, w[1]) == seen[0] && wake_of(f.pool, w[2]) == seen[1]);
  CHECK(end(w[0], s[0]));
  CHECK_EQ(run_one(f.pool, w[1], 2), heavy);
  CHECK(close_pool());
}

TEST(cancelled_slice_gates_nobody,
     "a worker that comes across a slice that was given up goes on to who waited [TW-29, XP-16]") {
  wp_config config = fixture_config(1);
  config.concurrency = 2;
  CHECK(open_with(config));
  uint32_t s[3];
  bulk(NORMAL, NEVER_DUE, 2, s);
  bulk(NORMAL, NEVER_DUE, 1, s + 2);
  uint32_t light = single(HIGH, WP_SLOT_LIGHT), heavy = single(HIGH, WP_SLOT_HEAVY);
  wp_lock_help(f.pool, WP_MAIN, WP_CHORE_INBOX);
  CHECK_EQ(cancel(s[1]), WP_CANCEL_QUEUED);
  CHECK_EQ(cancel(s[2]), WP_CANCEL_QUEUED);
  CHECK_EQ(take(f.pool, w[0], 1), s[0]);
  CHECK_EQ(take(f.pool, w[0], 1),
           light); /* in this look, as nobody would wake it for another one */
  CHECK(end(w[0], light));
  CHECK(end(w[0], s[0]));
  CHECK_EQ(run(2), heavy);
  CHECK(close_pool());
}

TEST(failed_slice_gates_nobody,
     "the same for slices that never start because their job has failed [AM-19, XP-16]") {
  wp_config config = fixture_config(1);
  config.concurrency = 2;
  CHECK(open_with(config));
  uint32_t blocker = single(CRITICAL, 0), s[2];
  CHECK_EQ(take(f.pool, w[0], 1), blocker);
  uint32_t group = bulk(NORMAL, NEVER_DUE, 2, s), light = single(HIGH, WP_SLOT_LIGHT);
  wp_group_fail(f.pool, group);
  CHECK_EQ(take(f.pool, w[0], 1), light);
  wp_status status = WP_OK;
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(deliver(f.pool, &status), s[i]);
    CHECK_EQ(status, WP_E_CANCELLED);
  }
  CHECK_EQ(bulks(), 0);
  CHECK(end(w[0], light));
  CHECK(end(w[0], blocker));
  CHECK(close_pool());
}

#ifdef WP_KILL_POINTS
static void end_at_idle(const char *name) {
  wp_status status = WP_OK;
  if (strcmp(name, "idle.set") != 0) return;
  wp__point_hook = NULL;
  deliver(f.pool, &status);
}

TEST(ends_between, "the last bulk job ends after a worker's look and before it is "
                   "idle: it looks again [TW-07, XP-16]") {
  CHECK(open_pool(2));
  uint32_t s[1];
  bulk(NORMAL, NEVER_DUE, 1, s);
  CHECK_EQ(take(f.pool, w[0], 1), s[0]);
  uint32_t heavy = single(NORMAL, WP_SLOT_HEAVY);
  wp_task_finish(f.pool, w[0], s[0], WP_OK);
  wp__point_hook = end_at_idle;
  CHECK_EQ(run_one(f.pool, w[1], 2), heavy);
  CHECK(close_pool());
}

static void answer_late(void *pool) { wp_task_finish(pool, w[0], given_up, WP_OK); }

TEST(dies_ending, "a worker dies at each point of the end of a cancelled job: it is "
                  "over once, and who is idle is woken for the heavy task [TW-29, XP-01]") {
  uint64_t n = 1;
  for (bool died = true; died; n++) {
    uint32_t heavy = open_given_up();
    died = kill_run(n, answer_late, f.pool);
    CHECK_EQ(wp_worker_reap(f.pool, w[0], false), WP_OK);
    CHECK(ends_with(heavy));
  }
  CHECK(n > 10);
}
#endif

#ifdef WP_KILL_POINTS
static uint32_t allocations;

static bool count_allocation(const char *name) {
  allocations += !strcmp(name, "heap");
  return false;
}
#endif

TEST(preallocated,
     "descriptors for 256 tasks and 16 bulk jobs are there before the first one comes [TW-59]") {
  wp_stats before, after;
  CHECK(open_pool(1));
  CHECK(wp_atomic_load_acquire_u32(&f.pool->slots.capacity) >= 256 + 64 + 64);
  CHECK(wp_atomic_load_acquire_u32(&f.pool->groups.capacity) >= 16);
  wp_stats_read(f.pool, &before);
  uint32_t groups[16];
  for (uint32_t i = 0; i < 16; i++)
    CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &groups[i]), WP_OK);
  for (uint32_t i = 0; i < 256; i++) single(NORMAL, i % 2 ? WP_SLOT_SLICE : 0);
  wp_stats_read(f.pool, &after);
  CHECK_EQ(before.heap_bytes, after.heap_bytes);
  for (uint32_t i = 0; i < 16; i++) wp_group_leave(f.pool, groups[i]);
  for (uint32_t i = 0; i < 256; i++) CHECK(run(1) != WP_NONE);
  CHECK(close_pool());
}

TEST(steady,
     "5,000 tasks at once all run; a hundred thousand after them allocate nothing [TW-59]") {
  enum { AT_ONCE = 5000, LATER = 100000 };
  CHECK(open_pool(1));
  for (uint32_t i = 0; i < AT_ONCE; i++) single(NORMAL, i % 2 ? WP_SLOT_HEAVY : WP_SLOT_LIGHT);
  for (uint32_t i = 0; i < AT_ONCE; i++) CHECK(run(1) != WP_NONE);
  CHECK_EQ(run(1), WP_NONE);
  wp_stats before, after;
  wp_stats_read(f.pool, &before);
#ifdef WP_KILL_POINTS
  allocations = 0;
  wp__fault_hook = count_allocation;
#endif
  for (uint32_t i = 0; i < LATER; i++) {
    single(i % WP_LEVEL_COUNT, i % 3 ? WP_SLOT_HEAVY : 0);
    CHECK(run(1) != WP_NONE);
  }
  wp_stats_read(f.pool, &after);
  CHECK_EQ(before.heap_bytes, after.heap_bytes);
#ifdef WP_KILL_POINTS
  wp__fault_hook = NULL;
  CHECK_EQ(allocations, 0);
#endif
  CHECK(close_pool());
}
