/* Hosts other than JavaScript have no memory for it yet. */
#include "embed/embed.h"

wp_status wp_shared_counter(wp_task *task, const char *key, int64_t initial, wp_shared *counter) {
  (void)task, (void)key, (void)initial, (void)counter;
  return WP_E_UNSUPPORTED;
}

wp_status wp_shared_map(wp_task *task, const char *key, wp_shared *map) {
  (void)task, (void)key, (void)map;
  return WP_E_UNSUPPORTED;
}

wp_status wp_shared_add(wp_task *task, wp_shared counter, int64_t n, int64_t *sum) {
  (void)task, (void)counter, (void)n, (void)sum;
  return WP_E_UNSUPPORTED;
}

wp_status wp_shared_set(wp_task *task, wp_shared map, const char *key, uint32_t type,
                        const void *data, size_t bytes) {
  (void)task, (void)map, (void)key, (void)type, (void)data, (void)bytes;
  return WP_E_UNSUPPORTED;
}

wp_status wp_shared_get(wp_task *task, wp_shared map, const char *key, uint32_t *type, void *data,
                        size_t *bytes) {
  (void)task, (void)map, (void)key, (void)type, (void)data, (void)bytes;
  return WP_E_UNSUPPORTED;
}

wp_status wp_shared_remove(wp_task *task, wp_shared map, const char *key) {
  (void)task, (void)map, (void)key;
  return WP_E_UNSUPPORTED;
}

void wp__embed_shared_bury(const wp_pool *pool, uint32_t thread) { (void)pool, (void)thread; }

void wp__embed_shared_close(wp_embedder *embedder) { (void)embedder; }
