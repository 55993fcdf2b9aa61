/* The pool side of wasmpool.h with real threads, as a native embedder uses it. */
#include "port/port.h"
#include "test.h"
#include "wasmpool.h"
#include "worker.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

WP_TASK(add_bytes) {
  size_t length = 0;
  const uint8_t *bytes = wp_task_input(task, &length, NULL);
  double sum = 0;
  for (size_t i = 0; i < length; i++) sum += bytes[i];
  return wp_task_result(task, WP_TYPE_NUMBER, &sum, sizeof sum);
}

WP_TASK(refuse) { return wp_task_fail(task, "as asked"); }

WP_TASK(report) {
  for (double i = 1; i <= 3; i++) {
    wp_status status = wp_task_progress(task, WP_TYPE_NUMBER, &i, sizeof i);
    if (status) return status;
  }
  return WP_OK;
}

/* Hangs while it holds memory of the pool. */
WP_TASK(hang) {
  (void)task;
  volatile uint8_t *held = wp_malloc(100000);
  if (!held) return WP_E_NO_MEMORY;
  for (;;) held[0]++;
}

WP_TASK(until_cancelled) {
  while (!wp_task_cancelled(task)) wp_task_heartbeat(task);
  return WP_OK;
}

static wp_config default_config(void) {
  wp_config config;
  wp_config_defaults(&config);
  return config;
}

static wp_pool *open_pool(uint32_t workers, uint32_t recycle_ms) {
  wp_config config = default_config();
  wp_pool *pool = NULL;
  config.workers = workers;
  config.recycle_ms = recycle_ms;
  config.memory_bytes = 256 << 20;
  return wp_pool_create(&config, &pool) ? NULL : pool;
}

static double number_of(const wp_completion *completion) {
  double value = 0;
  memcpy(&value, completion->data, sizeof value);
  return value;
}

/* Waits for one completion. False if none comes within a minute, which is longer than any test here takes. */
static bool next(wp_pool *pool, wp_completion *completion) {
  return wp_wait(pool, completion, 1, 60000) == 1;
}

TEST(many,
     "every task is completed once with its own result, small and large ones [AM-07, XP-14]") {
  wp_pool *pool = open_pool(2, WP_NONE);
  CHECK(pool != NULL);
  enum { COUNT = 2000 };
  static uint8_t bytes[5000];
  static uint32_t expected[COUNT];
  memset(bytes, 1, sizeof bytes);
  for (uint32_t i = 0; i < COUNT; i++) {
    wp_handle handle;
    expected[i] = i % 100 ? i % 60 : 4000 + i % 1000;
    CHECK_EQ(wp_submit(pool, "add_bytes", WP_TYPE_BINARY, bytes, expected[i], NULL, &handle),
             WP_OK);
  }
  uint64_t sum = 0, wanted = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    wp_completion completion;
    CHECK(next(pool, &completion));
    CHECK_EQ(completion.status, WP_OK);
    sum += (uint64_t)number_of(&completion);
    wanted += expected[i];
    wp_completion_release(pool, &completion);
  }
  CHECK_EQ(sum, wanted);
  wp_stats stats;
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.processed, COUNT);
  CHECK_EQ(stats.tasks_in_use + stats.boxes_in_use, 0);
  wp_pool_destroy(pool);
}

TEST(errors,
     "unknown tasks, failures and full queues are told by status [AM-15, AM-16, AM-05, XP-17]") {
  wp_config config = default_config();
  wp_pool *pool = NULL;
  config.max_queue = 1;
  config.workers = 1;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  wp_handle handle;
  wp_completion completion;
  CHECK_EQ(wp_submit(pool, "nobody", 0, NULL, 0, NULL, &handle), WP_E_UNKNOWN_TASK);
  CHECK_EQ(wp_submit(pool, NULL, 0, NULL, 0, NULL, &handle), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_submit(pool, "refuse", WP_TYPE_NUMBER, "abc", 3, NULL, &handle),
           WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_submit(pool, "refuse", WP_TYPE_LAST + 1, "abc", 3, NULL, &handle),
           WP_E_INVALID_ARGUMENT);
  wp_submit_options wrong = {.weight = WP_WEIGHT_HEAVY + 1};
  CHECK_EQ(wp_submit(pool, "refuse", 0, NULL, 0, &wrong, &handle), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_submit(pool, "refuse", 0, NULL, 0, NULL, &handle), WP_OK);
  CHECK(next(pool, &completion));
  CHECK_EQ(completion.status, WP_E_TASK_FAILED);
  CHECK_EQ(completion.bytes, strlen("as asked"));
  wp_completion_release(pool, &completion);
  wp_pause(pool);
  CHECK_EQ(wp_submit(pool, "refuse", 0, NULL, 0, NULL, &handle), WP_OK);
  CHECK_EQ(wp_submit(pool, "refuse", 0, NULL, 0, NULL, NULL), WP_E_QUEUE_FULL);
  CHECK(wp_cancel(pool, handle));
  CHECK(!wp_cancel(pool, handle));
  wp_resume(pool);
  wp_pool_destroy(pool);
  /* The limit of the queue and that of the table are independent. */
  config = default_config();
  config.workers = 1;
  config.max_tasks = 1; /* whole chunks */
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  wp_pause(pool);
  wp_status status = WP_OK;
  uint32_t count = 0;
  for (; !status && count < 100000; count++)
    status = wp_submit(pool, "refuse", 0, NULL, 0, NULL, NULL);
  CHECK_EQ(status, WP_E_TABLE_FULL);
  CHECK(count > 1000);
  wp_pool_destroy(pool);
}

TEST(twice, "a completion that is released twice takes no other task's result along") {
  wp_pool *pool = open_pool(1, WP_NONE);
  CHECK(pool != NULL);
  wp_completion first, second;
  CHECK_EQ(wp_submit(pool, "add_bytes", 0, NULL, 0, NULL, NULL), WP_OK);
  CHECK(next(pool, &first));
  wp_completion_release(pool, &first);
  CHECK_EQ(wp_submit(pool, "add_bytes", WP_TYPE_BINARY, "\1\2", 2, NULL, NULL), WP_OK);
  CHECK(next(pool, &second));
  CHECK_EQ(second.slot, first.slot); /* otherwise this would show nothing */
  wp_completion_release(pool, &first);
  wp_stats stats;
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.tasks_in_use, 1);
  CHECK_EQ((int)number_of(&second), 3);
  wp_completion_release(pool, &second);
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.tasks_in_use, 0);
  wp_pool_destroy(pool);
}

TEST(progress, "progress values come in order, before the end, with the task's handle") {
  wp_pool *pool = open_pool(1, WP_NONE);
  CHECK(pool != NULL);
  wp_handle handle;
  CHECK_EQ(wp_submit(pool, "report", 0, NULL, 0, NULL, &handle), WP_OK);
  for (int i = 1; i <= 4; i++) {
    wp_completion completion;
    CHECK(next(pool, &completion));
    CHECK_EQ(completion.handle.index, handle.index);
    CHECK_EQ(completion.handle.generation, handle.generation);
    CHECK_EQ(completion.progress, i < 4);
    if (i < 4) CHECK_EQ(number_of(&completion), i);
    wp_completion_release(pool, &completion);
  }
  wp_pool_destroy(pool);
}

TEST(cancelled, "a running task sees that nobody wants it; its worker goes on") {
  wp_pool *pool = open_pool(1, WP_NONE);
  CHECK(pool != NULL);
  wp_handle handle;
  wp_completion completion;
  CHECK_EQ(wp_submit(pool, "until_cancelled", 0, NULL, 0, NULL, &handle), WP_OK);
  wp_stats stats;
  do wp_stats_read(pool, &stats);
  while (stats.queued);
  CHECK(wp_cancel(pool, handle));
  CHECK(!wp_cancel(pool, handle));
  CHECK(next(pool, &completion));
  CHECK_EQ(completion.handle.generation, handle.generation);
  CHECK_EQ(completion.status, WP_E_CANCELLED);
  wp_completion_release(pool, &completion);
  CHECK_EQ(wp_submit(pool, "refuse", 0, NULL, 0, NULL, &handle), WP_OK);
  CHECK(next(pool, &completion));
  CHECK_EQ(completion.handle.index, handle.index);
  CHECK_EQ(completion.status, WP_E_TASK_FAILED);
  wp_completion_release(pool, &completion);
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.processed, 2);
  CHECK_EQ(stats.errors, 2);
  wp_pool_destroy(pool);
}

TEST(one_end,
     "cancel and terminate give exactly one completion each, of waiting and of running tasks") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  wp_pool *pool = open_pool(1, 0);
  CHECK(pool != NULL);
  wp_handle tasks[40];
  for (uint32_t i = 0; i < 40; i++)
    CHECK_EQ(wp_submit(pool, "hang", 0, NULL, 0, NULL, &tasks[i]), WP_OK);
  for (uint32_t i = 0; i < 40; i++) {
    CHECK(i % 2 ? wp_terminate(pool, tasks[i]) : wp_cancel(pool, tasks[i]));
    CHECK(!wp_cancel(pool, tasks[i]) && !wp_terminate(pool, tasks[i]));
  }
  for (uint32_t i = 0; i < 40; i++) {
    wp_completion completion;
    CHECK(next(pool, &completion));
    CHECK_EQ(completion.status, WP_E_CANCELLED);
    wp_completion_release(pool, &completion);
  }
  wp_completion none;
  CHECK_EQ(wp_poll(pool, &none, 1), 0);
  wp_stats stats;
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.processed, 40);
  wp_pool_destroy(pool);
#endif
}

#ifndef NO_ASYNC_CANCEL
/* Main keeps the pool going until the heap is that small: taking memory back takes a moment. */
static uint64_t heap_at_rest(wp_pool *pool, uint64_t limit) {
  wp_stats stats;
  wp_completion completion;
  do {
    if (wp_wait(pool, &completion, 1, 1)) return WP_NONE;
    wp_stats_read(pool, &stats);
  } while (stats.heap_bytes > limit || stats.free_workers < stats.total_workers);
  return stats.heap_bytes;
}
#endif

TEST(killed, "hung tasks are killed at their limit or on request; all "
             "that they held comes back [AM-45, AM-51, XP-01, XP-03]") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  wp_pool *pool = open_pool(2, 0);
  CHECK(pool != NULL);
  const wp_submit_options limited = {.priority = WP_PRIORITY_NORMAL, .timeout_ms = 5};
  uint64_t before = 0;
  for (int round = 0; round < 50; round++) {
    wp_handle hung, other;
    CHECK_EQ(wp_submit(pool, "hang", 0, NULL, 0, round % 2 ? &limited : NULL, &hung), WP_OK);
    CHECK_EQ(wp_submit(pool, "add_bytes", WP_TYPE_BINARY, "\1\2", 2, NULL, &other), WP_OK);
    if (round % 2 == 0) CHECK(wp_terminate(pool, hung));
    for (int ended = 0; ended < 2; ended++) {
      wp_completion completion;
      CHECK(next(pool, &completion));
      bool is_hung =
          completion.handle.index == hung.index && completion.handle.generation == hung.generation;
      wp_status limit = round % 2 ? WP_E_TIMEOUT : WP_E_CANCELLED;
      CHECK_EQ(completion.status, is_hung ? limit : WP_OK);
      wp_completion_release(pool, &completion);
    }
    wp_stats stats;
    wp_stats_read(pool, &stats);
    CHECK_EQ(stats.total_workers, 2);
    CHECK_EQ(stats.boxes_in_use, 0);
    if (round == 10) before = heap_at_rest(pool, UINT64_MAX);
    if (round > 10) CHECK(heap_at_rest(pool, before) <= before);
  }
  wp_pool_destroy(pool);
#endif
}

TEST(spares,
     "a warm spare serves a killed worker's seat; the caller of terminate does not wait for it") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  wp_config config = default_config();
  wp_pool *pool = NULL;
  config.workers = 1;
  config.spares = 1;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  for (uint32_t round = 0; round < 20; round++) {
    wp_handle hung, other;
    wp_stats stats;
    CHECK_EQ(wp_submit(pool, "hang", 0, NULL, 0, NULL, &hung), WP_OK);
    do wp_stats_read(pool, &stats);
    while (stats.queued);
    CHECK_EQ(wp_submit(pool, "add_bytes", WP_TYPE_BINARY, "\1\2", 2, NULL, &other), WP_OK);
    CHECK(wp_terminate(pool, hung));
    for (uint32_t i = 0; i < 2; i++) {
      wp_completion completion;
      CHECK(next(pool, &completion));
      bool is_hung =
          completion.handle.generation == hung.generation && completion.handle.index == hung.index;
      CHECK_EQ(completion.status, is_hung ? WP_E_CANCELLED : WP_OK);
      wp_completion_release(pool, &completion);
    }
  }
  wp_pool_destroy(pool);
#endif
}

TEST(destroyed, "a pool is destroyed beside tasks that hang and wait: again and again, without "
                "waiting and without a leak") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  for (uint32_t round = 0; round < 30; round++) {
    wp_pool *pool = open_pool(2, 0);
    CHECK(pool != NULL);
    for (uint32_t i = 0; i < 5; i++)
      CHECK_EQ(wp_submit(pool, "hang", 0, NULL, 0, NULL, NULL), WP_OK);
    wp_stats stats;
    if (round % 2) do
        wp_stats_read(pool, &stats);
      while (stats.queued > 3);
    wp_pool_destroy(pool);
  }
#endif
}

#ifndef NO_ASYNC_CANCEL
/* A condition to wait for: the pool has so many workers, and none is busy. */
static bool comes_to_have(wp_pool *pool, uint32_t workers) {
  wp_stats stats;
  do {
    wp_completion completion;
    if (wp_wait(pool, &completion, 1, 1)) return false; /* nobody waits for anything */
    wp_stats_read(pool, &stats);
  } while (stats.total_workers != workers || stats.free_workers != workers);
  return true;
}
#endif

TEST(elastic, "a pool grows while tasks wait, shrinks when its workers are idle, is resized, and "
              "replaces workers after "
              "their number of tasks: each task ends once, with its result") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  wp_config config = default_config();
  wp_pool *pool = NULL;
  config.workers = 3;
  config.workers_min = 1;
  config.idle_ms = 20;
  config.tasks_per_worker = 40;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  CHECK_EQ(wp_pool_resize(pool, 0), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_pool_resize(pool, 4), WP_E_INVALID_ARGUMENT);
  wp_handle loops[4];
  wp_stats stats = {.total_workers = 0};
  wp_completion completion;
  CHECK(comes_to_have(pool, 1));
  for (uint32_t i = 0; i < 4; i++)
    CHECK_EQ(wp_submit(pool, "until_cancelled", 0, NULL, 0, NULL, &loops[i]), WP_OK);
  while (stats.total_workers < 3 || stats.busy_workers < 3) {
    CHECK_EQ(wp_wait(pool, &completion, 1, 1), 0);
    wp_stats_read(pool, &stats);
  }
  for (uint32_t i = 0; i < 4; i++) CHECK(wp_cancel(pool, loops[i]));
  for (uint32_t i = 0; i < 4; i++) {
    CHECK(next(pool, &completion));
    CHECK_EQ(completion.status, WP_E_CANCELLED);
    wp_completion_release(pool, &completion);
  }
  CHECK(comes_to_have(pool, 1));
  uint32_t sent = 0, ended = 0;
  for (uint32_t round = 0; round < 300; round++) {
    if (round % 10 == 0) CHECK_EQ(wp_pool_resize(pool, 1 + round / 10 % 3), WP_OK);
    for (uint32_t i = 0; i < 10; i++, sent++)
      CHECK_EQ(wp_submit(pool, "add_bytes", WP_TYPE_BINARY, "\1\2", 2, NULL, NULL), WP_OK);
    while (ended + 20 < sent || (round == 299 && ended < sent)) {
      CHECK(next(pool, &completion));
      CHECK_EQ(completion.status, WP_OK);
      CHECK(number_of(&completion) == 3);
      wp_completion_release(pool, &completion);
      ended++;
    }
  }
  CHECK(comes_to_have(pool, 3));
  CHECK_EQ(wp_poll(pool, &completion, 1), 0);
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.processed, sent + 4);
  CHECK_EQ(stats.errors, 4);
  wp_pool_destroy(pool);
#endif
}
