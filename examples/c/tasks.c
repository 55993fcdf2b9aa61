/* A C task, for both builds: natively with main.c, and as a module for createPool({ wasm }). */
#include <stdint.h>
#include <wasmpool.h>

/* How many primes there are below its argument, a number. */
WP_TASK(primes) {
  double limit, count = 0;
  if (!wp_task_number(task, &limit)) return wp_task_fail(task, "primes: the argument is a number");
  for (uint32_t n = 2; n < limit; n++) {
    uint32_t d = 2;
    while ((uint64_t)d * d <= n && n % d) d++;
    count += (uint64_t)d * d > n;
  }
  return wp_task_result(task, WP_TYPE_NUMBER, &count, sizeof count);
}
