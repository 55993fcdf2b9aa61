/* Fork and join within a C task: the same source in bench/native.cpp and, built by emcc, in bench/forks.mjs. Each task checks its own
 * result. */
#include "wasmpool.h"
#include <stdlib.h>

enum { EMPTY_PARTS = 200000, AT_ONCE = 200, FIB_OF = 30, FIB_RESULT = 832040, FIB_CUT = 16 };
static const size_t elements = 10000000;

static int fib_plain(int n) { return n < 2 ? n : fib_plain(n - 1) + fib_plain(n - 2); }

typedef struct fib_part {
  int n, result, cut;
} fib_part;

static wp_status fib_run(wp_task *task, void *context) {
  fib_part *part = context;
  if (part->n < part->cut || part->n < 2) {
    part->result = fib_plain(part->n);
    return WP_OK;
  }
  fib_part a = {part->n - 1, 0, part->cut}, b = {part->n - 2, 0, part->cut};
  wp_subtask child;
  wp_task_spawn(task, &child, fib_run, &a);
  wp_status status = fib_run(task, &b);
  wp_status other = wp_task_await(task, &child);
  part->result = a.result + b.result;
  return status ? status : other;
}

static wp_status fib(wp_task *task, int cut) {
  fib_part all = {FIB_OF, 0, cut};
  wp_status status = fib_run(task, &all);
  return status || all.result == FIB_RESULT ? status : WP_E_TASK_FAILED;
}

WP_TASK(fibEach) { return fib(task, 0); }
WP_TASK(fibCut) { return fib(task, FIB_CUT); }

static wp_status nothing(wp_task *task, void *context) {
  (void)task;
  (void)context;
  return WP_OK;
}

WP_TASK(emptyParts) {
  _Static_assert(EMPTY_PARTS % AT_ONCE == 0, "whole blocks");
  wp_subtask parts[AT_ONCE];
  wp_status status = WP_OK;
  for (int done = 0; done < EMPTY_PARTS && !status; done += AT_ONCE) {
    for (int i = 0; i < AT_ONCE; i++) wp_task_spawn(task, &parts[i], nothing, NULL);
    for (int i = AT_ONCE; i-- > 0;) {
      wp_status one = wp_task_await(task, &parts[i]);
      if (!status) status = one;
    }
  }
  return status;
}

static double *numbers;

/* Once, before tasks: later runs change the same numbers. */
WP_INIT(make_numbers) { numbers = calloc(elements, sizeof *numbers); }

static wp_status change(wp_task *task, void *context, size_t begin, size_t end, void *partial) {
  (void)task;
  (void)context;
  (void)partial;
  for (size_t i = begin; i < end; i++) numbers[i] = numbers[i] * 0.5 + 1;
  return WP_OK;
}

WP_TASK(loop) {
  return numbers ? wp_parallel_for(task, 0, elements, 0, change, NULL) : WP_E_NO_MEMORY;
}
