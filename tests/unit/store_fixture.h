/* A store of a test's own, and a map in it. */
#ifndef WP_STORE_FIXTURE_H
#define WP_STORE_FIXTURE_H

#include "map.h"
#include "port/port.h"
#include "test.h"

enum { STORE_LIMIT = 64 << 20 };

static wp_region store_region;
static wp_store *store;
static uint64_t store_start; /* bytes in use when it was opened */

static inline void store_make(uint64_t limit) {
  if (wp_port_region_open(&store_region, limit) ||
      wp_port_region_extend(&store_region, sizeof(wp_store))) {
    abort();
  }
  store = (wp_store *)(void *)store_region.base;
  if (wp_store_open(store, store_region.limit_bytes)) abort();
  store_start = wp_store_used_bytes(store);
}

static inline void store_end(void) { wp_port_region_close(&store_region); }

static inline wp_access store_visit(uint32_t tag) {
  wp_access access = {NULL, NULL};
  if (wp_store_enter(store, tag, &access)) abort();
  return access;
}

static inline wp_key key_of(const char *text) {
  return (wp_key){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static inline wp_status set_bytes(const wp_access *access, uint32_t map, const char *key,
                                  const void *bytes, uint32_t n) {
  uint32_t value = wp_map_value_new(access, n, 0, 0);
  if (!value) return WP_E_REGISTRY_FULL;
  memcpy(wp_map_value_at(store, value) + 1, bytes, n);
  return wp_map_put(access, map, key_of(key), value);
}

static inline wp_status set_number(const wp_access *access, uint32_t map, const char *key,
                                   uint64_t number) {
  return set_bytes(access, map, key, &number, sizeof number);
}

/* UINT64_MAX: the key has no value. */
static inline uint64_t get_number(const wp_access *access, uint32_t map, const char *key) {
  uint64_t number = UINT64_MAX;
  wp_store_pin(access, 0);
  uint32_t value = wp_map_find(access, map, key_of(key));
  if (value) memcpy(&number, wp_map_value_at(store, value) + 1, sizeof number);
  wp_store_unpin(access);
  return number;
}

/* Bytes that are neither in the map, nor free, nor lost to use: what deaths have lost. */
static inline uint64_t lost_bytes(const wp_access *access, uint32_t map) {
  uint64_t in_map = 0;
  if (wp_map_check(access, map, &in_map)) return UINT64_MAX;
  return wp_store_used_bytes(store) - store_start - in_map - wp_store_free_bytes(store);
}

#endif
