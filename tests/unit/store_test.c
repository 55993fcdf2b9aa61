/* Blocks of the store, visitors, epochs. */
#include "store_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

TEST(store_sizes, "Blocks of all sizes are aligned to 8 and do not overlap") {
  enum { N = 400 };
  static uint32_t refs[N], sizes[N];
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  uint64_t seed = 3;
  for (uint32_t i = 0; i < N; i++) {
    sizes[i] = 1 + (uint32_t)(wp_test_random(&seed) % (i % 10 ? 300 : 90000));
    refs[i] = wp_store_take(&a, sizes[i], WP_HAND_NODE);
    CHECK(refs[i] && refs[i] % 8 == 0);
    memset(wp_store_at(store, refs[i]), (int)i, sizes[i]);
  }
  for (uint32_t i = 0; i < N; i++) {
    const uint8_t *bytes = wp_store_at(store, refs[i]);
    for (uint32_t at = 0; at < sizes[i]; at++) CHECK_EQ(bytes[at], (uint8_t)i);
    CHECK(wp_store_block_bytes(store, refs[i]) <= (uint64_t)(sizes[i] + 8) * 5 / 4 + 16);
  }
  store_end();
}

TEST(store_depot, "What one visitor gives back, another one gets, by way of the depot") {
  enum { N = 4000 };
  static uint32_t refs[N];
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1), b = store_visit(2);
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < N; i++) CHECK(refs[i] = wp_store_take(&a, 100, WP_HAND_NODE));
    for (int i = 0; i < N; i++) wp_store_give(&b, refs[i], WP_HAND_NODE);
  }
  CHECK(wp_store_used_bytes(store) - store_start < 2 * N * 112);
  store_end();
}

TEST(store_visitors,
     "There are as many visitors as stated; a dead one's place serves again [NC-30]") {
  store_make(STORE_LIMIT);
  wp_access a;
  for (uint32_t i = 1; i <= WP_STORE_VISITORS; i++) CHECK_EQ(wp_store_enter(store, i, &a), WP_OK);
  CHECK_EQ(wp_store_enter(store, 1000, &a), WP_E_REGISTRY_FULL);
  wp_store_bury(store, 17);
  CHECK_EQ(wp_store_enter(store, 1000, &a), WP_OK);
  CHECK_EQ(wp_store_enter(store, 1001, &a), WP_E_REGISTRY_FULL);
  store_end();
}

TEST(store_epoch,
     "A retired block is not used again while a visitor that was pinned before still is") {
  store_make(STORE_LIMIT);
  wp_access reader = store_visit(1), writer = store_visit(2);
  uint32_t watched = wp_store_take(&writer, 100, WP_HAND_NODE);
  wp_store_let_go(&writer, WP_HAND_NODE);
  wp_store_pin(&reader, 0);
  wp_store_retire(&writer, watched);
  bool came = false;
  for (int i = 0; i < 2000; i++) {
    uint32_t ref = wp_store_take(&writer, 100, WP_HAND_NODE);
    wp_store_let_go(&writer, WP_HAND_NODE);
    CHECK(ref != watched);
    wp_store_retire(&writer, ref);
  }
  wp_store_unpin(&reader);
  for (int i = 0; i < 4000 && !came; i++) {
    uint32_t ref = wp_store_take(&writer, 100, WP_HAND_NODE);
    wp_store_let_go(&writer, WP_HAND_NODE);
    came = ref == watched;
    wp_store_retire(&writer, ref);
  }
  CHECK(came);
  store_end();
}

TEST(store_wrap, "Epochs wrap around [XP-11]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  wp_atomic_store_seq_u32(&store->epoch, UINT32_MAX - 3);
  uint64_t used = 0;
  for (int i = 0; i < 3000; i++) {
    wp_store_pin(&a, 0);
    uint32_t ref = wp_store_take(&a, 1000, WP_HAND_NODE);
    wp_store_let_go(&a, WP_HAND_NODE);
    wp_store_retire(&a, ref);
    wp_store_unpin(&a);
    if (i == 500) used = wp_store_used_bytes(store);
  }
  CHECK(wp_atomic_load_seq_u32(&store->epoch) < 1000);
  CHECK_EQ(wp_store_used_bytes(store), used);
  store_end();
}
