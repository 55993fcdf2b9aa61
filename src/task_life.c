#include "task_life.h"
#include "base/point.h"
#include "box.h"
#include "completion.h"
#include "group.h"
#include "port/port.h"
#include <string.h>

static wp_slot *slot_at(const wp_pool *pool, uint32_t index) {
  return wp_slot_at(&pool->slots, index);
}

static bool exists(const wp_pool *pool, uint32_t index) {
  return index < wp_atomic_load_acquire_u32(&pool->slots.capacity);
}

/* Clears every field that a task or an event may have set. Word by word: a memset would become a call into the host in wasm. */
static void wipe(wp_slot *slot) {
  const uint64_t zero = 0;
  uint8_t *at = (uint8_t *)&slot->name, *end = slot->argument_inline;
  for (; at < end; at += sizeof zero) {
    memcpy(at, &zero, sizeof zero);
    __asm__ volatile("" ::: "memory");
  }
}

wp_status wp_task_reserve(wp_pool *pool, uint32_t self, uint32_t *index) {
  wp_heap *heap = wp_pool_heap(pool, self);
  wp_status status = self == WP_MAIN ? wp_table_take_kept(&pool->slots, heap, index)
                                     : wp_table_take(&pool->slots, heap, index);
  if (status) return status;
  wp_slot *slot = slot_at(pool, *index);
  WP_POINT("task.reserve");
  /* Relaxed: published by the move. From then on it identifies the slots of a dead worker. */
  wp_atomic_store_relaxed_u32(&slot->owner, self);
  wipe(slot);
  wp_slot_set(slot, WP_SLOT_FILLING);
  return WP_OK;
}

/* ---- Running ---- */

static void enter_record(wp_thread *thread, uint32_t index) {
  uint32_t place = 0;
  while (wp_atomic_load_relaxed_u32(&thread->slots[place]))
    place++; /* running < concurrency <= places */
  WP_POINT("task.enter");
  wp_atomic_store_release_u32(&thread->slots[place], index + 1);
  WP_POINT("task.running");
  wp_atomic_fetch_add_seq_u32(&thread->running, 1);
}

bool wp__task_leave_record(wp_thread *thread, uint32_t index) {
  for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
    if (wp_atomic_load_relaxed_u32(&thread->slots[place]) != index + 1) continue; /* own record */
    WP_POINT("task.leave");
    wp_atomic_store_release_u32(&thread->slots[place], 0);
    WP_POINT("task.rests");
    wp_atomic_fetch_sub_seq_u32(&thread->running, 1);
    return true;
  }
  return false;
}

void wp__task_end_exclusive(wp_thread *thread, const wp_slot *slot) {
  WP_POINT("task.end_exclusive");
  if (slot->flags & WP_SLOT_EXCLUSIVE) wp_atomic_store_release_u32(&thread->exclusive, 0);
}

/* The reason why a task that was not cancelled must not start, or WP_OK. */
static wp_status refusal_of(const wp_pool *pool, const wp_slot *slot, double now_ms) {
  if (slot->flags & WP_SLOT_DEADLINE && now_ms >= slot->due_ms) return WP_E_TIMEOUT;
  bool failed = slot->group && wp_group_has_failed(pool, slot->group - 1);
  return failed ? WP_E_CANCELLED : WP_OK;
}

bool wp_task_begin(wp_pool *pool, uint32_t self, uint32_t index, double now_ms) {
  wp_slot *slot = slot_at(pool, index);
  wp_thread *thread = &pool->threads[self];
  wp_status refusal = refusal_of(pool, slot, now_ms);
  if (refusal) {
    slot->status = refusal;
    WP_POINT("task.refuse");
    wp_atomic_store_relaxed_u32(&slot->owner, self); /* published by the move */
    if (!wp_slot_move(slot, WP_SLOT_READY, WP_SLOT_DONE)) {
      wp_task_free(pool, self, index);
      return false;
    }
    WP_POINT("task.refused");
    wp_atomic_fetch_sub_seq_u32(&pool->queued, 1);
    if (wp_task_complete(pool, self, index))
      thread->ring = 1; /* the taker rings: see wp_sched_take */
    return false;
  }
  slot->started_ms = now_ms;
  WP_POINT("task.own");
  wp_atomic_store_relaxed_u32(&slot->owner, self); /* published by the move */
  enter_record(thread, index);
  wp_thread_beat(thread);
  WP_POINT("task.exclusive");
  if (slot->flags & WP_SLOT_EXCLUSIVE) wp_atomic_store_release_u32(&thread->exclusive, 1);
  if (wp_slot_move(slot, WP_SLOT_READY, WP_SLOT_RUNNING)) {
    WP_POINT("task.taken");
    wp_atomic_fetch_sub_seq_u32(&pool->queued, 1);
    return true;
  }
  wp__task_end_exclusive(thread, slot);
  wp__task_leave_record(thread, index);
  wp_task_free(pool, self, index); /* cancelled in the lane */
  return false;
}

/* Enters the task's time into the worker's moving average (REQUIREMENTS TW-48: a quarter new, three quarters old), and into the slot if
 * it is traced. */
static void note_end(const wp_pool *pool, uint32_t self, wp_slot *slot, double now_ms) {
  wp_atomic_u32 *mean_us = &pool->threads[self].exec_us;
  double us = (wp_pool_time(pool, now_ms) - slot->started_ms) * 1000;
  double before = wp_atomic_load_relaxed_u32(mean_us); /* a hint: it orders nothing */
  double now = 0.25 * (us > 0 ? us : 0) + 0.75 * before + 0.5;
  WP_POINT("task.time");
  wp_atomic_store_relaxed_u32(mean_us, now < UINT32_MAX ? (uint32_t)now : UINT32_MAX);
  if (!(slot->flags & WP_SLOT_TRACED)) return;
  if (us < 1) us = 1; /* some clocks are coarse */
  slot->ran_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* A death after the store leaves a count that is one too high, in a record that reap resets. */
static void count_finished(wp_pool *pool, uint32_t self) {
  wp_thread *thread = &pool->threads[self];
  uint32_t finished = wp_atomic_load_relaxed_u32(&thread->finished) + 1; /* own word */
  WP_POINT("task.finished");
  wp_atomic_store_relaxed_u32(&thread->finished, finished); /* a gauge: it orders nothing */
  if (pool->config.tasks_per_worker && finished >= pool->config.tasks_per_worker)
    wp_pool_want_leave(pool, self);
}

/* The caller gave the task up while it ran, so its answer is dropped. */
static bool drop_late(wp_pool *pool, uint32_t self, uint32_t index) {
  /* Its time limit may pass at this very moment (tick.c moves the slot to TIMED_OUT); the first move decides. To FILLING, not to
   * DONE: a DONE slot would be delivered if the worker died here. */
  bool timed_out = !wp_slot_move(slot_at(pool, index), WP_SLOT_ABANDONED, WP_SLOT_FILLING);
  WP_POINT("late.count");
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.late, 1);
  wp_task_free(pool, self, index);
  WP_POINT("task.late");
  if (timed_out) wp_atomic_fetch_sub_acq_rel_u32(&pool->threads[self].poisoned, 1);
  return wp__task_ring_due(pool); /* main may be waiting for a free worker */
}

/* The slot goes back by way of main, which may be looking at it. Main may also give it up at this very moment. */
static bool end_helper(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_slot *slot = slot_at(pool, index);
  if (!wp_slot_move(slot, WP_SLOT_RUNNING, WP_SLOT_DONE))
    wp_slot_move(slot, WP_SLOT_ABANDONED, WP_SLOT_DONE);
  return wp_task_complete(pool, self, index);
}

bool wp_task_finish_at(wp_pool *pool, uint32_t self, uint32_t index, wp_status status,
                       double now_ms) {
  if (!exists(pool, index)) return false;
  wp_thread *thread = &pool->threads[self];
  wp_slot *slot = slot_at(pool, index);
  bool ring = false;
  wp_gate_enter(thread);
  if (!wp__task_leave_record(thread, index)) {
    wp_gate_leave(thread);
    return false;
  }
  wp_thread_beat(thread);
  count_finished(pool, self);
  if (now_ms > 0) note_end(pool, self, slot, now_ms);
  slot->status = status;
  wp__task_end_exclusive(thread, slot);
  if (slot->flags & WP_SLOT_HELPER) {
    ring = end_helper(pool, self, index);
  } else if (wp_slot_move(slot, WP_SLOT_RUNNING, WP_SLOT_DONE)) {
    if (status && slot->group) wp_group_note_failure(pool, slot);
    ring = wp_task_complete(pool, self, index);
  } else {
    ring = drop_late(pool, self, index);
  }
  wp_gate_leave(thread);
  return ring;
}

/* ---- Progress values under way ---- */

/* What a worker may have under way to main, which may be busy for long: enough to bridge the turns of main's event loop, little enough for
 * any pool's memory. */
enum { EVENTS_MOST = 256, EVENT_BYTES_MOST = 1 << 20 };

bool wp__task_event_fits(const wp_thread *thread, uint32_t divisor) {
  /* Acquire: pairs with the stores in count_delivered_event; what main has freed can be used again. */
  uint32_t freed = wp_atomic_load_seq_u32(&thread->events_freed);
  uint32_t freed_bytes = wp_atomic_load_acquire_u32(&thread->events_freed_bytes);
  /* Relaxed: the thread's own words; main's question is only a hint. */
  uint32_t values = wp_atomic_load_relaxed_u32(&thread->events_sent) - freed;
  uint32_t bytes = wp_atomic_load_relaxed_u32(&thread->events_sent_bytes) - freed_bytes;
  return values < EVENTS_MOST / divisor && bytes < EVENT_BYTES_MOST / divisor;
}

static void count_unsent_event(wp_thread *thread) {
  uint32_t sent = wp_atomic_load_relaxed_u32(&thread->events_sent); /* own word, or main's now */
  WP_POINT("event.uncount");
  wp_atomic_store_release_u32(&thread->events_sent, sent - 1);
}

/* No points: main only. Relaxed loads: nobody else writes these words. */
static void count_delivered_event(wp_thread *thread, const wp_slot *slot) {
  uint32_t bytes = wp_atomic_load_relaxed_u32(&thread->events_freed_bytes);
  wp_atomic_store_release_u32(&thread->events_freed_bytes, bytes + slot->result.bytes);
  uint32_t freed = wp_atomic_load_relaxed_u32(&thread->events_freed);
  wp_atomic_store_seq_u32(&thread->events_freed, freed + 1); /* FREED: pairs with EVENT WAIT */
  if (wp_atomic_load_seq_u32(&thread->events_wait) && wp__task_event_fits(thread, 2))
    wp_port_wake(&thread->events_freed, 1);
}

/* An event leaves the numbers of the thread that made it: it was delivered, or it was never sent. A death before the last store leaves a
 * number that is wrong until wp_task_reap, which counts the events of a thread that died inside the gate. */
static void count_freed_event(wp_pool *pool, const wp_slot *slot) {
  wp_thread *thread = &pool->threads[wp_atomic_load_relaxed_u32(&slot->owner)]; /* constant now */
  if (wp_slot_state_of(slot) == WP_SLOT_FILLING)
    count_unsent_event(thread); /* by the thread, or by main after its death */
  else
    count_delivered_event(thread, slot);
}

/* ---- Boxes and groups ---- */

/* Clears the slot's reference first: a death in between leaves a count that is too high, not a box that is dropped twice. */
static void drop_box(wp_pool *pool, uint32_t self, wp_value *value) {
  uint32_t box = value->box;
  if (!box) return;
  WP_POINT("box.forget");
  value->box = 0;
  wp_box_drop(pool, self, box - 1);
}

void wp_task_drop_result(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!exists(pool, index)) return;
  wp_value *result = &slot_at(pool, index)->result;
  /* In one gate section: if the slot still named a freed box, the worker's death would free it again. */
  wp_gate_enter(&pool->threads[self]);
  drop_box(pool, self, result);
  WP_POINT("result.drop");
  *result = (wp_value){WP_TYPE_UNDEFINED, 0, 0, 0};
  wp_gate_leave(&pool->threads[self]);
}

void wp_task_free(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!exists(pool, index)) return;
  wp_slot *slot = slot_at(pool, index);
  if (wp_slot_state_of(slot) == WP_SLOT_FREE) return;
  uint32_t group = slot->group;
  drop_box(pool, self, &slot->argument);
  drop_box(pool, self, &slot->result);
  WP_POINT("task.ungroup");
  slot->group = 0;
  if (group) wp_group_leave(pool, group - 1);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&slot->word));
  if (slot->flags & WP_SLOT_EVENT) count_freed_event(pool, slot);
  WP_POINT("task.free");
  wp_atomic_store_release_u64(&slot->word, wp_word(wp_generation_after(generation), WP_SLOT_FREE));
  if (self == WP_MAIN)
    wp_table_put_kept(&pool->slots, index);
  else
    wp_table_put(&pool->slots, index);
}

/* ---- Delivered ---- */

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
      if (slot->flags & WP_SLOT_HELPER)
        wp_task_free(pool, WP_MAIN, index); /* of no interest to anybody */
      else
        indexes[count++] = index;
    }
  }
  return count;
}

void wp_task_free_delivered(wp_pool *pool, const uint32_t *indexes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) wp_task_free(pool, WP_MAIN, indexes[i]);
}
