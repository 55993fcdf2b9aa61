/* Workers that are replaced or whose seats are closed: successors, farewells, ends. */
#include "fleet_one.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

TEST(replaced, "a worker that is replaced goes on until its successor is there, ends what it runs, "
               "and the seat is "
               "served again at once: no loss, no restart") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  for (uint32_t i = 0; i < 10; i++) {
    uint32_t old = on_seat(&host, 0);
    replace(old);
    CHECK_EQ(last_told(&host, WP_FLEET_START)->seat, WP_NONE);
    uint32_t heir = last_told(&host, WP_FLEET_START)->thread, index = submit_normal(host.f.pool);
    CHECK_EQ(take_one(old), index);
    host_report(&host, WP_FLEET_STARTED, heir);
    uint32_t next = submit_normal(host.f.pool), copy = submit(host.f.pool, WP_LEVEL_NORMAL, 1);
    finish(old, index);
    CHECK_EQ(take_one(old), copy);
    CHECK_EQ(on_seat(&host, 0), old);
    finish(old, copy);
    CHECK_EQ(take_one(old), WP_NONE);
    CHECK(wp_fleet_due(host.fleet));
    host_step(&host, NULL);
    CHECK_EQ(on_seat(&host, 0), heir);
    CHECK_EQ(told(&host, WP_FLEET_LEFT, old), told(&host, WP_FLEET_STOP, old));
    CHECK_EQ(take_one(heir), next);
    finish(heir, next);
    host_settle(&host);
    CHECK_EQ(warm_count(&host), 0);
    host_sleep(&host, 10); /* spare_delay_ms */
  }
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 10);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 11);
  CHECK_EQ(wp_fleet_counts_of(host.fleet)->left, 10);
  CHECK(no_losses());
  host_close(&host);
}

TEST(one_by_one, "workers that are to be replaced together are replaced one by one, but for those "
                 "whose successors wait already") {
  CHECK_EQ(open(3, 0, NULL), WP_OK);
  uint32_t old[3];
  for (uint32_t seat = 0; seat < 3; seat++) old[seat] = on_seat(&host, seat);
  uint32_t index = submit_normal(host.f.pool);
  CHECK_EQ(take_one(old[0]), index);
  for (uint32_t seat = 0; seat < 3; seat++) replace(old[seat]);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 4);
  for (uint32_t i = 0; i < 10; i++) {
    host_settle(&host);
    host_sleep(&host, 10);
  }
  CHECK_EQ(on_seat(&host, 0), old[0]); /* it runs something */
  CHECK(on_seat(&host, 1) != old[1] && on_seat(&host, 2) != old[2]);
  CHECK_EQ(warm_count(&host), 1);
  finish(old[0], index);
  host_sleep(&host, 1000);
  host_settle(&host);
  CHECK(on_seat(&host, 0) != old[0]);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 3);
  CHECK_EQ(warm_count(&host), 0);
  CHECK(no_losses());
  host_close(&host);
}

/* Opens a pool whose workers ask to be replaced after so many tasks. */
static wp_status open_recycled(uint32_t workers, uint32_t spares, uint32_t at_once,
                               uint32_t tasks_per_worker) {
  wp_fleet_config usual = fleet_config();
  wp_config config = fixture_config(workers);
  config.spares = spares;
  config.concurrency = at_once;
  config.tasks_per_worker = tasks_per_worker;
  wp_status status = host_create(&host, &config, &usual);
  if (status) return status;
  host_open(&host);
  host_settle(&host);
  return WP_OK;
}

static uint32_t leaving_of(uint32_t thread) {
  return wp_atomic_load_seq_u32(&host.f.pool->threads[thread].leaving);
}

TEST(limit,
     "a worker is replaced after its number of tasks, by itself, and its successor after as many") {
  CHECK_EQ(open_recycled(1, 0, 1, 3), WP_OK);
  for (uint32_t i = 1; i <= 30; i++) {
    uint32_t thread = on_seat(&host, 0), index = submit_normal(host.f.pool);
    CHECK_EQ(take_one(thread), index);
    finish(thread, index);
    CHECK_EQ(wp_fleet_due(host.fleet), i % 3 == 0);
    host_step(&host, NULL);
    host_sleep(&host, 10);
    host_settle(&host);
    CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), i / 3);
  }
  CHECK(no_losses());
  host_close(&host);
}

TEST(one_for_one,
     "of workers that ask at once as many leave as successors wait; the others go on") {
  CHECK_EQ(open_recycled(2, 1, 2, 1), WP_OK);
  uint32_t leaving = 0;
  for (uint32_t seat = 0; seat < 2; seat++) {
    uint32_t thread = on_seat(&host, seat), index = submit_normal(host.f.pool);
    CHECK_EQ(take_one(thread), index);
    submit_normal(host.f.pool);
    CHECK(take_one(thread) != WP_NONE);
    finish(thread, index);
  }
  host_step(&host, NULL);
  for (uint32_t seat = 0; seat < 2; seat++)
    leaving += leaving_of(on_seat(&host, seat)) != WP_LEAVING_NOT;
  CHECK_EQ(leaving, 1);
  CHECK(no_losses());
  host_close(&host);
}

TEST(taken_away, "a spare that takes the seat of a worker that is lost is nobody's successor: a "
                 "worker that asks in the same step waits for another one") {
  CHECK_EQ(open_recycled(2, 1, 1, 1), WP_OK);
  uint32_t old = on_seat(&host, 0), lost = on_seat(&host, 1), index = submit_normal(host.f.pool);
  CHECK_EQ(take_one(old), index);
  finish(old, index); /* it asks */
  host_report(&host, WP_FLEET_BROKEN, lost);
  CHECK(on_seat(&host, 1) != lost);
  CHECK_EQ(leaving_of(old), WP_LEAVING_NOT);
  host_sleep(&host, 100);
  CHECK_EQ(on_seat(&host, 0), old);
  host_settle(&host);
  host_sleep(&host, 2000);
  host_settle(&host);
  CHECK(on_seat(&host, 0) != old);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, old), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(wanted_again, "a worker that is to be replaced, and whose seat is closed and opened again, "
                   "goes on until its successor is there") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  uint32_t running[2], old = on_seat(&host, 1);
  for (uint32_t seat = 0; seat < 2; seat++) {
    submit_normal(host.f.pool);
    running[seat] = take_one(on_seat(&host, seat));
  }
  replace(old);
  resize_to(1, 1);
  CHECK_EQ(leaving_of(old), WP_LEAVING_SEAT);
  resize_to(2, 2);
  CHECK_EQ(leaving_of(old), WP_LEAVING_NOT);
  finish(old, running[1]);
  host_sleep(&host, 2000);
  CHECK_EQ(on_seat(&host, 1), old);
  host_settle(&host);
  CHECK(on_seat(&host, 1) != old && on_seat(&host, 1) != 0);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, old), 1);
  finish(on_seat(&host, 0), running[0]);
  CHECK(no_losses());
  host_close(&host);
}

/* No thread starts for long enough to use up the budget. */
static void refuse_starts(void) {
  for (uint32_t i = 0; i < 20; i++) {
    const wp_fleet_action *start = last_told(&host, WP_FLEET_START);
    if (host.threads[start->thread].exists && !host.threads[start->thread].started)
      host_report(&host, WP_FLEET_START_FAILED, start->thread);
    for (uint32_t t = 1; t < THREADS_KEPT; t++) host_let_stop(&host, t);
    host_sleep(&host, 1000);
  }
}

TEST(no_successor, "a worker for which no successor can be had goes on") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  uint32_t old = on_seat(&host, 0);
  replace(old);
  refuse_starts();
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 1 + 4);
  CHECK_EQ(on_seat(&host, 0), old);
  uint32_t index = submit_normal(host.f.pool);
  CHECK_EQ(take_one(old), index);
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 0), 0);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(once, "a worker that has asked for a successor in vain does not ask again") {
  CHECK_EQ(open_recycled(1, 0, 1, 1), WP_OK);
  uint32_t old = on_seat(&host, 0), index = submit_normal(host.f.pool);
  CHECK_EQ(take_one(old), index);
  finish(old, index);
  refuse_starts();
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 1 + 4);
  CHECK_EQ(on_seat(&host, 0), old);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(not_needed, "a successor whose worker is lost takes the seat; one whose seat is closed ends") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  uint32_t old = on_seat(&host, 0);
  replace(old);
  host_report(&host, WP_FLEET_BROKEN, old);
  host_settle(&host);
  host_sleep(&host, 500);
  CHECK(on_seat(&host, 0) != 0);
  uint32_t starts = told(&host, WP_FLEET_START, 0);
  old = on_seat(&host, 1);
  uint32_t index = submit_normal(host.f.pool), other = on_seat(&host, 0);
  CHECK_EQ(take_one(other), index);
  replace(old);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), starts + 1);
  resize_to(1, 1);
  host_settle(&host);
  host_sleep(&host, 10);
  host_settle(&host);
  CHECK_EQ(served(), 1);
  CHECK_EQ(warm_count(&host), 0);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(farewell,
     "where the host wants it, a worker cleans up before it ends, and takes nothing meanwhile") {
  wp_fleet_config config = fleet_config();
  config.farewells = 1;
  CHECK_EQ(open(2, 0, &config), WP_OK);
  uint32_t thread = on_seat(&host, 1);
  resize_to(1, 1);
  CHECK_EQ(told(&host, WP_FLEET_RESTING, thread), 1);
  CHECK(!wp_gate_doomed(&host.f.pool->threads[thread]));
  submit_normal(host.f.pool);
  CHECK_EQ(take_one(thread), WP_NONE);
  host_sleep(&host, 10000);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 0), 0);
  host_report(&host, WP_FLEET_RESTED, thread);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, thread), 1);
  CHECK_EQ(told(&host, WP_FLEET_STOP, thread), 1);
  CHECK_EQ(told(&host, WP_FLEET_RESTING, 0), 1);
  host_settle(&host);
  CHECK(no_losses());
  resize_to(2, 2);
  host_settle(&host);
  thread = on_seat(&host, 1);
  resize_to(1, 1);
  resize_to(2, 2); /* too late, as it is cleaning up */
  CHECK_EQ(take_one(thread), WP_NONE);
  host_report(&host, WP_FLEET_RESTED, thread);
  host_settle(&host);
  CHECK(on_seat(&host, 1) != thread && on_seat(&host, 1) != 0);
  thread = on_seat(&host, 1);
  resize_to(1, 1);
  host_report(&host, WP_FLEET_EXITED, thread); /* while it cleans up, when it has nothing to lose */
  host_settle(&host);
  CHECK(no_losses());
  host_close(&host);
}

TEST(inside, "a worker that is inside the gate is not ended before it has left it") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  replace(1);
  wp_gate_enter(&host.f.pool->threads[1]);
  host_report(&host, WP_FLEET_STARTED, last_told(&host, WP_FLEET_START)->thread);
  host_sleep(&host, 50);
  CHECK(wp_gate_doomed(&host.f.pool->threads[1]));
  CHECK_EQ(told(&host, WP_FLEET_STOP, 0), 0);
  wp_gate_leave(&host.f.pool->threads[1]);
  host_sleep(&host, 50);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 1), 1);
  CHECK(no_losses());
  host_close(&host);
}

#ifdef WP_KILL_POINTS
static bool was_doomed, was_pardoned;

static void watch_doom(const char *name) {
  bool doomed = wp_gate_doomed(&host.f.pool->threads[1]);
  if (strcmp(name, "thread.wake") != 0) return;
  was_pardoned |= was_doomed && !doomed;
  was_doomed |= doomed;
}

TEST(no_way_back, "a worker that was found to have nothing left to do stays doomed until it ends: "
                  "it is not inside the gate when its host stops it") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  replace(1);
  wp__point_hook = watch_doom;
  host_report(&host, WP_FLEET_STARTED, last_told(&host, WP_FLEET_START)->thread);
  wp__point_hook = NULL;
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 1), 1);
  CHECK(was_doomed);
  CHECK(!was_pardoned);
  CHECK(!host.broken);
  host_close(&host);
}
#endif
