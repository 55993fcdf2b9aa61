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

/* COLLECT: takes the thread's completion list and makes it the undelivered list, oldest first. Only while that one is empty.
 * No points: main only. */
static void collect(wp_pool *pool, wp_thread *thread) {
  uint32_t newest = wp_atomic_exchange_seq_u32(&thread->completions, 0), oldest = 0;
  while (newest) {
    wp_slot *slot = slot_at(pool, newest - 1);
    uint32_t before = wp_atomic_load_relaxed_u32(&slot->next);
    wp_atomic_store_relaxed_u32(&slot->next, oldest); /* the list is main's alone now */
    oldest = newest;
    newest = before;
  }
  thread->undelivered = oldest;
}

uint32_t wp_task_drain(wp_pool *pool, uint32_t *indexes, uint32_t limit) {
  uint32_t count = 0, end = wp_pool_threads_end(pool);
  for (uint32_t i = 0; i < end; i++) {
    wp_thread *thread = &pool->threads[i];
    if (!thread->undelivered && wp_atomic_load_seq_u32(&thread->completions)) collect(pool, thread);
    while (thread->undelivered && count < limit) {
      uint32_t index = thread->undelivered - 1;
      wp_slot *slot = slot_at(pool, index);
      thread->undelivered = wp_atomic_load_relaxed_u32(&slot->next); /* main's alone */
      wp_slot_set(slot, WP_SLOT_DELIVERED);
      indexes[count++] = index;
    }
  }
  return count;
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
