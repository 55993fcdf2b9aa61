/* Workers that end when they have nothing left to do: what they take, and which workers take the rest. */
#include "kill.h"
#include "pool_fixture.h"
#include "recount.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static wp_status start(uint32_t workers, uint32_t concurrency, uint32_t tasks_per_worker) {
  wp_config config = fixture_config(workers);
  config.concurrency = concurrency;
  config.tasks_per_worker = tasks_per_worker;
  wp_status status = fixture_open(&f, &config);
  for (uint32_t seat = 0; !status && seat < workers; seat++) start_worker(f.pool, seat);
  return status;
}

TEST(takes_nothing,
     "a leaving worker takes no task of the common lanes, and another one is woken for it") {
  CHECK_EQ(start(2, 1, 0), WP_OK);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  CHECK_EQ(take(f.pool, 2, 0), WP_NONE);
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  uint32_t before = wake_of(f.pool, 2), own = wake_of(f.pool, 1);
  uint32_t index = submit_normal(f.pool);
  CHECK_EQ(wake_of(f.pool, 1), own);
  CHECK_EQ(wake_of(f.pool, 2), before + 1);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  CHECK_EQ(take(f.pool, 2, 0), index);
  fixture_close(&f);
}

TEST(passes_on, "a worker that was woken for a task before it was to leave wakes another one") {
  CHECK_EQ(start(2, 1, 0), WP_OK);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  CHECK_EQ(take(f.pool, 2, 0), WP_NONE);
  uint32_t index = submit_normal(f.pool); /* wakes 1 */
  uint32_t before = wake_of(f.pool, 2);
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  CHECK_EQ(wake_of(f.pool, 2), before + 1);
  CHECK_EQ(take(f.pool, 2, 0), index);
  uint32_t second = submit_normal(f.pool); /* only 1 is idle, which may not take it */
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  wp_task_finish(f.pool, 2, index, WP_OK);
  CHECK_EQ(take(f.pool, 2, 0), second);
  fixture_close(&f);
}

TEST(not_waited_for,
     "a task does not wait for the worker that took the last one, if that is leaving") {
  CHECK_EQ(start(2, 1, 0), WP_OK);
  uint32_t index = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, 1, 0), index);
  CHECK_EQ(take(f.pool, 2, 0), WP_NONE);
  wp_atomic_store_seq_u32(&f.pool->threads[1].pace_ns, WP_PACE_LEAST_NS);
  wp_atomic_store_seq_u32(&f.pool->threads[2].sleeps, WP_SLEEP_SHORT);
  uint32_t before = wake_of(f.pool, 2);
  index = submit_normal(f.pool); /* 1 is quick and will be back before 2 is awake */
  CHECK_EQ(wake_of(f.pool, 2), before);
  wp_task_cancel(f.pool, index, generation_of(f.pool, index));
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  CHECK_EQ(wake_of(f.pool, 2), before);
  submit_normal(f.pool);
  CHECK_EQ(wake_of(f.pool, 2), before + 1);
  fixture_close(&f);
}

TEST(seat, "a leaving worker runs what waits for its seat, and is woken for it; at rest it takes "
           "nothing") {
  CHECK_EQ(start(2, 1, 0), WP_OK);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  uint32_t own = wake_of(f.pool, 1);
  uint32_t first = submit(f.pool, WP_LEVEL_NORMAL, 1);
  CHECK_EQ(wake_of(f.pool, 1), own + 1);
  uint32_t bound = reserve(f.pool, WP_LEVEL_LOW, 1);
  slot_of(f.pool, bound)->flags = WP_SLOT_BOUND;
  wp_task_submit(f.pool, bound);
  bool waits = false;
  CHECK_EQ(wp_sched_seat_waits(f.pool, 0, &waits), WP_OK);
  CHECK(waits);
  submit_normal(f.pool);
  CHECK_EQ(take(f.pool, 1, 0), first);
  wp_task_finish(f.pool, 1, first, WP_OK);
  CHECK_EQ(take(f.pool, 1, 0), bound);
  wp_task_finish(f.pool, 1, bound, WP_OK);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  uint32_t cancelled = submit(f.pool, WP_LEVEL_NORMAL, 1);
  wp_task_cancel(f.pool, cancelled, generation_of(f.pool, cancelled));
  CHECK_EQ(wp_sched_seat_waits(f.pool, 0, &waits), WP_OK);
  CHECK(!waits);
  wp_worker_leave(f.pool, 1, WP_LEAVING_REST);
  uint32_t last = submit(f.pool, WP_LEVEL_NORMAL, 1);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  CHECK_EQ(wp_sched_seat_waits(f.pool, 0, &waits), WP_OK);
  CHECK(waits);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  uint32_t heir = start_worker(f.pool, 0);
  CHECK_EQ(take(f.pool, heir, 0), last); /* whoever takes the seat runs it */
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(resumed,
     "a leaving worker that has gone to wait during a pause is woken after it, and runs what "
     "waits for its seat") {
  CHECK_EQ(start(2, 1, 0), WP_OK);
  wp_pause(f.pool);
  uint32_t index = submit(f.pool, WP_LEVEL_NORMAL, 1);
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  uint32_t own = wake_of(f.pool, 1);
  wp_resume(f.pool);
  CHECK_EQ(wake_of(f.pool, 1), own + 1);
  CHECK_EQ(take(f.pool, 1, 0), index);
  fixture_close(&f);
}

TEST(stays, "a worker that stays after all is woken, and takes what it had passed over") {
  CHECK_EQ(start(1, 1, 0), WP_OK);
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  uint32_t index = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, 1, 0), WP_NONE);
  uint32_t own = wake_of(f.pool, 1);
  wp_worker_leave(f.pool, 1, WP_LEAVING_NOT);
  CHECK_EQ(wake_of(f.pool, 1), own + 1);
  CHECK_EQ(take(f.pool, 1, 0), index);
  fixture_close(&f);
}

TEST(counts, "a leaving worker counts neither as free nor as room for tasks; a fresh thread leaves "
             "nothing") {
  wp_config config = fixture_config(2);
  config.max_queue = 0;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  for (uint32_t seat = 0; seat < 2; seat++) start_worker(f.pool, seat);
  CHECK_EQ(free_of(f.pool), 2);
  CHECK(wp_task_admits(f.pool, 2));
  wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
  CHECK_EQ(free_of(f.pool), 1);
  CHECK(!wp_task_admits(f.pool, 2));
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  uint32_t heir = start_worker(f.pool, 0);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->threads[heir].leaving), WP_LEAVING_NOT);
  CHECK_EQ(free_of(f.pool), 2);
  fixture_close(&f);
}

TEST(limit, "a worker that has finished its number of tasks asks for a successor, once, before "
            "main can see that end") {
  CHECK_EQ(start(1, 2, 3), WP_OK);
  for (uint32_t i = 0; i < 5; i++) {
    uint32_t index = submit_normal(f.pool);
    CHECK_EQ(take(f.pool, 1, 0), index);
    if (i == 1)
      wp_task_cancel(f.pool, index,
                     generation_of(f.pool, index)); /* a late answer counts as well */
    wp_task_finish(f.pool, 1, index, WP_OK);
    CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->leavers), i >= 2);
    CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->threads[1].wants_leave), i >= 2);
  }
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->threads[1].wants_leave), 0);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->threads[1].finished), 0);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
/* Everything that a leaving worker does: a task for its seat, a look for more, its wish to leave. */
static void leaving_day(void *argument) {
  (void)argument;
  uint32_t index = take(f.pool, 1, 0);
  if (index != WP_NONE) wp_task_finish(f.pool, 1, index, WP_OK);
  take(f.pool, 1, 0);
}

TEST(killed,
     "a leaving worker may die at any instruction: every task has its end, and the pool is whole") {
  bool died = true;
  uint64_t n = 1;
  for (; died; n++) {
    CHECK_EQ(start(2, 1, 1), WP_OK);
    wp_worker_leave(f.pool, 1, WP_LEAVING_SEAT);
    uint32_t of_seat = submit(f.pool, WP_LEVEL_NORMAL, 1), common = submit_normal(f.pool);
    died = kill_run(n, leaving_day, NULL);
    CHECK_EQ(wp_worker_reap(f.pool, 1, false), WP_OK);
    wp_pool_recount(f.pool);
    uint32_t heir = start_worker(f.pool, 0), ends[2] = {0, 0};
    CHECK(heir != 0);
    for (uint32_t i = 0; i < 4; i++)
      for (uint32_t thread = 1; thread < 4; thread++) {
        if (wp_atomic_load_seq_u32(&f.pool->threads[thread].state) != WP_THREAD_LIVE) continue;
        uint32_t index = take(f.pool, thread, 0);
        if (index != WP_NONE) wp_task_finish(f.pool, thread, index, WP_OK);
      }
    wp_status status = WP_OK;
    for (uint32_t index; (index = deliver(f.pool, &status)) != WP_NONE;) {
      ends[0] += index == of_seat;
      ends[1] += index == common && !status;
    }
    CHECK_EQ(ends[0], 1);
    CHECK_EQ(ends[1], 1);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    fixture_close(&f);
  }
  CHECK(n > 20);
}
#endif
