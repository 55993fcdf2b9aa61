#include "tick.h"
#include "box.h"
#include "idle.h"
#include "lock.h"
#include "recount.h"

static void earliest(double *next_ms, double at_ms) {
  if (at_ms > 0 && (*next_ms == 0 || at_ms < *next_ms)) *next_ms = at_ms;
}

/* Keeps the worker from counting the running item, and retains the box with the results of the finished ones, which the worker may drop
 * at any moment once its slot is TIMED_OUT. False: the item has just ended. No points: main only. */
static bool stop_item(wp_pool *pool, wp_slot *slot, wp_action *action) {
  wp_atomic_u32 *progress = &wp_slot_items(slot)->progress;
  uint32_t seen = wp_atomic_load_acquire_u32(progress);
  if (seen & WP_ITEMS_CLOSED) return false;
  uint32_t box = slot->result.box;
  if (!(seen & WP_ITEMS_STOPPED) &&
      !wp_atomic_cas_acq_rel_u32(progress, &seen, seen | WP_ITEMS_STOPPED))
    return false;
  if (!box) return true;
  uint64_t word = wp_atomic_load_acquire_u64(&wp_box_at(pool, box - 1)->word);
  if (wp_box_retain(pool, WP_MAIN, box - 1, wp_word_generation(word))) action->box = box;
  action->done = seen & WP_ITEMS_DONE;
  return true;
}

/* Gives a running slot up if its time is over. True if an action was written. A task that its caller has given up already (ABANDONED)
 * poisons its worker as well; otherwise a cancelled task that hangs would keep a worker for ever. No points: main only. */
WP_READS_STALE static bool expire(wp_pool *pool, uint32_t thread, uint32_t index, double now_ms,
                                  wp_action *action, double *next_ms) {
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  uint64_t word = wp_atomic_load_acquire_u64(&slot->word);
  bool abandoned = wp_word_state(word) == WP_SLOT_ABANDONED;
  if ((!abandoned && wp_word_state(word) != WP_SLOT_RUNNING) || !slot->timeout_ms ||
      wp_atomic_load_relaxed_u32(&slot->owner) != thread) {
    return false;
  }
  bool has_items = slot->flags & WP_SLOT_ITEMS;
  double item_ms = has_items ? wp_slot_items(slot)->started_ms : 0;
  double end_ms = (item_ms > 0 ? item_ms : slot->started_ms) + slot->timeout_ms;
  if (now_ms < end_ms) {
    earliest(next_ms, end_ms);
    return false;
  }
  *action = (wp_action){WP_ACTION_EXPIRED, thread, index, wp_word_generation(word), 0, 0};
  if (has_items && !abandoned && !stop_item(pool, slot, action)) {
    earliest(next_ms, now_ms + 1); /* the next item has begun, or the task is about to end */
    return false;
  }
  wp_thread *record = &pool->threads[thread];
  /* Before the move, because the worker's late answer, which lowers the count, can only come after it. */
  bool first = wp_atomic_fetch_add_seq_u32(&record->poisoned, 1) == 0;
  if (!wp_slot_move_generation(slot, wp_word_generation(word), wp_word_state(word),
                               WP_SLOT_TIMED_OUT)) {
    /* It has just answered, and while it was poisoned it may have passed over a task: look again. */
    wp_atomic_fetch_sub_acq_rel_u32(&record->poisoned, 1);
    wp_thread_wake(record);
    if (action->box) wp_box_drop(pool, WP_MAIN, action->box - 1);
    return false;
  }
  if (first) {
    record->poisoned_ms = now_ms;
    /* It may have been woken for a task that it will not take now. */
    wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX);
    wp_idle_wake(pool);
  }
  return !abandoned; /* the caller of an abandoned task has been told already */
}

static bool recycle(const wp_pool *pool, uint32_t thread, double now_ms, wp_action *action,
                    double *next_ms) {
  const wp_thread *record = &pool->threads[thread];
  if (pool->config.recycle_ms == WP_NONE || !wp_atomic_load_acquire_u32(&record->poisoned) ||
      wp_atomic_load_acquire_u32(&record->state) != WP_THREAD_LIVE) {
    return false;
  }
  double end_ms = record->poisoned_ms + pool->config.recycle_ms;
  if (now_ms < end_ms) {
    earliest(next_ms, end_ms);
    return false;
  }
  *action = (wp_action){WP_ACTION_KILL, thread, 0, 0, 0, 0};
  return true;
}

/* Whether the thread must give signs of life. */
static bool is_watched(const wp_pool *pool, uint32_t thread) {
  if (pool->config.liveness_all) return true;
  for (uint32_t place = 0; place < pool->config.concurrency; place++) {
    uint32_t index = wp_atomic_load_acquire_u32(&pool->threads[thread].slots[place]);
    if (index && wp_slot_at(&pool->slots, index - 1)->flags & WP_SLOT_WATCHED) return true;
  }
  return false;
}

/* Checks for signs of life, every scan_ms while the thread runs something. True if an action was written. */
static bool silent(wp_pool *pool, uint32_t thread, double now_ms, wp_action *action,
                   double *next_ms) {
  wp_thread *record = &pool->threads[thread];
  if (pool->config.liveness_ms == WP_NONE ||
      wp_atomic_load_acquire_u32(&record->state) != WP_THREAD_LIVE || !is_watched(pool, thread)) {
    return false;
  }
  uint32_t beat = wp_atomic_load_acquire_u32(&record->beat);
  if (record->beat_ms == 0 || record->beat_seen != beat) {
    record->beat_seen = beat;
    record->beat_ms = now_ms;
  }
  earliest(next_ms, now_ms + pool->config.scan_ms);
  if (now_ms < record->beat_ms + pool->config.liveness_ms) return false;
  *action = (wp_action){WP_ACTION_SILENT, thread, 0, beat, 0, 0};
  return true;
}

uint32_t wp_task_tick(wp_pool *pool, double now_ms, wp_action *actions, uint32_t limit,
                      double *next_ms) {
  uint32_t count = 0;
  *next_ms = 0;
  wp_pool_recount(pool); /* if one is still due */
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    wp_thread *thread = &pool->threads[i];
    if (!wp_atomic_load_acquire_u32(&thread->running)) {
      thread->beat_ms = 0;
      continue;
    }
    for (uint32_t place = 0; place < pool->config.concurrency && count < limit; place++) {
      uint32_t index = wp_atomic_load_acquire_u32(&thread->slots[place]);
      if (index) count += expire(pool, i, index - 1, now_ms, &actions[count], next_ms);
    }
    if (count < limit) count += recycle(pool, i, now_ms, &actions[count], next_ms);
    if (count < limit) count += silent(pool, i, now_ms, &actions[count], next_ms);
  }
  if (count == limit) *next_ms = now_ms; /* more actions may be due */
  earliest(next_ms, wp_box_expire(pool, now_ms));
  return count;
}
