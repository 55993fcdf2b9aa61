/* Tasks that are killed hundreds of times within the C library, or while they hold locks: the process goes on, and so does whoever wants the
 * lock or the heap next. Without the measures of src/port/native_stop.c and locks.c this program hangs or crashes. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2: before any header */
#endif
#include "base/atomic.h"
#include "test.h"
#include "wasmpool.h"
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

/* Where sanitizers have the allocator and the locks in the program itself, nobody can tell its code from a task's. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_KILLS "a sanitizer that is linked into the program keeps locks of its own there"
#endif
#endif

#ifdef NO_KILLS
TEST(none, "kills within the C library: not run # SKIP " NO_KILLS) {}
#else

enum { KILLS = 300, WORKERS = 2, LONG_MS = 60000 };

static wp_atomic_u32 started, deaths;

static void on_end(void *user, uint32_t thread, bool killed) {
  (void)user;
  (void)thread;
  if (killed) wp_atomic_fetch_add_seq_u32(&deaths, 1);
}

static wp_pool *open_pool(void) {
  wp_config config;
  wp_pool *pool = NULL;
  wp_config_defaults(&config);
  config.workers = WORKERS;
  config.restart_max = WP_NONE;
  config.memory_bytes = 256 << 20;
  config.on_thread_end = on_end;
  wp_atomic_store_seq_u32(&deaths, 0);
  return wp_pool_create(&config, &pool) ? NULL : pool;
}

/* ---- What tasks do over and over, and what main and another task do after each kill ---- */

static void small_blocks(void) {
  void *volatile blocks[20];
  for (size_t i = 0; i < 20; i++) blocks[i] = malloc(24 + 40 * i);
  for (size_t i = 0; i < 20; i++) free(blocks[i]);
}

/* From the system and back: the signal always comes while the thread is in the C library. */
static void large_blocks(void) {
  volatile char *block = malloc(1 << 20);
  if (block) *block = 1;
  free((void *)(uintptr_t)block);
}

static void local_time(void) {
  time_t now = time(NULL);
  struct tm tm;
  char text[64];
  if (localtime_r(&now, &tm)) strftime(text, sizeof text, "%c %Z", &tm);
  if (random() < 0) abort();
}

static FILE *sink;
static void print(void) {
  fprintf(sink, "%d %s %f\n", 1, "two", 3.0);
  fflush(sink);
}

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static volatile uint64_t left, right; /* equal whenever the lock is open */
static volatile bool differ;
static void two_locks(void) {
  pthread_mutex_lock(&plain);
  if (left != right) differ = true;
  left = left + 1;
  pthread_rwlock_rdlock(&shared);
  right = right + 1;
  pthread_rwlock_unlock(&shared);
  pthread_mutex_unlock(&plain);
}

static mtx_t recursive;
static void nested(void) {
  mtx_lock(&recursive);
  mtx_lock(&recursive);
  mtx_unlock(&recursive);
  mtx_unlock(&recursive);
}

/* As std::shared_timed_mutex does. The limit is never reached, unless the lock was left closed. */
static void timed_locks(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += LONG_MS / 1000;
  if (pthread_rwlock_clockwrlock(&shared, CLOCK_MONOTONIC, &at)) abort();
  pthread_rwlock_unlock(&shared);
  if (pthread_rwlock_clockrdlock(&shared, CLOCK_MONOTONIC, &at)) abort();
  pthread_rwlock_unlock(&shared);
}

static void environment(void) {
  setenv("WASMPOOL_TEST", "1", 1);
  if (!getenv("WASMPOOL_TEST")) abort();
}

typedef void (*action)(void);

static wp_status for_ever(wp_task *task) {
  action act = NULL;
  memcpy(&act, wp_task_input(task, NULL, NULL), sizeof act);
  wp_atomic_store_seq_u32(&started, 1);
  while (task) act();
  return WP_OK;
}

static wp_status once(wp_task *task) {
  action act = NULL;
  memcpy(&act, wp_task_input(task, NULL, NULL), sizeof act);
  act();
  return WP_OK;
}

static bool ends(wp_pool *pool, wp_status wanted) {
  wp_completion completion;
  if (wp_wait(pool, &completion, 1, LONG_MS) != 1) return false;
  wp_completion_release(pool, &completion);
  return completion.status == wanted;
}

/* Kills a task in the middle, waits until its thread has ended, and lets another task and this thread do the same as it did. */
static bool kill_one(wp_pool *pool, wp_task_function function, action act, uint32_t number) {
  wp_handle handle;
  wp_atomic_store_seq_u32(&started, 0);
  if (wp_submit_function(pool, function, WP_TYPE_BINARY, &act, sizeof act, NULL, &handle))
    return false;
  while (!wp_atomic_load_seq_u32(&started)) sched_yield();
  for (uint32_t i = number * 37 % 1000; i--;) getppid(); /* not always at the same place */
  if (!wp_terminate(pool, handle) || !ends(pool, WP_E_CANCELLED)) return false;
  wp_completion none;
  while (wp_atomic_load_seq_u32(&deaths) < number) wp_wait(pool, &none, 1, 1);
  if (!act) return true;
  act();
  return !wp_submit_function(pool, once, WP_TYPE_BINARY, &act, sizeof act, NULL, NULL) &&
         ends(pool, WP_OK);
}

static void kill_many(wp_task_function function, action act) {
  wp_pool *pool = open_pool();
  CHECK(pool != NULL);
  for (uint32_t i = 1; i <= KILLS; i++) CHECK(kill_one(pool, function, act, i));
  wp_pool_destroy(pool);
}

TEST(heap, "tasks killed 300 times each within malloc and free leave the heap whole and open") {
  kill_many(for_ever, small_blocks);
  kill_many(for_ever, large_blocks);
}

TEST(times,
     "tasks killed 300 times within localtime_r, strftime and random leave their locks open") {
  kill_many(for_ever, local_time);
}

TEST(streams, "tasks killed 300 times within fprintf leave the stream open") {
  sink = fopen("/dev/null", "w");
  CHECK(sink != NULL);
  kill_many(for_ever, print);
  fclose(sink);
}

TEST(variables, "tasks killed 300 times within setenv leave the environment whole and open") {
  kill_many(for_ever, environment);
}

TEST(locks,
     "tasks killed 300 times while they hold mutexes and read-write locks end where they hold "
     "none") {
  CHECK_EQ(mtx_init(&recursive, mtx_plain | mtx_recursive), thrd_success);
  kill_many(for_ever, two_locks);
  CHECK(!differ);
  CHECK_EQ(left, right);
  kill_many(for_ever, nested);
  kill_many(for_ever, timed_locks);
}

/* ---- Waits ---- */

static int pipe_ends[2];
static FILE *never; /* nobody writes to it */
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static wp_status read_stream(wp_task *task) {
  char text[8];
  (void)task;
  wp_atomic_store_seq_u32(&started, 1);
  return fgets(text, sizeof text, never) ? WP_OK : WP_E_TASK_FAILED;
}

static wp_status wait_for_condition(wp_task *task) {
  pthread_mutex_lock(&plain);
  wp_atomic_store_seq_u32(&started, 1);
  while (task) pthread_cond_wait(&condition, &plain);
  return WP_OK;
}

static mtx_t mutex;
static cnd_t event;

static wp_status wait_for_event(wp_task *task) {
  mtx_lock(&mutex);
  wp_atomic_store_seq_u32(&started, 1);
  while (task) cnd_wait(&event, &mutex);
  return WP_OK;
}

static wp_status wait_for_mutex(wp_task *task) {
  (void)task;
  wp_atomic_store_seq_u32(&started, 1);
  pthread_mutex_lock(&plain);
  pthread_mutex_unlock(&plain);
  return WP_OK;
}

TEST(waits, "tasks killed while they wait for input, a condition or a mutex take nothing along") {
  wp_pool *pool = open_pool();
  CHECK(pool != NULL);
  CHECK_EQ(pipe(pipe_ends), 0);
  CHECK_EQ(mtx_init(&mutex, mtx_plain), thrd_success);
  CHECK_EQ(cnd_init(&event), thrd_success);
  never = fdopen(pipe_ends[0], "r");
  CHECK(never != NULL);
  uint32_t number = 0;
  for (int i = 0; i < 10; i++) {
    CHECK(kill_one(pool, read_stream, NULL, ++number));
    CHECK_EQ(ftrylockfile(never), 0);
    funlockfile(never);
    CHECK(kill_one(pool, wait_for_condition, NULL, ++number));
    CHECK_EQ(pthread_mutex_trylock(&plain), 0);
    CHECK(kill_one(pool, wait_for_event, NULL, ++number));
    CHECK_EQ(mtx_trylock(&mutex), thrd_success);
    mtx_unlock(&mutex);
    CHECK(kill_one(pool, wait_for_mutex, NULL, ++number));
    pthread_mutex_unlock(&plain);
  }
  wp_pool_destroy(pool);
  fclose(never);
  close(pipe_ends[1]);
}

static wp_status count_for_ever(wp_task *task) {
  volatile uint64_t rounds = 0;
  wp_atomic_store_seq_u32(&started, 1);
  while (task) rounds = rounds + 1;
  return WP_OK;
}

TEST(blocked, "a pool made by a thread that blocks all signals kills its tasks as well") {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  wp_pool *pool = open_pool();
  CHECK(pool != NULL);
  CHECK(kill_one(pool, count_for_ever, NULL, 1));
  wp_pool_destroy(pool);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}
#endif
