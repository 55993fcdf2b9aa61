#include "registry.h"
#include "base/point.h"

static wp_status open_root(const wp_access *access, wp_atomic_u32 *root) {
  uint32_t known = wp_atomic_load_seq_u32(root);
  if (known) return WP_OK;
  uint32_t made = wp_map_new(access);
  if (!made) return WP_E_REGISTRY_FULL;
  wp_store_let_go(access, WP_HAND_NODE);
  WP_POINT("registry.root");
  if (!wp_atomic_cas_seq_u32(root, &known, made)) wp_map_drop(access, made);
  return WP_OK;
}

wp_status wp_registry_open(const wp_access *access) {
  wp_store *store = access->store;
  wp_status status = open_root(access, &store->root[1]);
  return status ? status : open_root(access, &store->root[0]);
}

wp_status wp_registry_publish(const wp_access *access, wp_key key, wp_key label, uint32_t kind,
                              uint32_t state, uint32_t *found) {
  if (key.bytes > WP_MAP_KEY_BYTES || label.bytes > WP_LABEL_BYTES) return WP_E_INVALID_ARGUMENT;
  uint32_t value =
      wp_map_value_new(access, (uint32_t)sizeof(wp_shared_entry) + label.bytes, (uint8_t)kind, 0);
  if (!value) return WP_E_REGISTRY_FULL;
  wp_shared_entry *entry = (wp_shared_entry *)(wp_map_value_at(access->store, value) + 1);
  *entry = (wp_shared_entry){state, label.bytes};
  __builtin_memcpy(entry + 1, label.at, label.bytes);
  return wp_map_put_new(access, wp_registry_entries(access->store), key, value, found);
}

uint32_t wp_registry_find(const wp_access *access, wp_key key) {
  wp_store_pin(access, 0);
  uint32_t found = wp_map_find(access, wp_registry_entries(access->store), key);
  wp_store_unpin(access);
  return found;
}

wp_status wp_registry_register(const wp_access *access, wp_key label, uint32_t number,
                               bool *is_new) {
  if (label.bytes > WP_LABEL_BYTES) return WP_E_INVALID_ARGUMENT;
  uint32_t value = wp_map_value_new(access, sizeof number, 0, 0), found;
  if (!value) return WP_E_REGISTRY_FULL;
  *(uint32_t *)(wp_map_value_at(access->store, value) + 1) = number;
  wp_status status =
      wp_map_put_new(access, wp_registry_catalogue(access->store), label, value, &found);
  *is_new = !status && found == value;
  return status;
}
