/* Keys, labels, counters. */
#include "registry.h"
#include "store_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static wp_status publish(const wp_access *a, const char *key, uint32_t state, uint32_t *found) {
  return wp_registry_publish(a, key_of(key), key_of(WP_LABEL_COUNTER), WP_SHARED_COUNTER, state,
                             found);
}

TEST(registry_first,
     "The first state of a key stays, with its label, whoever comes later [NC-05 NC-06 NC-21]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1), b = store_visit(2);
  CHECK_EQ(wp_registry_open(&a), WP_OK);
  CHECK_EQ(wp_registry_open(&b), WP_OK);
  CHECK_EQ(wp_registry_find(&a, key_of("k")), 0);
  uint32_t mine = wp_counter_new(&a, 5), other = wp_counter_new(&b, 9), found, again;
  wp_store_let_go(&a, WP_HAND_NODE);
  wp_store_let_go(&b, WP_HAND_NODE);
  CHECK_EQ(publish(&a, "k", mine, &found), WP_OK);
  CHECK_EQ(publish(&b, "k", other, &again), WP_OK);
  CHECK_EQ(again, found);
  CHECK_EQ(wp_registry_find(&b, key_of("k")), found);
  const wp_shared_entry *entry = wp_registry_entry(store, found);
  CHECK_EQ(entry->state, mine);
  CHECK_EQ(entry->label_bytes, strlen(WP_LABEL_COUNTER));
  CHECK(!memcmp(entry + 1, WP_LABEL_COUNTER, strlen(WP_LABEL_COUNTER)));
  store_end();
}

TEST(registry_counter, "A counter has 64 bits and wraps around [NC-16]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  uint32_t c = wp_counter_new(&a, INT64_MAX);
  CHECK_EQ(wp_counter_add(store, c, 1), INT64_MIN);
  CHECK_EQ(wp_counter_set(store, c, -3), INT64_MIN);
  CHECK_EQ(wp_counter_add(store, c, -4), -7);
  CHECK_EQ(wp_counter_get(store, c), -7);
  store_end();
}

TEST(registry_catalogue,
     "A label is entered once; labels and keys that are too long are refused [NC-30 NC-31]") {
  store_make(STORE_LIMIT);
  wp_access a = store_visit(1);
  bool is_new;
  CHECK_EQ(wp_registry_open(&a), WP_OK);
  CHECK_EQ(wp_registry_register(&a, key_of("app.grid"), 2, &is_new), WP_OK);
  CHECK(is_new);
  CHECK_EQ(wp_registry_register(&a, key_of("app.grid"), 3, &is_new), WP_OK);
  CHECK(!is_new);
  static uint8_t long_text[WP_MAP_KEY_BYTES + 1];
  uint32_t found;
  CHECK_EQ(wp_registry_register(&a, (wp_key){long_text, WP_LABEL_BYTES + 1}, 4, &is_new),
           WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_registry_publish(&a, (wp_key){long_text, WP_MAP_KEY_BYTES + 1}, key_of("x"),
                               WP_SHARED_MAP, 8, &found),
           WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_map_size(&a, wp_registry_catalogue(store)), 1);
  CHECK_EQ(wp_map_size(&a, wp_registry_entries(store)), 0);
  store_end();
}

TEST(registry_full, "A full registry refuses a key and keeps what it has [NC-30]") {
  store_make(sizeof(wp_store) + (1 << 20));
  wp_access a = store_visit(1);
  CHECK_EQ(wp_registry_open(&a), WP_OK);
  char key[16];
  uint32_t n = 0, found;
  for (;; n++) {
    snprintf(key, sizeof key, "%u", n);
    if (publish(&a, key, 1000 + n, &found)) break;
  }
  CHECK(n > 1000);
  CHECK_EQ(wp_registry_find(&a, key_of(key)), 0);
  CHECK_EQ(wp_map_size(&a, wp_registry_entries(store)), n);
  for (uint32_t i = 0; i < n; i++) {
    snprintf(key, sizeof key, "%u", i);
    CHECK_EQ(wp_registry_entry(store, wp_registry_find(&a, key_of(key)))->state, 1000 + i);
  }
  store_end();
}
