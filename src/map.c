#include "base/point.h"
#include "map_node.h"
#include <stddef.h>

enum { LOAD_LEAST = 3 };
static const wp_key NO_KEY = {NULL, 0}; /* of a bucket's wp_map_node */

/* Two neighbours in the list: where something would be put between. */
typedef struct place {
  wp_atomic_u32 *link; /* the `next` of the one before */
  uint32_t at;         /* the one behind, 0: none */
} place;

/* FNV-1a, and the last mixing of MurmurHash3, because the low bits choose the bucket. */
static uint32_t hash_of(wp_key key) {
  uint32_t h = 2166136261U;
  for (uint32_t i = 0; i < key.bytes; i++) h = (h ^ key.at[i]) * 16777619U;
  h = (h ^ h >> 16) * 0x85ebca6bU;
  h = (h ^ h >> 13) * 0xc2b2ae35U;
  return h ^ h >> 16;
}

static bool is_key(const wp_map_node *n, uint32_t order, wp_key key) {
  if (n->order != order || n->key_bytes != key.bytes) return false;
  for (uint32_t i = 0; i < key.bytes; i++) {
    if (n->key[i] != key.at[i]) return false;
  }
  return true;
}

/* ---- The list ---- */

/* Takes the dead node behind `link` out. False: the neighbourhood has changed. */
static bool unlink_dead(const wp_access *access, wp_atomic_u32 *link, uint32_t ref) {
  wp_map_node *n = wp__map_node(access->store, ref);
  WP_POINT("map.mark");
  uint32_t next = wp_atomic_fetch_or_seq_u32(&n->next, WP_MAP_MARK) & ~WP_MAP_MARK, expected = ref;
  WP_POINT("map.unlink");
  if (!wp_atomic_cas_seq_u32(link, &expected, next)) return false;
  wp_store_retire(access, ref);
  return true;
}

/* Looks behind the node `from` for the key, or, if key.at is NULL, for the bucket's node with this order. True: it is at place->at.
 * False: it belongs at that place. Nodes of one order stand behind each other, and a new one behind all of them, so that two threads
 * with one key want the same place. */
static bool find(const wp_access *access, uint32_t from, uint32_t order, wp_key key, place *p) {
  wp_store *store = access->store;
again:
  p->link = &wp__map_node(store, from)->next;
  p->at = wp_atomic_load_seq_u32(p->link);
  while (p->at) {
    wp_map_node *n = wp__map_node(store, p->at);
    uint32_t next = wp_atomic_load_seq_u32(&n->next);
    if ((next & WP_MAP_MARK) || !wp_atomic_load_seq_u32(&n->value)) {
      if (!unlink_dead(access, p->link, p->at)) goto again;
      p->at = wp_atomic_load_seq_u32(p->link);
      if (p->at & WP_MAP_MARK) goto again;
      continue;
    }
    if (n->order > order) return false;
    if (n->order == order && (key.at ? is_key(n, order, key) : true)) return true;
    p->link = &n->next;
    p->at = next;
  }
  return false;
}

/* Puts the node at its place. False: the place has changed. */
static bool insert(const wp_access *access, place p, uint32_t ref, int hand) {
  /* no point: nobody knows the node yet */
  wp_atomic_store_relaxed_u32(&wp__map_node(access->store, ref)->next, p.at);
  wp_store_let_go(access, hand);
  WP_POINT("map.insert");
  if (wp_atomic_cas_seq_u32(p.link, &p.at, ref)) return true;
  wp_store_hold(access, hand, ref);
  return false;
}

static uint32_t node_new(const wp_access *access, uint32_t order, wp_key key, int hand) {
  uint32_t ref = wp_store_take(access, (uint32_t)sizeof(wp_map_node) + key.bytes, hand);
  if (!ref) return 0;
  wp_map_node *n = wp__map_node(access->store, ref);
  n->order = order;
  n->key_bytes = key.at ? key.bytes : WP_MAP_BUCKET;
  if (key.bytes) __builtin_memcpy(n->key, key.at, key.bytes);
  return ref;
}

/* ---- Buckets ---- */

/* Where a bucket's reference stands; NULL: there is no memory for it. */
static wp_atomic_u32 *bucket_word(const wp_access *access, wp_map *map, uint32_t bucket) {
  if (!bucket) return &map->parts[0];
  uint32_t log = 32 - (uint32_t)__builtin_clz(bucket), bytes = 4U << (log - 1);
  uint32_t part = wp_atomic_load_seq_u32(&map->parts[log]);
  if (!part) {
    uint32_t made = wp_store_take(access, bytes, WP_HAND_SPARE);
    if (!made) return NULL;
    __builtin_memset(wp_store_at(access->store, made), 0, bytes);
    wp_store_let_go(access, WP_HAND_SPARE);
    WP_POINT("map.part");
    if (wp_atomic_cas_seq_u32(&map->parts[log], &part, made)) {
      part = made;
    } else {
      wp_store_give(access, made, WP_HAND_SPARE);
    }
  }
  return (wp_atomic_u32 *)wp_store_at(access->store, part) + (bucket - (1U << (log - 1)));
}

/* The node at which to begin for a hash. A bucket that has none gets it, behind that of the bucket it was split from. Without memory the
 * search begins further to the left, which takes longer. */
static uint32_t start_of(const wp_access *access, wp_map *map, uint32_t hash) {
  uint32_t log = wp_atomic_load_seq_u32(&map->log);
  uint32_t bucket = log ? hash & (UINT32_MAX >> (32 - log)) : 0, from, level = log;
  /* To the left until there is a node: clears the highest bit of the bucket's number again and again. */
  for (;;) {
    wp_atomic_u32 *word = bucket_word(access, map, bucket);
    if (word && (from = wp_atomic_load_seq_u32(word))) break;
    level = 31 - (uint32_t)__builtin_clz(bucket);
    bucket ^= 1U << level;
  }
  /* And to the right again. */
  while (level < log) {
    uint32_t child = bucket | (hash & (1U << level));
    level++;
    if (child == bucket) continue;
    wp_atomic_u32 *word = bucket_word(access, map, child);
    if (!word) return from;
    uint32_t known = wp_atomic_load_seq_u32(word);
    if (!known) {
      place p;
      uint32_t order = wp__map_reversed(child), ref = 0;
      while (!find(access, from, order, NO_KEY, &p)) {
        if (!ref && !(ref = node_new(access, order, NO_KEY, WP_HAND_SPARE))) return from;
        /* no point: nobody knows it */
        wp_atomic_store_relaxed_u32(&wp__map_node(access->store, ref)->value, WP_MAP_UNKEYED);
        if (!insert(access, p, ref, WP_HAND_SPARE)) continue;
        p.at = ref;
        ref = 0;
        break;
      }
      if (ref) wp_store_give(access, ref, WP_HAND_SPARE); /* another thread was faster */
      known = p.at;
      WP_POINT("map.bucket");
      wp_atomic_store_seq_u32(word, known);
    }
    from = known;
    bucket = child;
  }
  return from;
}

/* ---- Counting ---- */

static void count(wp_map *map, bool more) {
  const uint64_t change = UINT64_C(1) << 32;
  WP_POINT("map.count");
  uint64_t before = wp_atomic_fetch_add_seq_u64(&map->count, more ? change + 1 : change - 1);
  uint32_t log = wp_atomic_load_relaxed_u32(&map->log);
  uint32_t keys = (uint32_t)before;
  if (!more || keys > INT32_MAX || log == WP_MAP_LOG_MOST || keys < (uint32_t)WP_MAP_LOAD << log)
    return;
  WP_POINT("map.grow");
  wp_atomic_cas_seq_u32(&map->log, &log, log + 1);
}

/* ---- The calls ---- */

/* No points: nobody knows the map yet. */
uint32_t wp_map_new(const wp_access *access) {
  uint32_t ref = wp_store_take(access, sizeof(wp_map), WP_HAND_NODE);
  if (!ref) return 0;
  wp_map *map = wp__map_at(access->store, ref);
  __builtin_memset(map, 0, sizeof *map);
  uint32_t first = node_new(access, 0, NO_KEY, WP_HAND_SPARE);
  if (!first) {
    wp_store_give(access, ref, WP_HAND_NODE);
    return 0;
  }
  wp_atomic_store_relaxed_u32(&wp__map_node(access->store, first)->next, 0);
  wp_atomic_store_relaxed_u32(&wp__map_node(access->store, first)->value, WP_MAP_UNKEYED);
  wp_atomic_store_relaxed_u32(&map->log, LOAD_LEAST);
  wp_atomic_store_relaxed_u32(&map->parts[0], first);
  wp_store_let_go(access, WP_HAND_SPARE);
  return ref;
}

void wp_map_drop(const wp_access *access, uint32_t ref) {
  wp_map *map = wp__map_at(access->store, ref);
  uint32_t at = wp_atomic_load_seq_u32(&map->parts[0]);
  while (at) {
    wp_map_node *n = wp__map_node(access->store, at);
    uint32_t next = wp_atomic_load_seq_u32(&n->next) & ~WP_MAP_MARK;
    uint32_t value = wp_atomic_load_seq_u32(&n->value);
    if (value > WP_MAP_UNKEYED) wp_store_give(access, value, WP_HAND_SPARE);
    wp_store_give(access, at, WP_HAND_SPARE);
    at = next;
  }
  for (uint32_t log = 1; log <= WP_MAP_LOG_MOST; log++) {
    uint32_t part = wp_atomic_load_seq_u32(&map->parts[log]);
    if (part) wp_store_give(access, part, WP_HAND_SPARE);
  }
  wp_store_give(access, ref, WP_HAND_NODE);
}

uint32_t wp_map_value_new(const wp_access *access, uint32_t bytes, uint8_t type, uint8_t aux) {
  if (bytes > UINT32_MAX / 4) return 0;
  uint32_t ref = wp_store_take(access, (uint32_t)sizeof(wp_shared_value) + bytes, WP_HAND_VALUE);
  if (ref) *wp_map_value_at(access->store, ref) = (wp_shared_value){bytes, type, aux, 0};
  return ref;
}

/* Looks for the key from its bucket on. */
static bool find_key(const wp_access *access, wp_map *map, uint32_t hash, wp_key key, place *p) {
  return find(access, start_of(access, map, hash), wp__map_reversed(hash) | 1, key, p);
}

uint32_t wp_map_find(const wp_access *access, uint32_t ref, wp_key key) {
  place p;
  if (!find_key(access, wp__map_at(access->store, ref), hash_of(key), key, &p)) return 0;
  return wp_atomic_load_seq_u32(&wp__map_node(access->store, p.at)->value);
}

/* Gives an existing node another value, or, if `keeps`, leaves it. False: the node has died. */
static bool replace(const wp_access *access, uint32_t at, bool keeps, uint32_t *value) {
  wp_map_node *n = wp__map_node(access->store, at);
  uint32_t old = wp_atomic_load_seq_u32(&n->value), mine = *value;
  for (;;) {
    if (!old) return false;
    if (keeps) {
      wp_store_give(access, mine, WP_HAND_VALUE);
      *value = old;
      return true;
    }
    wp_store_let_go(access, WP_HAND_VALUE);
    WP_POINT("map.replace");
    if (wp_atomic_cas_seq_u32(&n->value, &old, mine)) break;
    wp_store_hold(access, WP_HAND_VALUE, mine);
  }
  wp_store_retire(access, old);
  return true;
}

static wp_status put(const wp_access *access, uint32_t ref, wp_key key, bool keeps,
                     uint32_t *value) {
  wp_map *map = wp__map_at(access->store, ref);
  uint32_t hash = hash_of(key), mine = *value, made = 0;
  wp_store_pin(access, ref);
  for (;;) {
    place p;
    bool found = find_key(access, map, hash, key, &p);
    wp_store_hold(access, WP_HAND_VALUE, mine);
    if (found) {
      if (!replace(access, p.at, keeps, value)) continue;
      if (made) wp_store_give(access, made, WP_HAND_NODE);
      break;
    }
    if (!made) {
      made = node_new(access, wp__map_reversed(hash) | 1, key, WP_HAND_NODE);
      if (!made) {
        wp_store_give(access, mine, WP_HAND_VALUE);
        wp_store_unpin(access);
        return WP_E_REGISTRY_FULL;
      }
      /* no point: nobody knows it */
      wp_atomic_store_relaxed_u32(&wp__map_node(access->store, made)->value, mine);
    }
    wp_store_let_go(access, WP_HAND_VALUE);
    if (!insert(access, p, made, WP_HAND_NODE)) continue;
    count(map, true);
    break;
  }
  wp_store_unpin(access);
  return WP_OK;
}

wp_status wp_map_put(const wp_access *access, uint32_t map, wp_key key, uint32_t value) {
  return put(access, map, key, false, &value);
}

wp_status wp_map_put_new(const wp_access *access, uint32_t map, wp_key key, uint32_t value,
                         uint32_t *found) {
  *found = value;
  return put(access, map, key, true, found);
}

/* Takes the value from a node. False: it has none. */
static bool kill_node(const wp_access *access, wp_map *map, wp_map_node *n) {
  uint32_t old = wp_atomic_load_seq_u32(&n->value);
  do {
    if (!old) return false;
    WP_POINT("map.remove");
  } while (!wp_atomic_cas_seq_u32(&n->value, &old, 0));
  wp_store_retire(access, old);
  count(map, false);
  return true;
}

bool wp_map_remove(const wp_access *access, uint32_t ref, wp_key key) {
  wp_map *map = wp__map_at(access->store, ref);
  uint32_t hash = hash_of(key);
  place p;
  wp_store_pin(access, ref);
  bool removed = find_key(access, map, hash, key, &p) &&
                 kill_node(access, map, wp__map_node(access->store, p.at));
  if (removed) find_key(access, map, hash, key, &p); /* unlinks it */
  wp_store_unpin(access);
  return removed;
}

void wp_map_clear(const wp_access *access, uint32_t ref) {
  wp_map *map = wp__map_at(access->store, ref);
  place p;
  wp_store_pin(access, ref);
  for (uint32_t at = 0; (at = wp_map_next(access, ref, at));) {
    wp_key key = wp_map_key(access->store, at);
    if (kill_node(access, map, wp__map_node(access->store, at)))
      find_key(access, map, hash_of(key), key, &p);
  }
  wp_store_unpin(access);
}
