/* The order in which waiting tasks leave, rule by rule (src/lanes.h). Random mixtures: lanes_property_test.c. */
#include "lanes_fixture.h"

#ifdef WP_KILL_POINTS
#include "kill.h"
void (*wp__point_hook)(const char *name);
#endif

/* ---- Weights ---- */

TEST(heavy_waits, "a heavy task starts only after the callback of the last slice of the "
                  "last bulk job; one without weight knows no gate [TW-07]") {
  CHECK(open_pool(2));
  uint32_t s[2], other;
  uint32_t heavy = single(NORMAL, WP_SLOT_HEAVY);
  bulk(NORMAL, NEVER_DUE, 2, s);
  bulk(NORMAL, NEVER_DUE, 1, &other);
  CHECK_EQ(take(f.pool, w[0], 1), s[0]); /* a queued bulk job holds it, though it came first */
  CHECK_EQ(run_one(f.pool, w[1], 1), s[1]);
  CHECK_EQ(take(f.pool, w[1], 1), other);
  CHECK(end(w[0], s[0]));
  CHECK_EQ(take(f.pool, w[0], 2), WP_NONE);
  uint32_t plain = single(NORMAL, 0);
  CHECK_EQ(run_one(f.pool, w[0], 2), plain);
  wp_task_finish(f.pool, w[1], other, WP_OK);
  CHECK_EQ(take(f.pool, w[0], 3), WP_NONE); /* finished, but its callback has not been called yet */
  wp_status status = WP_OK;
  CHECK_EQ(deliver(f.pool, &status), other);
  CHECK_EQ(run_one(f.pool, w[0], 4), heavy);
  CHECK(close_pool());
}

/* Whether the light task goes beside the bulk job if the first worker's only task so far took so long, and the worker is busy or free. */
static bool passes_beside(double took_ms, bool busy) {
  uint32_t s[3];
  wp_status status;
  if (!open_pool(2)) return false;
  uint32_t long_one = single(NORMAL, 0);
  bool fine = take(f.pool, w[0], 1) == long_one;
  wp_task_finish_at(f.pool, w[0], long_one, WP_OK, 1 + took_ms);
  fine = fine && deliver(f.pool, &status) == long_one;
  uint32_t light = single(NORMAL, WP_SLOT_LIGHT);
  bulk(NORMAL, NEVER_DUE, 3, s);
  fine = fine && take(f.pool, w[0], 1000) == s[0]; /* a free one does not count */
  if (!busy) fine = fine && end(w[0], s[0]);
  uint32_t second = take(f.pool, w[1], 1000);
  fine = fine && (second == light || second == s[1]);
  fixture_close(&f);
  return fine && second == light;
}

TEST(light_beside_slow, "(a): a light task passes slices while a busy worker's tasks take "
                        "slow_ms on average [TW-08]") {
  CHECK(passes_beside(64, true)); /* a quarter of it counts: 16 ms */
  CHECK(!passes_beside(63, true));
  CHECK(!passes_beside(64, false));
}

TEST(light_beside_due, "(b): from the moment on when the first slice has waited for its "
                       "time, light tasks do not wait for slices [TW-08]") {
  CHECK(open_pool(2));
  uint32_t s[3], light[2];
  bulk(NORMAL, 51, 3, s);
  for (int i = 0; i < 2; i++) light[i] = single(HIGH, WP_SLOT_LIGHT);
  CHECK_EQ(run(50.9), s[0]);
  CHECK_EQ(run(51), light[0]);
  CHECK_EQ(run(51), light[1]);
  CHECK_EQ(run(51), s[1]);
  CHECK_EQ(run(51), s[2]);
  CHECK(close_pool());
}

TEST(light_beside_running,
     "(c): a light task uses the worker for which there is no slice [TW-08]") {
  CHECK(open_pool(2));
  uint32_t light = single(NORMAL, WP_SLOT_LIGHT), heavy = single(NORMAL, WP_SLOT_HEAVY), s[2];
  bulk(LOW, NEVER_DUE, 2, s);
  CHECK_EQ(take(f.pool, w[0], 1), s[0]); /* slices of any level */
  CHECK_EQ(run_one(f.pool, w[1], 1), s[1]);
  CHECK_EQ(run_one(f.pool, w[1], 1), light);
  CHECK_EQ(take(f.pool, w[1], 1), WP_NONE);
  CHECK(end(w[0], s[0]));
  CHECK_EQ(run_one(f.pool, w[1], 2), heavy);
  CHECK(close_pool());
}

TEST(light_first,
     "no bulk job active: light ones, then heavy ones, in order of submission each [TW-10]") {
  CHECK(open_pool(1));
  uint32_t blocker = single(NORMAL, 0), t[4];
  CHECK_EQ(take(f.pool, w[0], 1), blocker);
  for (int i = 0; i < 4; i++) t[i] = single(NORMAL, i % 2 ? WP_SLOT_LIGHT : WP_SLOT_HEAVY);
  CHECK(end(w[0], blocker));
  CHECK_EQ(run(2), t[1]);
  CHECK_EQ(run(2), t[3]);
  CHECK_EQ(run(2), t[0]);
  CHECK_EQ(run(2), t[2]);
  CHECK(close_pool());
}

/* ---- Ageing of heavy tasks ---- */

enum { STREAM = 40 };
static uint32_t stream[STREAM], stream_at;

/* Runs slices of the stream until something else comes. Gives how many they were, or WP_NONE if it was not `other`. */
static uint32_t slices_before(uint32_t other) {
  for (uint32_t count = 0;; count++) {
    uint32_t taken = run(1);
    if (taken == other) return count;
    if (stream_at == STREAM || taken != stream[stream_at]) return WP_NONE;
    stream_at++;
  }
}

static bool rest_of_stream(void) {
  while (stream_at < STREAM) {
    if (run(1) != stream[stream_at++]) return false;
  }
  return true;
}

static bool open_stream(uint32_t heavy_skips) {
  wp_config config = fixture_config(1);
  config.heavy_skips = heavy_skips;
  stream_at = 0;
  if (!open_with(config)) return false;
  bulk(NORMAL, NEVER_DUE, STREAM, stream);
  return true;
}

TEST(heavy_ages, "after heavy_skips others a heavy task goes, before the light ones; then "
                 "they are counted anew [TW-09]") {
  const uint32_t skips[] = {10, 3};
  for (int i = 0; i < 2; i++) {
    CHECK(open_stream(skips[i]));
    uint32_t light = single(NORMAL, WP_SLOT_LIGHT), heavy[2];
    for (int h = 0; h < 2; h++) heavy[h] = single(NORMAL, WP_SLOT_HEAVY);
    CHECK_EQ(slices_before(heavy[0]), skips[i]);
    CHECK_EQ(slices_before(heavy[1]), skips[i] - 1); /* the first one passed it over as well */
    CHECK(rest_of_stream());
    CHECK_EQ(run(1), light);
    CHECK(close_pool());
  }
}

TEST(heavy_never_ages, "with heavy_skips WP_NONE heavy tasks never age [C-02, TW-09]") {
  CHECK(open_stream(WP_NONE));
  CHECK_EQ(slices_before(single(NORMAL, WP_SLOT_HEAVY)), STREAM);
  CHECK(close_pool());
}

TEST(cancelled_is_not_passed_over,
     "who was given up does not age in place of who waits [TW-09, TW-13]") {
  CHECK(open_stream(10));
  uint32_t heavy[3];
  for (int h = 0; h < 3; h++) heavy[h] = single(NORMAL, WP_SLOT_HEAVY);
  wp_lock_help(f.pool, WP_MAIN, WP_CHORE_INBOX);
  CHECK_EQ(cancel(heavy[1]), WP_CANCEL_QUEUED);
  CHECK_EQ(slices_before(heavy[0]), 10);
  CHECK_EQ(slices_before(heavy[2]), 9);
  CHECK(rest_of_stream());
  CHECK(close_pool());
}

/* Two heavy tasks have aged, and are not taken while there are tasks of a higher level, between two slices. */
static bool age_two(uint32_t *heavy) {
  for (int h = 0; h < 2; h++) heavy[h] = single(NORMAL, WP_SLOT_HEAVY);
  for (int i = 0; i < 20; i++) {
    uint32_t high = single(HIGH, 0);
    if (run(1) != high) return false;
  }
  return true;
}

TEST(aged_in_order, "of two heavy tasks that aged, the earlier one goes first [TW-09, TW-10]") {
  CHECK(open_stream(10));
  uint32_t heavy[2];
  CHECK(age_two(heavy));
  CHECK_EQ(slices_before(heavy[0]), 0);
  CHECK_EQ(slices_before(heavy[1]), 0);
  CHECK(rest_of_stream());
  CHECK(close_pool());
}

TEST(aged_survives_death, "a worker dies with the lock; who aged is still first [TW-09, XP-05]") {
  wp_config config = fixture_config(2);
  CHECK(open_with(config));
  stream_at = 0;
  uint32_t light = single(NORMAL, WP_SLOT_LIGHT), heavy[2];
  bulk(NORMAL, NEVER_DUE, STREAM, stream);
  CHECK(age_two(heavy));
  wp_gate_enter(&f.pool->threads[w[1]]);
  CHECK(wp_lock_try(f.pool, w[1]));
  CHECK_EQ(wp_worker_reap(f.pool, w[1], false), WP_OK);
  CHECK_EQ(slices_before(heavy[0]), 0);
  CHECK_EQ(slices_before(heavy[1]), 0);
  CHECK(rest_of_stream());
  CHECK_EQ(run(1), light);
  CHECK(close_pool());
}

TEST(aged_before_requeued,
     "a light task that comes back does not get before who aged [TW-09, TW-54]") {
  CHECK(open_pool(2));
  stream_at = 0;
  uint32_t light = single(NORMAL, WP_SLOT_LIGHT | WP_SLOT_REQUEUE), heavy[2];
  CHECK_EQ(take(f.pool, w[1], 1), light);
  bulk(NORMAL, NEVER_DUE, STREAM, stream);
  CHECK(age_two(heavy));
  CHECK_EQ(kill_worker(f.pool, w[1]), WP_OK);
  CHECK_EQ(slices_before(heavy[0]), 0);
  CHECK_EQ(slices_before(heavy[1]), 0);
  CHECK(rest_of_stream());
  CHECK_EQ(run(1), light);
  CHECK(close_pool());
}

TEST(aged_before_due, "against C-03: an endless stream of slices that are all due, as in any "
                      "overloaded pool [TW-09]") {
  CHECK(open_pool(1));
  uint32_t s[40], i = 0, taken;
  bulk(NORMAL, 0, 40, s);
  uint32_t heavy = single(NORMAL, WP_SLOT_HEAVY);
  while ((taken = run(51)) != heavy && i < 40) CHECK_EQ(taken, s[i++]);
  CHECK_EQ(i, 10);
  while (i < 40) CHECK_EQ(run(51), s[i++]);
  CHECK(close_pool());
}

/* ---- Levels and bulk jobs ---- */

TEST(bulk_levels,
     "slices of critical, normal, background jobs; in a level job by job, slice by slice [TW-26]") {
  CHECK(open_pool(1));
  const uint32_t levels[] = {LOW, NORMAL, NORMAL, CRITICAL}, order[] = {3, 1, 2, 0};
  uint32_t blocker = single(NORMAL, 0), s[4][3];
  CHECK_EQ(take(f.pool, w[0], 1), blocker);
  for (int i = 0; i < 4; i++) bulk(levels[i], NEVER_DUE, 3, s[i]);
  CHECK(end(w[0], blocker));
  for (int i = 0; i < 4; i++) {
    for (int slice = 0; slice < 3; slice++) CHECK_EQ(run(2), s[order[i]][slice]);
  }
  CHECK(close_pool());
}

TEST(low_ages, "under a constant load of critical tasks each 51st is one of the lowest "
               "level, a slice or a single one; then they are counted anew [TW-27]") {
  CHECK(open_pool(1));
  uint32_t s[2], critical[150];
  for (int i = 0; i < 150; i++) critical[i] = single(CRITICAL, 0);
  bulk(LOW, NEVER_DUE, 2, s);
  uint32_t last = single(LOW, 0), low[] = {s[0], s[1], last};
  for (int i = 0; i < 150; i++) {
    CHECK_EQ(run(1), critical[i]);
    if (i % 50 == 49) CHECK_EQ(run(1), low[i / 50]);
  }
  CHECK_EQ(run(1), WP_NONE);
  CHECK(close_pool());
}

TEST(low_counts_who_waits,
     "tasks that went while nobody of the lowest level waited do not count [TW-27, TW-13]") {
  CHECK(open_pool(1));
  uint32_t low[3], critical[120];
  for (int i = 0; i < 2; i++) low[i] = single(LOW, 0);
  wp_lock_help(f.pool, WP_MAIN, WP_CHORE_INBOX);
  CHECK_EQ(cancel(low[1]), WP_CANCEL_QUEUED);
  CHECK_EQ(run(1), low[0]);
  for (int i = 0; i < 120; i++) critical[i] = single(CRITICAL, 0);
  for (int i = 0; i < 40; i++) CHECK_EQ(run(1), critical[i]);
  low[2] = single(LOW, 0);
  for (int i = 40; i < 90; i++) CHECK_EQ(run(1), critical[i]);
  CHECK_EQ(run(1), low[2]);
  for (int i = 90; i < 120; i++) CHECK_EQ(run(1), critical[i]);
  CHECK(close_pool());
}

TEST(due, "a bulk job whose wait is over goes before single tasks, from that moment on [TW-28]") {
  CHECK(open_pool(1));
  uint32_t t[20], s[3];
  for (int i = 0; i < 20; i++) t[i] = single(NORMAL, i % 3 ? 0 : WP_SLOT_LIGHT);
  bulk(NORMAL, 1 + 50, 3, s);
  CHECK_EQ(run(1), t[1]); /* the light ones wait */
  CHECK_EQ(run(50.9), t[2]);
  for (int i = 0; i < 3; i++) CHECK_EQ(run(51), s[i]);
  CHECK_EQ(run(51), t[0]);
  for (int i = 3; i < 20; i++) CHECK_EQ(run(51), t[i]);
  CHECK(close_pool());
}

TEST(low_light,
     "a low light task goes first in its turn, also under slices of a higher level [C-02, TW-27]") {
  CHECK(open_pool(1));
  uint32_t s[100], i = 0, taken;
  bulk(NORMAL, NEVER_DUE, 100, s);
  uint32_t light = single(LOW, WP_SLOT_LIGHT);
  while ((taken = run(1)) != light && i < 100) CHECK_EQ(taken, s[i++]);
  CHECK_EQ(i, 50);
  while (i < 100) CHECK_EQ(run(1), s[i++]);
  CHECK(close_pool());
}

/* ---- The end of a bulk job ---- */

TEST(
    bulk_cancelled,
    "slices that have not started never do; the job is over once, with the last that ran [TW-29]") {
  CHECK(open_pool(3));
  uint32_t heavy = single(HIGH, WP_SLOT_HEAVY), s[5], other[1];
  bulk(NORMAL, NEVER_DUE, 5, s);
  bulk(NORMAL, NEVER_DUE, 1, other);
  for (int i = 0; i < 2; i++) CHECK_EQ(take(f.pool, w[i], 1), s[i]);
  uint32_t generation = generation_of(f.pool, s[0]);
  for (uint32_t i = 0; i < 5; i++)
    CHECK_EQ(cancel(s[i]), i < 2 ? WP_CANCEL_RUNNING : WP_CANCEL_QUEUED);
  CHECK_EQ(bulks(), 2);
  CHECK_EQ(take(f.pool, w[2], 1), other[0]);
  wp_task_finish(f.pool, w[0], s[0], WP_OK);
  CHECK_EQ(wp_task_cancel(f.pool, s[0], generation), WP_CANCEL_STALE);
  CHECK_EQ(bulks(), 2);
  CHECK_EQ(kill_worker(f.pool, w[1]), WP_OK); /* back or lost */
  CHECK_EQ(bulks(), 1);
  CHECK_EQ(wp_task_cancel(f.pool, s[0], generation), WP_CANCEL_STALE);
  CHECK_EQ(take(f.pool, w[0], 2), WP_NONE); /* no callback; and the other job holds the heavy one */
  CHECK(end(w[2], other[0]));
  CHECK_EQ(bulks(), 0);
  CHECK_EQ(run_one(f.pool, w[0], 3), heavy);
  CHECK(close_pool());
}

TEST(bulk_cancelled_unstarted, "a job of which nothing runs is over when it is cancelled [TW-29]") {
  CHECK(open_pool(1));
  uint32_t s[3];
  bulk(NORMAL, NEVER_DUE, 3, s);
  uint32_t heavy = single(NORMAL, WP_SLOT_HEAVY);
  CHECK_EQ(cancel(s[1]), WP_CANCEL_QUEUED);
  CHECK_EQ(run(1), s[0]);
  CHECK_EQ(bulks(), 1);
  CHECK_EQ(cancel(s[2]), WP_CANCEL_QUEUED);
  CHECK_EQ(bulks(), 0);
  CHECK_EQ(run(2), heavy);
  CHECK(close_pool());
}

TEST(slice_lost, "a slice whose worker is lost runs again, before the rest; the "
                 "others run once, and each is answered once [TW-58, TW-30]") {
  CHECK(open_pool(2));
  uint32_t s[8];
  bulk(NORMAL, NEVER_DUE, 8, s);
  uint32_t heavy = single(HIGH, WP_SLOT_HEAVY);
  for (int i = 0; i < 3; i++) CHECK_EQ(run(1), s[i]);
  CHECK_EQ(take(f.pool, w[0], 1), s[3]);
  CHECK_EQ(take(f.pool, w[1], 1), s[4]);
  CHECK_EQ(kill_worker(f.pool, w[0]), WP_OK);
  CHECK_EQ(bulks(), 1);
  for (int i = 3; i < 8; i++) CHECK_EQ(slot_of(f.pool, s[i])->redeliveries, i == 3);
  w[0] = start_worker(f.pool, 0);
  CHECK_EQ(run(1), s[3]); /* its only answer */
  CHECK(end(w[1], s[4]));
  for (int i = 5; i < 8; i++) CHECK_EQ(run(1), s[i]);
  CHECK_EQ(run(2), heavy);
  CHECK(close_pool());
}

/* ---- Levels, weights and deadlines together ---- */

TEST(conflict_levels, "the highest level first whatever the weight, in it the order of submission; "
                      "critical tasks know no gate [C-01]") {
  CHECK(open_pool(1));
  uint32_t s[2], late[1];
  bulk(NORMAL, NEVER_DUE, 2, s);
  uint32_t normal = single(NORMAL, 0);
  bulk(NORMAL, NEVER_DUE, 1, late);
  uint32_t high = single(HIGH, 0), held = single(HIGH, WP_SLOT_HEAVY);
  uint32_t heavy = single(CRITICAL, WP_SLOT_HEAVY), light = single(CRITICAL, WP_SLOT_LIGHT);
  CHECK_EQ(run(1), light);
  CHECK_EQ(run(1), heavy);
  CHECK_EQ(run(1), high);
  CHECK_EQ(run(1), s[0]);
  CHECK_EQ(run(1), s[1]);
  CHECK_EQ(run(1), normal);
  CHECK_EQ(run(1), late[0]);
  CHECK_EQ(run(1), held);
  CHECK(close_pool());
}

TEST(conflict_no_ageing, "without ageing a low task waits for all others [C-02, AM-12]") {
  wp_config config = fixture_config(1);
  config.low_skips = WP_NONE;
  CHECK(open_with(config));
  uint32_t low = single(LOW, 0), critical[300];
  for (int i = 0; i < 300; i++) critical[i] = single(i % 3 ? CRITICAL : NORMAL, 0);
  for (int i = 0; i < 300; i++) {
    if (i % 3) CHECK_EQ(run(1), critical[i]);
  }
  for (int i = 0; i < 300; i += 3) CHECK_EQ(run(1), critical[i]);
  CHECK_EQ(run(1), low);
  CHECK(close_pool());
}

TEST(conflict_deadline,
     "from its deadline on a job goes before single tasks of its level and lower "
     "ones; light tasks get the workers that it cannot use [C-03]") {
  CHECK(open_pool(3));
  uint32_t low = single(LOW, 0), light = single(NORMAL, WP_SLOT_LIGHT), normal = single(NORMAL, 0);
  uint32_t high = single(HIGH, 0), s[2];
  bulk(NORMAL, 51, 2, s);
  CHECK_EQ(run(51), high);
  CHECK_EQ(take(f.pool, w[0], 51), s[0]);
  CHECK_EQ(take(f.pool, w[1], 51), s[1]);
  CHECK_EQ(run_one(f.pool, w[2], 51), light);
  CHECK_EQ(run_one(f.pool, w[2], 51), normal);
  CHECK_EQ(run_one(f.pool, w[2], 51), low);
  CHECK(end(w[0], s[0]));
  CHECK(end(w[1], s[1]));
  CHECK(close_pool());
}
