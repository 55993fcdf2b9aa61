/* Shared state of C tasks natively. */
#include "base/atomic.h"
#include "test.h"
#include "wasmpool.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { LONG_MS = 60000 /* longer than any test here takes */, ROUNDS = 2000 };

static wp_pool *open_pool(uint32_t workers) {
  wp_config config;
  wp_config_defaults(&config);
  config.workers = workers;
  config.memory_bytes = 256 << 20;
  wp_pool *pool = NULL;
  return wp_pool_create(&config, &pool) ? NULL : pool;
}

/* The status with which the task ends; *number: its result. */
static wp_status end_of(wp_pool *pool, wp_handle handle, double *number) {
  wp_completion completion;
  if (wp_wait_for(pool, handle, &completion, LONG_MS)) return WP_E_BROKEN_INVARIANT;
  if (completion.bytes == sizeof *number) memcpy(number, completion.data, sizeof *number);
  wp_status status = completion.status;
  wp_completion_release(pool, &completion);
  return status;
}

/* What the tasks of a test are started with. */
static wp_status begin(wp_pool *pool, wp_status (*function)(wp_task *task), wp_handle *handle) {
  return wp_submit_function(pool, function, 0, NULL, 0, NULL, handle);
}

static wp_status count(wp_task *task) {
  wp_shared hits;
  int64_t sum = 0;
  wp_status status = wp_shared_counter(task, "hits", 7, &hits);
  for (int i = 0; !status && i < ROUNDS; i++) status = wp_shared_add(task, hits, 1, &sum);
  double number = (double)sum;
  return status ? status : wp_task_result(task, WP_TYPE_NUMBER, &number, sizeof number);
}

TEST(counts, "Tasks on all workers of a native pool count in one counter, which the first of them "
             "made [NC-05 NC-16]") {
  enum { TASKS = 12 };
  wp_pool *pool = open_pool(3);
  CHECK(pool != NULL);
  wp_handle handles[TASKS];
  double most = 0;
  for (int i = 0; i < TASKS; i++) CHECK_EQ(begin(pool, count, &handles[i]), WP_OK);
  for (int i = 0; i < TASKS; i++) {
    double number = 0;
    CHECK_EQ(end_of(pool, handles[i], &number), WP_OK);
    if (number > most) most = number;
  }
  CHECK_EQ(most, 7 + TASKS * ROUNDS);
  wp_pool_destroy(pool);
}

/* Returns the number of the line that went wrong; 0: none. */
static wp_status use_map(wp_task *task) {
  wp_shared map = {0, 0}, wrong;
  char text[8] = "";
  uint32_t type = 99;
  size_t bytes = sizeof text;
  double line = 0;
#define EXPECT(condition) line = line == 0 && !(condition) ? __LINE__ : line
  EXPECT(!wp_shared_map(task, "map", &map));
  EXPECT(wp_shared_counter(task, "map", 0, &wrong) == WP_E_ALREADY_HOLDS);
  EXPECT(!wp_shared_get(task, map, "k", &type, text, &bytes) && !type && !bytes);
  EXPECT(!wp_shared_set(task, map, "k", WP_TYPE_STRING, "hello", 5));
  bytes = sizeof text;
  EXPECT(!wp_shared_get(task, map, "k", &type, text, &bytes));
  EXPECT(type == WP_TYPE_STRING && bytes == 5 && !memcmp(text, "hello", 5));
  bytes = 4;
  EXPECT(wp_shared_get(task, map, "k", &type, text, &bytes) == WP_E_TOO_LARGE && bytes == 5);
  EXPECT(!wp_shared_remove(task, map, "k"));
  EXPECT(!wp_shared_get(task, map, "k", &type, text, &bytes) && !bytes);
  EXPECT(wp_shared_set(task, map, "k", WP_TYPE_NUMBER, "abc", 3) == WP_E_INVALID_ARGUMENT);
  EXPECT(wp_shared_add(task, map, 1, NULL) == WP_E_INVALID_ARGUMENT);
#undef EXPECT
  return wp_task_result(task, WP_TYPE_NUMBER, &line, sizeof line);
}

TEST(maps, "A native task sets, gets and removes keys; wrong types are told [NC-08 NC-17]") {
  wp_pool *pool = open_pool(1);
  CHECK(pool != NULL);
  wp_handle handle;
  double line = -1;
  CHECK_EQ(begin(pool, use_map, &handle), WP_OK);
  CHECK_EQ(end_of(pool, handle, &line), WP_OK);
  CHECK_EQ(line, 0);
  wp_pool_destroy(pool);
}

#ifndef NO_ASYNC_CANCEL
static wp_atomic_u32 turns;

static wp_status set_for_ever(wp_task *task) {
  wp_shared map;
  char data[400] = {0}, key[2] = {0};
  wp_status status = wp_shared_map(task, "hung", &map);
  for (uint32_t i = 0; !status; i++) {
    key[0] = (char)('a' + i % 26);
    status = i % 5 == 4 ? wp_shared_remove(task, map, key)
                        : wp_shared_set(task, map, key, WP_TYPE_BINARY, data, i % sizeof data);
    wp_atomic_fetch_add_seq_u32(&turns, 1);
  }
  return status;
}

/* The dying thread may go on for a moment, so a key has its value, this one's, or none; never a part of one. */
static bool is_whole(uint32_t type, const char *data, size_t bytes, char key) {
  if (type == WP_TYPE_UNDEFINED) return bytes == 0;
  if (type == WP_TYPE_STRING) return bytes == 1 && data[0] == key;
  while (bytes && !data[bytes - 1]) bytes--;
  return type == WP_TYPE_BINARY && bytes == 0;
}

static wp_status set_all(wp_task *task) {
  wp_shared map;
  wp_status status = wp_shared_map(task, "hung", &map);
  double whole = 0;
  for (char key[2] = "a"; !status && key[0] <= 'z'; key[0]++) {
    uint32_t type;
    char data[400];
    size_t bytes = sizeof data;
    status = wp_shared_set(task, map, key, WP_TYPE_STRING, key, 1);
    if (!status) status = wp_shared_get(task, map, key, &type, data, &bytes);
    whole += !status && is_whole(type, data, bytes, key[0]);
  }
  return status ? status : wp_task_result(task, WP_TYPE_NUMBER, &whole, sizeof whole);
}

TEST(kills,
     "Native tasks that are killed in the middle of set leave a map that others use [NC-19]") {
  wp_pool *pool = open_pool(2);
  CHECK(pool != NULL);
  for (uint64_t i = 0; i < 60 * wp_test_env("SCALE", 1); i++) {
    wp_handle handle;
    double whole = 0;
    uint32_t before = wp_atomic_load_seq_u32(&turns);
    CHECK_EQ(begin(pool, set_for_ever, &handle), WP_OK);
    while (wp_atomic_load_seq_u32(&turns) - before < 500);
    CHECK(wp_terminate(pool, handle));
    CHECK_EQ(end_of(pool, handle, &whole), WP_E_CANCELLED);
    CHECK_EQ(begin(pool, set_all, &handle), WP_OK);
    CHECK_EQ(end_of(pool, handle, &whole), WP_OK);
    CHECK_EQ(whole, 26);
  }
  wp_pool_destroy(pool);
}
#endif
