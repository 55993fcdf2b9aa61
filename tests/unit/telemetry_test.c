#include "governor.h"
#include "lanes.h"
#include "pool_fixture.h"
#include "telemetry.h"

#ifdef WP_KILL_POINTS
#include "kill.h"
void (*wp__point_hook)(const char *name);
#endif

static fixture f;
/* Room for a report of a few workers. */
static union {
  wp_health health;
  uint8_t room[4096];
} storage;
static wp_health *const report = &storage.health;

static void open_pool(uint32_t workers, uint32_t ring) {
  wp_config config = fixture_config(workers);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  CHECK_EQ(wp_telemetry_open(f.pool, ring, 1000), WP_OK);
}

static void sample(uint32_t interventions) {
  wp_telemetry_sample(f.pool, interventions, 16, 16, 0, 0);
}

static double value_of(enum wp_metric metric) { return report->metrics[metric].value; }
static uint32_t grade_of(enum wp_metric metric) { return report->metrics[metric].grade; }

static uint32_t submit_class(uint32_t flags, uint32_t priority) {
  uint32_t index = reserve(f.pool, priority, 0);
  slot_of(f.pool, index)->flags = flags;
  wp_task_submit(f.pool, index);
  return index;
}

TEST(off, "off, there is no report, no ring, and a sample does nothing [TW-42, TW-44]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  wp_stats before, after;
  wp_stats_read(f.pool, &before);
  for (int i = 0; i < 10; i++) sample(1);
  wp_stats_read(f.pool, &after);
  CHECK_EQ(before.heap_bytes, after.heap_bytes);
  CHECK(!wp_telemetry_report(f.pool, 1, report));
  CHECK(!wp_telemetry_thresholds(f.pool));
  submit_class(WP_SLOT_HEAVY, WP_LEVEL_NORMAL);
  wp_lock_help(f.pool, WP_MAIN, WP_CHORE_INBOX);
  CHECK_EQ(f.pool->lanes.counts[WP_LEVEL_NORMAL][WP_CLASS_HEAVY], 1);
  CHECK_EQ(f.pool->lanes.peaks[WP_LEVEL_NORMAL][WP_CLASS_HEAVY], 0);
  uint32_t w = start_worker(f.pool, 0), group;
  CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &group), WP_OK);
  submit(f.pool, WP_LEVEL_LOW, 0);
  submit_normal(f.pool);
  CHECK(run_one(f.pool, w, 0) != WP_NONE);
  const wp_lanes *lanes = &f.pool->lanes;
  CHECK(lanes->low_skips == 1 && lanes->heavy_skips == 1);
  CHECK_EQ(lanes->left, 0);
  CHECK_EQ(f.pool->bulks_peak, 0);
  fixture_close(&f);
}

TEST(
    ring,
    "700 ticks leave 600 samples, the oldest gone; reading resets the window only [TW-43, TW-53]") {
  open_pool(1, WP_TELEMETRY_RING);
  CHECK(!wp_telemetry_report(f.pool, 1500, report)); /* on, but no sample yet */
  for (int tick = 0; tick < 700; tick++) sample(tick < 100 ? 1 : 0);
  CHECK(wp_telemetry_report(f.pool, 3000, report));
  CHECK_EQ(report->samples, 600);
  CHECK_EQ(value_of(WP_METRIC_INTERVENTIONS), 0); /* they were in the first hundred */
  CHECK_EQ(report->window_seconds, 2);
  CHECK(wp_telemetry_report(f.pool, 3500, report));
  CHECK_EQ(report->samples, 600);
  CHECK(report->window_seconds == 0.5);
  fixture_close(&f);
}

TEST(few_samples, "means are over the samples that there are [TW-53]") {
  open_pool(1, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0);
  wp_atomic_store_relaxed_u32(&f.pool->threads[w].exec_us, 20000);
  for (int i = 0; i < 3; i++) sample(1);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK(report->exec[0].value > 0.0199 && report->exec[0].value < 0.0201);
  CHECK_EQ(report->exec[0].grade, WP_WARM);
  CHECK_EQ(value_of(WP_METRIC_INTERVENTIONS), 3);
  CHECK_EQ(grade_of(WP_METRIC_INTERVENTIONS), WP_OVERLOADED);
  fixture_close(&f);
}

TEST(depths, "a spike of 30 within one tick shows, though it is gone at the next sample [TW-47]") {
  open_pool(1, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0);
  for (int i = 0; i < 30; i++) submit_class(WP_SLOT_HEAVY, WP_LEVEL_NORMAL);
  for (int i = 0; i < 4; i++) submit_class(WP_SLOT_LIGHT, WP_LEVEL_NORMAL);
  for (int i = 0; i < 34; i++) CHECK(run_one(f.pool, w, 0) != WP_NONE);
  sample(0);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_HEAVY), 30);
  CHECK_EQ(grade_of(WP_METRIC_HEAVY), WP_OVERLOADED);
  CHECK_EQ(value_of(WP_METRIC_LIGHT), 4);
  CHECK_EQ(grade_of(WP_METRIC_LIGHT), WP_HEALTHY);
  fixture_close(&f);
}

TEST(lasting, "what lasts from one sample to the next shows in both [TW-47, TW-49]") {
  open_pool(1, 1); /* the report is the latest sample */
  uint32_t w = start_worker(f.pool, 0), group;
  CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &group), WP_OK);
  submit_class(WP_SLOT_HEAVY, WP_LEVEL_NORMAL);
  submit(f.pool, WP_LEVEL_LOW, 0);
  for (int i = 0; i < 7; i++) submit_normal(f.pool);
  for (int i = 0; i < 3; i++) CHECK(run_one(f.pool, w, 0) != WP_NONE);
  for (int i = 0; i < 3; i++) {
    sample(0);
    CHECK(wp_telemetry_report(f.pool, 2000, report));
    CHECK_EQ(value_of(WP_METRIC_HEAVY), 1);
    CHECK_EQ(value_of(WP_METRIC_PLAIN),
             i ? 5 : 8); /* includes low ones; the first sample shows the peak */
    CHECK_EQ(value_of(WP_METRIC_ACTIVE_BULKS), 1);
    CHECK_EQ(value_of(WP_METRIC_LOW_SKIPS), 1);       /* nothing goes after the first sample */
    CHECK_EQ(value_of(WP_METRIC_HEAVY_SKIPS), i + 1); /* it waits on */
  }
  wp_group_leave(f.pool, group);
  sample(0);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_ACTIVE_BULKS), 0);
  fixture_close(&f);
}

TEST(plain_and_held, "tasks without a weight are counted, and those that main holds back [TW-47]") {
  open_pool(1, 1);
  for (uint32_t level = 0; level < WP_LEVEL_COUNT; level++) submit(f.pool, level, 0);
  submit_class(WP_SLOT_LIGHT, WP_LEVEL_NORMAL);
  submit_class(WP_SLOT_HEAVY, WP_LEVEL_CRITICAL);
  wp_telemetry_sample(f.pool, 0, 16, 16, 20, 9);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_PLAIN), WP_LEVEL_COUNT);
  CHECK_EQ(value_of(WP_METRIC_LIGHT), 21);
  CHECK_EQ(value_of(WP_METRIC_HEAVY), 10);
  CHECK_EQ(grade_of(WP_METRIC_PLAIN), WP_HEALTHY);
  CHECK_EQ(grade_of(WP_METRIC_LIGHT), WP_WARM);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_HEAVY), 1);
  fixture_close(&f);
}

TEST(inbox_counts, "what no worker has looked at yet waits as well [TW-47]") {
  open_pool(1, WP_TELEMETRY_RING);
  static const uint32_t slices[WP_LEVEL_COUNT] = {1, 4, 2, 3};
  for (uint32_t level = 0; level < WP_LEVEL_COUNT; level++)
    for (uint32_t n = 0; n < slices[level]; n++) submit_class(WP_SLOT_SLICE, level);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_BULK_CRITICAL), 1);
  CHECK_EQ(value_of(WP_METRIC_BULK_NORMAL), 4 + 2); /* high and normal */
  CHECK_EQ(value_of(WP_METRIC_BULK_BACKGROUND), 3);
  fixture_close(&f);
}

TEST(pools, "free descriptors drop while tasks wait and return; workers are as of "
            "the latest sample [TW-46, TW-48]") {
  open_pool(2, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0), tasks[100];
  start_worker(f.pool, 1);
  for (int i = 0; i < 100; i++) tasks[i] = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, w, 0), tasks[0]);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  const wp_measure *slots = &report->metrics[WP_METRIC_SLOTS];
  CHECK_EQ(slots->capacity - slots->value, 100);
  CHECK_EQ(slots->grade, WP_HEALTHY);
  CHECK_EQ(report->total, 2);
  CHECK_EQ(report->busy, 1);
  CHECK_EQ(report->free, 1);
  wp_status status;
  wp_task_finish(f.pool, w, tasks[0], WP_OK);
  CHECK_EQ(deliver(f.pool, &status), tasks[0]);
  for (int i = 1; i < 100; i++) CHECK_EQ(run_one(f.pool, w, 0), tasks[i]);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(slots->capacity, slots->value);
  CHECK_EQ(report->free, 2);
  fixture_close(&f);
}

static bool is_mean(uint32_t worker, double mean_us) {
  double seen = wp_atomic_load_relaxed_u32(&f.pool->threads[worker].exec_us);
  return seen - mean_us < 3 && mean_us - seen < 3;
}

TEST(execution, "a worker's mean is 0.25 x + 0.75 of what it was, x from a task's start to its "
                "end, whatever comes in between [TW-48]") {
  open_pool(1, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0);
  double now_ms = 5000, mean_us = 0;
  static const double took_ms[] = {40, 8, 100, 0.5, 16};
  for (uint32_t i = 0; i < 5; i++) {
    wp_status status;
    uint32_t running = submit_normal(f.pool);
    CHECK_EQ(take(f.pool, w, now_ms), running);
    now_ms += took_ms[i];
    wp_task_finish_at(f.pool, w, running, WP_OK, now_ms);
    CHECK_EQ(deliver(f.pool, &status), running);
    mean_us = 0.25 * took_ms[i] * 1000 + 0.75 * mean_us;
    CHECK(is_mean(w, mean_us));
    now_ms += 500; /* it looks for work, or does something outside tasks */
    CHECK_EQ(take(f.pool, w, now_ms), WP_NONE);
  }
  wp_task_finish_at(f.pool, w, 0, WP_OK, now_ms + 1e6); /* which it does not run */
  CHECK(is_mean(w, mean_us));
  CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  CHECK(is_mean(w, 0)); /* the next thread with this record starts from 0 */
  fixture_close(&f);
}

TEST(execution_traced, "a time that nobody knows, or that a clock gives as less than none, "
                       "leaves the mean as it can be; "
                       "traced tasks have theirs, 1 us at least [TW-48]") {
  open_pool(1, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0);
  static const double end_ms[] = {1000.5, 1000, 900, 0};
  static const uint32_t ran_us[] = {500, 1, 1, 0};
  static const double mean_us[] = {125, 94, 70, 70};
  for (uint32_t i = 0; i < 4; i++) {
    wp_status status;
    uint32_t task = submit_flags(f.pool, WP_SLOT_TRACED);
    CHECK_EQ(take(f.pool, w, 1000), task);
    wp_task_finish_at(f.pool, w, task, WP_OK, end_ms[i]);
    CHECK_EQ(slot_of(f.pool, task)->ran_us, ran_us[i]);
    CHECK(is_mean(w, mean_us[i]));
    CHECK_EQ(deliver(f.pool, &status), task);
  }
  fixture_close(&f);
}

TEST(execution_beside,
     "(a): several tasks at once count with their own times each [TW-48] [TW-08]") {
  wp_config config = fixture_config(1);
  config.concurrency = 4;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), tasks[4];
  for (uint32_t i = 0; i < 4; i++) tasks[i] = submit_normal(f.pool);
  for (uint32_t i = 0; i < 4; i++) CHECK_EQ(take(f.pool, w, 1000 + i), tasks[i]);
  double mean_us = 0;
  for (uint32_t i = 0; i < 4; i++) {
    wp_task_finish_at(f.pool, w, tasks[i], WP_OK, 1100 + i);
    mean_us = 0.25 * 100000 + 0.75 * mean_us;
    CHECK(is_mean(w, mean_us));
  }
  fixture_close(&f);
}

TEST(pool_time, "workers go by main's clock where it runs beside theirs, and by what main said "
                "last where it stands still [TW-60]") {
  wp_config config = fixture_config(1);
  wp_action action;
  double next_ms;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0);
  CHECK_EQ(wp_pool_time(f.pool, 700), 700);
  wp_pool_set_time(f.pool, 50, 0);
  CHECK_EQ(wp_pool_time(f.pool, 700), 750);
  wp_pool_set_time(f.pool, 50, 300);
  CHECK_EQ(wp_pool_time(f.pool, 700), 300);
  uint32_t timed = submit_timed(f.pool, 100);
  CHECK_EQ(take(f.pool, w, 9000), timed);
  CHECK_EQ(wp_task_tick(f.pool, 399, &action, 1, &next_ms), 0);
  CHECK_EQ(next_ms, 400);
  CHECK_EQ(wp_task_tick(f.pool, 400, &action, 1, &next_ms), 1);
  wp_task_finish_at(f.pool, w, timed, WP_OK, 9999);
  CHECK(is_mean(w, 0)); /* it took none of the pool's time */
  uint32_t single = submit_normal(f.pool), slice = reserve(f.pool, WP_LEVEL_NORMAL, 0);
  slot_of(f.pool, slice)->flags = WP_SLOT_SLICE;
  slot_of(f.pool, slice)->due_ms = 350;
  wp_task_submit(f.pool, slice);
  CHECK_EQ(run_one(f.pool, w, 9999), single); /* it is not due at 300 */
  wp_pool_set_time(f.pool, 50, 350);
  single = submit_normal(f.pool);
  CHECK_EQ(run_one(f.pool, w, 0), slice);
  CHECK_EQ(run_one(f.pool, w, 0), single);
  fixture_close(&f);
}

/* Ticks; in each a task of the normal level goes. */
static void run_ticks(uint32_t worker, uint32_t ticks) {
  for (uint32_t i = 0; i < ticks; i++) {
    submit_normal(f.pool);
    CHECK(run_one(f.pool, worker, 0) != WP_NONE);
    sample(0);
  }
  CHECK(wp_telemetry_report(f.pool, 2000, report));
}

TEST(starvation_low, "12 ticks in a row in which others go before a background job show as "
                     "12, however many others; one of its level ends the row [TW-50]") {
  open_pool(1, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0);
  submit_class(WP_SLOT_SLICE, WP_LEVEL_LOW);
  submit_class(WP_SLOT_SLICE, WP_LEVEL_LOW);
  for (int i = 0; i < 5; i++) submit_normal(f.pool);
  for (int i = 0; i < 5; i++) CHECK(run_one(f.pool, w, 0) != WP_NONE);
  run_ticks(w, 11);
  CHECK_EQ(value_of(WP_METRIC_LOW_SKIPS), 11);
  sample(0); /* nothing goes, so nothing goes before it */
  run_ticks(w, 1);
  CHECK_EQ(value_of(WP_METRIC_LOW_SKIPS), 12);
  CHECK(run_one(f.pool, w, 0) != WP_NONE); /* one of the two */
  run_ticks(w, 1);
  run_ticks(w, 12);
  CHECK_EQ(value_of(WP_METRIC_LOW_SKIPS), 12); /* not 13 and more */
  CHECK(run_one(f.pool, w, 0) != WP_NONE);
  run_ticks(w, 30); /* none waits */
  CHECK_EQ(value_of(WP_METRIC_LOW_SKIPS), 12);
  CHECK_EQ(grade_of(WP_METRIC_LOW_SKIPS), WP_HEALTHY);
  CHECK_EQ(value_of(WP_METRIC_HEAVY_SKIPS), 0);
  fixture_close(&f);
}

TEST(starvation_heavy,
     "7 ticks in a row in which a heavy job waits for a bulk job "
     "show as 7, whether or not others go; one that goes ends the row [TW-49, TW-50]") {
  open_pool(1, WP_TELEMETRY_RING);
  uint32_t w = start_worker(f.pool, 0), group;
  submit_class(WP_SLOT_HEAVY, WP_LEVEL_NORMAL);
  submit_class(WP_SLOT_HEAVY, WP_LEVEL_HIGH);
  for (int i = 0; i < 9; i++) sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_HEAVY_SKIPS), 0); /* it waits, but not because of a bulk job */
  CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &group), WP_OK);
  run_ticks(w, 4);
  for (int i = 0; i < 3; i++) sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_HEAVY_SKIPS), 7);
  CHECK_EQ(grade_of(WP_METRIC_HEAVY_SKIPS), WP_WARM);
  wp_group_leave(f.pool, group);
  CHECK(run_one(f.pool, w, 0) != WP_NONE); /* the first of the two */
  CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &group), WP_OK);
  for (int i = 0; i < 7; i++) sample(0); /* one goes in the first of these ticks */
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_HEAVY_SKIPS), 7);
  sample(0);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_HEAVY_SKIPS), 8);
  CHECK_EQ(grade_of(WP_METRIC_HEAVY_SKIPS), WP_OVERLOADED);
  CHECK_EQ(value_of(WP_METRIC_ACTIVE_BULKS), 1);
  CHECK_EQ(grade_of(WP_METRIC_ACTIVE_BULKS), WP_WARM);
  wp_group_leave(f.pool, group);
  CHECK(run_one(f.pool, w, 0) != WP_NONE);
  fixture_close(&f);
}

TEST(starvation_aged, "a heavy job that has aged waits in the light lane [TW-09, TW-50]") {
  wp_config config = fixture_config(1);
  config.heavy_skips = 3;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  CHECK_EQ(wp_telemetry_open(f.pool, 1, 1000), WP_OK);
  uint32_t w = start_worker(f.pool, 0), group;
  CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &group), WP_OK);
  submit_class(WP_SLOT_LIGHT, WP_LEVEL_NORMAL);
  submit_class(WP_SLOT_SLICE, WP_LEVEL_NORMAL);
  uint32_t heavy = submit_class(WP_SLOT_HEAVY, WP_LEVEL_NORMAL);
  sample(0);
  run_ticks(w, 2);
  CHECK(value_of(WP_METRIC_HEAVY) == 1 && value_of(WP_METRIC_HEAVY_SKIPS) == 3);
  run_ticks(w, 1);
  sample(0);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK(value_of(WP_METRIC_HEAVY) == 0 && value_of(WP_METRIC_HEAVY_SKIPS) == 0);
  CHECK(value_of(WP_METRIC_LIGHT) >= 1);
  CHECK_EQ(run_one(f.pool, w, 0), heavy); /* at its head */
  wp_group_leave(f.pool, group);
  CHECK(run_one(f.pool, w, 0) != WP_NONE);
  CHECK(run_one(f.pool, w, 0) != WP_NONE);
  fixture_close(&f);
}

TEST(grades,
     "at the threshold counts; a free part counts below it; all of them can be changed [TW-51]") {
  const wp_threshold depth = {10, 25}, part = {0.5, 0.2};
  CHECK_EQ(wp_telemetry_grade(depth, 9), WP_HEALTHY);
  CHECK_EQ(wp_telemetry_grade(depth, 10), WP_WARM);
  CHECK_EQ(wp_telemetry_grade(depth, 24), WP_WARM);
  CHECK_EQ(wp_telemetry_grade(depth, 25), WP_OVERLOADED);
  CHECK_EQ(wp_telemetry_grade_free(part, 5, 10), WP_HEALTHY);
  CHECK_EQ(wp_telemetry_grade_free(part, 4, 10), WP_WARM);
  CHECK_EQ(wp_telemetry_grade_free(part, 2, 10), WP_WARM);
  CHECK_EQ(wp_telemetry_grade_free(part, 1, 10), WP_OVERLOADED);
  CHECK_EQ(wp_telemetry_grade_free(part, 0, 0), WP_HEALTHY);
  open_pool(1, 4);
  const wp_thresholds *defaults = wp_telemetry_thresholds(f.pool);
  static const double expected[8][2] = {{0.5, 0.2}, {10, 25}, {0.016, 0.030}, {0.05, 0.2},
                                        {1, 3},     {20, 45}, {5, 8},         {1, 3}};
  for (uint32_t i = 0; i < 8; i++) {
    CHECK_EQ((&defaults->free_part)[i].warm, expected[i][0]);
    CHECK_EQ((&defaults->free_part)[i].overloaded, expected[i][1]);
  }
  wp_telemetry_thresholds(f.pool)->interventions = (wp_threshold){5, 9};
  sample(4);
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(grade_of(WP_METRIC_INTERVENTIONS), WP_HEALTHY);
  fixture_close(&f);
}

/* One metric for each threshold, with a value that is not 0. */
static const enum wp_metric GRADED[] = {WP_METRIC_LIGHT,        WP_METRIC_OVER_BUDGET,
                                        WP_METRIC_ACTIVE_BULKS, WP_METRIC_LOW_SKIPS,
                                        WP_METRIC_HEAVY_SKIPS,  WP_METRIC_INTERVENTIONS};
enum { GRADED_COUNT = sizeof GRADED / sizeof *GRADED };

/* Fills the only sample of the window. */
static void make_values(uint32_t worker) {
  uint32_t group;
  CHECK_EQ(wp_group_create(f.pool, 1, WP_GROUP_BULK, &group), WP_OK);
  submit_class(WP_SLOT_HEAVY, WP_LEVEL_NORMAL);
  submit(f.pool, WP_LEVEL_LOW, 0);
  submit_normal(f.pool);
  CHECK(run_one(f.pool, worker, 0) != WP_NONE);
  wp_atomic_store_relaxed_u32(&f.pool->threads[worker].exec_us, 20000);
  wp_governor_spend(f.pool, 50);
  wp_governor_tick(f.pool);
  wp_telemetry_sample(f.pool, 3, 5, 10, 7, 0);
}

static void check_grades(uint32_t which, uint32_t grade) {
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  for (uint32_t i = 0; i < GRADED_COUNT; i++)
    CHECK_EQ(grade_of(GRADED[i]), i == which ? grade : WP_HEALTHY);
  CHECK_EQ(report->exec[0].grade, which == GRADED_COUNT ? grade : WP_HEALTHY);
}

TEST(own_thresholds, "each metric is graded by its own thresholds, and at them [TW-51]") {
  open_pool(1, 1);
  make_values(start_worker(f.pool, 0));
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  wp_thresholds *all = wp_telemetry_thresholds(f.pool);
  wp_threshold *own[] = {&all->depth,       &all->over_budget, &all->active_bulks,
                         &all->low_skips,   &all->heavy_skips, &all->interventions,
                         &all->exec_seconds};
  for (uint32_t i = 0; i <= GRADED_COUNT; i++) *own[i] = (wp_threshold){1e9, 1e9};
  check_grades(WP_NONE, WP_HEALTHY);
  for (uint32_t i = 0; i <= GRADED_COUNT; i++) {
    double value = i < GRADED_COUNT ? value_of(GRADED[i]) : report->exec[0].value;
    CHECK(value > 0);
    *own[i] = (wp_threshold){value, 1e9};
    check_grades(i, WP_WARM);
    *own[i] = (wp_threshold){0, value};
    check_grades(i, WP_OVERLOADED);
    *own[i] = (wp_threshold){value * 1.001, 1e9};
    check_grades(i, WP_HEALTHY);
    *own[i] = (wp_threshold){1e9, 1e9};
  }
  all->free_part = (wp_threshold){0.5, 0.2}; /* of buffers: 5 of 10 are free */
  check_grades(WP_NONE, WP_HEALTHY);
  CHECK_EQ(grade_of(WP_METRIC_BUFFERS), WP_HEALTHY);
  all->free_part = (wp_threshold){0.51, 0.2};
  check_grades(WP_NONE, WP_HEALTHY);
  CHECK_EQ(grade_of(WP_METRIC_BUFFERS), WP_WARM);
  all->free_part = (wp_threshold){0.8, 0.51};
  check_grades(WP_NONE, WP_HEALTHY);
  CHECK_EQ(grade_of(WP_METRIC_BUFFERS), WP_OVERLOADED);
  fixture_close(&f);
}

TEST(budget,
     "what goes over the budget waits for the next tick, and that tick counts [TW-31, TW-49]") {
  open_pool(1, 4);
  CHECK(wp_governor_admits(f.pool));
  wp_governor_spend(f.pool, 7.5);
  CHECK(wp_governor_admits(f.pool));
  wp_governor_spend(f.pool, 0.5);
  CHECK(!wp_governor_admits(f.pool));
  wp_governor_tick(f.pool);
  sample(0);
  CHECK(wp_governor_admits(f.pool));
  for (int i = 0; i < 3; i++) {
    wp_governor_tick(f.pool);
    sample(0);
  }
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK_EQ(value_of(WP_METRIC_BUDGET), 8);
  CHECK_EQ(grade_of(WP_METRIC_BUDGET), WP_HEALTHY);
  CHECK(value_of(WP_METRIC_OVER_BUDGET) == 0.25); /* one of four */
  CHECK_EQ(grade_of(WP_METRIC_OVER_BUDGET), WP_OVERLOADED);
  fixture_close(&f);
}

TEST(over_budget,
     "a tick that used more than its budget is over it, though nothing had to wait [TW-49]") {
  open_pool(1, WP_TELEMETRY_RING);
  static const double used_ms[] = {50, 8, 0, 8.1, 3};
  for (int i = 0; i < 5; i++) {
    CHECK(wp_governor_admits(f.pool));
    wp_governor_spend(f.pool, used_ms[i]);
    wp_governor_tick(f.pool);
    sample(0);
  }
  CHECK(wp_telemetry_report(f.pool, 2000, report));
  CHECK(value_of(WP_METRIC_OVER_BUDGET) == 2 / 5.0); /* of the samples so far */
  fixture_close(&f);
}
