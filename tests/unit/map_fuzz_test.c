/* The map's fuzz target as a plain test, with inputs made from a seed, so that they never go stale. */
#include "map_fuzz.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

TEST(replay, "Whatever three visitors do to a map, and whoever dies, it has what the model has, "
             "and loses no memory [NC-17 NC-19 NC-30]") {
  uint64_t seed = wp_test_env("SEED", 1), inputs = 300 * wp_test_env("SCALE", 1);
  for (uint64_t i = 0; i < inputs; i++) {
    uint64_t random = seed * 1000003 + i + 1;
    uint8_t data[900];
    size_t size = wp_test_random(&random) % sizeof data;
    for (size_t at = 0; at < size; at++) data[at] = (uint8_t)(wp_test_random(&random) >> 32);
    if (fuzz_one(data, size)) continue;
    printf("# SEED=%llu, input %llu\n", (unsigned long long)seed, (unsigned long long)i);
    CHECK(false);
  }
}
