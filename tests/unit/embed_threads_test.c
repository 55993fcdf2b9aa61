/* The pool side of wasmpool.h for several threads, event loops, and values without copies. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_getname_np, sched_getaffinity: before any header */
#endif
#include "base/atomic.h"
#include "test.h"
#include "wasmpool.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { THREADS = 4, LONG_MS = 60000 /* longer than any test here takes */ };

static wp_config default_config(uint32_t workers) {
  wp_config config;
  wp_config_defaults(&config);
  config.workers = workers;
  config.memory_bytes = 256 << 20;
  return config;
}

static wp_pool *open_pool(uint32_t workers) {
  wp_config config = default_config(workers);
  wp_pool *pool = NULL;
  return wp_pool_create(&config, &pool) ? NULL : pool;
}

static double number_of(const wp_completion *completion) {
  double value = 0;
  if (completion->bytes == sizeof value) memcpy(&value, completion->data, sizeof value);
  return value;
}

/* A task without a name: doubles a number. */
static wp_status twice(wp_task *task) {
  double number = 0;
  memcpy(&number, wp_task_input(task, NULL, NULL), sizeof number);
  number *= 2;
  return wp_task_result(task, WP_TYPE_NUMBER, &number, sizeof number);
}

static wp_status until_cancelled(wp_task *task) {
  while (!wp_task_cancelled(task)) wp_task_heartbeat(task);
  return WP_OK;
}

#ifndef NO_ASYNC_CANCEL
static wp_status hang(wp_task *task) {
  if (!task) return WP_OK;
  volatile uint32_t rounds = 0;
  for (;;) rounds++;
}
#endif

static wp_status submit_twice(wp_pool *pool, double number, const wp_submit_options *options,
                              wp_handle *handle) {
  return wp_submit_function(pool, twice, WP_TYPE_NUMBER, &number, sizeof number, options, handle);
}

TEST(plain_options, "options that are all zero mean normal priority; user pointers come back") {
  wp_pool *pool = open_pool(1);
  CHECK(pool != NULL);
  static const uint32_t priorities[] = {WP_PRIORITY_LOW, 0, WP_PRIORITY_HIGH, WP_PRIORITY_CRITICAL};
  int users[4];
  wp_handle first;
  wp_completion completion;
  wp_stats stats;
  /* The only worker is busy until all are submitted: a pause would let it choose between the first and the last. */
  CHECK_EQ(wp_submit_function(pool, until_cancelled, 0, NULL, 0, NULL, &first), WP_OK);
  do wp_stats_read(pool, &stats);
  while (stats.queued);
  for (int i = 0; i < 4; i++) {
    wp_submit_options options = {0};
    options.priority = priorities[i];
    options.user = &users[i];
    CHECK_EQ(submit_twice(pool, i, &options, NULL), WP_OK);
  }
  CHECK(wp_cancel(pool, first));
  CHECK_EQ(wp_wait_for(pool, first, &completion, LONG_MS), WP_OK);
  wp_completion_release(pool, &completion);
  for (int i = 3; i >= 0; i--) {
    CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
    CHECK(completion.user == &users[i]);
    CHECK(number_of(&completion) == 2 * i);
    wp_completion_release(pool, &completion);
  }
  CHECK_EQ(wp_submit_function(pool, NULL, 0, NULL, 0, NULL, NULL), WP_E_INVALID_ARGUMENT);
  wp_pool_destroy(pool);
}

/* Takes the end of a task. Whether it is this number. */
static bool ends_with(wp_pool *pool, wp_handle handle, double number) {
  wp_completion completion;
  if (wp_wait_for(pool, handle, &completion, LONG_MS)) return false;
  bool as_wanted = completion.status == WP_OK && number_of(&completion) == number;
  wp_completion_release(pool, &completion);
  return as_wanted;
}

/* ---- Several threads ---- */

typedef struct client {
  wp_pool *pool;
  pthread_t thread;
  uint32_t number, wrong;
} client;

/* Submits tasks in small groups and waits for each by its handle, newest first. */
static void *submit_and_wait(void *argument) {
  enum { GROUPS = 100, GROUP = 8 };
  client *self = argument;
  for (uint32_t group = 0; group < GROUPS; group++) {
    wp_handle handles[GROUP];
    double base = self->number * 1e6 + group * GROUP;
    wp_submit_options options = {.user = self};
    for (uint32_t i = 0; i < GROUP; i++)
      self->wrong += submit_twice(self->pool, base + i, &options, &handles[i]) != WP_OK;
    for (uint32_t i = GROUP; i--;) {
      wp_completion completion = {.status = WP_E_TASK_FAILED};
      self->wrong += wp_wait_for(self->pool, handles[i], &completion, WP_NONE) != WP_OK;
      self->wrong += completion.user != self || number_of(&completion) != 2 * (base + i);
      wp_completion_release(self->pool, &completion);
      self->wrong += wp_wait_for(self->pool, handles[i], &completion, 0) != WP_E_STALE_HANDLE;
    }
  }
  return NULL;
}

TEST(threads, "several threads submit at once, and each waits for its own tasks by their handles") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  client clients[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    clients[i] = (client){.pool = pool, .number = i};
    CHECK(!pthread_create(&clients[i].thread, NULL, submit_and_wait, &clients[i]));
  }
  for (uint32_t i = 0; i < THREADS; i++) {
    pthread_join(clients[i].thread, NULL);
    CHECK_EQ(clients[i].wrong, 0);
  }
  wp_completion none;
  CHECK_EQ(wp_poll(pool, &none, 1), 0);
  wp_stats stats;
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.tasks_in_use, 0);
  CHECK_EQ(stats.processed, THREADS * 800);
  wp_pool_destroy(pool);
}

static void *submit_only(void *argument) {
  client *self = argument;
  const wp_submit_options patient = {.wait_ms = WP_NONE, .user = self};
  for (uint32_t i = 0; i < 500; i++)
    self->wrong += submit_twice(self->pool, i, &patient, NULL) != WP_OK;
  return NULL;
}

TEST(room, "a submission waits for room in a full queue, as long as it was told to") {
  wp_config config = default_config(1);
  wp_pool *pool = NULL;
  config.max_queue = 2;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  wp_pause(pool);
  for (uint32_t i = 0; i < 2; i++) CHECK_EQ(submit_twice(pool, i, NULL, NULL), WP_OK);
  CHECK_EQ(submit_twice(pool, 2, NULL, NULL), WP_E_QUEUE_FULL);
  const wp_submit_options brief = {.wait_ms = 5};
  CHECK_EQ(submit_twice(pool, 2, &brief, NULL), WP_E_QUEUE_FULL);
  client clients[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    clients[i] = (client){.pool = pool, .number = i};
    CHECK(!pthread_create(&clients[i].thread, NULL, submit_only, &clients[i]));
  }
  wp_resume(pool);
  for (uint32_t i = 0; i < THREADS * 500 + 2; i++) {
    wp_completion completion;
    CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
    CHECK_EQ(completion.status, WP_OK);
    wp_completion_release(pool, &completion);
  }
  for (uint32_t i = 0; i < THREADS; i++) {
    pthread_join(clients[i].thread, NULL);
    CHECK_EQ(clients[i].wrong, 0);
  }
  wp_pool_destroy(pool);
}

/* A task that gives its pool more tasks, and waits for them. */
static wp_pool *outer_pool;
static wp_status submits(wp_task *task) {
  double sum = 0;
  wp_handle handles[10];
  for (uint32_t i = 0; i < 10; i++)
    if (submit_twice(outer_pool, i, NULL, &handles[i])) return WP_E_TASK_FAILED;
  for (uint32_t i = 0; i < 10; i++) {
    wp_completion completion;
    wp_status status = wp_wait_for(outer_pool, handles[i], &completion, LONG_MS);
    if (status) return status;
    sum += number_of(&completion);
    wp_completion_release(outer_pool, &completion);
  }
  return wp_task_result(task, WP_TYPE_NUMBER, &sum, sizeof sum);
}

TEST(from_a_task, "a task submits tasks to its own pool and waits for them") {
  outer_pool = open_pool(2);
  CHECK(outer_pool != NULL);
  for (uint32_t round = 0; round < 50; round++) {
    wp_handle handle;
    CHECK_EQ(wp_submit_function(outer_pool, submits, 0, NULL, 0, NULL, &handle), WP_OK);
    CHECK(ends_with(outer_pool, handle, 90));
  }
  wp_pool_destroy(outer_pool);
}

TEST(killed_callers, "a task that is killed while it calls its pool leaves the pool usable") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  outer_pool = open_pool(2);
  CHECK(outer_pool != NULL);
  for (uint32_t round = 0; round < 200; round++) {
    wp_handle handle;
    wp_completion completion;
    CHECK_EQ(wp_submit_function(outer_pool, submits, 0, NULL, 0, NULL, &handle), WP_OK);
    wp_terminate(outer_pool, handle); /* at whatever it is doing */
    CHECK_EQ(wp_wait_for(outer_pool, handle, &completion, LONG_MS), WP_OK);
    wp_completion_release(outer_pool, &completion);
    CHECK_EQ(submit_twice(outer_pool, round, NULL, &handle), WP_OK);
    CHECK(ends_with(outer_pool, handle, 2 * round));
  }
  wp_pool_destroy(outer_pool);
#endif
}

/* ---- Event loops ---- */

/* Lets the descriptor alone say when to look. False: it stays quiet for a minute. */
static bool next_by_descriptor(wp_pool *pool, wp_completion *completion) {
  struct pollfd watched = {.fd = wp_pool_descriptor(pool), .events = POLLIN};
  while (!wp_poll(pool, completion, 1))
    if (poll(&watched, 1, LONG_MS) != 1) return false;
  return true;
}

TEST(descriptor, "an event loop learns of results, of time limits and of kills by the descriptor "
                 "alone; it is quiet when there is nothing to do") {
  wp_config config = default_config(2);
  wp_pool *pool = NULL;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  struct pollfd watched = {.fd = wp_pool_descriptor(pool), .events = POLLIN};
  CHECK(watched.fd >= 0);
  CHECK_EQ(wp_pool_descriptor(pool), watched.fd);
  wp_completion completion;
  while (wp_poll(pool, &completion, 1) || poll(&watched, 1, 20) != 0) {
  }
  for (uint32_t i = 0; i < 1000; i++) {
    CHECK_EQ(submit_twice(pool, i, NULL, NULL), WP_OK);
    if (i % 100 == 99)
      for (uint32_t j = 0; j < 100; j++) {
        CHECK(next_by_descriptor(pool, &completion));
        wp_completion_release(pool, &completion);
      }
  }
#ifdef NO_ASYNC_CANCEL
  printf("# kills not run: %s\n", NO_ASYNC_CANCEL);
#else
  for (uint32_t round = 0; round < 20; round++) {
    const wp_submit_options limited = {.timeout_ms = 3};
    wp_handle hung;
    CHECK_EQ(wp_submit_function(pool, hang, 0, NULL, 0, round % 2 ? &limited : NULL, &hung), WP_OK);
    if (round % 2 == 0) CHECK(wp_terminate(pool, hung));
    CHECK(next_by_descriptor(pool, &completion));
    CHECK_EQ(completion.status, round % 2 ? WP_E_TIMEOUT : WP_E_CANCELLED);
    wp_completion_release(pool, &completion);
  }
  for (uint32_t i = 0; i < 10; i++) CHECK_EQ(submit_twice(pool, i, NULL, NULL), WP_OK);
  for (uint32_t i = 0; i < 10; i++) {
    CHECK(next_by_descriptor(pool, &completion));
    CHECK_EQ(completion.status, WP_OK);
    wp_completion_release(pool, &completion);
  }
#endif
  wp_pool_destroy(pool);
}

typedef struct waiter {
  wp_pool *pool;
  wp_handle handle;
  wp_completion completion;
} waiter;

static void *wait_for_one(void *argument) {
  waiter *self = argument;
  if (wp_wait_for(self->pool, self->handle, &self->completion, LONG_MS))
    self->completion.status = WP_E_TASK_FAILED;
  return NULL;
}

TEST(descriptor_beside, "an event loop also learns of what has ended while another thread waits "
                        "for a task of its own, and drives the pool") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  struct pollfd watched = {.fd = wp_pool_descriptor(pool), .events = POLLIN};
  waiter other = {.pool = pool};
  pthread_t thread;
  CHECK_EQ(wp_submit_function(pool, until_cancelled, 0, NULL, 0, NULL, &other.handle), WP_OK);
  CHECK(!pthread_create(&thread, NULL, wait_for_one, &other));
  for (uint32_t round = 0; round < 20; round++) {
    const wp_submit_options limited = {.timeout_ms = 3};
    wp_handle handle;
    wp_completion completion;
    CHECK_EQ(wp_poll(pool, &completion, 1), 0); /* quiet, but for what comes now */
    poll(NULL, 0, 3);                           /* the other thread sleeps */
    CHECK_EQ(
        wp_submit_function(pool, until_cancelled, 0, NULL, 0, round % 2 ? &limited : NULL, &handle),
        WP_OK);
    if (round % 2 == 0) CHECK(wp_cancel(pool, handle));
    do CHECK_EQ(poll(&watched, 1, LONG_MS), 1);
    while (!wp_poll(pool, &completion, 1));
    CHECK_EQ(completion.handle.generation, handle.generation);
    CHECK_EQ(completion.status, round % 2 ? WP_E_TIMEOUT : WP_E_CANCELLED);
    wp_completion_release(pool, &completion);
  }
  CHECK(wp_cancel(pool, other.handle));
  pthread_join(thread, NULL);
  CHECK_EQ(other.completion.status, WP_E_CANCELLED);
  wp_pool_destroy(pool);
}

/* ---- Ends ---- */

TEST(cancelled_first, "a hung task that was cancelled can still be terminated") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  wp_pool *pool = open_pool(1);
  CHECK(pool != NULL);
  wp_handle hung, other;
  wp_stats stats;
  wp_completion completion;
  CHECK_EQ(wp_submit_function(pool, hang, 0, NULL, 0, NULL, &hung), WP_OK);
  do wp_stats_read(pool, &stats);
  while (stats.queued);
  CHECK(wp_cancel(pool, hung));
  CHECK(!wp_terminate(pool, hung));
  CHECK_EQ(wp_wait_for(pool, hung, &completion, LONG_MS), WP_OK);
  CHECK_EQ(completion.status, WP_E_CANCELLED);
  CHECK_EQ(submit_twice(pool, 1, NULL, &other), WP_OK);
  CHECK(ends_with(pool, other, 2));
  wp_pool_destroy(pool);
#endif
}

static wp_status progresses(wp_task *task) {
  double sent = 1;
  while (!wp_task_cancelled(task) && sent < 1000)
    if (!wp_task_progress(task, WP_TYPE_NUMBER, &sent, sizeof sent)) sent++;
  return until_cancelled(task);
}

TEST(no_more, "no progress value comes after the end of its task") {
  wp_pool *pool = open_pool(1);
  CHECK(pool != NULL);
  for (uint32_t round = 0; round < 20; round++) {
    wp_handle handle, other;
    wp_completion completion;
    CHECK_EQ(wp_submit_function(pool, progresses, 0, NULL, 0, NULL, &handle), WP_OK);
    CHECK_EQ(wp_wait_for(pool, handle, &completion, LONG_MS), WP_OK);
    CHECK(completion.progress);
    wp_completion_release(pool, &completion);
    CHECK(wp_cancel(pool, handle));
    do {
      CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
      wp_completion_release(pool, &completion);
    } while (completion.progress);
    CHECK_EQ(submit_twice(pool, 1, NULL, &other), WP_OK); /* runs after all that the other sent */
    CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
    CHECK(!completion.progress);
    CHECK_EQ(completion.handle.generation, other.generation);
    wp_completion_release(pool, &completion);
  }
  wp_pool_destroy(pool);
}

/* ---- Threads of the pool ---- */

typedef struct thread_log {
  wp_atomic_u32 started, ended, killed;
} thread_log;

static _Thread_local uint32_t own_number;

static void note_start(void *user, uint32_t thread) {
  own_number = thread;
  wp_atomic_fetch_add_seq_u32(&((thread_log *)user)->started, 1);
}

static void note_end(void *user, uint32_t thread, bool killed) {
  thread_log *log = user;
  if (own_number == thread) wp_atomic_fetch_add_seq_u32(&log->ended, 1);
  if (killed) wp_atomic_fetch_add_seq_u32(&log->killed, 1);
}

/* Its thread's number, whether its name and its processor are as configured, and the size of its stack. */
static wp_status tell_thread(wp_task *task) {
  double facts[4] = {own_number, 0, 0, 0};
  char name[16] = "", wanted[16];
  pthread_attr_t attributes;
  size_t bytes = 0;
  cpu_set_t set;
  pthread_getname_np(pthread_self(), name, sizeof name);
  snprintf(wanted, sizeof wanted, "mine-%u", (unsigned)own_number);
  facts[1] = strcmp(name, wanted) == 0;
  sched_getaffinity(0, sizeof set, &set);
  facts[2] = CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set);
  if (!pthread_getattr_np(pthread_self(), &attributes)) {
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
  }
  facts[3] = (double)bytes;
  return wp_task_result(task, WP_TYPE_BINARY, facts, sizeof facts);
}

TEST(pool_threads, "threads have the configured name, processor and stack; hooks run in them, "
                   "whether they are killed or end") {
  static thread_log log;
  static uint32_t cpus[] = {0};
  wp_config config = default_config(2);
  wp_pool *pool = NULL;
  char name[] = "mine";
  config.stack_bytes = 1000;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_E_INVALID_ARGUMENT);
  config.stack_bytes = 512 << 10;
  config.name = name;
  config.cpus = cpus;
  config.cpu_count = 1;
  config.on_thread_start = note_start;
  config.on_thread_end = note_end;
  config.thread_user = &log;
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  name[0] = '?';
  for (uint32_t i = 0; i < 20; i++) {
    wp_completion completion;
    double facts[4] = {0};
    CHECK_EQ(wp_submit_function(pool, tell_thread, 0, NULL, 0, NULL, NULL), WP_OK);
    CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
    memcpy(facts, completion.data, sizeof facts);
    CHECK(facts[0] >= 1 && facts[1] == 1 && facts[2] == 1);
    CHECK(facts[3] >= 512 << 10 && facts[3] < 1 << 20);
    wp_completion_release(pool, &completion);
  }
  uint32_t killed = 0;
#ifndef NO_ASYNC_CANCEL
  for (; killed < 3; killed++) {
    wp_handle handle;
    wp_stats stats;
    wp_completion completion;
    CHECK_EQ(wp_submit_function(pool, hang, 0, NULL, 0, NULL, &handle), WP_OK);
    /* The successor of the last one serves only once a call of main's has seen to it. */
    for (wp_stats_read(pool, &stats); stats.queued; wp_stats_read(pool, &stats))
      wp_wait(pool, &completion, 1, 1);
    CHECK(wp_terminate(pool, handle));
    CHECK_EQ(wp_wait_for(pool, handle, &completion, LONG_MS), WP_OK);
    while (wp_atomic_load_seq_u32(&log.killed) == killed) wp_wait(pool, &completion, 1, 1);
  }
#endif
  /* The last successor may still be on its way, and would not start at all in a pool that closes. */
  while (wp_atomic_load_seq_u32(&log.started) < 2 + killed)
    wp_wait(pool, &(wp_completion){0}, 1, 1);
  wp_pool_destroy(pool);
  while (wp_atomic_load_seq_u32(&log.ended) < wp_atomic_load_seq_u32(&log.started)) sched_yield();
  CHECK_EQ(wp_atomic_load_seq_u32(&log.killed), killed);
}

/* ---- Boxes ---- */

enum { BOX_BYTES = 100000 };

static wp_status make_bytes(wp_task *task) {
  uint8_t *bytes = wp_task_result_alloc(task, WP_TYPE_BINARY, BOX_BYTES);
  if (!bytes) return WP_E_NO_MEMORY;
  memset(bytes, 3, BOX_BYTES);
  return WP_OK;
}

/* Where its argument lies, and the sum of its bytes. */
static wp_status look(wp_task *task) {
  size_t bytes = 0;
  const uint8_t *data = wp_task_input(task, &bytes, NULL);
  uint64_t found[2] = {(uint64_t)(uintptr_t)data, 0};
  for (size_t i = 0; i < bytes; i++) found[1] += data[i];
  return wp_task_result(task, WP_TYPE_BINARY, found, sizeof found);
}

static bool sees(wp_pool *pool, wp_box_handle box, const void *address, uint64_t sum) {
  uint64_t found[2] = {0, 0};
  wp_handle handle;
  wp_completion completion;
  const wp_submit_options shared = {.box = &box};
  if (wp_submit_function(pool, look, 0, NULL, 0, &shared, &handle) ||
      wp_wait_for(pool, handle, &completion, LONG_MS))
    return false;
  memcpy(found, completion.data, sizeof found);
  wp_completion_release(pool, &completion);
  return found[0] == (uint64_t)(uintptr_t)address && found[1] == sum;
}

TEST(boxes, "a result goes on to other tasks without a copy, and its memory comes back after the "
            "last of them") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  wp_completion completion;
  wp_box_handle box, again, small, made;
  wp_stats stats;
  size_t bytes = 0;
  uint32_t type = 0;
  CHECK_EQ(wp_submit_function(pool, make_bytes, 0, NULL, 0, NULL, NULL), WP_OK);
  CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
  const void *data = completion.data;
  CHECK_EQ(wp_box_keep(pool, &completion, &box), WP_OK);
  CHECK_EQ(wp_box_keep(pool, &completion, &again), WP_OK);
  wp_completion_release(pool, &completion);
  CHECK_EQ(wp_box_keep(pool, &completion, &small), WP_E_STALE_HANDLE);
  CHECK(wp_box_bytes(pool, box, &bytes, &type) == data);
  CHECK(bytes == BOX_BYTES && type == WP_TYPE_BINARY);
  for (uint32_t i = 0; i < 10; i++) CHECK(sees(pool, box, data, 3 * BOX_BYTES));
  wp_box_free(pool, again);
  CHECK(sees(pool, box, data, 3 * BOX_BYTES));
  const wp_submit_options shared = {.box = &box};
  wp_pause(pool);
  CHECK_EQ(wp_submit_function(pool, look, 0, NULL, 0, &shared, NULL), WP_OK);
  wp_box_free(pool, box); /* the waiting task has its own hold */
  CHECK(wp_box_bytes(pool, box, NULL, NULL) == NULL);
  CHECK_EQ(wp_submit_function(pool, look, WP_TYPE_BINARY, "a", 1, &shared, NULL),
           WP_E_INVALID_ARGUMENT);
  wp_resume(pool);
  CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
  CHECK_EQ(completion.status, WP_OK);
  wp_completion_release(pool, &completion);
  CHECK_EQ(wp_submit_function(pool, look, 0, NULL, 0, &shared, NULL), WP_E_STALE_HANDLE);
  /* A small result, which was inline; and a box that the caller fills. */
  double seven = 7;
  CHECK_EQ(submit_twice(pool, seven, NULL, NULL), WP_OK);
  CHECK_EQ(wp_wait(pool, &completion, 1, LONG_MS), 1);
  CHECK_EQ(wp_box_keep(pool, &completion, &small), WP_OK);
  wp_completion_release(pool, &completion);
  const double *kept = wp_box_bytes(pool, small, NULL, NULL);
  CHECK(kept && *kept == 14);
  void *room = NULL;
  CHECK_EQ(wp_box_make(pool, 1000, &made, &room), WP_OK);
  CHECK(wp_box_bytes(pool, made, NULL, NULL) == NULL);
  memset(room, 1, 900);
  CHECK_EQ(wp_box_seal(pool, made, WP_TYPE_BINARY, 1001), WP_E_TOO_LARGE);
  CHECK_EQ(wp_box_seal(pool, made, WP_TYPE_BINARY, 900), WP_OK);
  CHECK_EQ(wp_box_seal(pool, made, WP_TYPE_BINARY, 900), WP_E_STALE_HANDLE);
  CHECK(sees(pool, made, room, 900));
  wp_box_free(pool, made);
  wp_box_free(pool, small);
  CHECK_EQ(wp_box_make(pool, 10, &made, &room), WP_OK);
  wp_box_free(pool, made); /* never sealed */
  wp_box_free(pool, made);
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.boxes_in_use + stats.tasks_in_use, 0);
  wp_pool_destroy(pool);
}
