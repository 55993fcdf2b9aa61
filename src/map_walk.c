#include "base/point.h"
#include "map_node.h"

uint32_t wp_map_next(const wp_access *access, uint32_t ref, uint32_t at) {
  const wp_store *store = access->store;
  if (!at) at = wp_atomic_load_seq_u32(&wp__map_at(store, ref)->parts[0]);
  while ((at = wp_atomic_load_seq_u32(&wp__map_node(store, at)->next) & ~WP_MAP_MARK)) {
    const wp_map_node *n = wp__map_node(store, at);
    if (n->key_bytes != WP_MAP_BUCKET && wp_atomic_load_seq_u32(&n->value)) return at;
  }
  return 0;
}

wp_key wp_map_key(const wp_store *store, uint32_t at) {
  const wp_map_node *n = wp__map_node(store, at);
  return (wp_key){n->key, n->key_bytes};
}

uint32_t wp_map_value(const wp_store *store, uint32_t at) {
  return wp_atomic_load_seq_u32(&wp__map_node(store, at)->value);
}

uint32_t wp_map_size(const wp_access *access, uint32_t ref) {
  wp_map *map = wp__map_at(access->store, ref);
  wp_store_mend(access);
  uint64_t seen = wp_atomic_load_seq_u64(&map->count);
  if (!wp_atomic_load_seq_u32(&map->uncertain)) return (int32_t)seen < 0 ? 0 : (uint32_t)seen;
  wp_store_pin(access, 0);
  uint32_t keys = 0;
  for (uint32_t at = 0; (at = wp_map_next(access, ref, at));) keys++;
  wp_store_unpin(access);
  /* A call that is under way has pinned, or has changed `count`: then what was counted is an answer, but not to be kept. */
  WP_POINT("map.recount");
  if (wp_store_is_quiet(access) &&
      wp_atomic_cas_seq_u64(&map->count, &seen, ((seen >> 32) + 1) << 32 | keys)) {
    WP_POINT("map.certain");
    wp_atomic_store_seq_u32(&map->uncertain, 0);
  }
  return keys;
}

/* ---- Checking ---- */

/* Whether each bucket's reference leads to its node. Adds what the parts occupy. */
static bool buckets_are_right(const wp_store *store, const wp_map *map, uint64_t *bytes) {
  for (uint32_t log = 1; log <= WP_MAP_LOG_MOST; log++) {
    uint32_t part = wp_atomic_load_seq_u32(&map->parts[log]), n = 1U << (log - 1);
    if (!part) continue;
    *bytes += wp_store_block_bytes(store, part);
    for (uint32_t i = 0; i < n; i++) {
      uint32_t ref = wp_atomic_load_seq_u32((wp_atomic_u32 *)wp_store_at(store, part) + i);
      if (ref && (wp__map_node(store, ref)->key_bytes != WP_MAP_BUCKET ||
                  wp__map_node(store, ref)->order != wp__map_reversed(n + i))) {
        return false;
      }
    }
  }
  return true;
}

wp_status wp_map_check(const wp_access *access, uint32_t ref, uint64_t *bytes) {
  const wp_store *store = access->store;
  const wp_map *map = wp__map_at(store, ref);
  uint32_t keys = 0, order = 0;
  *bytes = wp_store_block_bytes(store, ref);
  if (!buckets_are_right(store, map, bytes)) return WP_E_BROKEN_INVARIANT;
  for (uint32_t at = wp_atomic_load_seq_u32(&map->parts[0]); at;) {
    const wp_map_node *n = wp__map_node(store, at);
    uint32_t next = wp_atomic_load_seq_u32(&n->next), value = wp_atomic_load_seq_u32(&n->value);
    bool is_bucket = n->key_bytes == WP_MAP_BUCKET;
    if (n->order < order || is_bucket != !(n->order & 1) ||
        is_bucket != (value == WP_MAP_UNKEYED) || ((next & WP_MAP_MARK) && value)) {
      return WP_E_BROKEN_INVARIANT;
    }
    order = n->order;
    *bytes += wp_store_block_bytes(store, at);
    if (!is_bucket && value) {
      *bytes += wp_store_block_bytes(store, value);
      keys++;
    }
    at = next & ~WP_MAP_MARK;
  }
  bool is_counted = (uint32_t)wp_atomic_load_seq_u64(&map->count) == keys;
  return is_counted || wp_atomic_load_seq_u32(&map->uncertain) ? WP_OK : WP_E_BROKEN_INVARIANT;
}
