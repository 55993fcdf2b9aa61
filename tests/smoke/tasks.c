/* C tasks of the tests, built as a user of the C SDK builds theirs. */
#include "wasmpool.h"
#include <stdlib.h>
#include <string.h>

WP_TASK(c_sum) {
  size_t length = 0;
  const unsigned char *bytes = wp_task_input(task, &length, NULL);
  double sum = 0;
  for (size_t i = 0; i < length; i++) sum += bytes[i];
  return wp_task_result(task, WP_TYPE_NUMBER, &sum, sizeof sum);
}

WP_TASK(c_echo) {
  size_t length = 0;
  uint32_t type = 0;
  const void *bytes = wp_task_input(task, &length, &type);
  return wp_task_result(task, type, bytes, length);
}

WP_TASK(c_fail) { return wp_task_fail(task, "as asked, in C"); }

WP_TASK(c_spin) {
  for (volatile unsigned i = 0;; i++) {
  }
  return wp_task_fail(task, "unreachable");
}

static unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

/* Runs for years, without a loop of its own. */
WP_TASK(c_recurse) {
  double number = fibonacci(90);
  return wp_task_result(task, WP_TYPE_NUMBER, &number, sizeof number);
}

/* Waits for ever, as C programs do. */
WP_TASK(c_wait) {
  static int word;
  (void)task;
#ifdef __wasm_atomics__
  for (;;) __builtin_wasm_memory_atomic_wait32(&word, 0, -1);
#endif
  return word;
}

WP_TASK(c_trap) {
  (void)task;
  __builtin_trap();
}

/* Allocates and frees until it is stopped; whatever it holds then must come back. */
WP_TASK(c_malloc) {
  void *blocks[64] = {0};
  unsigned random = 1;
  for (;;) {
    random = random * 1664525 + 1013904223;
    unsigned place = (random >> 10) & 63;
    free(blocks[place]);
    blocks[place] = malloc(16 + ((random >> 16) & 0xffff));
    if (!blocks[place]) return wp_task_fail(task, "out of memory");
  }
}

WP_TASK(c_big) {
  double count = 0;
  memcpy(&count, wp_task_input(task, NULL, NULL), sizeof count);
  unsigned char *bytes = wp_task_result_alloc(task, WP_TYPE_BINARY, (size_t)count);
  if (!bytes) return WP_E_NO_MEMORY;
  memset(bytes, 5, (size_t)count);
  return WP_OK;
}

WP_TASK(c_progress) {
  for (double i = 1; i <= 3; i++) {
    wp_status status = wp_task_progress(task, WP_TYPE_NUMBER, &i, sizeof i);
    if (status) return status;
  }
  return wp_task_result(task, WP_TYPE_STRING, "done", 4);
}
