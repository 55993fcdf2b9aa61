/* A part of wasmpool.h, which includes it: state that threads share by name. */
#ifndef WASMPOOL_SHARED_H
#define WASMPOOL_SHARED_H

/* ---- Shared state: counters and maps by name (docs/shared.md) ----
 * In modules that are linked with the core it is the state that JavaScript's `wasmpool/workers` knows by the same keys, on Node, Bun and Deno.
 * Natively each pool has its own. In other hosts, and in instances of their own: WP_E_UNSUPPORTED. Keys are text in UTF-8.
 * The calls wait for nobody, and a task may be killed in the middle of one. */

/* A counter or a map, for this task and its parts. */
typedef struct wp_shared {
  uint32_t kind, state;
} wp_shared;

/* The state that all threads know by this key; the first call makes it. WP_E_ALREADY_HOLDS: the key has state of another type.
 * WP_E_REGISTRY_FULL. */
wp_status wp_shared_counter(wp_task *task, const char *key, int64_t initial, wp_shared *counter);
wp_status wp_shared_map(wp_task *task, const char *key, wp_shared *map);

/* Adds to a counter; *sum is what it is then. n = 0 reads it. */
wp_status wp_shared_add(wp_task *task, wp_shared counter, int64_t n, int64_t *sum);

/* Sets a key of a map to a value; type: enum wp_type. */
wp_status wp_shared_set(wp_task *task, wp_shared map, const char *key, uint32_t type,
                        const void *data, size_t bytes);
/* Copies a key's value to `data`, where there is room for *bytes. Afterwards *bytes is its length, and *type its type: WP_TYPE_UNDEFINED if the
 * key has none. WP_E_TOO_LARGE: nothing was copied. Values that JavaScript has set may have types above WP_TYPE_LAST. */
wp_status wp_shared_get(wp_task *task, wp_shared map, const char *key, uint32_t *type, void *data,
                        size_t *bytes);
wp_status wp_shared_remove(wp_task *task, wp_shared map, const char *key);

#endif
