/*
 * Purpose  A map from keys to values in a store, used by many threads at once: get, put, get or insert, remove, size, keys.
 * Owns     its nodes, its buckets and its values, all of them blocks of the store. A value is a block: length, type, bytes. It never changes;
 *          a new value is a new block, and one compare-and-swap of the node's `value` replaces it, so nobody sees half of one.
 * Threads  any visitors of the store, all at once; no call waits for another one. Linearisable per key. Keys are read in no order; one that
 *          is removed and set again meanwhile may come twice or not at all.
 * Order    One list holds all nodes, in the order of their hashes' bits reversed; each bucket has a node without key there, at which its
 *          part of the list begins. So the number of buckets doubles by one store, and no node ever moves; buckets get their first node
 *          when they are first asked for. (Shalev and Shavit, "Split-ordered lists", JACM 53(3), 2006; the list is Michael's, SPAA 2002.)
 *          Decisive are: for a new key the swap of `next` before it, for an old one that of `value`, for a removal that of `value` to 0.
 *          A node whose value is 0 is dead: whoever meets it marks its `next`, so that nothing is put behind it, and unlinks it.
 * Kill     After each single store the map is whole: a node is in the list or not, has its old value or its new one, is dead or not. What a
 *          dead thread left to do (mark, unlink, a bucket's node) the next one that comes by does. Blocks in its hands come back (store.h).
 *          The count is the one thing that can be wrong, if the thread dies between a decisive swap and its entry in `count`: the visitor's
 *          `doubt` names the word `uncertain`, which is set when its death is known, and the next wp_map_size counts the nodes.
 * See      tests/unit/map_test.c, tests/unit/map_kill_test.c, tests/unit/map_threads_test.c, tests/unit/map_fuzz.h
 */
#ifndef WP_MAP_H
#define WP_MAP_H

#include "store.h"

enum {
  WP_MAP_LOG_MOST = 26,    /* at most 2^26 buckets */
  WP_MAP_LOAD = 2,         /* nodes in a bucket, on average, above which their number doubles */
  WP_MAP_KEY_BYTES = 1024, /* the longest key */
};

typedef struct wp_shared_value {
  uint32_t bytes;
  uint8_t type, aux; /* the writer's; see js/codec/types.js */
  uint16_t reserved;
} wp_shared_value; /* followed by its bytes */

typedef struct wp_map {
  wp_atomic_u32 uncertain; /* first: what a visitor's doubt names */
  wp_atomic_u32 log;       /* 2^log buckets are in use */
  wp_atomic_u64 count;     /* below, of keys; above, how often it changed */
  wp_atomic_u32
      parts[WP_MAP_LOG_MOST +
            1]; /* references of bucket 0's node; of the nodes of buckets 2^(i-1) … 2^i - 1 */
} wp_map;

typedef struct wp_key {
  const uint8_t *at;
  uint32_t bytes; /* at most WP_MAP_KEY_BYTES */
} wp_key;

/* A map without keys, in WP_HAND_NODE; 0: the store is full. */
uint32_t wp_map_new(const wp_access *access);
/* Gives all of a map's memory back that was never published. */
void wp_map_drop(const wp_access *access, uint32_t map);

/* A value that nobody knows yet, in WP_HAND_VALUE, to be filled by the caller; 0: the store is full. */
uint32_t wp_map_value_new(const wp_access *access, uint32_t bytes, uint8_t type, uint8_t aux);
static inline wp_shared_value *wp_map_value_at(const wp_store *store, uint32_t ref) {
  return (wp_shared_value *)wp_store_at(store, ref);
}

/* The value of a key, 0: none. The caller has pinned, and may read it until it unpins. */
uint32_t wp_map_find(const wp_access *access, uint32_t map, wp_key key);
/* Those below pin by themselves.
 * Sets a key to the value in WP_HAND_VALUE, which is no longer the caller's. WP_E_REGISTRY_FULL: the map is as it was. */
wp_status wp_map_put(const wp_access *access, uint32_t map, wp_key key, uint32_t value);
/* The same unless the key has a value: then that remains. *found: the value that the key has now; it may be read only if values of this
 * map are never replaced, or under a pin that the caller adds and a new wp_map_find. */
wp_status wp_map_put_new(const wp_access *access, uint32_t map, wp_key key, uint32_t value,
                         uint32_t *found);
/* Whether the key was there. */
bool wp_map_remove(const wp_access *access, uint32_t map, wp_key key);
/* Removes all keys, one after the other. */
void wp_map_clear(const wp_access *access, uint32_t map);
/* How many keys there are. Exact while nobody changes the map, whoever died before, as soon as the death is known. */
uint32_t wp_map_size(const wp_access *access, uint32_t map);

/* The node of a key behind the given one, 0 to begin with; 0: there is none. The caller has pinned. */
uint32_t wp_map_next(const wp_access *access, uint32_t map, uint32_t node);
wp_key wp_map_key(const wp_store *store, uint32_t node);
/* Its value at this moment; 0: it was removed meanwhile. */
uint32_t wp_map_value(const wp_store *store, uint32_t node);

/* WP_E_BROKEN_INVARIANT if order, marks, buckets or the count are wrong. *bytes: what the map's blocks occupy. Nobody else is there. */
wp_status wp_map_check(const wp_access *access, uint32_t map, uint64_t *bytes);

#endif
