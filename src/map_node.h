/*
 * Purpose  A map's nodes, for its own files.
 * Owns     nothing
 * Threads  as in map.h
 * Kill     as in map.h
 * See      map.h
 */
#ifndef WP_MAP_NODE_H
#define WP_MAP_NODE_H

#include "map.h"

enum { WP_MAP_BUCKET = UINT16_MAX /* a node of a bucket: it has no key */ };
static const uint32_t WP_MAP_MARK = 1;    /* in `next`: the node is being unlinked */
static const uint32_t WP_MAP_UNKEYED = 1; /* the value of a bucket's node, which is no reference */

typedef struct wp_map_node {
  wp_atomic_u32 next, value;
  uint32_t
      order; /* the bits of the key's hash, reversed; odd with a key, even in a bucket's node */
  uint32_t key_bytes;
  uint8_t key[];
} wp_map_node;

static inline wp_map_node *wp__map_node(const wp_store *store, uint32_t ref) {
  return (wp_map_node *)wp_store_at(store, ref);
}

static inline wp_map *wp__map_at(const wp_store *store, uint32_t ref) {
  return (wp_map *)wp_store_at(store, ref);
}

static inline uint32_t wp__map_reversed(uint32_t x) {
  x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
  x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
  x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
  return __builtin_bswap32(x);
}

#endif
