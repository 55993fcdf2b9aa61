/* Shared state for C tasks that are linked with the core: it lies in the registry's memory, which this thread's instance of the registry
 * reaches (js/registry/c-tasks.js). */
#include "type.h"
#include "wasmpool.h"

/* What js/registry/c-tasks.js does. */
enum call { OPEN_COUNTER, OPEN_MAP, ADD, SET, GET, REMOVE };

/* data, type, bytes: see there. Implemented in wasm/library.js. */
extern int wp_js_shared(int call, const char *key, uint32_t state, uint32_t type, void *data,
                        void *bytes);

enum { COUNTER = 1, MAP = 2 }; /* enum wp_shared_kind */

wp_status wp_shared_counter(wp_task *task, const char *key, int64_t initial, wp_shared *counter) {
  (void)task;
  counter->kind = COUNTER;
  return key ? wp_js_shared(OPEN_COUNTER, key, 0, 0, &initial, &counter->state)
             : WP_E_INVALID_ARGUMENT;
}

wp_status wp_shared_map(wp_task *task, const char *key, wp_shared *map) {
  (void)task;
  map->kind = MAP;
  return key ? wp_js_shared(OPEN_MAP, key, 0, 0, NULL, &map->state) : WP_E_INVALID_ARGUMENT;
}

wp_status wp_shared_add(wp_task *task, wp_shared counter, int64_t n, int64_t *sum) {
  (void)task;
  if (counter.kind != COUNTER) return WP_E_INVALID_ARGUMENT;
  wp_status status = wp_js_shared(ADD, NULL, counter.state, 0, &n, NULL);
  if (!status && sum) *sum = n;
  return status;
}

wp_status wp_shared_set(wp_task *task, wp_shared map, const char *key, uint32_t type,
                        const void *data, size_t bytes) {
  (void)task;
  bool right = map.kind == MAP && key && (data || !bytes) && wp_type_holds(type, bytes);
  return right ? wp_js_shared(SET, key, map.state, type, (void *)(uintptr_t)data, &bytes)
               : WP_E_INVALID_ARGUMENT;
}

wp_status wp_shared_get(wp_task *task, wp_shared map, const char *key, uint32_t *type, void *data,
                        size_t *bytes) {
  (void)task;
  if (map.kind != MAP || !key) return WP_E_INVALID_ARGUMENT;
  uint32_t found[2] = {0, (uint32_t)*bytes}; /* type, length: in the room, out the length */
  wp_status status = wp_js_shared(GET, key, map.state, 0, data, found);
  *type = found[0];
  *bytes = found[1];
  return status;
}

wp_status wp_shared_remove(wp_task *task, wp_shared map, const char *key) {
  (void)task;
  return map.kind == MAP && key ? wp_js_shared(REMOVE, key, map.state, 0, NULL, NULL)
                                : WP_E_INVALID_ARGUMENT;
}
