/* A dead worker's tasks; the recount and the check of the slot table. */
#include "base/point.h"
#include "box.h"
#include "task.h"

/* LOSE: if the dead thread owned this slot, its task is answered, requeued or freed. No points: main only. */
static void lose(wp_pool *pool, uint32_t thread, uint32_t index) {
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  uint32_t state = wp_slot_state_of(slot);
  /* Relaxed: only the owner writes it; if that is this thread, it is dead. */
  if (wp_atomic_load_relaxed_u32(&slot->owner) != thread) return;
  if (state == WP_SLOT_ABANDONED || state == WP_SLOT_TIMED_OUT || state == WP_SLOT_FILLING) {
    wp_task_free(pool, WP_MAIN, index);
    return;
  }
  if (state != WP_SLOT_RUNNING) return;
  if (slot->flags & WP_SLOT_HELPER) {
    wp_task_free(pool, WP_MAIN, index);
    return;
  }
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.lost, 1);
  /* The result of an ITEMS task is kept: it holds the finished items. */
  if (!(slot->flags & WP_SLOT_ITEMS)) {
    if (slot->result.box) wp_box_drop(pool, WP_MAIN, slot->result.box - 1);
    slot->result = (wp_value){0, 0, 0, 0};
  }
  if (wp_task_put_back_locked(pool, index)) return;
  slot->status = wp_task_lost_status(slot);
  wp_slot_move(slot, WP_SLOT_RUNNING, WP_SLOT_DONE);
  wp_task_complete(pool, thread, index); /* main drains after reaping: no bell */
}

static void mark_listed(wp_pool *pool, uint32_t first, uint32_t mark) {
  for (uint32_t at = first; at;) {
    wp_slot *slot = wp_slot_at(&pool->slots, at - 1);
    slot->listed = mark;
    at = wp_atomic_load_relaxed_u32(&slot->next); /* its owner is dead, and main is here */
  }
}

/* RELIST: lists the slot that the thread had finished and not listed; there is at most one. The listed ones keep their places, or a
 * task's progress values would overtake each other. */
static void list_finished(wp_pool *pool, uint32_t thread) {
  const wp_thread *record = &pool->threads[thread];
  uint32_t newest = wp_atomic_load_seq_u32(&record->completions), missing = 0;
  mark_listed(pool, newest, 1);
  mark_listed(pool, record->undelivered, 1);
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    if (wp_slot_state_of(slot) != WP_SLOT_DONE || slot->listed) continue;
    /* Relaxed: if it is this thread, nothing writes the field any more. */
    if (wp_atomic_load_relaxed_u32(&slot->owner) == thread) missing = i + 1;
  }
  mark_listed(pool, newest, 0);
  mark_listed(pool, record->undelivered, 0);
  if (missing) wp_task_complete(pool, thread, missing - 1);
}

/* The record of a thread that died outside the gate names what it ran; otherwise every slot is asked. */
static void lose_all(wp_pool *pool, uint32_t thread, bool trusted) {
  wp_thread *record = &pool->threads[thread];
  if (trusted) {
    for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
      uint32_t index = wp_atomic_load_acquire_u32(&record->slots[place]);
      if (index) lose(pool, thread, index - 1);
    }
    return;
  }
  list_finished(pool, thread);
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->slots.capacity);
  for (uint32_t i = 0; i < capacity; i++) lose(pool, thread, i);
}

void wp__task_lose_event(wp_pool *pool, uint32_t thread, uint32_t self) {
  uint32_t event = wp_atomic_load_acquire_u32(&pool->threads[thread].event);
  WP_POINT("event.unwait");
  wp_atomic_store_release_u32(&pool->threads[thread].events_wait, 0); /* it was stopped there */
  if (!event) return;
  wp_slot *slot = wp_slot_at(&pool->slots, event - 1);
  if (wp_slot_state_of(slot) == WP_SLOT_FILLING && (slot->flags & WP_SLOT_EVENT) &&
      wp_atomic_load_relaxed_u32(&slot->owner) == thread) {
    wp_task_free(pool, self, event - 1);
  }
  WP_POINT("event.lose");
  wp_atomic_store_release_u32(&pool->threads[thread].event, 0);
}

void wp_task_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  lose_all(pool, thread, trusted);
  wp__task_lose_event(pool, thread, WP_MAIN);
  if (!trusted) wp__task_count_events(pool, thread);
}

/* ---- The table ---- */

wp_status wp_task_open(wp_pool *pool, wp_heap *heap) {
  wp_status status = wp_table_open(&pool->slots, heap, sizeof(wp_slot), pool->config.max_tasks);
  /* Allocates the first slots before there are tasks (REQUIREMENTS TW-59). */
  return status ? status : wp_table_reserve(&pool->slots, heap);
}

static bool is_free(const void *slot) { return wp_slot_state_of(slot) == WP_SLOT_FREE; }

void wp_task_recount(wp_pool *pool) { wp_table_recount(&pool->slots, is_free); }

static bool slots_agree(const wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_relaxed_u32(&pool->slots.capacity), waiting = 0, taken = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    uint32_t state = wp_slot_state_of(wp_slot_at(&pool->slots, i));
    waiting += state == WP_SLOT_SUBMITTED || state == WP_SLOT_READY;
    taken += state != WP_SLOT_FREE;
  }
  return waiting == wp_atomic_load_relaxed_u32(&pool->queued) &&
         taken == wp_table_in_use(&pool->slots);
}

static bool events_agree(const wp_pool *pool) {
  uint32_t slots = 0, bytes = 0;
  for (uint32_t i = 0; i < wp_atomic_load_relaxed_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    uint32_t state = wp_slot_state_of(slot);
    if (state == WP_SLOT_FREE || !(slot->flags & WP_SLOT_EVENT)) continue;
    slots++;
    bytes += state == WP_SLOT_FILLING ? 0 : slot->result.bytes;
  }
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    const wp_thread *thread = &pool->threads[i];
    slots -= wp_atomic_load_relaxed_u32(&thread->events_sent) -
             wp_atomic_load_relaxed_u32(&thread->events_freed);
    bytes -= wp_atomic_load_relaxed_u32(&thread->events_sent_bytes) -
             wp_atomic_load_relaxed_u32(&thread->events_freed_bytes);
  }
  return !slots && !bytes;
}

bool wp_task_check(const wp_pool *pool) {
  return wp_table_check(&pool->slots, is_free) && slots_agree(pool) && events_agree(pool);
}
