/* The tasks that every host of the list runs. One of them damages the core on purpose, so it includes a room. */
#include "thread.h"
#include "wasmpool.h"
#include <stdlib.h>

static wp_status number(wp_task *task, double value) {
  return wp_task_result(task, WP_TYPE_NUMBER, &value, sizeof value);
}

static double argument(const wp_task *task) {
  double value = 0;
  wp_task_number(task, &value);
  return value;
}

/* Tells main that the task runs. */
static void tell(wp_task *task) { wp_task_progress(task, WP_TYPE_STRING, "runs", 4); }

WP_TASK(nothing) { return wp_task_result(task, WP_TYPE_UNDEFINED, NULL, 0); }

WP_TASK(echo) {
  size_t bytes;
  uint32_t type;
  const void *input = wp_task_input(task, &bytes, &type);
  return wp_task_result(task, type, input, bytes);
}

/* The sum of the argument's bytes. */
WP_TASK(sum) {
  size_t bytes;
  const uint8_t *input = wp_task_input(task, &bytes, NULL);
  double sum = 0;
  for (size_t i = 0; i < bytes; i++) sum += input[i];
  return number(task, sum);
}

/* So many bytes, each the low bits of its place. */
WP_TASK(make) {
  size_t bytes = (size_t)argument(task);
  uint8_t *result = wp_task_result_alloc(task, WP_TYPE_BINARY, bytes);
  if (!result) return WP_E_NO_MEMORY;
  for (size_t i = 0; i < bytes; i++) result[i] = (uint8_t)i;
  return WP_OK;
}

WP_TASK(fail) { return wp_task_fail(task, "as asked"); }

/* A variable of the thread's own: how many calls this thread has run. */
static _Thread_local int calls;
WP_TASK(local) { return number(task, ++calls); }

/* Three values before the result. */
WP_TASK(values) {
  for (int i = 1; i <= 3; i++) {
    double value = i;
    wp_task_progress(task, WP_TYPE_NUMBER, &value, sizeof value);
  }
  return number(task, 4);
}

/* ---- Tasks that do not end ---- */

static volatile uint32_t never;

WP_TASK(hang) {
  tell(task);
  while (!never) {
  }
  return WP_OK;
}

/* The same in the allocator, so mostly inside the gate. */
WP_TASK(hang_alloc) {
  tell(task);
  while (!never) free(malloc(100));
  return WP_OK;
}

/* The same, with memory that nobody would free. */
WP_TASK(hang_leak) {
  for (int i = 0; i < 100; i++) {
    char *block = malloc(1000);
    if (block) block[0] = 1;
  }
  tell(task);
  while (!never) {
  }
  return WP_OK;
}

/* Waits without an end on a word that nobody changes. */
WP_TASK(hang_wait) {
  tell(task);
#ifdef __wasm_atomics__
  static int word;
  while (!never) __builtin_wasm_memory_atomic_wait32(&word, 0, -1);
#endif
  return WP_OK;
}

/* Ends as soon as nobody wants its result. */
WP_TASK(polite) {
  tell(task);
  while (!wp_task_cancelled(task)) {
  }
  return WP_OK;
}

/* ---- Tasks that crash ---- */

WP_TASK(crash) {
  (void)task;
  __builtin_trap();
}

/* Reads behind the end of the memory. */
WP_TASK(wild) { return number(task, *(volatile uint8_t *)UINT32_C(0xfffffff0)); }

/* Crashes in the middle of the core, which the thread does not survive. */
WP_TASK(break_core) {
  (void)task;
  wp_gate_enter(wp__self);
  __builtin_trap();
}

static int deeper(int depth, const volatile char *above) {
  volatile char here[200];
  here[0] = (char)depth;
  return here[0] + above[0] + (depth ? deeper(depth - 1, here) : 0);
}

/* Calls itself so often, each time with some bytes on the stack. */
WP_TASK(recurse) {
  volatile char first = 0;
  deeper((int)argument(task), &first);
  return number(task, 1);
}

/* Allocates until there is no more, tells main how many megabytes there were, and crashes. */
WP_TASK(eat) {
  double megabytes = 0;
  for (volatile char *block; (block = malloc(1 << 20)); megabytes++) block[0] = 1;
  wp_task_progress(task, WP_TYPE_NUMBER, &megabytes, sizeof megabytes);
  __builtin_trap();
}

/* ---- Work that takes some time ---- */

/* So many thousand rounds. */
WP_TASK(work) {
  uint32_t state = 1;
  for (double i = 0; i < 1000 * argument(task); i++) state = state * 1664525U + 1013904223U;
  return number(task, state);
}
