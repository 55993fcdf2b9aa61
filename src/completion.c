#include "completion.h"
#include "base/point.h"

static wp_slot *slot_at(const wp_pool *pool, uint32_t index) {
  return wp_slot_at(&pool->slots, index);
}

bool wp__task_ring_due(wp_pool *pool) {
  /* RING. Load before the exchange: while main is awake, the cache line stays shared. Pairs with the store in wp_task_arm_bell. */
  if (!wp_atomic_load_seq_u32(&pool->bell)) return false;
  WP_POINT("bell.ring");
  if (!wp_atomic_exchange_seq_u32(&pool->bell, 0)) return false;
  WP_POINT("bell.count");
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.bells, 1);
  return true;
}

bool wp_task_complete(wp_pool *pool, uint32_t thread, uint32_t index) {
  wp_thread *record = &pool->threads[thread];
  wp_slot *slot = slot_at(pool, index);
  uint32_t newest = wp_atomic_load_relaxed_u32(&record->completions); /* ordered by the CAS */
  do {
    WP_POINT("task.link");
    wp_atomic_store_relaxed_u32(&slot->next, newest); /* published by the CAS */
    WP_POINT("task.complete");
  } while (
      !wp_atomic_cas_seq_u32(&record->completions, &newest, index + 1)); /* COMPLETE: before RING */
  return wp__task_ring_due(pool);
}

/* No points: main only. */
bool wp_task_arm_bell(wp_pool *pool) {
  wp_atomic_store_seq_u32(&pool->bell, 1); /* ARM: pairs with the load in wp_task_complete */
  for (uint32_t i = 0, end = wp_pool_threads_end(pool); i < end; i++) {
    const wp_thread *thread = &pool->threads[i];
    if (!wp_atomic_load_seq_u32(&thread->completions) && !thread->undelivered) continue;
    wp_atomic_store_seq_u32(&pool->bell, 0);
    return false;
  }
  return true;
}
