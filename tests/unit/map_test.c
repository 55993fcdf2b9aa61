/* One thread's view of the map, growth, a full store. */
#include "store_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

TEST(map_keeps,
     "A map gives back what was set, forgets what was removed, and counts its keys [NC-17]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  uint32_t map = wp_map_new(&a);
  wp_store_let_go(&a, WP_HAND_NODE);
  CHECK_EQ(get_number(&a, map, "a"), UINT64_MAX);
  CHECK_EQ(set_number(&a, map, "a", 1), WP_OK);
  CHECK_EQ(set_number(&a, map, "", 2), WP_OK);
  CHECK_EQ(set_number(&a, map, "a", 3), WP_OK);
  CHECK_EQ(get_number(&a, map, "a"), 3);
  CHECK_EQ(get_number(&a, map, ""), 2);
  CHECK_EQ(wp_map_size(&a, map), 2);
  CHECK(wp_map_remove(&a, map, key_of("a")));
  CHECK(!wp_map_remove(&a, map, key_of("a")));
  CHECK_EQ(get_number(&a, map, "a"), UINT64_MAX);
  CHECK_EQ(wp_map_size(&a, map), 1);
  CHECK_EQ(lost_bytes(&a, map), 0);
  store_end();
}

TEST(map_new_only, "put_new leaves a value that is there [NC-17]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  uint32_t map = wp_map_new(&a), found;
  wp_store_let_go(&a, WP_HAND_NODE);
  uint32_t first = wp_map_value_new(&a, 8, 1, 0);
  CHECK_EQ(wp_map_put_new(&a, map, key_of("k"), first, &found), WP_OK);
  CHECK_EQ(found, first);
  uint32_t second = wp_map_value_new(&a, 8, 2, 0);
  CHECK_EQ(wp_map_put_new(&a, map, key_of("k"), second, &found), WP_OK);
  CHECK_EQ(found, first);
  CHECK_EQ(lost_bytes(&a, map), 0);
  store_end();
}

TEST(map_many, "100,000 keys of many lengths are all found, once each by a walk, and gone after "
               "clear [NC-17]") {
  enum { N = 100000 };
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  uint32_t map = wp_map_new(&a);
  wp_store_let_go(&a, WP_HAND_NODE);
  char key[64];
  for (uint64_t i = 0; i < N; i++) {
    snprintf(key, sizeof key, "%*d", (int)(i % 40), (int)i);
    CHECK_EQ(set_number(&a, map, key, i), WP_OK);
  }
  CHECK_EQ(wp_map_size(&a, map), N);
  for (uint64_t i = 0; i < N; i++) {
    snprintf(key, sizeof key, "%*d", (int)(i % 40), (int)i);
    CHECK_EQ(get_number(&a, map, key), i);
  }
  uint64_t sum = 0, n = 0;
  wp_store_pin(&a, 0);
  for (uint32_t at = 0; (at = wp_map_next(&a, map, at));) {
    uint64_t number;
    memcpy(&number, wp_map_value_at(store, wp_map_value(store, at)) + 1, sizeof number);
    sum += number;
    n++;
  }
  wp_store_unpin(&a);
  CHECK_EQ(n, N);
  CHECK_EQ(sum, (uint64_t)N * (N - 1) / 2);
  CHECK_EQ(lost_bytes(&a, map) / 8 > wp_store_used_bytes(store) / WP_STORE_CHUNK_BYTES, 0);
  wp_map_clear(&a, map);
  CHECK_EQ(wp_map_size(&a, map), 0);
  CHECK_EQ(wp_map_next(&a, map, 0), 0);
  store_end();
}

TEST(map_full, "A full store refuses keys and leaves nothing half done; what was given back serves "
               "again [NC-30]") {
  store_make(sizeof(wp_store) + (1 << 20));
  wp_access a = store_visit(1);
  uint32_t map = wp_map_new(&a);
  wp_store_let_go(&a, WP_HAND_NODE);
  char key[32];
  int n = 0;
  for (;; n++) {
    snprintf(key, sizeof key, "key %d", n);
    if (set_number(&a, map, key, (uint64_t)n)) break;
  }
  CHECK(n > 1000);
  CHECK_EQ(wp_map_size(&a, map), n);
  CHECK_EQ(get_number(&a, map, key), UINT64_MAX);
  CHECK(lost_bytes(&a, map) < 1024);
  for (int i = 0; i < n; i++) {
    snprintf(key, sizeof key, "key %d", i);
    CHECK_EQ(get_number(&a, map, key), i);
  }
  for (int round = 0; round < 20;
       round++) { /* a new value needs memory while the old one still counts */
    for (int i = 0; i < n / 2; i++) {
      snprintf(key, sizeof key, "key %d", i);
      wp_map_remove(&a, map, key_of(key));
    }
    for (int i = 0; i < n / 4; i++) {
      snprintf(key, sizeof key, "key %d", i);
      CHECK_EQ(set_number(&a, map, key, (uint64_t)i), WP_OK);
    }
  }
  CHECK(lost_bytes(&a, map) < 1024);
  store_end();
}

TEST(map_bounded,
     "Values that are replaced for ever need no more memory than a few hundred of them [NC-17]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  uint32_t map = wp_map_new(&a);
  wp_store_let_go(&a, WP_HAND_NODE);
  for (uint64_t i = 0; i < 100000; i++) CHECK_EQ(set_number(&a, map, "k", i), WP_OK);
  CHECK(wp_store_used_bytes(store) - store_start <= 2 * WP_STORE_CHUNK_BYTES);
  static uint8_t large[1 << 20];
  for (uint64_t i = 0; i < 300; i++)
    CHECK_EQ(set_bytes(&a, map, "large", large, sizeof large), WP_OK);
  CHECK(wp_store_used_bytes(store) - store_start <= 10 << 20);
  CHECK_EQ(lost_bytes(&a, map) / 8 > 2, 0);
  store_end();
}
