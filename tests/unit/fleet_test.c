/* The fleet, with the test as its host: starts, seats, spares, kills, restarts, closing. */
#include "fleet_one.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

/* ---- Starts ---- */

TEST(opening, "opening asks for every seat's thread and the spares, and is over when each seat is "
              "served") {
  CHECK_EQ(create(2, 1, NULL), WP_OK);
  host_step(&host, NULL);
  CHECK_EQ(host.told_count, 0); /* not before OPEN */
  host_open(&host);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3);
  host_report(&host, WP_FLEET_STARTED, 1);
  CHECK_EQ(told(&host, WP_FLEET_SEATING, 1), 1);
  CHECK_EQ(on_seat(&host, 0), 1);
  CHECK_EQ(told(&host, WP_FLEET_OPENED, 0), 0);
  host_report(&host, WP_FLEET_STARTED, 2);
  CHECK_EQ(told(&host, WP_FLEET_OPENED, 0), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(seating, "a worker takes no seat before the host has done what seating asks for") {
  CHECK_EQ(create(1, 0, NULL), WP_OK);
  host_open(&host);
  wp_worker_ready(host.f.pool, 1);
  wp_fleet_event started = {
      .kind = WP_FLEET_STARTED, .thread = 1, .incarnation = host.threads[1].incarnation};
  const wp_fleet_action *actions = NULL;
  CHECK_EQ(wp_fleet_step(host.fleet, 1000, 1000, &started, &actions, &host.next), 1);
  CHECK_EQ(actions[0].kind, WP_FLEET_SEATING);
  CHECK_EQ(on_seat(&host, 0), 0);
  CHECK(host.next.real_ms > 0 && host.next.real_ms <= 1000); /* call again at once */
  CHECK_EQ(wp_fleet_step(host.fleet, 1000, 1000, NULL, &actions, &host.next), 2);
  CHECK_EQ(actions[0].kind, WP_FLEET_UP);
  CHECK_EQ(actions[1].kind, WP_FLEET_OPENED);
  CHECK_EQ(on_seat(&host, 0), 1);
  host_close(&host);
}

TEST(refused,
     "a thread that fails while the pool opens refuses the opening; nothing is started any more") {
  CHECK_EQ(create(2, 0, NULL), WP_OK);
  host_open(&host);
  host_report(&host, WP_FLEET_START_FAILED, 1);
  CHECK_EQ(told(&host, WP_FLEET_REFUSED, 1), 1);
  host_settle(&host);
  host_sleep(&host, 100000);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  CHECK_EQ(told(&host, WP_FLEET_OPENED, 0), 0);
  host_close(&host);
}

TEST(refused_once, "once the opening is refused, threads that do not start are told of no more") {
  CHECK_EQ(create(2, 1, NULL), WP_OK);
  host_open(&host);
  host_report(&host, WP_FLEET_START_FAILED, 1);
  host_report(&host, WP_FLEET_BROKEN, 2);
  host_report(&host, WP_FLEET_EXITED, 3);
  CHECK_EQ(told(&host, WP_FLEET_REFUSED, 0), 1);
  CHECK_EQ(told(&host, WP_FLEET_DOWN, 0), 0);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 0), 3);
  host_close(&host);
}

TEST(spare_memory, "the opening does not wait for a spare that has no memory; it is tried again") {
  CHECK_EQ(create(1, 1, NULL), WP_OK);
  host_open(&host);
  wp_fleet_event failed = {.kind = WP_FLEET_START_FAILED,
                           .thread = 2,
                           .incarnation = host.threads[2].incarnation,
                           .reason = WP_FLEET_NO_MEMORY};
  host_step(&host, &failed);
  CHECK_EQ(told(&host, WP_FLEET_REFUSED, 0), 0);
  host_settle(&host);
  CHECK_EQ(told(&host, WP_FLEET_OPENED, 0), 1);
  host_sleep(&host, 100);
  host_settle(&host);
  CHECK_EQ(warm_count(&host), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(late, "a start that takes too long is a failure, in both phases") {
  CHECK_EQ(create(1, 0, NULL), WP_OK);
  host_open(&host);
  CHECK_EQ(host.next.pool_ms, 6000); /* nothing else may wake the host */
  host_sleep(&host, 4999);
  CHECK_EQ(told(&host, WP_FLEET_REFUSED, 0), 0);
  host_sleep(&host, 1);
  CHECK_EQ(told(&host, WP_FLEET_REFUSED, 1), 1);
  CHECK_EQ(last_told(&host, WP_FLEET_REFUSED)->reason, WP_FLEET_NOT_READY);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 1);
  host_close(&host);
}

TEST(
    memory,
    "a start without memory waits for a dying thread's, and counts as a failure only without one") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  host_report(&host, WP_FLEET_BROKEN, 1);
  host_sleep(&host, 200);
  uint32_t again = last_told(&host, WP_FLEET_START)->thread;
  CHECK(again != 1);
  wp_fleet_event failed = {.kind = WP_FLEET_START_FAILED,
                           .thread = again,
                           .incarnation = host.threads[again].incarnation,
                           .reason = WP_FLEET_NO_MEMORY};
  host.threads[again].exists = false;
  host_step(&host, &failed);
  CHECK_EQ(told(&host, WP_FLEET_REAPED, again), 1); /* that thread is gone */
  host_sleep(&host, 10000);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3); /* not tried meanwhile */
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 4);
  host_settle(&host);
  CHECK(on_seat(&host, 0) != 0);
  CHECK_EQ(told(&host, WP_FLEET_DOWN, 0), 1);
  CHECK(!host.broken);
  host_close(&host);
}

/* ---- Losses ---- */

TEST(lost, "a lost worker is replaced after its back-off, under its seat; the record waits for the "
           "confirmed death") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  host_report(&host, WP_FLEET_BROKEN, 1);
  CHECK_EQ(told(&host, WP_FLEET_STOP, 1), 1);
  CHECK_EQ(told(&host, WP_FLEET_DOWN, 1), 1);
  CHECK_EQ(on_seat(&host, 0), 0);
  host_sleep(&host, 99);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  host_sleep(&host, 1);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3);
  CHECK_EQ(last_told(&host, WP_FLEET_START)->seat, 0);
  CHECK(last_told(&host, WP_FLEET_START)->thread != 1); /* not confirmed yet */
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK_EQ(told(&host, WP_FLEET_REAPED, 1), 1);
  host_settle(&host);
  CHECK(on_seat(&host, 0) != 0);
  CHECK(!host.broken);
  host_close(&host);
}

static void check_workers(uint32_t free, uint32_t busy) {
  wp_stats stats;
  wp_stats_read(host.f.pool, &stats);
  CHECK_EQ(stats.free_workers, free);
  CHECK_EQ(stats.busy_workers, busy);
  CHECK_EQ(stats.total_workers, free + busy);
}

TEST(retired, "a seat whose restarts are used up is given up, and the others go on; with the last "
              "the pool serves nobody") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  for (uint32_t i = 0; i < 4; i++) {
    CHECK(wp_fleet_serves(host.fleet, 0));
    check_workers(2, 0);
    host_report(&host, WP_FLEET_BROKEN, on_seat(&host, 0));
    check_workers(1, i < 3); /* it is to start again, or is given up */
    host_sleep(&host, 1000);
    host_settle(&host);
  }
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 0), 1);
  CHECK_EQ(last_told(&host, WP_FLEET_RETIRED)->seat, 0);
  CHECK(!wp_fleet_serves(host.fleet, 0));
  CHECK(wp_fleet_serves(host.fleet, 1) && wp_fleet_serves(host.fleet, WP_NONE));
  host_sleep(&host, 100000);
  CHECK_EQ(on_seat(&host, 0), 0);
  for (uint32_t i = 0; i < 4; i++) {
    host_report(&host, WP_FLEET_BROKEN, on_seat(&host, 1));
    host_sleep(&host, 1000);
    host_settle(&host);
  }
  CHECK(!wp_fleet_serves(host.fleet, WP_NONE));
  check_workers(0, 0);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(clean, "with on-failure a clean exit gives the seat up, a failure does not") {
  wp_fleet_config config = fleet_config();
  config.restart.kind = WP_RESTART_ON_FAILURE;
  CHECK_EQ(open(2, 0, &config), WP_OK);
  wp_fleet_event exited = {.kind = WP_FLEET_EXITED,
                           .thread = 1,
                           .incarnation = host.threads[1].incarnation,
                           .clean = true};
  host_step(&host, &exited);
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 1), 1);
  host_report(&host, WP_FLEET_EXITED, 2);
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 0), 1);
  host_sleep(&host, 1000);
  host_settle(&host);
  CHECK(on_seat(&host, 1) != 0);
  host_close(&host);
}

TEST(stale, "events of an older thread of a record, and of records without a thread, do nothing") {
  CHECK_EQ(open(1, 0, NULL), WP_OK);
  uint32_t before = host.threads[1].incarnation;
  host_report(&host, WP_FLEET_BROKEN, 1);
  host_report(&host, WP_FLEET_GONE, 1);
  host_sleep(&host, 100);
  host_settle(&host);
  CHECK_EQ(on_seat(&host, 0), 1);
  uint32_t count = host.told_count;
  wp_fleet_event late = {.kind = WP_FLEET_BROKEN, .thread = 1, .incarnation = before};
  host_step(&host, &late);
  late.kind = WP_FLEET_GONE;
  host_step(&host, &late);
  late.thread = 2;
  host_step(&host, &late);
  late.thread = 1000;
  host_step(&host, &late);
  CHECK_EQ(host.told_count, count);
  CHECK_EQ(on_seat(&host, 0), 1);
  host_close(&host);
}

/* ---- Spares ---- */

TEST(spares, "a warm spare takes a lost worker's seat at once; the new spare waits for the "
             "back-off instead") {
  CHECK_EQ(open(1, 1, NULL), WP_OK);
  uint32_t spare = 3 - on_seat(&host, 0);
  host_report(&host, WP_FLEET_BROKEN, on_seat(&host, 0));
  CHECK_EQ(on_seat(&host, 0), spare);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  host_sleep(&host, 99);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  host_sleep(&host, 1);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3);
  CHECK_EQ(last_told(&host, WP_FLEET_START)->seat, WP_NONE);
  host_settle(&host);
  CHECK_EQ(warm_count(&host), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(spare_waits, "a spare that becomes warm while a seat waits for its back-off takes it") {
  CHECK_EQ(create(1, 1, NULL), WP_OK);
  host_open(&host);
  host_report(&host, WP_FLEET_STARTED, 1);
  host_report(&host, WP_FLEET_BROKEN, 1);
  CHECK_EQ(on_seat(&host, 0), 0);
  host_report(&host, WP_FLEET_STARTED, 2);
  CHECK_EQ(on_seat(&host, 0), 2);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(spare_lost,
     "a lost spare is replaced, and given up when its restarts are used up; no seat is touched") {
  CHECK_EQ(open(1, 1, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 0);
  for (uint32_t i = 0; i < 10; i++) {
    for (uint32_t t = 1; t < THREADS_KEPT; t++)
      if (host.threads[t].exists && host.threads[t].seat == WP_NONE && !host.threads[t].stopping)
        host_report(&host, WP_FLEET_BROKEN, t);
    host_settle(&host);
    host_sleep(&host, 1000);
    host_settle(&host);
  }
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2 + 3);
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 0), 0);
  CHECK_EQ(on_seat(&host, 0), worker);
  CHECK(!host.broken);
  host_close(&host);
}

/* ---- Closing ---- */

TEST(closing, "closing stops every thread, in whatever phase, and is over with the last; nothing "
              "is started after it") {
  CHECK_EQ(open(2, 1, NULL), WP_OK);
  kill_task(1, abandoned(1));
  host_sleep(&host, 3); /* it is being stopped, and its successor warm or starting */
  wp_fleet_event close = {.kind = WP_FLEET_CLOSE};
  host_step(&host, &close);
  uint32_t starts = told(&host, WP_FLEET_START, 0);
  for (uint32_t i = 1; i < THREADS_KEPT; i++) {
    CHECK_EQ(told(&host, WP_FLEET_CLOSED, 0), 0);
    CHECK(!host.threads[i].exists || host.threads[i].stopping);
    if (host.threads[i].exists) host_report(&host, WP_FLEET_GONE, i);
    if (wp_fleet_closed(host.fleet)) break;
  }
  CHECK_EQ(told(&host, WP_FLEET_CLOSED, 0), 1);
  CHECK(wp_fleet_closed(host.fleet));
  host_sleep(&host, 100000);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), starts);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(closed_early, "a fleet that never opened, or is opening, closes as well") {
  CHECK_EQ(create(1, 0, NULL), WP_OK);
  wp_fleet_event close = {.kind = WP_FLEET_CLOSE};
  host_step(&host, &close);
  CHECK(wp_fleet_closed(host.fleet));
  host_close(&host);
  CHECK_EQ(create(1, 0, NULL), WP_OK);
  host_open(&host);
  host_step(&host, &close);
  CHECK(!wp_fleet_closed(host.fleet));
  host_report(&host, WP_FLEET_GONE, 1);
  CHECK(wp_fleet_closed(host.fleet));
  host_close(&host);
}

/* ---- Anything, at any time ---- */

static uint64_t seed;

static uint32_t below(uint32_t limit) { return (uint32_t)(wp_test_random(&seed) % limit); }

/* Changes the fleet's size, or asks one worker to leave. */
static void change(uint32_t thread) {
  uint32_t least = 1 + below(host.f.pool->seat_count);
  wp_fleet_event resize = {
      .kind = WP_FLEET_RESIZE, .seats_min = least, .seats_max = least + below(2)};
  if (below(2))
    host_step(&host, &resize);
  else if (host.threads[thread].exists)
    host_report(&host, WP_FLEET_LEAVE, thread);
}

/* Lets one thing happen that may happen in a pool. */
static void anything(void) {
  wp_pool *pool = host.f.pool;
  uint32_t thread = 1 + below(pool->thread_count - 1);
  host_thread *t = &host.threads[thread];
  bool free_to_run = on_seat(&host, t->seat < pool->seat_count ? t->seat : 0) == thread &&
                     t->exists && !wp_gate_doomed(&pool->threads[thread]);
  uint32_t running = 0;
  for (uint32_t i = 0; i < pool->config.concurrency; i++)
    if (wp_atomic_load_seq_u32(&pool->threads[thread].slots[i]))
      running = wp_atomic_load_seq_u32(&pool->threads[thread].slots[i]);
  switch (below(12)) {
  case 0:
    host_sleep(&host, below(300));
    return;
  case 1:
    host_sleep(&host, below(3));
    return;
  case 2:
    host_let_start(&host, thread);
    return;
  case 3:
    host_let_stop(&host, thread);
    return;
  case 4:
    if (t->exists && below(4) == 0)
      host_report(&host, below(2) ? WP_FLEET_BROKEN : WP_FLEET_EXITED, thread);
    return;
  case 5:
    if (t->exists && !t->started && below(4) == 0)
      host_report(&host, WP_FLEET_START_FAILED, thread);
    return;
  case 6:
    if (free_to_run) {
      submit_timed(pool, below(2) ? 0 : 1 + below(50));
      take(pool, thread, host.now_ms);
    }
    return;
  case 7:
    if (free_to_run && running) wp_task_finish(pool, thread, running - 1, WP_OK);
    return;
  case 8:
    if (free_to_run && running) {
      wp_handle task = {running - 1, generation_of(pool, running - 1)};
      wp_task_cancel(pool, task.index, task.generation);
      kill_task(thread, task);
    }
    return;
  case 9:
    if (free_to_run && running) report_silent(thread);
    if (free_to_run && below(2)) wp_thread_beat(&pool->threads[thread]);
    return;
  case 10:
    change(thread);
    return;
  default: {
    wp_status status = WP_OK;
    while (deliver(pool, &status) != WP_NONE) continue;
  }
  }
}

/* Ends what a thread runs; it takes nothing new. */
static void end_all(uint32_t thread) {
  wp_thread *record = &host.f.pool->threads[thread];
  for (uint32_t i = 0; i < host.f.pool->config.concurrency; i++) {
    uint32_t index = wp_atomic_load_seq_u32(&record->slots[i]);
    if (index && host.threads[thread].exists && !wp_gate_doomed(record))
      wp_task_finish(host.f.pool, thread, index - 1, WP_OK);
  }
}

TEST(property, "whatever happens, in any order: no seat is held twice, no record is used too "
               "early, and in the end every seat that is "
               "not given up is served, every spare is there, and each suspicion is over once") {
  seed = wp_test_env("SEED", 20261127);
  printf("# SEED=%llu\n", (unsigned long long)seed);
  uint32_t rounds = (uint32_t)wp_test_env("SCALE", 1) * 100;
  for (uint32_t round = 0; round < rounds; round++) {
    wp_fleet_config config = fleet_config();
    config.restart.max = below(2) ? WP_NONE : below(5);
    config.ready_ms = below(2) ? 0 : 1000;
    config.stop_again_ms = below(2) ? 0 : 10;
    uint32_t workers = 1 + below(4), spares = below(3);
    concurrency = 1 + below(3);
    CHECK_EQ(create(workers, spares, &config), WP_OK);
    host_open(&host);
    if (below(4)) host_settle(&host);
    for (uint32_t i = 0; i < 300; i++) {
      anything();
      CHECK(!host.broken);
      host.told_count = 0;
    }
    for (uint32_t i = 0; i < 100;
         i++) { /* from now on nothing happens except what the fleet wants */
      for (uint32_t t = 1; t < host.f.pool->thread_count; t++) end_all(t);
      host_settle(&host);
      host_sleep(&host, 300);
    }
    host_settle(&host);
    CHECK(!host.broken);
    for (uint32_t seat = 0; seat < workers && !host.refused; seat++)
      CHECK_EQ(on_seat(&host, seat) != 0, wp_fleet_serves(host.fleet, seat));
    if (config.restart.max == WP_NONE && !host.refused) CHECK_EQ(warm_count(&host), spares);
    wp_fleet_event close = {.kind = WP_FLEET_CLOSE};
    host_step(&host, &close);
    host_settle(&host);
    CHECK(wp_fleet_closed(host.fleet));
    CHECK_EQ(host.over_count, wp_fleet_counts_of(host.fleet)->suspicions);
    host_close(&host);
  }
}
