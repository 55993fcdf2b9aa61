/*
 * Purpose  Shared state by name: a key leads to a type label and a state. The first to ask for a key publishes its state, all others get
 *          that one. And the catalogue: the labels of all types that may be shared.
 * Owns     two maps in the store: the entries, and the catalogue. An entry's value is a wp_shared_entry followed by its label; it is never
 *          replaced or removed, so it may be read without a pin.
 * Threads  any visitors, all at once
 * Order    an entry is published by one swap in its map, after all that it refers to
 * Kill     The registry's own two maps are made by the first that asks; of several that make one, one is kept. A thread that dies before it
 *          has published an entry leaves nothing that anybody could find: of the state that it had made, what no hand held is lost.
 * See      tests/unit/registry_test.c, docs/shared.md
 */
#ifndef WP_REGISTRY_H
#define WP_REGISTRY_H

#include "counter.h"
#include "map.h"

enum { WP_LABEL_BYTES = 128 }; /* the longest label of a type */

/* What a state is, so that C and JavaScript agree; types that users register are WP_SHARED_PARTS: text that lists their parts. */
enum wp_shared_kind { WP_SHARED_COUNTER = 1, WP_SHARED_MAP = 2, WP_SHARED_PARTS = 3 };

#define WP_LABEL_COUNTER "std:collections.counter"
#define WP_LABEL_MAP "std:collections.map"

/* The value of a key; wp_shared_value.type is its kind. */
typedef struct wp_shared_entry {
  uint32_t state;
  uint32_t label_bytes;
} wp_shared_entry;

/* Makes the two maps unless they are there. The caller then registers the labels that it knows. WP_E_REGISTRY_FULL. */
wp_status wp_registry_open(const wp_access *access);

/* Publishes a state unless the key has one. *found: the value of what the key has now; *found's state tells who won.
 * WP_E_REGISTRY_FULL, WP_E_INVALID_ARGUMENT (a key or label that is too long): nothing has happened. */
wp_status wp_registry_publish(const wp_access *access, wp_key key, wp_key label, uint32_t kind,
                              uint32_t state, uint32_t *found);
/* The value of a key; 0: none. */
uint32_t wp_registry_find(const wp_access *access, wp_key key);
static inline const wp_shared_entry *wp_registry_entry(const wp_store *store, uint32_t found) {
  return (const wp_shared_entry *)(wp_map_value_at(store, found) + 1);
}

/* Enters a label, with a number for the order in which users see labels. False in *is_new: it was there. */
wp_status wp_registry_register(const wp_access *access, wp_key label, uint32_t number,
                               bool *is_new);

/* The map of the entries, the catalogue: for walks. */
static inline uint32_t wp_registry_entries(const wp_store *store) {
  return wp_atomic_load_seq_u32(&store->root[0]);
}
static inline uint32_t wp_registry_catalogue(const wp_store *store) {
  return wp_atomic_load_seq_u32(&store->root[1]);
}

#endif
