#include "shared/shared.h"

#define EXPORT __attribute__((visibility("default")))

static wp_store *the_store(void) { return (wp_store *)(uintptr_t)WP_SHARED_AT; }

static wp_access access_of(uint32_t v) {
  wp_store *store = the_store();
  return (wp_access){store, &store->visitors[v]};
}

/* A key in the visitor's scratch, from `at` on. */
static wp_key key_in(uint32_t v, uint32_t at, uint32_t bytes) {
  return (wp_key){the_store()->visitors[v].scratch + at, bytes};
}

/* The first call of an instance. limit: bytes of the memory's maximum. */
EXPORT int wp_shared_begin(uint32_t v, double limit) {
  wp_access access = access_of(v);
  wp_status status = wp_store_open(access.store, (uint64_t)limit - WP_SHARED_AT);
  wp_store_adopt(access.store, v);
  return status ? status : wp_registry_open(&access);
}

/* Where a visitor's keys lie, and where its stack begins. */
EXPORT uint32_t wp_shared_scratch(uint32_t v) {
  return (uint32_t)(uintptr_t)the_store()->visitors[v].scratch;
}
EXPORT uint32_t wp_shared_stack(uint32_t v) {
  return (uint32_t)(uintptr_t)(the_store()->visitors[v].stack + WP_STORE_STACK_BYTES);
}

/* After a call that JavaScript has cut off by an exception: a stack overflow. */
EXPORT void wp_shared_recover(uint32_t v) { wp_store_adopt(the_store(), v); }

EXPORT void wp_shared_mend(uint32_t v) {
  wp_access access = access_of(v);
  wp_store_mend(&access);
}

/* ---- The registry: the key, then the label, lie in the scratch. Negative: a status. ---- */

EXPORT uint32_t wp_shared_find(uint32_t v, uint32_t key_bytes) {
  wp_access access = access_of(v);
  return wp_registry_find(&access, key_in(v, 0, key_bytes));
}

/* The state that the key has now leads to the value in the first word of the scratch. */
EXPORT int wp_shared_publish(uint32_t v, uint32_t key_bytes, uint32_t label_bytes, uint32_t kind,
                             uint32_t state) {
  wp_access access = access_of(v);
  uint32_t found = 0;
  wp_status status = wp_registry_publish(&access, key_in(v, 0, key_bytes),
                                         key_in(v, key_bytes, label_bytes), kind, state, &found);
  __builtin_memcpy(access.visitor->scratch, &found, sizeof found);
  return status;
}

/* 1: it is new; 0: it was there. */
EXPORT int wp_shared_register(uint32_t v, uint32_t label_bytes, uint32_t number) {
  wp_access access = access_of(v);
  bool is_new;
  wp_status status = wp_registry_register(&access, key_in(v, 0, label_bytes), number, &is_new);
  return status ? status : is_new;
}

EXPORT uint32_t wp_shared_entries(void) { return wp_registry_entries(the_store()); }
EXPORT uint32_t wp_shared_catalogue(void) { return wp_registry_catalogue(the_store()); }

/* ---- Counters: numbers of JavaScript are exact up to 2^53, so there is a second way for the whole ---- */

EXPORT uint32_t wp_shared_counter_new(uint32_t v, int64_t initial) {
  wp_access access = access_of(v);
  uint32_t ref = wp_counter_new(&access, initial);
  wp_store_let_go(&access, WP_HAND_NODE);
  return ref;
}
EXPORT double wp_shared_counter_add(uint32_t ref, double n) {
  return (double)wp_counter_add(the_store(), ref, (int64_t)n);
}
EXPORT double wp_shared_counter_get(uint32_t ref) {
  return (double)wp_counter_get(the_store(), ref);
}
EXPORT int64_t wp_shared_counter_add_whole(uint32_t ref, int64_t n) {
  return wp_counter_add(the_store(), ref, n);
}
EXPORT int64_t wp_shared_counter_get_whole(uint32_t ref) {
  return wp_counter_get(the_store(), ref);
}
EXPORT int64_t wp_shared_counter_set(uint32_t ref, int64_t n) {
  return wp_counter_set(the_store(), ref, n);
}
EXPORT void wp_shared_counter_drop(uint32_t v, uint32_t ref) {
  wp_access access = access_of(v);
  wp_store_give(&access, ref, WP_HAND_NODE);
}

/* ---- Maps: the key lies in the scratch ---- */

EXPORT uint32_t wp_shared_map_new(uint32_t v) {
  wp_access access = access_of(v);
  uint32_t ref = wp_map_new(&access);
  wp_store_let_go(&access, WP_HAND_NODE);
  return ref;
}
EXPORT void wp_shared_map_drop(uint32_t v, uint32_t map) {
  wp_access access = access_of(v);
  wp_map_drop(&access, map);
}

/* For the caller to fill, and to set or to give back. */
EXPORT uint32_t wp_shared_value_new(uint32_t v, uint32_t bytes, uint32_t type, uint32_t aux) {
  wp_access access = access_of(v);
  return wp_map_value_new(&access, bytes, (uint8_t)type, (uint8_t)aux);
}
EXPORT void wp_shared_value_drop(uint32_t v, uint32_t value) {
  wp_access access = access_of(v);
  wp_store_give(&access, value, WP_HAND_VALUE);
}

/* It becomes part of a state. */
EXPORT void wp_shared_keep(uint32_t v) {
  wp_access access = access_of(v);
  wp_store_let_go(&access, WP_HAND_VALUE);
}

EXPORT int wp_shared_map_set(uint32_t v, uint32_t map, uint32_t key_bytes, uint32_t value) {
  wp_access access = access_of(v);
  return wp_map_put(&access, map, key_in(v, 0, key_bytes), value);
}
EXPORT int wp_shared_map_set_number(uint32_t v, uint32_t map, uint32_t key_bytes, uint32_t type,
                                    double number) {
  wp_access access = access_of(v);
  uint32_t value = wp_map_value_new(&access, sizeof number, (uint8_t)type, 0);
  if (!value) return WP_E_REGISTRY_FULL;
  __builtin_memcpy(wp_map_value_at(access.store, value) + 1, &number, sizeof number);
  return wp_map_put(&access, map, key_in(v, 0, key_bytes), value);
}

/* The value that the key has, pinned until wp_shared_unpin; 0: none, and nothing is pinned. */
EXPORT uint32_t wp_shared_map_get(uint32_t v, uint32_t map, uint32_t key_bytes) {
  wp_access access = access_of(v);
  wp_store_pin(&access, 0);
  uint32_t found = wp_map_find(&access, map, key_in(v, 0, key_bytes));
  if (!found) wp_store_unpin(&access);
  return found;
}
/* 1: the value was set; 0: the key has one; negative: a status. */
EXPORT int wp_shared_map_set_new(uint32_t v, uint32_t map, uint32_t key_bytes, uint32_t value) {
  wp_access access = access_of(v);
  uint32_t found;
  wp_status status = wp_map_put_new(&access, map, key_in(v, 0, key_bytes), value, &found);
  return status ? status : found == value;
}
EXPORT int wp_shared_map_has(uint32_t v, uint32_t map, uint32_t key_bytes) {
  uint32_t found = wp_shared_map_get(v, map, key_bytes);
  wp_access access = access_of(v);
  if (found) wp_store_unpin(&access);
  return found != 0;
}
EXPORT int wp_shared_map_remove(uint32_t v, uint32_t map, uint32_t key_bytes) {
  wp_access access = access_of(v);
  return wp_map_remove(&access, map, key_in(v, 0, key_bytes));
}
EXPORT void wp_shared_map_clear(uint32_t v, uint32_t map) {
  wp_access access = access_of(v);
  wp_map_clear(&access, map);
}
EXPORT uint32_t wp_shared_map_size(uint32_t v, uint32_t map) {
  wp_access access = access_of(v);
  return wp_map_size(&access, map);
}

/* A walk, between pin and unpin. */
EXPORT void wp_shared_pin(uint32_t v) {
  wp_access access = access_of(v);
  wp_store_pin(&access, 0);
}
EXPORT void wp_shared_unpin(uint32_t v) {
  wp_access access = access_of(v);
  wp_store_unpin(&access);
}
EXPORT uint32_t wp_shared_map_next(uint32_t v, uint32_t map, uint32_t node) {
  wp_access access = access_of(v);
  return wp_map_next(&access, map, node);
}
EXPORT uint32_t wp_shared_map_value(uint32_t node) { return wp_map_value(the_store(), node); }
EXPORT uint32_t wp_shared_key_at(uint32_t node) {
  return (uint32_t)(uintptr_t)wp_map_key(the_store(), node).at;
}
EXPORT uint32_t wp_shared_key_bytes(uint32_t node) { return wp_map_key(the_store(), node).bytes; }

/* ---- Figures ---- */

EXPORT double wp_shared_used_bytes(void) { return (double)wp_store_used_bytes(the_store()); }
