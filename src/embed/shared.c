/* Shared state natively: each pool has a store of its own, made by the first task that asks for one. */
#include "embed/embed.h"
#include "registry.h"
#include "task_side.h"
#include "type.h"
#include <string.h>

/* A choice; address space only. */
static const uint64_t LIMIT_BYTES = UINT64_C(1) << 30;

/* Threads that make it at once each make one; one of them stays. No points: nobody knows it before. */
static wp_store *store_of(const wp_pool *pool) {
  wp_atomic_u64 *word = &pool->embedder->shared;
  uint64_t known = wp_atomic_load_seq_u64(word);
  if (known) return (wp_store *)(uintptr_t)known;
  wp_region region;
  if (wp_port_region_open(&region, LIMIT_BYTES)) return NULL;
  if (!wp_port_region_extend(&region, sizeof(wp_store)) &&
      !wp_store_open((wp_store *)(void *)region.base, LIMIT_BYTES) &&
      wp_atomic_cas_seq_u64(word, &known, (uintptr_t)region.base)) {
    return (wp_store *)(void *)region.base;
  }
  wp_port_region_close(&region);
  return (wp_store *)(uintptr_t)known;
}

void wp__embed_shared_bury(const wp_pool *pool, uint32_t thread) {
  uint64_t known = wp_atomic_load_seq_u64(&pool->embedder->shared);
  if (known) wp_store_bury((wp_store *)(uintptr_t)known, thread + 1);
}

void wp__embed_shared_close(wp_embedder *embedder) {
  wp_region region = {(uint8_t *)(uintptr_t)wp_atomic_load_seq_u64(&embedder->shared), LIMIT_BYTES};
  wp_port_region_close(&region);
}

/* The visitor of the thread that runs the task. What a stop has cut off in an earlier task is put right. */
static wp_status enter(const wp_task *task, wp_access *access) {
  wp_store *store = store_of(task->pool);
  if (!store) return WP_E_NO_MEMORY;
  uint32_t tag = task->self + 1;
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    if (wp_atomic_load_relaxed_u32(&store->owners[i]) != tag) continue;
    *access = (wp_access){store, &store->visitors[i]};
    if (wp_atomic_load_relaxed_u32(&access->visitor->pinned)) wp_store_adopt(store, i);
    return wp_registry_open(access);
  }
  wp_status status = wp_store_enter(store, tag, access);
  return status ? status : wp_registry_open(access);
}

static wp_status key_of(const char *text, wp_key *key) {
  size_t bytes = text ? strlen(text) : SIZE_MAX;
  if (!text) return WP_E_INVALID_ARGUMENT;
  if (bytes > WP_MAP_KEY_BYTES) return WP_E_TOO_LARGE;
  *key = (wp_key){(const uint8_t *)text, (uint32_t)bytes};
  return WP_OK;
}

/* What a key of the registry leads to, if it is of this kind. */
static wp_status known_as(const wp_store *store, uint32_t found, uint32_t kind, wp_shared *shared) {
  if (wp_map_value_at(store, found)->type != kind) return WP_E_ALREADY_HOLDS;
  *shared = (wp_shared){kind, wp_registry_entry(store, found)->state};
  return WP_OK;
}

static wp_status open_state(wp_task *task, const char *text, uint32_t kind, int64_t initial,
                            wp_shared *shared) {
  wp_access a;
  wp_key key, label;
  const char *name = kind == WP_SHARED_MAP ? WP_LABEL_MAP : WP_LABEL_COUNTER;
  wp_status status = key_of(text, &key);
  if (!status) status = key_of(name, &label);
  if (!status) status = enter(task, &a);
  if (status) return status;
  uint32_t found = wp_registry_find(&a, key);
  if (found) return known_as(a.store, found, kind, shared);
  uint32_t made = kind == WP_SHARED_MAP ? wp_map_new(&a) : wp_counter_new(&a, initial);
  if (!made) return WP_E_REGISTRY_FULL;
  wp_store_let_go(&a, WP_HAND_NODE);
  status = wp_registry_publish(&a, key, label, kind, made, &found);
  if (status || wp_registry_entry(a.store, found)->state != made) {
    if (kind == WP_SHARED_MAP)
      wp_map_drop(&a, made);
    else
      wp_store_give(&a, made, WP_HAND_NODE);
  }
  return status ? status : known_as(a.store, found, kind, shared);
}

wp_status wp_shared_counter(wp_task *task, const char *key, int64_t initial, wp_shared *counter) {
  return open_state(task, key, WP_SHARED_COUNTER, initial, counter);
}

wp_status wp_shared_map(wp_task *task, const char *key, wp_shared *map) {
  return open_state(task, key, WP_SHARED_MAP, 0, map);
}

wp_status wp_shared_add(wp_task *task, wp_shared counter, int64_t n, int64_t *sum) {
  wp_store *store = store_of(task->pool);
  if (!store || counter.kind != WP_SHARED_COUNTER) return WP_E_INVALID_ARGUMENT;
  int64_t after = wp_counter_add(store, counter.state, n);
  if (sum) *sum = after;
  return WP_OK;
}

/* The start of a call for a key of a map. */
static wp_status enter_map(const wp_task *task, wp_shared map, const char *text, wp_access *access,
                           wp_key *key) {
  if (map.kind != WP_SHARED_MAP) return WP_E_INVALID_ARGUMENT;
  wp_status status = key_of(text, key);
  return status ? status : enter(task, access);
}

wp_status wp_shared_set(wp_task *task, wp_shared map, const char *text, uint32_t type,
                        const void *data, size_t bytes) {
  wp_access a;
  wp_key key;
  if ((bytes && !data) || !wp_type_holds(type, bytes)) return WP_E_INVALID_ARGUMENT;
  wp_status status = enter_map(task, map, text, &a, &key);
  if (status) return status;
  uint32_t value = bytes > UINT32_MAX ? 0 : wp_map_value_new(&a, (uint32_t)bytes, (uint8_t)type, 0);
  if (!value) return WP_E_REGISTRY_FULL;
  if (bytes) memcpy(wp_map_value_at(a.store, value) + 1, data, bytes);
  return wp_map_put(&a, map.state, key, value);
}

wp_status wp_shared_get(wp_task *task, wp_shared map, const char *text, uint32_t *type, void *data,
                        size_t *bytes) {
  wp_access a;
  wp_key key;
  wp_status status = enter_map(task, map, text, &a, &key);
  if (status) return status;
  size_t room = *bytes;
  *bytes = 0;
  *type = WP_TYPE_UNDEFINED;
  wp_store_pin(&a, 0);
  uint32_t found = wp_map_find(&a, map.state, key);
  if (found) {
    const wp_shared_value *value = wp_map_value_at(a.store, found);
    *bytes = value->bytes;
    *type = value->type;
    if (value->bytes > room)
      status = WP_E_TOO_LARGE;
    else if (value->bytes)
      memcpy(data, value + 1, value->bytes);
  }
  wp_store_unpin(&a);
  return status;
}

wp_status wp_shared_remove(wp_task *task, wp_shared map, const char *text) {
  wp_access a;
  wp_key key;
  wp_status status = enter_map(task, map, text, &a, &key);
  if (!status) wp_map_remove(&a, map.state, key);
  return status;
}
