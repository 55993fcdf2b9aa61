/* Wake-ups that must not go to a worker that will not take anything. The model tests/model/gate.pml found the first two
 * and the last. */
#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

/* Opens a pool whose workers have looked for work and found none. */
static bool open_idle(uint32_t *workers, uint32_t count) {
  wp_config config = fixture_config(count);
  bool idle = fixture_open(&f, &config) == WP_OK;
  for (uint32_t seat = 0; idle && seat < count; seat++) {
    workers[seat] = start_worker(f.pool, seat);
    idle = take(f.pool, workers[seat], 0) == WP_NONE;
  }
  return idle;
}

TEST(stale_idle_bit,
     "a worker that looks by itself and takes a task has left the idle set [AM-07, XP-16]") {
  uint32_t w[3];
  CHECK(open_idle(w, 3));
  uint32_t first = submit_normal(f.pool); /* wakes the first worker, */
  wp_gate_doom(&f.pool->threads[w[1]]);
  wp_gate_pardon(&f.pool->threads[w[1]]);
  CHECK_EQ(take(f.pool, w[1], 0), first); /* but another is faster */
  CHECK(!is_idle(f.pool, w[1]));
  CHECK_EQ(take(f.pool, w[0], 0), WP_NONE);
  uint32_t second = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w[0], 0), second);
  uint32_t before = wake_of(f.pool, w[2]);
  submit_normal(f.pool);
  CHECK(wake_of(f.pool, w[2]) != before);
  fixture_close(&f);
}

TEST(fastest_first,
     "of those that wait, the one with the shortest tasks is woken; of equals, the first [TW-06]") {
  uint32_t w[3];
  CHECK(open_idle(w, 3));
  wp_thread *slow = &f.pool->threads[w[0]];
  wp_atomic_store_relaxed_u32(&slow->exec_us, 20000);
  uint32_t before[3] = {wake_of(f.pool, w[0]), wake_of(f.pool, w[1]), wake_of(f.pool, w[2])};
  submit_normal(f.pool);
  CHECK(wake_of(f.pool, w[1]) != before[1]);
  CHECK(wake_of(f.pool, w[0]) == before[0] && wake_of(f.pool, w[2]) == before[2]);
  submit_normal(f.pool);
  CHECK(wake_of(f.pool, w[2]) != before[2]);
  CHECK_EQ(wake_of(f.pool, w[0]), before[0]);
  submit_normal(f.pool); /* a slow worker is better than none */
  CHECK(wake_of(f.pool, w[0]) != before[0]);
  fixture_close(&f);
}

TEST(equals, "of equals the one with the lowest seat is woken, whichever thread it is; to the "
             "millisecond [TW-06]") {
  wp_config config = fixture_config(3);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w[3], before[3];
  for (uint32_t seat = 3; seat-- > 0;) w[seat] = start_worker(f.pool, seat);
  for (uint32_t seat = 0; seat < 3; seat++) {
    CHECK_EQ(take(f.pool, w[seat], 0), WP_NONE);
    before[seat] = wake_of(f.pool, w[seat]);
  }
  wp_atomic_store_relaxed_u32(&f.pool->threads[w[0]].exec_us, 5999);
  wp_atomic_store_relaxed_u32(&f.pool->threads[w[1]].exec_us, 5000);
  wp_atomic_store_relaxed_u32(&f.pool->threads[w[2]].exec_us, 5000);
  for (uint32_t seat = 0; seat < 3; seat++) {
    submit_normal(f.pool);
    for (uint32_t other = 0; other < 3; other++)
      CHECK_EQ(wake_of(f.pool, w[other]) != before[other], other <= seat);
  }
  fixture_close(&f);
}

TEST(poisoned_then_pushed,
     "a poisoned worker is not woken in place of one that takes tasks [AM-07, AM-43]") {
  wp_config config = fixture_config(2);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  uint32_t late = submit_timed(f.pool, 10);
  CHECK_EQ(take(f.pool, a, 0), late);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE); /* room for a second one */
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  wp_action action;
  double next_ms;
  CHECK_EQ(wp_task_tick(f.pool, 20, &action, 1, &next_ms), 1);
  uint32_t before = wake_of(f.pool, b);
  submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, 20), WP_NONE);
  CHECK(wake_of(f.pool, b) != before);
  fixture_close(&f);
}

TEST(pushed_then_poisoned,
     "a wake-up that reached a worker just before it was poisoned is passed on [AM-43, XP-16]") {
  wp_config config = fixture_config(2);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  uint32_t late = submit_timed(f.pool, 10);
  CHECK_EQ(take(f.pool, a, 0), late);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  uint32_t before = wake_of(f.pool, b);
  submit_normal(f.pool);
  wp_action action;
  double next_ms;
  CHECK_EQ(wp_task_tick(f.pool, 20, &action, 1, &next_ms), 1);
  CHECK_EQ(take(f.pool, a, 20), WP_NONE);
  CHECK(wake_of(f.pool, b) != before);
  fixture_close(&f);
}

TEST(requeued_to_seat,
     "a task bound to a seat that comes back wakes who has the seat by now [TW-57]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0);
  uint32_t task = reserve(f.pool, WP_LEVEL_NORMAL, 1);
  slot_of(f.pool, task)->flags = WP_SLOT_REQUEUE;
  wp_task_submit(f.pool, task);
  CHECK_EQ(take(f.pool, a, 0), task);
  wp_worker_doom(f.pool, a);
  uint32_t b = start_worker(f.pool, 0); /* a spare is faster than the confirmation of the death */
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  uint32_t before = wake_of(f.pool, b);
  CHECK_EQ(wp_worker_reap(f.pool, a, true), WP_OK);
  CHECK(wake_of(f.pool, b) != before);
  CHECK_EQ(take(f.pool, b, 0), task);
  fixture_close(&f);
}

TEST(beside_exclusive,
     "a worker that runs an exclusive task is not woken in place of a free one [AM-07, AM-23]") {
  wp_config config = fixture_config(2);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  uint32_t alone = submit_flags(f.pool, WP_SLOT_EXCLUSIVE);
  CHECK_EQ(take(f.pool, a, 0), alone);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  uint32_t before = wake_of(f.pool, b);
  submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK(wake_of(f.pool, b) != before);
  fixture_close(&f);
}

TEST(exclusive_ahead,
     "a busy worker that comes across an exclusive task passes the wake-up on [AM-23, XP-16]") {
  wp_config config = fixture_config(2);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  uint32_t task = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, 0), task);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK_EQ(take(f.pool, b, 0), WP_NONE);
  uint32_t before = wake_of(f.pool, b);
  uint32_t alone = submit_flags(f.pool, WP_SLOT_EXCLUSIVE);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK(wake_of(f.pool, b) != before);
  CHECK_EQ(take(f.pool, b, 0), alone);
  fixture_close(&f);
}

/* How many workers were woken since `before` was noted. */
static int woken(const uint32_t *workers, const uint32_t *before, int count) {
  int sum = 0;
  for (int i = 0; i < count; i++) sum += wake_of(f.pool, workers[i]) != before[i];
  return sum;
}

TEST(burst,
     "pushes of a burst leave who looks by itself soon alone, but for one in 32; its end wakes "
     "for what is left") {
  uint32_t w[2];
  CHECK(open_idle(w, 2));
  wp_atomic_store_relaxed_u32(&f.pool->threads[w[0]].sleeps, WP_SLEEP_SHORT);
  wp_atomic_store_relaxed_u32(&f.pool->threads[w[1]].sleeps, WP_SLEEP_LONG);
  const uint32_t before[2] = {wake_of(f.pool, w[0]), wake_of(f.pool, w[1])};
  wp_sched_burst(f.pool, true);
  for (int i = 0; i < 31; i++) submit_normal(f.pool);
  CHECK_EQ(woken(w, before, 2), 0);
  submit_normal(f.pool);
  CHECK_EQ(woken(w, before, 2), 1);
  wp_sched_burst(f.pool, false);
  CHECK_EQ(woken(w, before, 2), 2);
  fixture_close(&f);
}

TEST(burst_of_sleepers,
     "a burst wakes at once where everybody sleeps for long; an empty one wakes nobody") {
  uint32_t w[2];
  CHECK(open_idle(w, 2));
  for (int i = 0; i < 2; i++)
    wp_atomic_store_relaxed_u32(&f.pool->threads[w[i]].sleeps, WP_SLEEP_LONG);
  const uint32_t before[2] = {wake_of(f.pool, w[0]), wake_of(f.pool, w[1])};
  wp_sched_burst(f.pool, true);
  wp_sched_burst(f.pool, false);
  CHECK_EQ(woken(w, before, 2), 0);
  wp_sched_burst(f.pool, true);
  submit_normal(f.pool);
  CHECK_EQ(woken(w, before, 2), 1);
  fixture_close(&f);
}

TEST(
    poisoned_while_idle,
    "of those that run something and wait for more, a poisoned one is passed over [AM-07, AM-43]") {
  wp_config config = fixture_config(2);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  const uint32_t w[2] = {start_worker(f.pool, 0), start_worker(f.pool, 1)};
  submit_timed(f.pool, 5);
  submit_normal(f.pool);
  for (int i = 0; i < 2; i++) CHECK(take(f.pool, w[i], 0) != WP_NONE);
  for (int i = 0; i < 2; i++) CHECK_EQ(take(f.pool, w[i], 0), WP_NONE);
  wp_action action;
  double next_ms = 0;
  CHECK_EQ(wp_task_tick(f.pool, 10, &action, 1, &next_ms), 1);
  const uint32_t before[2] = {wake_of(f.pool, w[0]), wake_of(f.pool, w[1])};
  submit_normal(f.pool);
  CHECK_EQ(wake_of(f.pool, w[0]), before[0]);
  CHECK(wake_of(f.pool, w[1]) != before[1]);
  fixture_close(&f);
}

TEST(reaped, "each task that a dead worker gives back wakes somebody [AM-54, XP-16]") {
  wp_config config = fixture_config(3);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t dead = start_worker(f.pool, 0);
  const uint32_t others[2] = {start_worker(f.pool, 1), start_worker(f.pool, 2)};
  for (int i = 0; i < 2; i++) {
    submit_flags(f.pool, WP_SLOT_REQUEUE);
    CHECK(take(f.pool, dead, 0) != WP_NONE);
  }
  for (int i = 0; i < 2; i++) CHECK_EQ(take(f.pool, others[i], 0), WP_NONE);
  const uint32_t before[2] = {wake_of(f.pool, others[0]), wake_of(f.pool, others[1])};
  CHECK_EQ(kill_worker(f.pool, dead), WP_OK);
  CHECK_EQ(woken(others, before, 2), 2);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
static uint32_t victim;

static void doom_at_idle(const char *name) {
  if (strcmp(name, "idle.set")) return;
  wp__point_hook = NULL;
  wp_worker_doom(f.pool, victim);
}

TEST(doomed_while_going_idle, "a worker doomed on its way into the idle set is not woken in place "
                              "of another [AM-07, XP-16]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  victim = start_worker(f.pool, 0);
  uint32_t other = start_worker(f.pool, 1);
  CHECK_EQ(take(f.pool, other, 0), WP_NONE);
  wp__point_hook = doom_at_idle;
  CHECK_EQ(take(f.pool, victim, 0), WP_NONE);
  uint32_t before = wake_of(f.pool, other);
  submit_normal(f.pool);
  CHECK(wake_of(f.pool, other) != before);
  CHECK_EQ(wp_worker_reap(f.pool, victim, true), WP_OK);
  CHECK(!is_idle(f.pool, victim));
  fixture_close(&f);
}

TEST(reaped_after_going_idle, "a dead worker's record is not in the idle set [AM-54, XP-16]") {
  wp_config config = fixture_config(2);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  victim = start_worker(f.pool, 0);
  wp__point_hook = doom_at_idle;
  CHECK_EQ(take(f.pool, victim, 0), WP_NONE);
  CHECK_EQ(wp_worker_reap(f.pool, victim, true), WP_OK);
  CHECK(!is_idle(f.pool, victim));
  fixture_close(&f);
}

static uint32_t timed, seen;

static void answer_at_move(const char *name) {
  if (strcmp(name, "slot.move")) return;
  wp__point_hook = NULL;
  wp_task_finish(f.pool, victim, timed, WP_OK);
  submit_normal(f.pool);
  seen = wake_of(f.pool, victim);
  take(f.pool, victim, 20);
}

TEST(answered_at_its_limit,
     "a worker that answers while its time limit is looked at goes on [AM-43, AM-44]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  victim = start_worker(f.pool, 0);
  timed = submit_timed(f.pool, 10);
  CHECK_EQ(take(f.pool, victim, 0), timed);
  wp_action action;
  double next_ms;
  wp__point_hook = answer_at_move;
  CHECK_EQ(wp_task_tick(f.pool, 20, &action, 1, &next_ms), 0);
  CHECK(wake_of(f.pool, victim) != seen);
  fixture_close(&f);
}
#endif
