#include "task.h"
#include "base/point.h"
#include "lock.h"
#include "scheduler.h"

static wp_slot *slot_at(const wp_pool *pool, uint32_t index) {
  return wp_slot_at(&pool->slots, index);
}

bool wp_task_admits(const wp_pool *pool, uint32_t count) {
  if (pool->config.max_queue == WP_NONE) return true;
  uint64_t places = pool->config.max_queue;
  if (!wp_atomic_load_acquire_u32(&pool->paused)) {
    for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
      const wp_thread *thread = &pool->threads[i];
      bool serves = wp_atomic_load_acquire_u32(&thread->state) == WP_THREAD_LIVE &&
                    !wp_atomic_load_acquire_u32(&thread->poisoned) &&
                    !wp_atomic_load_acquire_u32(&thread->leaving);
      uint32_t running = wp_atomic_load_acquire_u32(&thread->running);
      if (serves && running < pool->config.concurrency)
        places += pool->config.concurrency - running;
    }
  }
  return wp_atomic_load_acquire_u32(&pool->queued) + (uint64_t)count <= places;
}

void wp_task_submit(wp_pool *pool, uint32_t index) {
  slot_at(pool, index)->sequence = pool->next_sequence++;
  wp_sched_push(pool, index);
}

/* No points: main only. */
void wp_task_count_settled(wp_pool *pool, uint32_t settled, uint32_t failed) {
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.processed, settled);
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.errors, failed);
}

/* ---- Given up by its caller ---- */

/* No points: main only. */
enum wp_cancel_result wp_task_cancel(wp_pool *pool, uint32_t index, uint32_t generation) {
  if (index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return WP_CANCEL_STALE;
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  /* The slot may be moving: SUBMITTED > READY > RUNNING, or back to READY if its worker is lost. A second pass catches up. */
  for (int attempt = 0; attempt < 2; attempt++) {
    if (wp_slot_move_generation(slot, generation, WP_SLOT_SUBMITTED, WP_SLOT_CANCELLED) ||
        wp_slot_move_generation(slot, generation, WP_SLOT_READY, WP_SLOT_CANCELLED)) {
      wp_atomic_fetch_sub_seq_u32(&pool->queued, 1);
      wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX | WP_CHORE_PURGE);
      return WP_CANCEL_QUEUED;
    }
    if (wp_slot_move_generation(slot, generation, WP_SLOT_RUNNING, WP_SLOT_ABANDONED)) {
      return WP_CANCEL_RUNNING;
    }
  }
  return WP_CANCEL_STALE;
}

/* ---- Lost, and run again ---- */

wp_status wp_task_lost_status(const wp_slot *slot) {
  return slot->flags & WP_SLOT_REQUEUE ? WP_E_POISON_JOB : WP_E_WORKER_LOST;
}

bool wp_task_put_back_locked(wp_pool *pool, uint32_t index) { /* REQUEUE */
  wp_slot *slot = slot_at(pool, index);
  if (!(slot->flags & WP_SLOT_REQUEUE) || slot->redeliveries >= pool->config.max_redeliveries)
    return false;
  WP_POINT("task.again");
  slot->redeliveries++;
  if (slot->flags & WP_SLOT_ITEMS) wp_task_items_again(slot);
  if (!wp_slot_move(slot, WP_SLOT_RUNNING, WP_SLOT_READY)) return false;
  WP_POINT("task.disown");
  wp_atomic_store_relaxed_u32(&slot->owner, 0); /* published with the lane */
  wp_sched_requeue_locked(pool, index);
  return true;
}

bool wp_task_recover(wp_pool *pool, uint32_t self, uint32_t index) { /* REDELIVER */
  wp_thread *thread = &pool->threads[self];
  wp_task_drop_result(pool, self, index);
  wp_gate_enter(thread);
  wp_lock_wait(pool, self);
  bool again = wp_task_put_back_locked(pool, index);
  if (again) { /* still under the lock: nobody else has the slot */
    wp__task_end_exclusive(thread, slot_at(pool, index));
    wp__task_leave_record(thread, index);
  }
  wp_lock_release(pool, self);
  wp_gate_leave(thread);
  return again ? false
               : wp_task_finish(pool, self, index, wp_task_lost_status(slot_at(pool, index)));
}
