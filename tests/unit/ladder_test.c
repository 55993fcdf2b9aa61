/* The rungs of a kill, one thread and one clock at a time. */
#include "ladder.h"
#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;
static wp_ladder ladder;
static wp_suspicion suspicion;
static double again_ms;
static const wp_ladder_config with_checks = {
    .flag_ms = 1, .check_ms = 20, .locks_ms = 40, .inside_ms = 1000, .checks = true, .stops = true};
static const wp_ladder_config without_checks = {
    .flag_ms = 1, .locks_ms = 40, .inside_ms = 1000, .stops = true};

WP_TASK(spins) {
  (void)task;
  return WP_OK;
}

static wp_thread *thread(void) { return &f.pool->threads[1]; }

static wp_status open(void) {
  wp_config config = fixture_config(1);
  ladder = (wp_ladder){0};
  wp_status status = fixture_open(&f, &config);
  if (!status) start_worker(f.pool, 0);
  return status;
}

/* Makes the worker run a C task that its caller has given up; with `tag` the task has begun. */
static wp_handle run_c(uint32_t tag) {
  uint32_t index = reserve(f.pool, WP_LEVEL_NORMAL, 0);
  slot_of(f.pool, index)->c_task = 1;
  wp_task_submit(f.pool, index);
  wp_handle task = {index, generation_of(f.pool, index)};
  take(f.pool, 1, 0);
  wp_atomic_store_seq_u32(&thread()->tag, tag);
  wp_task_cancel(f.pool, index, task.generation);
  return task;
}

static enum wp_verdict climb(const wp_ladder_config *config, double now_ms) {
  return wp_ladder_climb(config, f.pool, &ladder, &suspicion, now_ms, &again_ms);
}

static uint32_t stop_word(void) { return wp_atomic_load_seq_u32(&thread()->stop); }

TEST(flag,
     "a task that ends by itself is spared on the first rung; nothing was asked of its thread") {
  CHECK_EQ(open(), WP_OK);
  wp_handle task = run_c(0);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  CHECK_EQ(climb(&with_checks, 100), WP_VERDICT_OPEN);
  CHECK(again_ms <= 100);
  CHECK_EQ(stop_word(), 0);
  wp_task_finish(f.pool, 1, task.index, WP_OK);
  CHECK_EQ(climb(&with_checks, 100), WP_VERDICT_SPARED);
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_FLAG);
  CHECK(!wp_gate_doomed(thread()));
  fixture_close(&f);
}

TEST(check, "a C task is asked to trap at the second look, for what it runs now; its trap names "
            "the rung, and the word is cleared") {
  CHECK_EQ(open(), WP_OK);
  wp_handle task = run_c(7);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  CHECK_EQ(climb(&with_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&with_checks, 100.1), WP_VERDICT_OPEN);
  CHECK_EQ(stop_word(), WP_STOP_MARK | 7);
  wp_atomic_fetch_add_seq_u32(&thread()->stopped, 1); /* it traps, and its worker cleans up */
  wp_task_finish(f.pool, 1, task.index, WP_OK);
  CHECK_EQ(climb(&with_checks, 100.2), WP_VERDICT_SPARED);
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_CHECK);
  CHECK_EQ(stop_word(), 0);
  CHECK(!ladder.armed);
  fixture_close(&f);
}

TEST(begins_later, "a C task that has not begun is asked again at each look") {
  CHECK_EQ(open(), WP_OK);
  wp_handle task = run_c(0);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  for (double now_ms = 100; now_ms < 101; now_ms += 0.25)
    CHECK_EQ(climb(&with_checks, now_ms), WP_VERDICT_OPEN);
  CHECK_EQ(stop_word(), 0);
  wp_atomic_store_seq_u32(&thread()->tag, 9);
  CHECK_EQ(climb(&with_checks, 102), WP_VERDICT_OPEN);
  CHECK_EQ(stop_word(), WP_STOP_MARK | 9);
  fixture_close(&f);
}

TEST(doom, "after the time of the checks the thread is doomed, and guilty if it still runs the "
           "task outside the gate") {
  CHECK_EQ(open(), WP_OK);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(7), -1, 100);
  CHECK_EQ(climb(&with_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&with_checks, 100.5), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&with_checks, 120.4), WP_VERDICT_OPEN);
  CHECK(!wp_gate_doomed(thread()));
  CHECK(again_ms > 120.4 && again_ms <= 120.5);
  CHECK_EQ(climb(&with_checks, 120.5), WP_VERDICT_GUILTY);
  CHECK(wp_gate_doomed(thread()));
  fixture_close(&f);
}

/* Makes the thread run a C task with tag 7, or a handler (tag 0); `looked`: the tag of the last task that looked at its flag. */
static void doomed_after_the_flag(uint32_t tag, uint32_t looked) {
  CHECK_EQ(open(), WP_OK);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(tag), -1, 100);
  wp_atomic_store_seq_u32(&thread()->looked, looked);
  CHECK_EQ(climb(&without_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 100.9), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 101), WP_VERDICT_GUILTY);
  fixture_close(&f);
}

/* Climbs every half a millisecond from 100 on, and answers the ladder's questions: the thread has had this part of a processor (a
 * negative one: it waits for something else). Returns when it was doomed, or 0. */
static double doomed_at(const wp_ladder_config *config, double part) {
  for (int half = 200; half < 6000; half++) {
    double now_ms = half / 2.0;
    if (climb(config, now_ms) != WP_VERDICT_OPEN) return 0;
    if (suspicion.phase == WP_SUSPICION_DOOM) return now_ms;
    if (suspicion.measure)
      wp_suspicion_measured(&suspicion, part < 0 ? -1 : 7000 + part * now_ms, now_ms);
    suspicion.measure = 0;
  }
  return 0;
}

TEST(starved,
     "where the host tells processor times, a thread that waits for a processor is not doomed") {
  wp_ladder_config config = with_checks;
  config.measures = 1;
  static const struct {
    double part, from_ms, to_ms; /* when it must be doomed: check_ms is 20 */
  } cases[] = {
      {1, 120, 121},    /* it runs: no later than without the question */
      {-1, 120, 121},   /* it waits in a call of the host, where no check is */
      {0.02, 205, 220}, /* it has waited, and has had 2 ms after all */
      {0, 2100, 2102},  /* it never runs: a limit for all */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_EQ(open(), WP_OK);
    wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(77), -1, 100);
    wp_gate_enter(thread()); /* so that the verdict stays open */
    double at_ms = doomed_at(&config, cases[i].part);
    CHECK(at_ms >= cases[i].from_ms && at_ms <= cases[i].to_ms);
    wp_gate_leave(thread());
    fixture_close(&f);
  }
}

TEST(no_checks, "without loop checks the thread of a handler, and of a C task that looks at its "
                "flag, is doomed after the flag's time") {
  doomed_after_the_flag(0, 0);
  doomed_after_the_flag(0, 7);
  doomed_after_the_flag(7, 7);
}

TEST(blind, "without loop checks a C task that has never looked at its flag is looked at twice and "
            "has a moment, no more; its first look gives it the flag's time") {
  CHECK_EQ(open(), WP_OK);
  wp_handle task = run_c(7);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  wp_atomic_store_seq_u32(&thread()->looked, 6); /* the previous task looked */
  CHECK_EQ(climb(&without_checks, 100.06), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 100.06), WP_VERDICT_GUILTY);
  fixture_close(&f);
  CHECK_EQ(open(), WP_OK);
  task = run_c(7);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  CHECK_EQ(climb(&without_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 100.04), WP_VERDICT_OPEN);
  wp_atomic_store_seq_u32(&thread()->looked, 7);
  CHECK_EQ(climb(&without_checks, 100.9), WP_VERDICT_OPEN);
  wp_task_finish(f.pool, 1, task.index, WP_OK);
  CHECK_EQ(climb(&without_checks, 101), WP_VERDICT_SPARED);
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_FLAG);
  fixture_close(&f);
}

TEST(blind_grace, "time that the caller has granted, or a host that grants none, is the same for "
                  "a C task that never looks") {
  CHECK_EQ(open(), WP_OK);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(7), 200, 100);
  CHECK_EQ(climb(&without_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 299), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 300), WP_VERDICT_GUILTY);
  fixture_close(&f);
  wp_ladder_config at_once = without_checks;
  at_once.flag_ms = 0;
  CHECK_EQ(open(), WP_OK);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(7), -1, 100);
  CHECK_EQ(climb(&at_once, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&at_once, 100), WP_VERDICT_GUILTY);
  fixture_close(&f);
}

TEST(
    inside,
    "a doomed thread that does not leave the gate is taken for broken after a second, not before") {
  CHECK_EQ(open(), WP_OK);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(0), -1, 100);
  wp_gate_enter(thread());
  CHECK_EQ(climb(&without_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 101), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 1100), WP_VERDICT_OPEN);
  CHECK(again_ms > 1100 && again_ms <= 1105);
  CHECK_EQ(climb(&without_checks, 1101), WP_VERDICT_BROKEN);
  fixture_close(&f);
}

TEST(pardon,
     "asked again while it stands still: what it was suspected of is over, and it is pardoned") {
  CHECK_EQ(open(), WP_OK);
  wp_handle task = run_c(0);
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  wp_gate_enter(thread());
  CHECK_EQ(climb(&without_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&without_checks, 101), WP_VERDICT_OPEN);
  wp_task_finish(f.pool, 1, task.index, WP_OK);
  CHECK_EQ(climb(&without_checks, 102),
           WP_VERDICT_OPEN); /* inside the gate, from where it may go on to anything */
  wp_gate_leave(thread());
  CHECK_EQ(climb(&without_checks, 103), WP_VERDICT_SPARED);
  CHECK(!wp_gate_doomed(thread()));
  fixture_close(&f);
}

TEST(two, "a thread that two suspicions have doomed is pardoned with the second") {
  CHECK_EQ(open(), WP_OK);
  wp_handle task = run_c(0);
  wp_suspicion other;
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  wp_suspicion_begin(&other, f.pool, WP_SUSPECT_TASK, 1, task, -1, 100);
  wp_gate_enter(thread());
  for (double now_ms = 100; now_ms < 103; now_ms++) {
    CHECK_EQ(climb(&without_checks, now_ms), WP_VERDICT_OPEN);
    CHECK_EQ(wp_ladder_climb(&without_checks, f.pool, &ladder, &other, now_ms, &again_ms),
             WP_VERDICT_OPEN);
  }
  CHECK_EQ(ladder.doomers, 2);
  wp_task_finish(f.pool, 1, task.index, WP_OK);
  wp_gate_leave(thread());
  CHECK_EQ(climb(&without_checks, 103), WP_VERDICT_SPARED);
  CHECK(wp_gate_doomed(thread()));
  CHECK_EQ(wp_ladder_climb(&without_checks, f.pool, &ladder, &other, 103, &again_ms),
           WP_VERDICT_SPARED);
  CHECK(!wp_gate_doomed(thread()));
  fixture_close(&f);
}

TEST(grace, "a task that was granted time is left alone for so long, with loop checks as well; "
            "looks become seldom, but no later than 5 ms") {
  for (int checks = 0; checks < 2; checks++) {
    const wp_ladder_config *config = checks ? &with_checks : &without_checks;
    CHECK_EQ(open(), WP_OK);
    wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(7), 200, 100);
    double now_ms = 100;
    uint32_t looks = 0;
    for (; climb(config, now_ms) == WP_VERDICT_OPEN && now_ms < 300; looks++) {
      CHECK_EQ(stop_word(), 0);
      CHECK(!wp_gate_doomed(thread()));
      CHECK(again_ms <= now_ms + 5);
      now_ms = again_ms > now_ms ? again_ms : now_ms + 0.1;
    }
    CHECK(now_ms >= 300 && now_ms < 300.2);
    CHECK(looks < 100);
    CHECK(checks ? stop_word() != 0 : wp_gate_doomed(thread()));
    fixture_close(&f);
  }
}

TEST(no_stop, "a host that cannot end threads waits for the loop checks for ever") {
  CHECK_EQ(open(), WP_OK);
  wp_ladder_config config = with_checks;
  config.stops = false;
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_TASK, 1, run_c(7), -1, 100);
  for (double now_ms = 100; now_ms < 100000; now_ms += 100)
    CHECK_EQ(climb(&config, now_ms), WP_VERDICT_OPEN);
  CHECK(again_ms > 99900);
  CHECK(!wp_gate_doomed(thread()));
  fixture_close(&f);
}

TEST(silent, "a silent thread is suspected until it gives a sign of life; what it runs may still "
             "be wanted") {
  CHECK_EQ(open(), WP_OK);
  uint32_t index = reserve(f.pool, WP_LEVEL_NORMAL, 0);
  slot_of(f.pool, index)->c_task = 1;
  wp_task_submit(f.pool, index);
  take(f.pool, 1, 0);
  wp_atomic_store_seq_u32(&thread()->tag, 3);
  wp_handle task = {index, generation_of(f.pool, index)};
  wp_suspicion_begin(&suspicion, f.pool, WP_SUSPECT_SILENT, 1, task, -1, 100);
  suspicion.beat = wp_atomic_load_seq_u32(&thread()->beat);
  CHECK_EQ(climb(&with_checks, 100), WP_VERDICT_OPEN);
  CHECK_EQ(climb(&with_checks, 100.1), WP_VERDICT_OPEN);
  CHECK_EQ(stop_word(), WP_STOP_MARK | 3);
  wp_thread_beat(thread());
  CHECK_EQ(climb(&with_checks, 100.2), WP_VERDICT_SPARED);
  CHECK_EQ(stop_word(), 0);
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_NONE); /* it was only slow */
  wp_atomic_fetch_add_seq_u32(&thread()->stopped, 1);
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_CHECK); /* trapped, and runs again */
  wp_task_finish(f.pool, 1, index, WP_OK);
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_CHECK);
  suspicion.traps++;
  CHECK_EQ(wp_suspicion_rung(&suspicion, f.pool), WP_RUNG_FLAG);
  fixture_close(&f);
}
