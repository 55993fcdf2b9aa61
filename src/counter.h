/*
 * Purpose  A number of 64 bits that many threads change at once.
 * Owns     a block of the store
 * Threads  any visitors, all at once; each call is one atomic operation. Sums wrap around, as they do in two's complement.
 * Kill     a change has happened or it has not; nothing else is there
 * See      tests/unit/registry_test.c
 */
#ifndef WP_COUNTER_H
#define WP_COUNTER_H

#include "store.h"

/* A counter, in WP_HAND_NODE; 0: the store is full. */
uint32_t wp_counter_new(const wp_access *access, int64_t initial);

static inline wp_atomic_u64 *wp_counter_at(const wp_store *store, uint32_t ref) {
  return (wp_atomic_u64 *)wp_store_at(store, ref);
}

/* The value after the addition. */
int64_t wp_counter_add(const wp_store *store, uint32_t ref, int64_t n);
int64_t wp_counter_get(const wp_store *store, uint32_t ref);
/* The value before. */
int64_t wp_counter_set(const wp_store *store, uint32_t ref, int64_t n);

#endif
