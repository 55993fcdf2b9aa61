/* Threads that use one map at once. */
#include "store_fixture.h"
#include <pthread.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { THREADS = 4, KEYS = 24 };

static uint32_t map;
static uint64_t rounds;
static wp_atomic_u32 torn, counted, missing;

/* A value whose bytes all follow from its first ones. */
typedef struct payload {
  uint64_t seed, words[1 + 40];
} payload;

static void fill(payload *p, uint64_t seed, uint32_t n) {
  p->seed = seed;
  for (uint32_t i = 0; i < n; i++) p->words[i] = seed * (2 * (uint64_t)i + 3);
}

static bool is_whole(const payload *p, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (p->words[i] != p->seed * (2 * (uint64_t)i + 3)) return false;
  }
  return true;
}

static uint32_t words_of(uint64_t seed) { return 1 + (uint32_t)(seed % 40); }

static void read_one(const wp_access *a, const char *key) {
  wp_store_pin(a, 0);
  uint32_t ref = wp_map_find(a, map, key_of(key));
  if (ref) {
    const wp_shared_value *value = wp_map_value_at(store, ref);
    payload p;
    uint32_t n = value->bytes / 8 - 1;
    if (n > 40) {
      wp_atomic_fetch_add_seq_u32(&torn, 1);
    } else {
      memcpy(&p, value + 1, value->bytes);
      if (n != words_of(p.seed) || !is_whole(&p, n)) wp_atomic_fetch_add_seq_u32(&torn, 1);
    }
  }
  wp_store_unpin(a);
}

static void *mix(void *argument) {
  uint32_t self = *(uint32_t *)argument;
  uint64_t seed = wp_test_env("SEED", 1) * 97 + self;
  wp_access a = store_visit(self + 1);
  payload p;
  char key[16];
  for (uint64_t i = 0; i < rounds; i++) {
    snprintf(key, sizeof key, "%d", (int)(wp_test_random(&seed) % KEYS));
    uint64_t chance = wp_test_random(&seed) % 10;
    if (chance < 4) {
      uint64_t s = wp_test_random(&seed);
      fill(&p, s, words_of(s));
      set_bytes(&a, map, key, &p, 8 + 8 * words_of(s));
    } else if (chance < 6) {
      wp_map_remove(&a, map, key_of(key));
    } else {
      read_one(&a, key);
    }
  }
  wp_store_leave(&a);
  return NULL;
}

static void run(void *(*body)(void *)) {
  pthread_t threads[THREADS];
  uint32_t ids[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    ids[i] = i;
    if (pthread_create(&threads[i], NULL, body, &ids[i])) abort();
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void open_map(void) {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(100);
  map = wp_map_new(&a);
  wp_store_let_go(&a, WP_HAND_NODE);
  wp_store_leave(&a);
}

TEST(map_torn, "Four threads that set, remove and read a few keys never see half a value, and lose "
               "no memory [NC-18]") {
  rounds = 200000 * wp_test_env("SCALE", 1);
  open_map();
  run(mix);
  CHECK_EQ(wp_atomic_load_seq_u32(&torn), 0);
  wp_access a = store_visit(100);
  CHECK(lost_bytes(&a, map) / 8 <= wp_store_used_bytes(store) / WP_STORE_CHUNK_BYTES);
  /* A thread that is not scheduled while it is pinned holds memory up, but only that long: all of it serves again. */
  uint64_t used = wp_store_used_bytes(store);
  uint32_t alone = 0;
  wp_store_leave(&a);
  mix(&alone);
  CHECK(wp_store_used_bytes(store) - used <= 8 * WP_STORE_CHUNK_BYTES);
  store_end();
}

/* All threads insert the same keys; who comes first is counted. */
static void *race(void *argument) {
  uint32_t self = *(uint32_t *)argument;
  wp_access a = store_visit(self + 1);
  char key[16];
  for (uint64_t i = 0; i < rounds; i++) {
    snprintf(key, sizeof key, "%d", (int)i);
    uint32_t mine = wp_map_value_new(&a, 8, 0, 0), found;
    if (wp_map_put_new(&a, map, key_of(key), mine, &found)) abort();
    if (found == mine) wp_atomic_fetch_add_seq_u32(&counted, 1);
    if (get_number(&a, map, key) == UINT64_MAX) wp_atomic_fetch_add_seq_u32(&missing, 1);
  }
  wp_store_leave(&a);
  return NULL;
}

TEST(map_race, "Of threads that insert the same new keys, exactly one wins each, while the map "
               "grows [NC-13]") {
  rounds = 20000;
  open_map();
  run(race);
  wp_access a = store_visit(100);
  CHECK_EQ(wp_atomic_load_seq_u32(&counted), rounds);
  CHECK_EQ(wp_atomic_load_seq_u32(&missing), 0);
  CHECK_EQ(wp_map_size(&a, map), rounds);
  CHECK(lost_bytes(&a, map) / 8 <= wp_store_used_bytes(store) / WP_STORE_CHUNK_BYTES);
  store_end();
}
