/*
 * Test programs of the core: TEST(name) { … CHECK(…); } and one MAIN. They print TAP, so that natively and in wasm the
 * same runner can read it. SEED= and SCALE= come from the environment.
 */
#ifndef WP_TEST_H
#define WP_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why tests that kill real threads are not run; not defined: they are. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_ASYNC_CANCEL "ThreadSanitizer does not support asynchronous cancellation"
#endif
#endif

typedef struct wp_test {
  const char *name;
  void (*run)(void);
  struct wp_test *next;
} wp_test;

static wp_test *wp_test_first;
__attribute__((unused)) static wp_test **wp_test_last = &wp_test_first;
static int wp_test_failures;

#define TEST(fn, title)                                                                            \
  static void fn(void);                                                                            \
  static wp_test fn##_row = {title, fn, NULL};                                                     \
  __attribute__((constructor)) static void fn##_register(void) {                                   \
    *wp_test_last = &fn##_row;                                                                     \
    wp_test_last = &fn##_row.next;                                                                 \
  }                                                                                                \
  static void fn(void)

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                                     \
      wp_test_failures++;                                                                          \
      return;                                                                                      \
    }                                                                                              \
  } while (0)

#define CHECK_EQ(a, b)                                                                             \
  do {                                                                                             \
    long long wp_a = (long long)(a), wp_b = (long long)(b);                                        \
    if (wp_a != wp_b) {                                                                            \
      printf("# %s:%d: %s == %s: %lld != %lld\n", __FILE__, __LINE__, #a, #b, wp_a, wp_b);         \
      wp_test_failures++;                                                                          \
      return;                                                                                      \
    }                                                                                              \
  } while (0)

/* A number from the environment, or a default. */
static inline uint64_t wp_test_env(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static inline uint64_t wp_test_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

#ifndef WP_TEST_NO_MAIN
int main(void) {
  int count = 0, failed = 0;
  for (wp_test *t = wp_test_first; t; t = t->next) {
    int before = wp_test_failures;
    t->run();
    int bad = wp_test_failures != before;
    failed += bad;
    printf("%s %d - %s\n", bad ? "not ok" : "ok", ++count, t->name);
    fflush(stdout);
  }
  printf("1..%d\n", count);
  return failed != 0;
}
#endif

#endif
