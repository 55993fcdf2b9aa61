/* Tasks whose items are counted one by one: see wp_items in slot.h and wp_task_item in task.h. */
#include "base/point.h"
#include "task.h"

static bool count_up(wp_pool *pool, wp_items *items, uint32_t step, double now_ms) {
  uint32_t seen = wp_atomic_load_acquire_u32(&items->progress);
  if (seen & WP_ITEMS_STOPPED) return false;
  uint32_t next = step == WP_ITEM_CLOSE ? seen | WP_ITEMS_CLOSED : seen + 1;
  /* Set the time first: with the new count and the old time the next item might be over its limit at once. */
  if (now_ms > 0 && step == WP_ITEM_NEXT) items->started_ms = wp_pool_time(pool, now_ms);
  WP_POINT("item.over");
  /* ITEM. Release: main sees the record with the count. Competes with the CAS in stop_item (tick.c): one of the two is first. */
  return wp_atomic_cas_acq_rel_u32(&items->progress, &seen, next);
}

bool wp_task_item(wp_pool *pool, uint32_t self, uint32_t index, uint32_t step, double now_ms) {
  if (index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return false;
  wp_gate_enter(&pool->threads[self]);
  wp_thread_beat(&pool->threads[self]);
  bool counted = count_up(pool, wp_slot_items(wp_slot_at(&pool->slots, index)), step, now_ms);
  wp_gate_leave(&pool->threads[self]);
  return counted;
}

/* No points: main only. */
void wp_task_items_again(wp_slot *slot) {
  wp_items *items = wp_slot_items(slot);
  uint32_t progress = wp_atomic_load_acquire_u32(&items->progress);
  items->started_ms = 0;
  /* Plain: no other thread changes it, as its worker is dead or calls this itself. */
  wp_atomic_store_release_u32(&items->progress, progress & WP_ITEMS_DONE);
}
