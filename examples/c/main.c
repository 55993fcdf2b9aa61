/* A native program: runs the task of tasks.c on all cores, and kills one run that takes too long. */
#include <stdio.h>
#include <wasmpool.h>

int main(void) {
  wp_config config;
  wp_config_defaults(&config);
  config.workers = 4;
  wp_pool *pool;
  wp_status status = wp_pool_create(&config, &pool);
  if (status) {
    fprintf(stderr, "no pool: %s\n", wp_status_text(status));
    return 1;
  }
  const wp_submit_options patient = {0}, hasty = {.timeout_ms = 10};
  const double small = 1000, huge = 1e9;
  for (int i = 0; i < 8; i++)
    wp_submit(pool, "primes", WP_TYPE_NUMBER, &small, sizeof small, &patient, NULL);
  wp_submit(pool, "primes", WP_TYPE_NUMBER, &huge, sizeof huge, &hasty, NULL);
  double sum = 0;
  int killed = 0;
  for (int left = 9; left; left--) {
    wp_completion done;
    if (!wp_wait(pool, &done, 1, WP_NONE)) return 1;
    if (done.status == WP_OK) sum += *(const double *)done.data;
    killed += done.status == WP_E_TIMEOUT;
    wp_completion_release(pool, &done);
  }
  wp_pool_destroy(pool);
  printf("%.0f primes, %d killed\n", sum, killed);
  return 0;
}
