#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static uint32_t tick(double now_ms, wp_action *actions, double *next_ms) {
  return wp_task_tick(f.pool, now_ms, actions, 8, next_ms);
}

TEST(
    silent,
    "a worker that gives no sign of life is named, one that beats or rests is not [NF-41, TW-54]") {
  wp_config config = fixture_config(2);
  config.liveness_ms = 5000;
  wp_action action[8];
  double next_ms = 0, now_ms = 1e6;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  CHECK_EQ(tick(now_ms, action, &next_ms), 0);
  CHECK_EQ(next_ms, 0); /* nobody has anything to do */
  uint32_t hung = submit_normal(f.pool), beating = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, now_ms), hung);
  CHECK_EQ(take(f.pool, b, now_ms), beating);
  for (int second = 0; second < 5; second++, now_ms += 1000) {
    CHECK_EQ(tick(now_ms, action, &next_ms), 0);
    CHECK_EQ(next_ms, now_ms + 1000);
    wp_thread_beat(&f.pool->threads[b]);
  }
  CHECK_EQ(tick(now_ms, action, &next_ms), 1);
  CHECK(action[0].kind == WP_ACTION_SILENT && action[0].thread == a);
  CHECK_EQ(action[0].generation, wp_atomic_load_acquire_u32(&f.pool->threads[a].beat));
  wp_thread_beat(&f.pool->threads[a]);
  CHECK_EQ(tick(now_ms + 1000, action, &next_ms), 0);
  fixture_close(&f);
}

TEST(some_watched, "where not all tasks are watched, those are that ask for it [C-07, TW-54]") {
  wp_config config = fixture_config(2);
  config.liveness_ms = 5000;
  config.liveness_all = 0;
  wp_action action[8];
  double next_ms = 0, now_ms = 1e6;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = start_worker(f.pool, 0), b = start_worker(f.pool, 1);
  uint32_t plain = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, a, now_ms), plain);
  CHECK_EQ(tick(now_ms, action, &next_ms), 0);
  CHECK_EQ(next_ms, 0); /* nobody has to give a sign */
  uint32_t watched = submit_flags(f.pool, WP_SLOT_WATCHED);
  CHECK_EQ(take(f.pool, b, now_ms), watched);
  CHECK_EQ(tick(now_ms, action, &next_ms), 0);
  CHECK_EQ(next_ms, now_ms + 1000);
  CHECK_EQ(tick(now_ms + 5000, action, &next_ms), 1);
  CHECK(action[0].kind == WP_ACTION_SILENT && action[0].thread == b);
  fixture_close(&f);
}

TEST(recover,
     "a silent task that was stopped runs again first, as often as it may [TW-54, TW-57]") {
  wp_config config = fixture_config(1);
  config.max_redeliveries = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), again = submit_flags(f.pool, WP_SLOT_REQUEUE);
  uint32_t behind = submit_normal(f.pool), lost = submit_normal(f.pool);
  wp_status status = WP_OK;
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(take(f.pool, w, 0), again);
    CHECK(!wp_task_recover(f.pool, w, again));
    CHECK_EQ(queued_of(f.pool), 3);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  }
  CHECK_EQ(take(f.pool, w, 0), again);
  wp_task_recover(f.pool, w, again);
  CHECK_EQ(deliver(f.pool, &status), again);
  CHECK_EQ(status, WP_E_POISON_JOB);
  CHECK_EQ(run_one(f.pool, w, 0), behind);
  CHECK_EQ(take(f.pool, w, 0), lost);
  CHECK(wp_task_arm_bell(f.pool));
  CHECK(wp_task_recover(f.pool, w, lost)); /* rings */
  CHECK_EQ(deliver(f.pool, &status), lost);
  CHECK_EQ(status, WP_E_WORKER_LOST);
  uint32_t cancelled = submit_flags(f.pool, WP_SLOT_REQUEUE);
  CHECK_EQ(take(f.pool, w, 0), cancelled);
  CHECK_EQ(wp_task_cancel(f.pool, cancelled, generation_of(f.pool, cancelled)), WP_CANCEL_RUNNING);
  wp_task_recover(f.pool, w, cancelled); /* TW-56 */
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(recover_exclusive, "an exclusive task that was stopped leaves its worker free, "
                        "for itself or for others [TW-54, TW-57]") {
  wp_config config = fixture_config(1);
  config.concurrency = 2;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), other = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 0), other);
  CHECK(!wp_task_finish(f.pool, w, other, WP_OK));
  uint32_t alone = submit_flags(f.pool, WP_SLOT_REQUEUE | WP_SLOT_EXCLUSIVE);
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(take(f.pool, w, 0), alone);
    CHECK_EQ(take(f.pool, w, 0), WP_NONE);
    wp_task_recover(f.pool, w, alone);
  }
  CHECK_EQ(take(f.pool, w, 0), alone);
  wp_task_recover(f.pool, w, alone);
  CHECK_EQ(wp_task_cancel(f.pool, alone, generation_of(f.pool, alone)), WP_CANCEL_QUEUED);
  uint32_t beside[2] = {submit_normal(f.pool), submit_normal(f.pool)};
  for (int i = 0; i < 2; i++) CHECK_EQ(take(f.pool, w, 0), beside[i]);
  fixture_close(&f);
}

TEST(rested, "what a worker rested, it was not silent: not even while it has a task and has "
             "not said so yet [TW-54]") {
  wp_config config = fixture_config(1);
  config.liveness_ms = 5000;
  wp_action action[8];
  double next_ms = 0;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), hung = submit_flags(f.pool, WP_SLOT_REQUEUE);
  CHECK_EQ(take(f.pool, w, 1000), hung);
  CHECK_EQ(tick(1000, action, &next_ms), 0);
  CHECK_EQ(tick(6000, action, &next_ms), 1);
  wp_task_recover(f.pool, w, hung);
  CHECK_EQ(tick(6001, action, &next_ms), 0); /* it rests */
  wp_thread *thread = &f.pool->threads[w];
  wp_atomic_store_release_u32(&thread->slots[0],
                              hung + 1); /* as between two steps of wp_task_begin */
  wp_atomic_fetch_add_seq_u32(&thread->running, 1);
  CHECK_EQ(tick(9000, action, &next_ms), 0);
  CHECK_EQ(next_ms, 10000);
  CHECK_EQ(tick(14000, action, &next_ms), 1); /* from then on it counts */
  fixture_close(&f);
}
