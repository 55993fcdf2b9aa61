#include "status.h"
#include "test.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name); /* the library has its wrapped locks in every program */
#endif

#define CHECK_STR(a, b) CHECK(strcmp(a, b) == 0)

static const struct {
  const char *name, *code, *text;
  int number;
} rows[] = {
#define X(name, number, code, text, action) {#name, code, text, number},
#include "status.def"
#undef X
};
enum { ROWS = (int)(sizeof rows / sizeof rows[0]) };

TEST(one_meaning,
     "each status has a number and a text of its own, and a code that is the name of some status") {
  for (int i = 0; i < ROWS; i++) {
    bool has_code = false;
    CHECK_EQ(rows[i].number, i);
    CHECK_STR(wp_status_text(-i), rows[i].text);
    CHECK_STR(wp_status_code(-i), rows[i].code);
    for (int j = 0; j < ROWS; j++) {
      has_code |= !strcmp(rows[j].name, rows[i].code) && !strcmp(rows[j].code, rows[i].code);
      if (j != i) CHECK(strcmp(rows[j].text, rows[i].text) != 0);
    }
    CHECK(has_code);
  }
}

TEST(no_status, "a number that is no status reads as a broken invariant") {
  const int none[] = {1, -ROWS, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    CHECK_STR(wp_status_code(none[i]), "BROKEN_INVARIANT");
}

TEST(full, "C tells apart what JavaScript knows as QUEUE_FULL") {
  const wp_status full[] = {WP_E_QUEUE_FULL, WP_E_TABLE_FULL, WP_E_LOCK_BUSY, WP_E_NOT_GRANTED};
  for (size_t i = 0; i < sizeof full / sizeof full[0]; i++)
    CHECK_STR(wp_status_code(full[i]), "QUEUE_FULL");
}

TEST(tasks, "a task may say what it knows, and not what only the pool can know") {
  const wp_status pools[] = {WP_E_UNKNOWN_TASK,  WP_E_TIMEOUT,       WP_E_WORKER_LOST,
                             WP_E_POISON_JOB,    WP_E_LEASE_EXPIRED, WP_E_POOL_DESTROYED,
                             WP_E_SHUTTING_DOWN, WP_E_START_FAILED,  WP_E_BROKEN_INVARIANT};
  const wp_status tasks[] = {
      WP_OK,          WP_E_TASK_FAILED, WP_E_CANCELLED,     WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY,
      WP_E_TOO_LARGE, WP_E_TABLE_FULL,  WP_E_ALREADY_HOLDS, WP_E_REGISTRY_FULL};
  const int none[] = {1, -ROWS, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) CHECK(!wp_status_is_tasks(pools[i]));
  for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) CHECK(wp_status_is_tasks(tasks[i]));
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) CHECK(!wp_status_is_tasks(none[i]));
}
