#include "name.h"
#include <string.h>

wp_status wp_name_open(wp_pool *pool, wp_heap *heap) {
  return wp_table_open(&pool->names, heap, sizeof(wp_name), WP_TABLE_RECORDS_MAX);
}

wp_status wp_name_intern(wp_pool *pool, const char *name, uint32_t bytes, uint32_t *id) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->names.capacity);
  /* Linear search: there are few names, and JavaScript caches them in a map. */
  for (uint32_t i = 0; i < capacity; i++) {
    const wp_name *known = wp_table_at(&pool->names, i);
    if (!known->address || known->bytes != bytes) continue;
    if (memcmp((const void *)(uintptr_t)known->address, name, bytes) == 0) {
      *id = i;
      return WP_OK;
    }
  }
  wp_heap *heap = wp_pool_heap(pool, WP_MAIN);
  char *copy = wp_heap_alloc(heap, bytes ? bytes : 1, 0);
  if (!copy) return WP_E_NO_MEMORY;
  wp_status status = wp_table_take(&pool->names, heap, id);
  if (status) {
    wp_heap_free(heap, copy);
    return status;
  }
  memcpy(copy, name, bytes);
  wp_name *record = wp_table_at(&pool->names, *id);
  record->bytes = bytes;
  record->address = (uint64_t)(uintptr_t)copy;
  return WP_OK;
}

bool wp_name_check(const wp_pool *pool) { return wp_table_check(&pool->names, NULL); }
