/* The task bodies of the benchmarks in C: the same as in bench/tasks.mjs. Linked into bench/limit.c natively, and built by emcc for
 * the pool of wasm. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "wasmpool.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { MARK = 0xa5 };

static wp_status give_number(wp_task *task, double number) {
  return wp_task_result(task, WP_TYPE_NUMBER, &number, sizeof number);
}

/* The argument, if it is a number; else 0. */
static double number_given(const wp_task *task) {
  size_t bytes = 0;
  uint32_t type = WP_TYPE_UNDEFINED;
  double number = 0;
  const void *data = wp_task_input(task, &bytes, &type);
  if (type == WP_TYPE_NUMBER && bytes == sizeof number) memcpy(&number, data, sizeof number);
  return number;
}

WP_TASK(echo) {
  size_t bytes = 0;
  uint32_t type = WP_TYPE_UNDEFINED;
  const void *data = wp_task_input(task, &bytes, &type);
  return wp_task_result(task, type, data, bytes);
}

WP_TASK(inc) { return give_number(task, number_given(task) + 1); }

/* A batch by hand: doubles in, doubles out. */
WP_TASK(incAll) {
  size_t bytes = 0;
  const double *numbers = wp_task_input(task, &bytes, NULL);
  double *results = wp_task_result_alloc(task, WP_TYPE_BINARY, bytes);
  if (!results) return WP_E_NO_MEMORY;
  for (size_t i = 0; i < bytes / sizeof *numbers; i++) results[i] = numbers[i] + 1;
  return WP_OK;
}

WP_TASK(work) {
  uint32_t hash = 0x811c9dc5u;
  for (uint32_t left = (uint32_t)number_given(task) * 250000u; left > 0; left--)
    hash = (hash ^ (left & 255u)) * 0x01000193u;
  return give_number(task, hash);
}

static double read_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Busy for so long; gives the time of day when it was over, which is what performance.timeOrigin counts from. */
WP_TASK(burn) {
  double end = read_ms(CLOCK_MONOTONIC) + number_given(task);
  while (read_ms(CLOCK_MONOTONIC) < end) {
  }
  return give_number(task, read_ms(CLOCK_REALTIME));
}

static wp_status make_marked(wp_task *task, size_t bytes) {
  uint8_t *data = wp_task_result_alloc(task, WP_TYPE_BINARY, bytes);
  if (!data) return WP_E_NO_MEMORY;
  data[0] = data[bytes - 1] = MARK;
  return WP_OK;
}

/* The length of the argument; 0 if it does not bear the marks. */
static size_t length_marked(const wp_task *task) {
  size_t bytes = 0;
  const uint8_t *data = wp_task_input(task, &bytes, NULL);
  bool marked = bytes > 0 && data[0] == MARK && data[bytes - 1] == MARK;
  return marked ? bytes : 0;
}

WP_TASK(make) { return make_marked(task, (size_t)number_given(task)); }

WP_TASK(inspect) {
  size_t bytes = length_marked(task);
  return give_number(task, bytes ? (double)bytes : -1);
}

WP_TASK(remake) {
  size_t bytes = length_marked(task);
  return bytes ? make_marked(task, bytes)
               : wp_task_fail(task, "the bytes are not as they were sent");
}

/* Says that it runs, and never ends. */
WP_TASK(hang) {
  wp_status status = wp_task_progress(task, WP_TYPE_UNDEFINED, NULL, 0);
  if (status) return status;
  for (volatile uint32_t turns = 0;; turns++) {
  }
}

WP_TASK(crash) {
  (void)task;
  __builtin_trap();
}

/* Waits until so many of these run at the same time; they all must have met before others may. */
WP_TASK(meet) {
  static _Atomic uint32_t arrived;
  uint32_t count = (uint32_t)number_given(task);
  uint32_t place = atomic_fetch_add(&arrived, 1);
  uint32_t all = (place / count + 1) * count;
  const struct timespec a_moment = {.tv_nsec = 20000};
  while ((int32_t)(atomic_load(&arrived) - all) < 0) nanosleep(&a_moment, NULL);
  return give_number(task, count);
}
