/* Restart policies: intensity within a window, back-off, jitter. */
#include "restart.h"
#include "test.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static const wp_restart_policy usual = {.kind = WP_RESTART_ALWAYS,
                                        .max = 3,
                                        .window_ms = 1000,
                                        .min_ms = 10,
                                        .max_ms = 60,
                                        .jitter = 0};

static double times[WP_RESTARTS_MAX];

static wp_restart_log fresh(void) { return (wp_restart_log){.times_ms = times}; }

TEST(limit, "as many restarts as the window allows are given, then none, and none later") {
  wp_restart_log log = fresh();
  for (int i = 0; i < 3; i++) CHECK(wp_restart_take(&usual, &log, 5000, false, 0.5) >= 0);
  CHECK(!log.spent);
  CHECK(wp_restart_take(&usual, &log, 5000, false, 0.5) < 0);
  CHECK(log.spent);
}

TEST(window, "restarts are forgotten one by one, when the window has passed them") {
  wp_restart_log log = fresh();
  for (int i = 0; i < 3; i++) CHECK(wp_restart_take(&usual, &log, 100 * i, false, 0.5) >= 0);
  CHECK(wp_restart_take(&usual, &log, 1000, false, 0.5) >=
        0); /* the one of 0 ms has left the window */
  CHECK(wp_restart_take(&usual, &log, 1099, false, 0.5) < 0); /* the one of 100 ms has not */
  wp_restart_policy never_forgets = usual;
  never_forgets.window_ms = 0;
  log = fresh();
  for (int i = 0; i < 3; i++)
    CHECK(wp_restart_take(&never_forgets, &log, 1e9 * i, false, 0.5) >= 0);
  CHECK(wp_restart_take(&never_forgets, &log, 1e12, false, 0.5) < 0);
}

TEST(back_off, "each restart within the window doubles the delay, up to the longest; after a quiet "
               "window it is the shortest again") {
  wp_restart_log log = fresh();
  wp_restart_policy policy = usual;
  policy.max = 6;
  static const double expected[] = {10, 20, 40, 60, 60, 60};
  for (int i = 0; i < 6; i++)
    CHECK_EQ(1000 * wp_restart_take(&policy, &log, i, false, 0.5), 1000 * expected[i]);
  CHECK_EQ(1000 * wp_restart_take(&policy, &log, 5000, false, 0.5), 10000);
}

TEST(growth,
     "delays double, grow by the shortest one, or stay the same, as the policy says [NF-54]") {
  static const double expected[][4] = {{10, 20, 40, 60}, {10, 20, 30, 40}, {10, 10, 10, 10}};
  for (uint32_t growth = WP_RESTART_DOUBLES; growth <= WP_RESTART_KEEPS; growth++) {
    wp_restart_policy policy = usual;
    policy.growth = growth;
    for (uint32_t i = 0; i < 4; i++)
      CHECK_EQ(1000 * wp_restart_delay(&policy, i, 0.5), 1000 * expected[growth][i]);
    CHECK_EQ(1000 * wp_restart_delay(&policy, WP_NONE, 0.5),
             growth == WP_RESTART_KEEPS ? 10000 : 60000);
    policy.min_ms = 0;
    CHECK_EQ(wp_restart_delay(&policy, WP_NONE, 0.5), 0);
  }
}

TEST(jitter, "chance moves a delay by at most its part, both ways") {
  wp_restart_policy policy = usual;
  policy.jitter = 0.2;
  static const double chances[] = {0, 0.5, 1}, expected[] = {8, 10, 12};
  for (int i = 0; i < 3; i++) {
    wp_restart_log log = fresh();
    CHECK_EQ(1000 * wp_restart_take(&policy, &log, 0, false, chances[i]) + 0.5, 1000 * expected[i]);
  }
}

TEST(kinds, "never means never; on-failure spares what ended without an error") {
  wp_restart_policy policy = usual;
  wp_restart_log log = fresh();
  policy.kind = WP_RESTART_NEVER;
  CHECK(wp_restart_take(&policy, &log, 0, false, 0.5) < 0);
  policy.kind = WP_RESTART_ON_FAILURE;
  log = fresh();
  CHECK(wp_restart_take(&policy, &log, 0, false, 0.5) >= 0);
  CHECK(!log.spent);
  CHECK(wp_restart_take(&policy, &log, 0, true, 0.5) < 0);
  CHECK(log.spent);
  policy.kind = WP_RESTART_ALWAYS;
  log = fresh();
  CHECK(wp_restart_take(&policy, &log, 0, true, 0.5) >= 0);
}

TEST(unlimited,
     "without a limit, or with one that no log can keep, restarts go on for ever, at the "
     "longest delay; with the limit 0 there is none") {
  wp_restart_policy policy = usual;
  wp_restart_log log = fresh();
  policy.max = WP_NONE;
  policy.window_ms = 0;
  double delay_ms = 0;
  for (int i = 0; i < 100000; i++) delay_ms = wp_restart_take(&policy, &log, i, false, 0.5);
  CHECK_EQ(1000 * delay_ms, 60000);
  CHECK(log.count < 2 * wp_restart_capacity(&policy));
  policy.max = WP_RESTARTS_MAX + 1;
  log = fresh();
  for (int i = 0; i < 100000; i++) delay_ms = wp_restart_take(&policy, &log, i, false, 0.5);
  CHECK_EQ(1000 * delay_ms, 60000);
  policy.max = 0;
  log = fresh();
  CHECK(wp_restart_take(&policy, &log, 0, false, 0.5) < 0);
}

/* The same rule, calculated from all times. */
TEST(property, "random policies and times: the log gives what counting all restarts gives") {
  uint64_t seed = wp_test_env("SEED", 20261127);
  printf("# SEED=%llu\n", (unsigned long long)seed);
  for (uint64_t round = 0; round < 200; round++) {
    static double all[2000];
    wp_restart_policy policy = {
        .max = (uint32_t)(wp_test_random(&seed) % 12),
        .window_ms = (double)(wp_test_random(&seed) % 3 ? wp_test_random(&seed) % 500 : 0),
        .min_ms = (double)(wp_test_random(&seed) % 20),
        .max_ms = (double)(wp_test_random(&seed) % 300),
    };
    if (policy.max == 11) policy.max = WP_NONE;
    wp_restart_log log = fresh();
    double now_ms = 0;
    uint32_t count = 0;
    for (int step = 0; step < 300; step++) {
      now_ms += (double)(wp_test_random(&seed) % 100);
      uint32_t used = 0;
      for (uint32_t i = 0; i < count; i++)
        used += policy.window_ms == 0 || now_ms - all[i] < policy.window_ms;
      double expected = policy.min_ms;
      for (uint32_t i = 0; i < used && expected < policy.max_ms; i++) expected *= 2;
      if (expected > policy.max_ms) expected = policy.max_ms;
      double delay_ms = wp_restart_take(&policy, &log, now_ms, false, 0.5);
      if (policy.max != WP_NONE && used >= policy.max) {
        CHECK(delay_ms < 0);
        continue;
      }
      CHECK_EQ(1000 * delay_ms, 1000 * expected);
      all[count++] = now_ms;
    }
  }
}

TEST(valid, "a policy out of bounds is recognised") {
  CHECK(wp_restart_valid(&usual));
  wp_restart_policy policy = usual;
  policy.kind = 3;
  CHECK(!wp_restart_valid(&policy));
  policy = usual;
  policy.max = WP_NONE;
  CHECK(wp_restart_valid(&policy));
  policy.window_ms = -1;
  CHECK(!wp_restart_valid(&policy));
  policy.window_ms = 0;
  policy.jitter = 1.5;
  CHECK(!wp_restart_valid(&policy));
  policy.jitter = 0;
  policy.growth = WP_RESTART_KEEPS + 1;
  CHECK(!wp_restart_valid(&policy));
}
