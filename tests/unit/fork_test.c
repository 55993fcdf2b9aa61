/* Sub-tasks with real threads: every part runs once, whatever takes it; a task dies with all its parts. */
#include "base/atomic.h"
#include "rooms.h"
#include "test.h"
#include "wasmpool.h"

#ifdef WP_KILL_POINTS
#include "base/point.h"
void (*wp__point_hook)(const char *name);
#endif

enum { LONG_MS = 60000 /* longer than any test here takes */ };

static wp_pool *open_pool(uint32_t workers) {
  wp_config config;
  wp_pool *pool = NULL;
  wp_config_defaults(&config);
  config.workers = workers;
  config.memory_bytes = 256 << 20;
  return wp_pool_create(&config, &pool) ? NULL : pool;
}

/* Runs a task to its end and returns its status, and its result if that is a number. */
static wp_status run(wp_pool *pool, wp_task_function function, double argument, double *result) {
  wp_handle handle;
  wp_completion completion;
  wp_status status =
      wp_submit_function(pool, function, WP_TYPE_NUMBER, &argument, sizeof argument, NULL, &handle);
  if (status) return status;
  status = wp_wait_for(pool, handle, &completion, LONG_MS);
  if (status) return status;
  status = completion.status;
  if (result && completion.bytes == sizeof *result) memcpy(result, completion.data, sizeof *result);
  wp_completion_release(pool, &completion);
  return status;
}

static double input_of(const wp_task *task) {
  double number = 0;
  memcpy(&number, wp_task_input(task, NULL, NULL), sizeof number);
  return number;
}

/* ---- Fork and join ---- */

typedef struct fib {
  uint32_t n;
  uint64_t value;
} fib;

static wp_status fib_part(wp_task *task, void *context) {
  fib *f = context;
  f->value = f->n;
  if (f->n < 2) return WP_OK;
  fib left = {f->n - 1, 0}, right = {f->n - 2, 0};
  wp_subtask child;
  wp_task_spawn(task, &child, fib_part, &left);
  wp_status status = fib_part(task, &right), other = wp_task_await(task, &child);
  f->value = left.value + right.value;
  return status ? status : other;
}

static wp_status fib_task(wp_task *task) {
  fib all = {(uint32_t)input_of(task), 0};
  wp_status status = fib_part(task, &all);
  double value = (double)all.value;
  return status ? status : wp_task_result(task, WP_TYPE_NUMBER, &value, sizeof value);
}

TEST(fork_join, "parts of parts, a million of them, on one worker and on several") {
  for (uint32_t workers = 1; workers <= 4; workers += 3) {
    wp_pool *pool = open_pool(workers);
    CHECK(pool != NULL);
    for (uint32_t round = 0; round < 3; round++) {
      double value = 0;
      CHECK_EQ(run(pool, fib_task, 24, &value), WP_OK);
      CHECK(value == 46368);
    }
    wp_stats stats;
    wp_completion none;
    do { /* helpers leave by themselves */
      CHECK_EQ(wp_poll(pool, &none, 1), 0);
      wp_stats_read(pool, &stats);
    } while (stats.tasks_in_use);
    CHECK_EQ(stats.processed, 3);
    wp_pool_destroy(pool);
  }
}

/* Several roots at once: each family is its own. */
TEST(families, "several tasks with parts run at once") {
  wp_pool *pool = open_pool(3);
  CHECK(pool != NULL);
  for (uint32_t round = 0; round < 20; round++) {
    double argument = 15;
    for (uint32_t i = 0; i < 6; i++)
      CHECK_EQ(wp_submit_function(pool, fib_task, WP_TYPE_NUMBER, &argument, sizeof argument, NULL,
                                  NULL),
               WP_OK);
    for (uint32_t i = 0; i < 6; i++) {
      wp_completion completion;
      double value = 0;
      CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
      memcpy(&value, completion.data, sizeof value);
      CHECK(value == 610);
      wp_completion_release(pool, &completion);
    }
  }
  wp_pool_destroy(pool);
}

/* ---- Depth, width, order ---- */

static wp_status deep_part(wp_task *task, void *context) {
  uint32_t *depth = context, below = *depth - 1;
  if (!*depth) return WP_OK;
  wp_subtask child;
  wp_task_spawn(task, &child, deep_part, &below);
  return wp_task_await(task, &child);
}

static wp_status count_part(wp_task *task, void *context) {
  (void)task;
  wp_atomic_fetch_add_relaxed_u32(context, 1);
  return WP_OK;
}

static wp_status fails(wp_task *task, void *context) {
  (void)context;
  return wp_task_result(task, WP_TYPE_STRING, "x", 1) == WP_E_INVALID_ARGUMENT ? WP_E_TABLE_FULL
                                                                               : WP_OK;
}

static wp_status shapes(wp_task *task) {
  enum { MANY = 1000 };
  static wp_subtask children[MANY];
  wp_atomic_u32 count = 0;
  uint32_t depth = 2000;
  if (deep_part(task, &depth)) return WP_E_TASK_FAILED;
  for (uint32_t i = 0; i < MANY; i++) wp_task_spawn(task, &children[i], count_part, &count);
  for (uint32_t i = 0; i < MANY; i++) /* every other one from the front, the rest from the back */
    if (wp_task_await(task, &children[i % 2 ? MANY - i : i])) return WP_E_TASK_FAILED;
  if (wp_atomic_load_relaxed_u32(&count) != MANY) return WP_E_TASK_FAILED;
  wp_subtask failing;
  wp_task_spawn(task, &failing, fails, NULL);
  double value = wp_task_await(task, &failing) + wp_task_await(task, &failing);
  static wp_atomic_u32 left; /* it outlives the function */
  for (uint32_t i = 0; i < 10; i++) wp_task_spawn(task, &children[i], count_part, &left);
  return wp_task_result(task, WP_TYPE_NUMBER, &value, sizeof value);
}

TEST(any_shape, "any depth, more parts than the list holds, any order of waiting; a part's status "
                "comes back; parts need not be awaited") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  for (uint32_t round = 0; round < 20; round++) {
    double value = 0;
    CHECK_EQ(run(pool, shapes, 0, &value), WP_OK);
    CHECK(value == 2 * WP_E_TABLE_FULL);
  }
  wp_pool_destroy(pool);
}

/* ---- Ranges ---- */

static wp_status mark_range(wp_task *task, void *context, size_t begin, size_t end, void *partial) {
  uint8_t *marks = context;
  (void)task;
  (void)partial;
  for (size_t i = begin; i < end; i++) marks[i]++;
  return WP_OK;
}

static wp_status sum_range(wp_task *task, void *context, size_t begin, size_t end, void *partial) {
  double *sum = partial;
  (void)task;
  (void)context;
  for (size_t i = begin; i < end; i++) *sum += 1 / (double)(i + 1);
  return WP_OK;
}

static void add(void *context, void *into, const void *from) {
  (void)context;
  *(double *)into += *(const double *)from;
}

static wp_status fail_at(wp_task *task, void *context, size_t begin, size_t end, void *partial) {
  const size_t *at = context;
  (void)task;
  (void)partial;
  return *at >= begin && *at < end ? WP_E_TOO_LARGE : WP_OK;
}

static wp_status ranges(wp_task *task) {
  enum { COUNT = 100003 };
  uint8_t *marks = wp_calloc(COUNT + 1, 1);
  if (!marks) return WP_E_NO_MEMORY;
  static const size_t grains[] = {0, 1, 7, COUNT + 5};
  for (size_t i = 0; i < 4; i++)
    if (wp_parallel_for(task, 0, COUNT, grains[i], mark_range, marks)) return WP_E_TASK_FAILED;
  for (size_t i = 0; i <= COUNT; i++)
    if (marks[i] != (i < COUNT ? 4 : 0)) return WP_E_TASK_FAILED;
  wp_free(marks);
  size_t at = 777;
  if (wp_parallel_for(task, 0, COUNT, 10, fail_at, &at) != WP_E_TOO_LARGE) return WP_E_TASK_FAILED;
  if (wp_parallel_for(task, 5, 5, 10, fail_at, &at)) return WP_E_TASK_FAILED;
  double sum = 0;
  if (wp_parallel_reduce(task, 0, 1, 0, &(wp_reduction){sum_range, add, WP_PARTIAL_BYTES + 1}, NULL,
                         &sum) != WP_E_TOO_LARGE)
    return WP_E_TASK_FAILED;
  wp_status status = wp_parallel_reduce(task, 0, COUNT, 100,
                                        &(wp_reduction){sum_range, add, sizeof sum}, NULL, &sum);
  return status ? status : wp_task_result(task, WP_TYPE_NUMBER, &sum, sizeof sum);
}

TEST(parallel,
     "each element of a range is visited once; a reduction gives the same bits each time") {
  double first = 0;
  for (uint32_t workers = 1; workers <= 3; workers++) {
    wp_pool *pool = open_pool(workers);
    CHECK(pool != NULL);
    for (uint32_t round = 0; round < 5; round++) {
      double sum = 0;
      CHECK_EQ(run(pool, ranges, 0, &sum), WP_OK);
      if (first == 0) first = sum;
      CHECK(sum == first);
      CHECK(sum > 12.09 && sum < 12.091);
    }
    wp_pool_destroy(pool);
  }
}

/* ---- Ends ---- */

static wp_atomic_u32 running_parts; /* parts that hang now */

static wp_status hang_part(wp_task *task, void *context) {
  volatile uint32_t *word = context; /* on the stack of the worker that spawned this */
  wp_atomic_fetch_add_seq_u32(&running_parts, 1);
  while (!wp_task_cancelled(task) || !context) *word = *word + 1;
  return WP_OK;
}

static wp_status polite(wp_task *task) {
  uint32_t words[4] = {0};
  wp_subtask children[3];
  for (uint32_t i = 0; i < 3; i++) wp_task_spawn(task, &children[i], hang_part, &words[i]);
  wp_status status = hang_part(task, &words[3]);
  for (uint32_t i = 0; i < 3; i++) wp_task_await(task, &children[i]);
  return status;
}

TEST(cancelled, "a cancelled task's parts see that nobody wants them; those not begun never run") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  for (uint32_t round = 0; round < 20; round++) {
    wp_handle handle;
    wp_completion completion;
    double value = 0;
    wp_atomic_store_seq_u32(&running_parts, 0);
    CHECK_EQ(wp_submit_function(pool, polite, 0, NULL, 0, NULL, &handle), WP_OK);
    while (wp_atomic_load_seq_u32(&running_parts) < 2) wp_poll(pool, &completion, 1);
    CHECK(wp_cancel(pool, handle));
    CHECK_EQ(wp_wait_for(pool, handle, &completion, LONG_MS), WP_OK);
    CHECK_EQ(run(pool, fib_task, 10, &value), WP_OK);
    CHECK_EQ(wp_atomic_load_seq_u32(&running_parts), 2);
    CHECK(value == 55);
  }
  wp_pool_destroy(pool);
}

#ifndef NO_ASYNC_CANCEL
/* Hangs without looking at the flag, and writes to the memory of the worker that spawned it. */
static wp_status rude_part(wp_task *task, void *context) {
  volatile uint32_t *words = context;
  if (!task) return WP_OK;
  wp_atomic_fetch_add_seq_u32(&running_parts, 1);
  for (;;)
    for (uint32_t i = 0; i < 1000; i++) words[i] = words[i] + 1;
}

/* Two levels: the parts on other workers spawn parts as well. */
static wp_status rude_family(wp_task *task, void *context) {
  uint32_t words[1000] = {0};
  wp_subtask child;
  (void)context;
  wp_task_spawn(task, &child, rude_part, words);
  rude_part(task, words);
  return wp_task_await(task, &child);
}

static wp_status rude(wp_task *task) {
  uint32_t words[1000] = {0};
  wp_subtask children[3];
  for (uint32_t i = 0; i < 3; i++)
    wp_task_spawn(task, &children[i], i ? rude_part : rude_family, words);
  rude_part(task, words);
  for (uint32_t i = 0; i < 3; i++) wp_task_await(task, &children[i]);
  return WP_OK;
}

/* Main keeps the pool going until all workers are free and nothing is left. */
static bool comes_to_rest(wp_pool *pool, uint64_t heap_bytes) {
  wp_stats stats;
  wp_completion completion;
  do {
    if (wp_wait(pool, &completion, 1, 1)) return false;
    wp_stats_read(pool, &stats);
  } while (stats.free_workers < stats.total_workers || stats.tasks_in_use ||
           stats.heap_bytes > heap_bytes);
  return true;
}

static uint64_t heap_bytes_of(wp_pool *pool) {
  wp_stats stats;
  wp_stats_read(pool, &stats);
  return stats.heap_bytes;
}

TEST(destroyed, "a pool is destroyed while parts hang") {
  for (uint32_t round = 0; round < 20; round++) {
    wp_pool *pool = open_pool(2);
    CHECK(pool != NULL);
    wp_atomic_store_seq_u32(&running_parts, 0);
    CHECK_EQ(wp_submit_function(pool, rude, 0, NULL, 0, NULL, NULL), WP_OK);
    while (wp_atomic_load_seq_u32(&running_parts) < round % 3) {
    }
    wp_pool_destroy(pool);
  }
}
TEST(killed, "a task dies with all its parts, on whatever workers they hang; the others go on") {
  wp_pool *pool = open_pool(3);
  CHECK(pool != NULL);
  uint64_t heap_bytes = UINT64_MAX;
  for (uint32_t round = 0; round < 60; round++) {
    const wp_submit_options limited = {.timeout_ms = 20};
    wp_handle handle;
    wp_completion completion;
    double value = 0;
    wp_atomic_store_seq_u32(&running_parts, 0);
    CHECK_EQ(wp_submit_function(pool, rude, 0, NULL, 0, round % 2 ? &limited : NULL, &handle),
             WP_OK);
    while (round % 2 == 0 && wp_atomic_load_seq_u32(&running_parts) < round % 3 + 1) {
    }
    if (round % 2 == 0) CHECK(wp_terminate(pool, handle));
    CHECK_EQ(wp_wait_for(pool, handle, &completion, LONG_MS), WP_OK);
    CHECK_EQ(completion.status, round % 2 ? WP_E_TIMEOUT : WP_E_CANCELLED);
    CHECK_EQ(run(pool, fib_task, 15, &value), WP_OK);
    CHECK(value == 610);
    CHECK(comes_to_rest(pool, heap_bytes));
    if (round == 20) heap_bytes = heap_bytes_of(pool);
  }
  wp_pool_destroy(pool);
}

/* Two workers that wait for each other's parts, when they are killed: each uses the other's stack. */
static wp_status cross_part(wp_task *task, void *context) {
  uint32_t words[1000] = {0};
  volatile uint32_t *theirs = context;
  wp_subtask children[2];
  if (!task) return WP_OK;
  wp_atomic_fetch_add_seq_u32(&running_parts, 1);
  for (;;) {
    for (uint32_t i = 0; i < 1000; i++) theirs[i] = theirs[i] + 1;
    if (wp_atomic_load_seq_u32(&running_parts) > 40) continue; /* deep enough */
    for (uint32_t i = 0; i < 2; i++) wp_task_spawn(task, &children[i], cross_part, words);
    for (uint32_t i = 0; i < 2; i++) wp_task_await(task, &children[i]);
  }
}

static wp_status cross(wp_task *task) {
  uint32_t words[1000] = {0};
  return cross_part(task, words);
}

TEST(crossed, "workers that run each other's parts are ended together") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  for (uint32_t round = 0; round < 60; round++) {
    wp_handle handle;
    wp_completion completion;
    double value = 0;
    wp_atomic_store_seq_u32(&running_parts, 0);
    CHECK_EQ(wp_submit_function(pool, cross, 0, NULL, 0, NULL, &handle), WP_OK);
    while (wp_atomic_load_seq_u32(&running_parts) < 3 + round) {
      if (round > 30) break;
    }
    CHECK(wp_terminate(pool, handle));
    CHECK_EQ(wp_wait_for(pool, handle, &completion, LONG_MS), WP_OK);
    CHECK_EQ(run(pool, fib_task, 12, &value), WP_OK);
    CHECK(value == 144);
  }
  wp_pool_destroy(pool);
}

#endif
