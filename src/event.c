/* Progress values on their way to main: see task.h. */
#include "base/point.h"
#include "port/port.h"
#include "task.h"

/* True: there is room for one more value. False: the task was given up meanwhile. Outside the gate, so the thread may be stopped here at
 * any instruction; it holds nothing. Short waits: then it looks whether the task is still wanted, and passes a loop check. */
static bool wait_for_room(wp_thread *thread, const wp_slot *task) {
  if (wp_slot_state_of(task) != WP_SLOT_RUNNING) return false;
  if (wp__task_event_fits(thread, 1)) return true;
  bool fits = false;
  WP_POINT("event.wait");
  wp_atomic_store_seq_u32(&thread->events_wait, 1); /* EVENT WAIT: before the loads that follow */
  while (wp_slot_state_of(task) == WP_SLOT_RUNNING) {
    uint32_t seen = wp_atomic_load_seq_u32(&thread->events_freed);
    fits = wp__task_event_fits(thread, 2); /* half: main wakes it once for many values */
    if (fits) break;
    wp_thread_beat(thread); /* it is main that is late, not the task */
    wp_port_wait(&thread->events_freed, seen, WP_SHORT_WAIT_MS);
  }
  WP_POINT("event.go");
  wp_atomic_store_release_u32(&thread->events_wait, 0);
  return fits;
}

static void count_sent(wp_atomic_u32 *word, uint32_t by) {
  uint32_t before = wp_atomic_load_relaxed_u32(word); /* own word */
  WP_POINT("event.count");
  wp_atomic_store_release_u32(word, before + by);
}

wp_status wp_task_event(wp_pool *pool, uint32_t self, uint32_t parent, uint32_t *index) {
  if (parent >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return WP_E_STALE_HANDLE;
  const wp_slot *task = wp_slot_at(&pool->slots, parent);
  wp_thread *thread = &pool->threads[self];
  if (!wait_for_room(thread, task)) return WP_E_CANCELLED;
  wp_gate_enter(thread);
  wp_status status = wp_task_reserve(pool, self, index);
  if (!status) {
    wp_slot *event = wp_slot_at(&pool->slots, *index);
    count_sent(&thread->events_sent, 1);
    event->flags = WP_SLOT_EVENT;
    event->parent = parent;
    event->parent_generation = wp_word_generation(wp_atomic_load_acquire_u64(&task->word));
    wp_thread_beat(thread);
    WP_POINT("event.enter");
    wp_atomic_store_release_u32(&thread->event, *index + 1);
  }
  wp_gate_leave(thread);
  return status;
}

bool wp_task_send_event(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_thread *thread = &pool->threads[self];
  uint32_t event = wp_atomic_load_relaxed_u32(&thread->event); /* own word */
  if (!event || event != index + 1) return false;
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  wp_gate_enter(thread);
  count_sent(&thread->events_sent_bytes, slot->result.bytes);
  wp_slot_move(slot, WP_SLOT_FILLING, WP_SLOT_DONE);
  bool ring = wp_task_complete(pool, self, index);
  WP_POINT("event.leave");
  wp_atomic_store_release_u32(&thread->event, 0);
  wp_gate_leave(thread);
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

/* No points: main only. */
void wp__task_count_events(wp_pool *pool, uint32_t thread) {
  wp_thread *record = &pool->threads[thread];
  uint32_t count = 0, bytes = 0;
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    uint32_t state = wp_slot_state_of(slot);
    /* Relaxed: if it is this thread, which is dead, nothing writes the field any more. */
    if ((state != WP_SLOT_DONE && state != WP_SLOT_DELIVERED) || !(slot->flags & WP_SLOT_EVENT) ||
        wp_atomic_load_relaxed_u32(&slot->owner) != thread)
      continue;
    count++;
    bytes += slot->result.bytes;
  }
  /* Relaxed loads: main's own words. Published with the record's next use. */
  uint32_t freed = wp_atomic_load_relaxed_u32(&record->events_freed);
  uint32_t freed_bytes = wp_atomic_load_relaxed_u32(&record->events_freed_bytes);
  wp_atomic_store_release_u32(&record->events_sent, freed + count);
  wp_atomic_store_release_u32(&record->events_sent_bytes, freed_bytes + bytes);
}
