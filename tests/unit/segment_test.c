#include "kill.h"
#include "segment.h"
#include "status.h"
#include "test.h"
#include <pthread.h>

enum { G = WP_GRANULE_BYTES, OWNERS = 3 };

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static void *acquire(wp_segments *s, uint64_t bytes, uint32_t owner) {
  wp_segment got;
  return wp_segment_acquire(s, bytes, owner, &got) ? NULL : got.addr;
}

TEST(limits, "segments: sizes are rounded up, limits are kept, errors say which") {
  wp_segments s;
  wp_segment got = {0};
  CHECK_EQ(wp_segments_open(&s, 0), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_segments_open(&s, 8 * G + 1), WP_OK); /* 9 granules, one of them the map */
  CHECK_EQ(wp_segments_bytes(&s), G);
  CHECK_EQ(wp_segment_acquire(&s, 9 * G, 1, &got), WP_E_TOO_LARGE);
  CHECK_EQ(wp_segment_acquire(&s, UINT64_MAX, 1, &got), WP_E_TOO_LARGE);
  CHECK_EQ(wp_segment_acquire(&s, G, WP_SEGMENT_OWNER_MAP, &got), WP_E_INVALID_ARGUMENT);
  CHECK(!got.addr && !got.bytes);
  CHECK_EQ(wp_segment_acquire(&s, G + 1, 1, &got), WP_OK);
  CHECK_EQ(got.bytes, 2 * G);
  CHECK(got.zero);
  CHECK_EQ(wp_segment_bytes(&s, got.addr), 2 * G);
  CHECK_EQ((uintptr_t)got.addr % G, 0);
  memset(got.addr, 0xff, (size_t)got.bytes);
  CHECK(acquire(&s, 0, 2) == (uint8_t *)got.addr + got.bytes);
  CHECK_EQ(wp_segments_bytes(&s), 4 * G);
  CHECK_EQ(wp_segments_extended_bytes(&s), 4 * G);
  CHECK_EQ(wp_segment_acquire(&s, 6 * G, 1, &got), WP_E_NO_MEMORY);
  CHECK_EQ(wp_segment_acquire(&s, 5 * G, 1, &got), WP_OK);
  memset(got.addr, 0xff, (size_t)got.bytes);
  CHECK_EQ(wp_segments_bytes(&s), 9 * G);
  CHECK_EQ(wp_segments_check(&s), WP_OK);
  wp_segments_close(&s);
}

TEST(joining,
     "segments: released neighbours are one free run again, and new segments start with zeros") {
  wp_segments s;
  void *part[8];
  CHECK_EQ(wp_segments_open(&s, 9 * G), WP_OK);
  for (int i = 0; i < 8; i++) {
    part[i] = acquire(&s, G, 1);
    CHECK(part[i]);
    memset(part[i], 0xff, G);
  }
  CHECK(!acquire(&s, G, 1));
  static const int order[] = {1, 3, 5, 7, 0, 2, 6, 4};
  for (int i = 0; i < 8; i++) {
    CHECK(!acquire(&s, 8 * G, 1));
    wp_segment_release(&s, part[order[i]]);
  }
  CHECK_EQ(wp_segments_check(&s), WP_OK);
  uint8_t *whole = acquire(&s, 8 * G, 1);
  CHECK(whole == part[0]);
  for (int i = 0; i < WP_SEGMENT_CLEARED_BYTES; i++) CHECK_EQ(whole[i], 0);
  wp_segment_release(&s, whole + G); /* not a segment: nothing happens */
  CHECK_EQ(wp_segments_bytes(&s), 9 * G);
  wp_segments_close(&s);
}

TEST(first_use, "segments: memory is said to be zero only if nobody has ever had any of it") {
  wp_segments s;
  wp_segment got = {0};
  CHECK_EQ(wp_segments_open(&s, 9 * G), WP_OK);
  void *first = acquire(&s, 2 * G, 1);
  CHECK_EQ(wp_segment_acquire(&s, 2 * G, 1, &got), WP_OK);
  CHECK(got.zero);
  for (uint64_t i = 0; i < got.bytes; i++) CHECK_EQ(((uint8_t *)got.addr)[i], 0);
  memset(first, 0xff, 2 * G);
  wp_segment_release(&s, first);
  wp_segment_release(&s, got.addr);
  CHECK_EQ(wp_segment_acquire(&s, 5 * G, 1, &got), WP_OK); /* four used ones and a new one */
  CHECK(!got.zero);
  wp_segment_set_big(&s, got.addr);
  CHECK(wp_segment_take_big(&s, got.addr, 1, 2));
  wp_segment_release(&s, acquire(&s, 5 * G, 1));
  CHECK_EQ(wp_segment_acquire(&s, 5 * G, 1, &got), WP_OK);
  CHECK(!got.zero);
  CHECK_EQ(wp_segment_acquire(&s, 3 * G, 1, &got), WP_OK);
  CHECK(got.zero);
  CHECK_EQ(wp_segments_check(&s), WP_OK);
  wp_segments_close(&s);
}

TEST(listing, "segments: an owner finds its own, and only its own, in order of address") {
  wp_segments s;
  CHECK_EQ(wp_segments_open(&s, 64 * G), WP_OK);
  void *mine[5];
  for (int i = 0; i < 5; i++) {
    mine[i] = acquire(&s, (uint64_t)(i + 1) * G, 1);
    CHECK(acquire(&s, G, 2));
  }
  void *at = NULL;
  for (int i = 0; i < 5; i++) CHECK((at = wp_segments_next(&s, 1, at)) == mine[i]);
  CHECK(!wp_segments_next(&s, 1, at));
  CHECK(!wp_segments_next(&s, 3, NULL));
  wp_segments_close(&s);
}

/* ---- Threads ---- */

static wp_segments shared;
static wp_atomic_u32 wrong;

typedef struct part {
  uint32_t owner;
  uint64_t seed;
} part;

/* A segment that is said to be zero must be: each thread leaves its number in those that it has had. */
static uint8_t *acquire_checked(uint64_t bytes, uint32_t owner) {
  wp_segment got;
  if (wp_segment_acquire(&shared, bytes, owner, &got)) return NULL;
  uint8_t *addr = got.addr;
  for (uint64_t page = 0; got.zero && page < got.bytes; page += G)
    if (addr[page + 64]) wp_atomic_fetch_add_seq_u32(&wrong, 1);
  for (uint64_t page = 0; page < got.bytes; page += G) addr[page + 64] = (uint8_t)owner;
  return addr;
}

static void *churn(void *context) {
  part *self = context;
  uint64_t random = self->seed, rounds = 3000 * wp_test_env("SCALE", 1);
  uint8_t *held[4] = {0};
  for (uint64_t i = 0; i < rounds; i++) {
    uint64_t r = wp_test_random(&random);
    uint8_t **slot = &held[r & 3];
    if (*slot) {
      uint64_t last = wp_segment_bytes(&shared, *slot) - 1;
      if ((*slot)[64] != self->owner || (*slot)[last] != self->owner)
        wp_atomic_fetch_add_seq_u32(&wrong, 1);
      wp_segment_release(&shared, *slot);
      *slot = NULL;
    } else if ((*slot = acquire_checked(((r >> 8) % 6 + 1) * G, self->owner))) {
      (*slot)[wp_segment_bytes(&shared, *slot) - 1] = (uint8_t)self->owner;
    }
  }
  for (int i = 0; i < 4; i++) {
    if (held[i]) wp_segment_release(&shared, held[i]);
  }
  return NULL;
}

TEST(threads,
     "segments: three threads that fight for the last granules never share one, and lose none") {
  pthread_t thread[OWNERS];
  part parts[OWNERS];
  CHECK_EQ(wp_segments_open(&shared, 30 * G), WP_OK);
  uint64_t seed = wp_test_env("SEED", 1);
  printf("# SEED=%llu\n", (unsigned long long)seed);
  for (uint32_t i = 0; i < OWNERS; i++) {
    parts[i] = (part){i + 1, seed * 7919 + i + 1};
    CHECK_EQ(pthread_create(&thread[i], NULL, churn, &parts[i]), 0);
  }
  for (int i = 0; i < OWNERS; i++) pthread_join(thread[i], NULL);
  CHECK_EQ(wp_atomic_load_seq_u32(&wrong), 0);
  CHECK_EQ(wp_segments_bytes(&shared), G);
  CHECK_EQ(wp_segments_check(&shared), WP_OK);
  CHECK(acquire(&shared, 29 * G, 1));
  wp_segments_close(&shared);
}

/* ---- Deaths ---- */

#ifdef WP_KILL_POINTS
typedef struct script {
  wp_segments *s;
  void *held[6]; /* noted down after each acquire, struck out before each release */
  void *going;   /* the one that is being released */
} script;

static void drop(script *t, int i) {
  t->going = t->held[i];
  t->held[i] = NULL;
  wp_segment_release(t->s, t->going);
  t->going = NULL;
}

static void run_script(void *context) {
  script *t = context;
  for (int i = 0; i < 4; i++) t->held[i] = acquire(t->s, (uint64_t)(i + 1) * G, 1);
  drop(t, 1);
  drop(t, 2); /* the gap of both */
  t->held[4] = acquire(t->s, 5 * G, 1);
  t->held[1] = acquire(t->s, G, 1);
  drop(t, 0);
  t->held[5] = acquire(t->s, 3 * G, 1);
}

static bool recover(script *t, void *const *others) {
  wp_segments_reclaim(t->s, 1);
  if (wp_segments_check(t->s)) return false;
  for (void *at = NULL; (at = wp_segments_next(t->s, 1, at));) {
    bool known = at == t->going;
    for (int i = 0; i < 6; i++) {
      known = known || at == t->held[i];
      if (at == t->held[i]) t->held[i] = NULL;
    }
    if (!known) return false; /* an acquire must not take effect before its last step */
    wp_segment_release(t->s, at);
  }
  for (int i = 0; i < 6; i++) {
    if (t->held[i]) return false; /* lost */
  }
  bool good = wp_segments_next(t->s, 2, NULL) == others[0] && wp_segments_bytes(t->s) == 4 * G;
  return good && wp_segments_check(t->s) == WP_OK && acquire(t->s, 40 * G, 1);
}

TEST(deaths,
     "segments survive a death at every step: whole ones are found, half-done ones freed [XP-01]") {
  uint64_t n = 1;
  for (bool killed = true; killed; n++) {
    wp_segments s;
    CHECK_EQ(wp_segments_open(&s, 64 * G), WP_OK);
    void *lead = acquire(&s, 2 * G, 2), *others[2] = {acquire(&s, G, 2), acquire(&s, 2 * G, 2)};
    wp_segment_release(&s, lead);
    script t = {&s, {0}, NULL};
    killed = kill_run(n, run_script, &t);
    if (!recover(&t, others))
      printf("# died at point %llu, %s\n", (unsigned long long)n, kill_name);
    CHECK(wp_test_failures == 0 && wp_segments_bytes(&s) == 44 * G);
    wp_segments_close(&s);
  }
  printf("# %llu points\n", (unsigned long long)n - 2);
  CHECK(n > 30);
}
#endif
