/* A thread dies at every kill point of the map and of its store. Does nothing unless built with WP_KILL_POINTS. */
#include "kill.h"
#include "store_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);

enum { KEYS = 40, STEPS = 420, VICTIM = 7, OTHER = 9, LARGE = 6000 };

static uint32_t map;
static wp_access victim;
static int step;               /* the one that is under way */
static uint64_t model[KEYS];   /* what completed steps have left; UINT64_MAX: nothing */
static uint64_t before, after; /* what the step under way finds and leaves */
static int touched; /* the key of the step under way; KEYS: all of them are being removed */
static uint8_t large[LARGE];

static const char *name_of(int key) {
  static char text[64];
  snprintf(text, sizeof text, "%*d", key, key);
  return text;
}

/* Steps come in an order that a seed draws; sizes differ, so that all ways through the store are taken. */
static void one_step(uint64_t *seed) {
  uint64_t chance = wp_test_random(seed) % 100;
  int key = (int)(wp_test_random(seed) % KEYS);
  touched = key;
  before = model[key];
  after = before;
  if (step % 200 == 199) {
    touched = KEYS;
    wp_map_clear(&victim, map);
    for (int i = 0; i < KEYS; i++) model[i] = UINT64_MAX;
  } else if (chance < 55) {
    after = (uint64_t)step;
    memcpy(large, &after, sizeof after);
    set_bytes(&victim, map, name_of(key), large, chance < 10 ? LARGE : 8 + (uint32_t)chance);
  } else if (chance < 85) {
    after = UINT64_MAX;
    wp_map_remove(&victim, map, key_of(name_of(key)));
  } else {
    get_number(&victim, map, name_of(key));
  }
  if (touched < KEYS) model[key] = after;
}

static void run(void *context) {
  uint64_t seed = *(const uint64_t *)context;
  victim = store_visit(VICTIM);
  for (step = 0; step < STEPS; step++) one_step(&seed);
  touched = -1;
  wp_store_leave(&victim);
}

static void start(void) {
  store_make(STORE_LIMIT);
  wp_access first = store_visit(OTHER);
  map = wp_map_new(&first);
  wp_store_let_go(&first, WP_HAND_NODE);
  wp_store_leave(&first);
  for (int i = 0; i < KEYS; i++) model[i] = UINT64_MAX;
  touched = -1;
}

/* What every key has, after a death: the step under way has happened or has not. */
static bool is_as_left(const wp_access *a) {
  for (int i = 0; i < KEYS; i++) {
    uint64_t found = get_number(a, map, name_of(i));
    if (i == touched      ? found != before && found != after
        : touched == KEYS ? found != model[i] && found != UINT64_MAX
                          : found != model[i]) {
      printf("# key %d: %lld, not %lld\n", i, (long long)found, (long long)model[i]);
      return false;
    }
  }
  return true;
}

TEST(map_dies, "A thread that dies at any store of the map leaves it whole, and loses at most what "
               "it was about to publish [NC-19 XP-05]") {
  enum { LOST_MOST = 2 * (LARGE + LARGE / 4) + WP_STORE_BATCH_BYTES };
  uint64_t seed = wp_test_env("SEED", 1), lost_most = 0, deaths_with_loss = 0;
  uint64_t n = 1;
  for (;; n += 1 + n / 1000) {
    start();
    bool died = kill_run(n, run, &seed);
    if (died) {
      wp_access next = store_visit(OTHER); /* is not stopped by the dead one */
      CHECK(is_as_left(&next));
      wp_store_bury(store, VICTIM);
      uint32_t keys = 0;
      for (int i = 0; i < KEYS; i++) keys += get_number(&next, map, name_of(i)) != UINT64_MAX;
      CHECK_EQ(wp_map_size(&next, map), keys);
      CHECK_EQ(set_number(&next, map, "after", n), WP_OK);
      CHECK_EQ(get_number(&next, map, "after"), n);
      uint64_t lost = lost_bytes(&next, map);
      if (lost > LOST_MOST) printf("# died at %s\n", kill_name);
      CHECK(lost <= LOST_MOST);
      deaths_with_loss += lost > 64;
      if (lost > lost_most) lost_most = lost;
      /* The epoch moves again: memory of replaced values is used again. */
      uint64_t used = wp_store_used_bytes(store);
      for (uint64_t i = 0; i < 2000; i++) set_number(&next, map, "after", i);
      CHECK(wp_store_used_bytes(store) - used <= 2 * WP_STORE_CHUNK_BYTES);
    }
    store_end();
    if (!died) break;
  }
  printf("# %llu of the deaths lost more than 64 bytes, at most %llu\n",
         (unsigned long long)deaths_with_loss, (unsigned long long)lost_most);
  CHECK(n > 3000);
}
#endif
