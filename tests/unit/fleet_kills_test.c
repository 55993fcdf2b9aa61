/* The fleet's kills: which rung is tried first, several kills at once, silence, and what is reported for each task. */
#include "fleet_one.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

TEST(killed, "a task that does not end is ended with its thread; its seat is served at once, "
             "without using the budget") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  for (uint32_t i = 0; i < 10; i++) {
    uint32_t thread = on_seat(&host, 0);
    wp_handle task = abandoned(thread);
    CHECK(task.index != WP_NONE);
    kill_task(thread, task);
    host_sleep(&host, 3);
    CHECK(host.threads[thread].stopping);
    CHECK_EQ(last_told(&host, WP_FLEET_DOWN)->reason, WP_FLEET_KILLED);
    CHECK_EQ(last_told(&host, WP_FLEET_START)->seat, 0);
    CHECK_EQ(told(&host, WP_FLEET_OVER, 0), i); /* not before the confirmed death */
    host_report(&host, WP_FLEET_GONE, thread);
    CHECK_EQ(told(&host, WP_FLEET_OVER, 0), i + 1);
    CHECK_EQ(last_told(&host, WP_FLEET_OVER)->rung, WP_RUNG_THREAD);
    CHECK_EQ(last_told(&host, WP_FLEET_OVER)->task.index, task.index);
    host_settle(&host);
  }
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 0), 0);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->kills, 10);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(spared, "a task that ends while its thread is doomed costs nothing: the thread is pardoned "
             "and takes the next one") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  wp_handle task = abandoned(1);
  wp_gate_enter(&host.f.pool->threads[1]); /* in the middle of a call into the core */
  kill_task(1, task);
  host_sleep(&host, 10);
  CHECK(wp_gate_doomed(&host.f.pool->threads[1]));
  wp_task_finish(host.f.pool, 1, task.index, WP_OK);
  wp_gate_leave(&host.f.pool->threads[1]);
  host_sleep(&host, 10);
  CHECK(!wp_gate_doomed(&host.f.pool->threads[1]));
  CHECK_EQ(last_told(&host, WP_FLEET_OVER)->rung, WP_RUNG_FLAG);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 0), 0);
  submit_normal(host.f.pool);
  CHECK(run_one(host.f.pool, 1, host.now_ms) < WP_NONE - 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(expired, "a task over its time is told of, and its worker is ended when it does not answer "
              "[AM-20, AM-22]") {
  CHECK_EQ(open(1, 1, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 0);
  uint32_t index = submit_timed(host.f.pool, 50);
  CHECK_EQ(take(host.f.pool, worker, host.now_ms), index);
  host_step(&host, NULL);
  host_sleep(&host, 49);
  CHECK_EQ(told(&host, WP_FLEET_EXPIRED, 0), 0);
  host_sleep(&host, 1);
  CHECK_EQ(told(&host, WP_FLEET_EXPIRED, worker), 1);
  CHECK_EQ(last_told(&host, WP_FLEET_EXPIRED)->task.index, index);
  host_sleep(&host, 3);
  CHECK_EQ(told(&host, WP_FLEET_STOP, worker), 1);
  CHECK(on_seat(&host, 0) != worker && on_seat(&host, 0) != 0); /* the spare */
  host_report(&host, WP_FLEET_GONE, worker);
  CHECK_EQ(last_told(&host, WP_FLEET_OVER)->suspect, WP_SUSPECT_POISONED);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(stop_again, "STOP is repeated until the end is reported, where the host wants that") {
  wp_fleet_config config = fleet_config();
  config.stop_again_ms = 10;
  CHECK_EQ(open(1, 0, &config), WP_OK);
  host_report(&host, WP_FLEET_BROKEN, 1);
  host_sleep(&host, 95);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 10);
  host_report(&host, WP_FLEET_GONE, 1);
  host_sleep(&host, 50);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 10);
  host_close(&host);
}

/* How the suspicions ended, by rung. */
static uint32_t over(uint32_t rung) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < host.told_count; i++)
    count += host.told[i].kind == WP_FLEET_OVER && host.told[i].rung == rung;
  return count;
}

TEST(several, "several tasks that end with one thread are told of each, once; one that had ended "
              "before is not") {
  concurrency = 4;
  CHECK_EQ(open(1, 1, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 0);
  wp_handle tasks[4];
  for (uint32_t i = 0; i < 4; i++) tasks[i] = abandoned(worker);
  for (uint32_t i = 0; i < 4; i++) {
    wp_fleet_event event = {.kind = WP_FLEET_KILL,
                            .thread = worker,
                            .incarnation = host.threads[worker].incarnation,
                            .task = tasks[i],
                            .grace_ms = i ? 100000 : 10};
    host_step(&host, &event);
    host_step(&host, &event); /* asked for again, which is the same suspicion */
  }
  wp_task_finish(host.f.pool, worker, tasks[3].index, WP_OK);
  host_sleep(&host, 5);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 0), 0);
  CHECK_EQ(over(WP_RUNG_FLAG), 1);
  host_sleep(&host, 6); /* the grace of the first is over, and the others end with it */
  CHECK_EQ(told(&host, WP_FLEET_STOP, worker), 1);
  host_report(&host, WP_FLEET_GONE, worker);
  CHECK_EQ(over(WP_RUNG_THREAD), 3);
  CHECK_EQ(over(WP_RUNG_NONE), 0);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->kills, 1);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->suspicions, 4);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(silent,
     "a silent thread is ended with all that it runs, each task told of once, also one that "
     "was given up besides; one intervention") {
  concurrency = 3;
  wp_fleet_config config = fleet_config();
  config.ticks = 0;
  CHECK_EQ(open(1, 0, &config), WP_OK);
  wp_handle given_up = abandoned(1);
  for (uint32_t i = 0; i < 2; i++) {
    submit_normal(host.f.pool);
    take(host.f.pool, 1, host.now_ms);
  }
  kill_task(1, given_up);
  report_silent(1);
  report_silent(1);
  host_sleep(&host, 3);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 1);
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK_EQ(over(WP_RUNG_THREAD), 3);
  CHECK_EQ(over(WP_RUNG_NONE), 1);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->interventions, 1);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->kills, 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(idle_and_silent,
     "a silent thread that runs nothing known is ended as well, and a sign of life "
     "spares it") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  report_silent(1);
  wp_thread_beat(&host.f.pool->threads[1]);
  host_sleep(&host, 3);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 0), 0);
  CHECK_EQ(last_told(&host, WP_FLEET_OVER)->task.index, WP_NONE);
  report_silent(1);
  host_sleep(&host, 3);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 1);
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK_EQ(last_told(&host, WP_FLEET_OVER)->rung, WP_RUNG_THREAD);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(dies_first, "a thread that ends by itself while a task is to be stopped there has not been "
                 "stopped, and whoever waits is told") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  wp_handle task = abandoned(1);
  wp_fleet_event event = {.kind = WP_FLEET_KILL,
                          .thread = 1,
                          .incarnation = host.threads[1].incarnation,
                          .task = task,
                          .grace_ms = 100000};
  host_step(&host, &event);
  host_report(&host, WP_FLEET_EXITED, 1);
  CHECK_EQ(told(&host, WP_FLEET_OVER, 0), 0);
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK_EQ(over(WP_RUNG_NONE), 1);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->kills, 0);
  host_close(&host);
}

TEST(later,
     "a task that is given up while its thread is being ended for another one ends with it, and "
     "counts as stopped") {
  concurrency = 2;
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  wp_handle first = abandoned(1), second = abandoned(1);
  kill_task(1, first);
  host_sleep(&host, 3);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 1);
  kill_task(1, second);
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK_EQ(over(WP_RUNG_THREAD), 2);
  host_settle(&host); /* the record is used again, and nothing is being ended there */
  wp_handle third = abandoned(on_seat(&host, 0));
  kill_task(on_seat(&host, 0), third);
  wp_task_finish(host.f.pool, on_seat(&host, 0), third.index, WP_OK);
  host_sleep(&host, 1);
  CHECK_EQ(over(WP_RUNG_THREAD), 2);
  CHECK_EQ(over(WP_RUNG_FLAG), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(flood, "however many suspicions are asked for, each is over once") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  wp_gate_enter(&host.f.pool->threads[1]);
  kill_task(1, abandoned(1));
  host_sleep(&host,
             3); /* doomed and inside the gate: no suspicion ends before it leaves the gate */
  host.told_count = 0;
  for (uint32_t i = 0; i < 100; i++) {
    wp_fleet_event event = {.kind = WP_FLEET_KILL,
                            .suspect = WP_SUSPECT_TASK,
                            .thread = 1,
                            .incarnation = host.threads[1].incarnation,
                            .task = {i, 1000},
                            .grace_ms = -1};
    host_step(&host, &event);
  }
  wp_gate_leave(&host.f.pool->threads[1]);
  host_sleep(&host, 3);
  host_settle(&host);
  CHECK_EQ(host.over_count, wp_fleet_counts_of(host.fleet)->suspicions);
  CHECK_EQ(host.over_count, 101);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(ticks, "a host that looks at time limits itself is told of none") {
  wp_fleet_config config = fleet_config();
  config.ticks = 0;
  CHECK_EQ(open(1, 0, &config), WP_OK);
  uint32_t index = submit_timed(host.f.pool, 50);
  CHECK_EQ(take(host.f.pool, 1, host.now_ms), index);
  host_step(&host, NULL);
  CHECK(host.next.pool_ms == 0);
  host_sleep(&host, 1000);
  CHECK_EQ(told(&host, WP_FLEET_EXPIRED, 0), 0);
  host_close(&host);
}
