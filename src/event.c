/* Progress values on their way to main: see task.h. */
#include "base/point.h"
#include "task.h"

wp_status wp_task_event(wp_pool *pool, uint32_t self, uint32_t parent, uint32_t *index) {
  if (parent >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return WP_E_STALE_HANDLE;
  const wp_slot *task = wp_slot_at(&pool->slots, parent);
  wp_gate_enter(&pool->threads[self]);
  wp_status status = wp_task_reserve(pool, self, index);
  if (!status) {
    wp_slot *event = wp_slot_at(&pool->slots, *index);
    event->flags = WP_SLOT_EVENT;
    event->parent = parent;
    event->parent_generation = wp_word_generation(wp_atomic_load_acquire_u64(&task->word));
    wp_thread_beat(&pool->threads[self]);
    WP_POINT("event.enter");
    wp_atomic_store_release_u32(&pool->threads[self].event, *index + 1);
  }
  wp_gate_leave(&pool->threads[self]);
  return status;
}

bool wp_task_send_event(wp_pool *pool, uint32_t self, uint32_t index) {
  uint32_t event = wp_atomic_load_relaxed_u32(&pool->threads[self].event); /* own word */
  if (!event || event != index + 1) return false;
  wp_gate_enter(&pool->threads[self]);
  wp_slot_move(wp_slot_at(&pool->slots, index), WP_SLOT_FILLING, WP_SLOT_DONE);
  bool ring = wp_task_complete(pool, self, index);
  WP_POINT("event.leave");
  wp_atomic_store_release_u32(&pool->threads[self].event, 0);
  wp_gate_leave(&pool->threads[self]);
  return ring;
}

void wp_task_drop_event(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_thread *thread = &pool->threads[self];
  if (wp_atomic_load_relaxed_u32(&thread->event) != index + 1) return; /* own word */
  wp_gate_enter(thread);
  wp_task_free(pool, self, index);
  WP_POINT("event.drop");
  wp_atomic_store_release_u32(&thread->event, 0);
  wp_gate_leave(thread);
}
