/* The fleet's size: growth, idle workers, resizing. */
#include "fleet_one.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static const double idle_ms = 100;

static wp_status create_elastic(uint32_t least, uint32_t most, uint32_t spares) {
  wp_fleet_config config = fleet_config();
  config.seats_min = least;
  config.idle_ms = idle_ms;
  config.ticks = 0;
  return create(most, spares, &config);
}

static wp_status open_elastic(uint32_t least, uint32_t most, uint32_t spares) {
  wp_status status = create_elastic(least, most, spares);
  if (status) return status;
  host_open(&host);
  host_settle(&host);
  return told(&host, WP_FLEET_OPENED, 0) == 1 && !host.broken ? WP_OK : WP_E_BROKEN_INVARIANT;
}

static uint32_t total(void) {
  wp_stats stats;
  wp_stats_read(host.f.pool, &stats);
  return stats.total_workers;
}

/* ---- Growth ---- */

TEST(grows, "a pool starts with its least number of workers, and grows by one at a time while "
            "tasks wait and every worker is busy") {
  CHECK_EQ(open_elastic(1, 3, 0), WP_OK);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 1);
  CHECK_EQ(total(), 1);
  CHECK(wp_fleet_serves(host.fleet, 0) && !wp_fleet_serves(host.fleet, 1));
  CHECK(!wp_fleet_due(host.fleet));
  for (uint32_t i = 0; i < 4; i++) submit_normal(host.f.pool);
  CHECK(wp_fleet_due(host.fleet));
  host_step(&host, NULL);
  CHECK(host.next.real_ms > 0);
  host_sleep(&host, 10);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 1); /* its worker is free, since it has not looked yet */
  CHECK(take_one(1) != WP_NONE);
  host_sleep(&host, 10);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  CHECK_EQ(last_told(&host, WP_FLEET_START)->seat, 1);
  host_sleep(&host, 100);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2); /* one is starting */
  host_settle(&host);
  CHECK_EQ(total(), 2);
  CHECK(take_one(on_seat(&host, 1)) != WP_NONE);
  host_sleep(&host, 10);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3);
  host_settle(&host);
  CHECK(take_one(on_seat(&host, 2)) != WP_NONE);
  host_sleep(&host, 1000);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3); /* that was the last seat */
  CHECK(no_losses());
  host_close(&host);
}

TEST(burst, "a burst that the workers are through with at the next look starts nothing; nor do "
            "paused tasks") {
  CHECK_EQ(open_elastic(1, 3, 0), WP_OK);
  for (uint32_t i = 0; i < 50; i++) submit_normal(host.f.pool);
  host_step(&host, NULL);
  for (uint32_t index; (index = take_one(1)) != WP_NONE;) finish(1, index);
  host_sleep(&host, 50);
  uint32_t running = submit_normal(host.f.pool);
  CHECK_EQ(take_one(1), running);
  wp_pause(host.f.pool);
  submit_normal(host.f.pool);
  host_step(&host, NULL);
  host_sleep(&host, 50);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 1);
  wp_resume(host.f.pool);
  host_step(&host, NULL);
  host_sleep(&host, 50);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  host_close(&host);
}

TEST(spare_grows, "a warm spare serves the new seat at once") {
  CHECK_EQ(open_elastic(1, 2, 1), WP_OK);
  for (uint32_t i = 0; i < 2; i++) submit_normal(host.f.pool);
  CHECK(take_one(on_seat(&host, 0)) != WP_NONE);
  host_step(&host, NULL);
  host_sleep(&host, 3);
  CHECK(on_seat(&host, 1) != 0);
  host_sleep(&host, 20);
  host_settle(&host);
  CHECK_EQ(warm_count(&host), 1);
  CHECK(no_losses());
  host_close(&host);
}

TEST(crash_loop,
     "a pool that has given up its seats does not go on with those that were never open") {
  CHECK_EQ(open_elastic(1, 4, 0), WP_OK);
  submit_normal(host.f.pool);
  for (uint32_t i = 0; i < 4; i++) {
    host_report(&host, WP_FLEET_BROKEN, on_seat(&host, 0));
    host_sleep(&host, 1000);
    host_settle(&host);
  }
  host_sleep(&host, 1000);
  CHECK_EQ(told(&host, WP_FLEET_RETIRED, 0), 1);
  CHECK(!wp_fleet_serves(host.fleet, WP_NONE));
  CHECK_EQ(served(), 0);
  CHECK(!host.broken);
  host_close(&host);
}

/* Loses the seat's workers until it is given up. */
static void use_up(uint32_t seat) {
  while (wp_fleet_serves(host.fleet, seat)) {
    host_report(&host, WP_FLEET_BROKEN, on_seat(&host, seat));
    host_sleep(&host, 1000);
    host_settle(&host);
  }
}

TEST(given_up, "seats that were given up count for nobody: neither resizing nor idleness takes the "
               "workers of the others below the least number") {
  CHECK_EQ(open_elastic(4, 4, 0), WP_OK);
  use_up(0);
  use_up(2);
  CHECK_EQ(served(), 2);
  resize_to(2, 4);
  host_sleep(&host, 3 * idle_ms);
  host_settle(&host);
  CHECK_EQ(served(), 2);
  resize_to(2, 2);
  host_settle(&host);
  CHECK_EQ(served(), 2);
  resize_to(1, 1);
  host_settle(&host);
  CHECK_EQ(served(), 1);
  CHECK_EQ(total(), 1);
  CHECK(wp_fleet_serves(host.fleet, WP_NONE));
  CHECK(!host.broken);
  host_close(&host);
}

TEST(renewed,
     "resizing closes seats that were given up and opens others, or the same ones with a new "
     "budget: as many workers as were asked for") {
  CHECK_EQ(open_elastic(2, 3, 0), WP_OK);
  use_up(0);
  use_up(1);
  CHECK_EQ(served(), 0);
  for (uint32_t workers = 1; workers <= 3; workers++) {
    resize_to(workers, workers);
    host_settle(&host);
    CHECK_EQ(served(), workers);
    CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), workers);
    for (uint32_t seat = 0; seat < 3; seat++)
      CHECK_EQ(wp_fleet_opens(host.fleet, seat), wp_fleet_serves(host.fleet, seat));
    use_up(0);
    CHECK(wp_fleet_opens(host.fleet, 0));
  }
  CHECK(!host.broken);
  host_close(&host);
}

/* ---- Idle workers ---- */

TEST(shrinks, "workers that have been idle for long end without a loss, down to the least number; "
              "a busy one stays") {
  CHECK_EQ(open_elastic(1, 3, 0), WP_OK);
  resize_to(3, 3);
  host_settle(&host);
  CHECK_EQ(served(), 3);
  resize_to(1, 3);
  uint32_t busy = on_seat(&host, 1);
  uint32_t index = submit_normal(host.f.pool);
  CHECK_EQ(take_one(busy), index);
  host_step(&host, NULL);
  host_sleep(&host, idle_ms - 1);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 0);
  host_sleep(&host, 2 * idle_ms);
  host_settle(&host);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 2);
  CHECK_EQ(served(), 1);
  CHECK_EQ(on_seat(&host, 1), busy);
  CHECK_EQ(total(), 1);
  finish(busy, index);
  host_sleep(&host, 10 * idle_ms);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 2);
  CHECK(no_losses());
  host_close(&host);
}

TEST(worked, "a worker that has run something since the last look has not been idle") {
  CHECK_EQ(open_elastic(2, 2, 0), WP_OK);
  resize_to(1, 2);
  host_sleep(&host, idle_ms - 1);
  for (uint32_t seat = 0; seat < 2; seat++) {
    uint32_t thread = on_seat(&host, seat), index = submit_normal(host.f.pool);
    CHECK_EQ(take_one(thread), index);
    finish(thread, index);
  }
  host_sleep(&host, idle_ms - 1);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 0);
  host_sleep(&host, idle_ms);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 1);
  CHECK(no_losses());
  host_close(&host);
}

TEST(patient, "with a negative idle time a pool that has grown stays as it is") {
  wp_fleet_config config = fleet_config();
  config.seats_min = 1;
  config.idle_ms = -1;
  CHECK_EQ(create(2, 0, &config), WP_OK);
  host_open(&host);
  host_settle(&host);
  resize_to(2, 2);
  host_settle(&host);
  resize_to(1, 2);
  host_sleep(&host, 100000);
  CHECK_EQ(served(), 2);
  host_close(&host);
}

#ifdef WP_KILL_POINTS
static uint32_t looks, overlooked;

static void look(const char *name) {
  (void)name;
  looks++;
  overlooked += !wp_fleet_due(host.fleet);
}

TEST(seen,
     "tasks that wait are seen at every moment, also while a worker moves them from the inbox") {
  CHECK_EQ(open_elastic(1, 3, 0), WP_OK);
  for (uint32_t i = 0; i < 4; i++) submit_normal(host.f.pool);
  looks = overlooked = 0;
  wp__point_hook = look;
  CHECK(take_one(1) != WP_NONE);
  wp__point_hook = NULL;
  CHECK(looks > 0);
  CHECK_EQ(overlooked, 0);
  host_close(&host);
}
#endif

TEST(range,
     "a pool may be laid out for more seats than it grows to by itself; resizing reaches them") {
  wp_fleet_config config = fleet_config();
  config.seats_min = 1;
  config.seats_max = 2;
  config.idle_ms = -1;
  CHECK_EQ(create(4, 0, &config), WP_OK);
  host_open(&host);
  host_settle(&host);
  CHECK_EQ(served(), 1);
  for (uint32_t i = 0; i < 6; i++) submit_normal(host.f.pool);
  host_step(&host, NULL); /* as after each submission */
  for (uint32_t seat = 0; seat < 2; seat++) {
    CHECK(take_one(on_seat(&host, seat)) != WP_NONE);
    host_step(&host,
              NULL); /* the fleet sees that tasks wait, and when it looks again they still do */
    host_sleep(&host, 10);
    host_settle(&host);
  }
  host_sleep(&host, 1000);
  host_settle(&host);
  CHECK_EQ(served(), 2);
  resize_to(4, 4);
  host_settle(&host);
  CHECK_EQ(served(), 4);
  host_close(&host);
}

/* ---- Resizing ---- */

TEST(resized, "resizing is told of once all that are to serve do, and the others have ended") {
  CHECK_EQ(open(4, 0, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 3), index = submit_normal(host.f.pool);
  CHECK_EQ(take_one(worker), index);
  resize_to(2, 2);
  host_settle(&host);
  CHECK_EQ(served(), 2); /* the idle ones went first, and the busy one stays */
  CHECK_EQ(on_seat(&host, 3), worker);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 1);
  resize_to(1, 1);
  host_settle(&host);
  CHECK_EQ(on_seat(&host, 3), worker);
  finish(worker, index);
  resize_to(4, 4);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 2);
  host_settle(&host);
  CHECK_EQ(served(), 4);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 3);
  resize_to(4, 4);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 4); /* at once */
  resize_to(1000, 1000);
  CHECK_EQ(total(), 4);
  CHECK(no_losses());
  host_close(&host);
}

TEST(finishes, "a worker whose seat is closed ends what it runs, also several tasks at once, and "
               "what waits for its seat") {
  concurrency = 3;
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  uint32_t thread = on_seat(&host, 1), running[3];
  for (uint32_t seat = 0; seat < 2; seat++) {
    for (uint32_t i = 0; i < 3; i++) {
      submit_normal(host.f.pool);
      running[i] = take_one(on_seat(&host, seat));
    }
  }
  uint32_t bound = submit(host.f.pool, WP_LEVEL_NORMAL, 2);
  resize_to(1, 1);
  uint32_t common = submit_normal(host.f.pool);
  for (uint32_t i = 0; i < 3; i++) {
    CHECK(!host.threads[thread].stopping);
    finish(thread, running[i]);
    host_step(&host, NULL);
  }
  CHECK(!host.threads[thread].stopping);
  CHECK_EQ(take_one(thread), bound);
  CHECK_EQ(take_one(thread), WP_NONE);
  host_sleep(&host, 10);
  CHECK(!host.threads[thread].stopping);
  finish(thread, bound);
  host_sleep(&host, 10);
  CHECK(host.threads[thread].stopping);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 0);
  host_settle(&host);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 1);
  CHECK_EQ(state_of(host.f.pool, common), WP_SLOT_READY);
  CHECK(no_losses());
  host_close(&host);
}

TEST(stays, "a worker whose seat is wanted again before it has ended goes on") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  uint32_t running[2];
  for (uint32_t seat = 0; seat < 2; seat++) {
    submit_normal(host.f.pool);
    running[seat] = take_one(on_seat(&host, seat));
  }
  resize_to(1, 1);
  uint32_t index = submit_normal(host.f.pool);
  resize_to(2, 2);
  finish(on_seat(&host, 1), running[1]);
  host_sleep(&host, 2000);
  CHECK_EQ(take_one(on_seat(&host, 1)), index);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2);
  CHECK_EQ(told(&host, WP_FLEET_LEFT, 0), 0);
  CHECK(no_losses());
  host_close(&host);
}

TEST(still_there, "of closed seats one whose worker has not ended yet is opened first") {
  CHECK_EQ(open(3, 0, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 2);
  submit_normal(host.f.pool);
  CHECK(take_one(worker) != WP_NONE);
  submit_normal(host.f.pool);
  CHECK(take_one(on_seat(&host, 0)) != WP_NONE);
  resize_to(1, 1);
  host_settle(&host);
  CHECK_EQ(on_seat(&host, 1), 0);
  resize_to(2, 2);
  host_settle(&host);
  CHECK_EQ(on_seat(&host, 1), 0);
  CHECK_EQ(on_seat(&host, 2), worker);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 3);
  CHECK_EQ(wp_atomic_load_seq_u32(&host.f.pool->threads[worker].leaving), WP_LEAVING_NOT);
  CHECK(no_losses());
  host_close(&host);
}

TEST(resting, "a worker that cleans up before it ends keeps no pool from growing") {
  wp_fleet_config config = fleet_config();
  config.seats_min = 1;
  config.idle_ms = -1;
  config.farewells = 1;
  CHECK_EQ(open(2, 0, &config), WP_OK);
  uint32_t old = on_seat(&host, 0);
  replace(old);
  host_settle(&host);
  CHECK_EQ(told(&host, WP_FLEET_RESTING, old), 1);
  submit_normal(host.f.pool);
  host_step(&host, NULL);
  host_sleep(&host, 10);
  CHECK(on_seat(&host, 1) != 0);
  CHECK_EQ(on_seat(&host, 0), old);
  CHECK(no_losses());
  host_close(&host);
}

TEST(drained, "when a worker whose seat is closed is lost, another one comes for what waits for "
              "that seat, and ends") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 1), first = reserve(host.f.pool, WP_LEVEL_NORMAL, 2);
  slot_of(host.f.pool, first)->flags = WP_SLOT_REQUEUE;
  wp_task_submit(host.f.pool, first);
  CHECK_EQ(take_one(worker), first);
  submit_normal(host.f.pool);
  CHECK(take_one(on_seat(&host, 0)) != WP_NONE); /* both are busy: the last seat is closed */
  resize_to(1, 1);
  host_report(&host, WP_FLEET_BROKEN, worker);
  CHECK_EQ(on_seat(&host, 1), 0);
  host_sleep(&host, 500);
  CHECK_EQ(told(&host, WP_FLEET_START, 0), 2); /* as far as anybody knows, nothing waits */
  host_report(&host, WP_FLEET_GONE, worker);   /* it runs again */
  host_sleep(&host, 500);
  host_settle(&host);
  worker = on_seat(&host, 1);
  CHECK(worker != 0);
  CHECK_EQ(take_one(worker), first);
  finish(worker, first);
  host_sleep(&host, 10);
  host_settle(&host);
  CHECK_EQ(served(), 1);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 1);
  CHECK(!host.broken);
  host_close(&host);
}

TEST(left_over, "a seat that is closed while it has no worker gets one for what waits there, which "
                "then ends") {
  CHECK_EQ(open(2, 0, NULL), WP_OK);
  uint32_t worker = on_seat(&host, 1);
  host_report(&host, WP_FLEET_BROKEN, worker);
  host_report(&host, WP_FLEET_GONE, worker);
  uint32_t index = submit(host.f.pool, WP_LEVEL_NORMAL, 2);
  resize_to(1, 1);
  CHECK_EQ(on_seat(&host, 1), 0);
  host_sleep(&host, 500);
  host_settle(&host);
  worker = on_seat(&host, 1);
  CHECK(worker != 0);
  CHECK_EQ(take_one(worker), index);
  finish(worker, index);
  host_sleep(&host, 10);
  host_settle(&host);
  CHECK_EQ(served(), 1);
  CHECK_EQ(told(&host, WP_FLEET_RESIZED, 0), 1);
  CHECK(!host.broken);
  host_close(&host);
}

/* ---- Anything, at any time ---- */

static uint64_t seed;

static uint32_t below(uint32_t limit) { return (uint32_t)(wp_test_random(&seed) % limit); }

enum { TASKS = 400 };

typedef struct ledger {
  wp_handle tasks[TASKS];
  uint32_t count, settled;
  bool wrong; /* a task has settled that nobody submitted, or with another's result */
} ledger;

static ledger book;

static void submit_something(void) {
  if (book.count == TASKS) return;
  uint32_t seat = below(4) ? WP_NONE : below(host.f.pool->seat_count);
  bool bound = seat != WP_NONE && wp_fleet_serves(host.fleet, seat);
  uint32_t index = submit(host.f.pool, below(WP_LEVEL_COUNT), bound ? seat + 1 : 0);
  book.tasks[book.count++] = (wp_handle){index, generation_of(host.f.pool, index)};
}

static void take_deliveries(void) {
  uint32_t index = WP_NONE;
  while (wp_task_drain(host.f.pool, &index, 1)) {
    wp_handle task = {index, generation_of(host.f.pool, index)};
    bool known = false;
    for (uint32_t i = 0; i < book.count; i++) {
      if (book.tasks[i].index != task.index || book.tasks[i].generation != task.generation)
        continue;
      known = true;
      book.tasks[i].index = WP_NONE;
    }
    book.settled++;
    book.wrong |= !known || slot_of(host.f.pool, index)->status != WP_OK;
    free_slot(host.f.pool, index);
  }
}

/* The worker ends a task or takes one. */
static void work(uint32_t thread) {
  wp_pool *pool = host.f.pool;
  wp_thread *record = &pool->threads[thread];
  if (wp_atomic_load_seq_u32(&record->state) != WP_THREAD_LIVE || wp_gate_doomed(record)) return;
  uint32_t place = below(pool->config.concurrency),
           index = wp_atomic_load_seq_u32(&record->slots[place]);
  if (index)
    wp_task_finish(pool, thread, index - 1, WP_OK);
  else
    take_one(thread);
}

static void anything(uint32_t size) {
  uint32_t thread = 1 + below(host.f.pool->thread_count - 1);
  host_thread *t = &host.threads[thread];
  switch (below(10)) {
  case 0:
    resize_to(1 + below(size), 1 + below(size));
    return;
  case 1:
    if (t->exists && t->started && !t->stopping) replace(thread);
    return;
  case 2:
    host_sleep(&host, below(2) ? below(3) : below(300));
    return;
  case 3:
    host_let_start(&host, thread);
    return;
  case 4:
    host_let_stop(&host, thread);
    return;
  case 5:
    take_deliveries();
    return;
  case 6:
    if (t->exists && t->started) host_report(&host, WP_FLEET_RESTED, thread);
    return;
  case 7:
    submit_something();
    return;
  default:
    for (uint32_t i = 1; i < host.f.pool->thread_count; i++) work(i);
  }
}

static void rest(void) {
  for (uint32_t i = 1; i < host.f.pool->thread_count; i++) {
    if (host.threads[i].exists && host.threads[i].started) host_report(&host, WP_FLEET_RESTED, i);
    for (uint32_t times = 0; times < 6; times++) work(i);
  }
  take_deliveries();
  host_settle(&host);
  host_sleep(&host, 60);
}

TEST(property, "however a pool is resized, and its workers are replaced, each task settles once, "
               "with its result; in the "
               "end the pool has its size, and nobody was lost") {
  seed = wp_test_env("SEED", 20261128);
  printf("# SEED=%llu\n", (unsigned long long)seed);
  uint32_t rounds = (uint32_t)wp_test_env("SCALE", 1) * 100;
  for (uint32_t round = 0; round < rounds; round++) {
    wp_fleet_config fleet = fleet_config();
    wp_config config = fixture_config(1 + below(5));
    fleet.seats_min = below(2) ? 0 : 1 + below(config.workers);
    fleet.seats_max = below(2) ? 0 : 1 + below(config.workers);
    fleet.idle_ms = below(2) ? -1 : 50;
    fleet.farewells = below(2);
    fleet.ready_ms = 0;
    config.spares = below(2);
    config.concurrency = 1 + below(3);
    config.tasks_per_worker = below(2) ? 0 : 1 + below(20);
    book = (ledger){.count = 0};
    CHECK_EQ(host_create(&host, &config, &fleet), WP_OK);
    host_open(&host);
    host_settle(&host);
    for (uint32_t i = 0; i < 600; i++) {
      anything(config.workers);
      CHECK(!host.broken);
      CHECK_EQ(wp_pool_check(host.f.pool), WP_OK);
      host.told_count = 0;
    }
    uint32_t size = 1 + below(config.workers);
    resize_to(size, size);
    uint32_t resized = 0;
    for (uint32_t i = 0; i < 200; i++) {
      rest();
      resized += told(&host, WP_FLEET_RESIZED, 0);
      host.told_count = 0;
    }
    CHECK(!book.wrong);
    CHECK_EQ(book.settled, book.count);
    CHECK_EQ(resized, 1);
    CHECK_EQ(served(), size);
    CHECK_EQ(total(), size);
    CHECK_EQ(warm_count(&host), config.spares);
    CHECK_EQ(wp_fleet_counts_of(host.fleet)->losses, 0);
    CHECK_EQ(wp_fleet_counts_of(host.fleet)->kills, 0);
    wp_fleet_event close = {.kind = WP_FLEET_CLOSE};
    host_step(&host, &close);
    host_settle(&host);
    CHECK(wp_fleet_closed(host.fleet));
    host_close(&host);
  }
}
