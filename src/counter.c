#include "counter.h"
#include "base/point.h"

/* No points: nobody knows the counter yet. */
uint32_t wp_counter_new(const wp_access *access, int64_t initial) {
  uint32_t ref = wp_store_take(access, sizeof(uint64_t), WP_HAND_NODE);
  if (ref) wp_atomic_store_relaxed_u64(wp_counter_at(access->store, ref), (uint64_t)initial);
  return ref;
}

int64_t wp_counter_add(const wp_store *store, uint32_t ref, int64_t n) {
  WP_POINT("counter.add");
  uint64_t before = wp_atomic_fetch_add_seq_u64(wp_counter_at(store, ref), (uint64_t)n);
  return (int64_t)(before + (uint64_t)n);
}

int64_t wp_counter_get(const wp_store *store, uint32_t ref) {
  return (int64_t)wp_atomic_load_seq_u64(wp_counter_at(store, ref));
}

int64_t wp_counter_set(const wp_store *store, uint32_t ref, int64_t n) {
  WP_POINT("counter.set");
  return (int64_t)wp_atomic_exchange_seq_u64(wp_counter_at(store, ref), (uint64_t)n);
}
