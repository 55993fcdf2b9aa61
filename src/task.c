#include "task.h"
#include "base/point.h"
#include "box.h"
#include "lanes.h"
#include "scheduler.h"
#include <string.h>

static wp_slot *slot_at(const wp_pool *pool, uint32_t index) {
  return wp_slot_at(&pool->slots, index);
}
static bool exists(const wp_table *table, uint32_t index) {
  return index < wp_atomic_load_acquire_u32(&table->capacity);
}
static wp_group *group_at(const wp_pool *pool, uint32_t index) {
  return (wp_group *)wp_table_at(&pool->groups, index);
}

/* ---- Before it runs ---- */

/* All that a task or an event may have set. By words: as one memset it becomes a call of the host's in wasm. */
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
  /* Relaxed: published by the move. From then on a dead worker's slot is found by it. */
  wp_atomic_store_relaxed_u32(&slot->owner, self);
  wipe(slot);
  wp_slot_set(slot, WP_SLOT_FILLING);
  return WP_OK;
}

bool wp_task_admits(const wp_pool *pool, uint32_t count) {
  if (pool->config.max_queue == WP_NONE) return true;
  uint64_t places = pool->config.max_queue;
  if (!wp_atomic_load_acquire_u32(&pool->paused)) {
    for (uint32_t i = 1; i < pool->thread_count; i++) {
      const wp_thread *thread = &pool->threads[i];
      bool serves = wp_atomic_load_acquire_u32(&thread->state) == WP_THREAD_LIVE &&
                    !wp_atomic_load_acquire_u32(&thread->poisoned);
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
wp_status wp_group_create(wp_pool *pool, uint32_t members, uint32_t kind, uint32_t *group) {
  if (!members) return WP_E_INVALID_ARGUMENT; /* nobody would end it */
  wp_status status = wp_table_take(&pool->groups, wp_pool_heap(pool, WP_MAIN), group);
  if (status) return status;
  wp_group *record = group_at(pool, *group);
  /* Relaxed: published with the slots that name it. */
  wp_atomic_store_relaxed_u32(&record->members, members);
  wp_atomic_store_relaxed_u32(&record->failed, 0);
  record->kind = kind;
  if (kind & WP_GROUP_BULK) wp_lanes_bulk_begin(pool);
  return WP_OK;
}

void wp_group_leave(wp_pool *pool, uint32_t group) {
  if (!exists(&pool->groups, group)) return;
  wp_group *record = group_at(pool, group);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&record->word));
  WP_POINT("group.leave");
  if (wp_atomic_fetch_sub_acq_rel_u32(&record->members, 1) != 1) return;
  WP_POINT("group.free");
  if (record->kind & WP_GROUP_BULK) wp_lanes_bulk_end(pool);
  wp_atomic_store_release_u64(&record->word, wp_word(wp_generation_after(generation), 0));
  wp_table_put(&pool->groups, group);
}

static void fail_group(wp_pool *pool, const wp_slot *slot) {
  wp_group *group = group_at(pool, slot->group - 1);
  uint32_t none = 0;
  WP_POINT("group.fail");
  if (group->kind & WP_GROUP_FAIL_FAST)
    wp_atomic_cas_acq_rel_u32(&group->failed, &none, slot->item + 1);
}

/* No points: main only. */
void wp_group_fail(wp_pool *pool, uint32_t group) {
  uint32_t none = 0;
  if (exists(&pool->groups, group))
    wp_atomic_cas_acq_rel_u32(&group_at(pool, group)->failed, &none, WP_NONE);
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

/* False when it does not run that slot. */
static bool leave_record(wp_thread *thread, uint32_t index) {
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

static void end_exclusive(wp_thread *thread, const wp_slot *slot) {
  WP_POINT("task.end_exclusive");
  if (slot->flags & WP_SLOT_EXCLUSIVE) wp_atomic_store_release_u32(&thread->exclusive, 0);
}

/* Why a task does not start, though nobody has cancelled it; WP_OK: it does. */
static wp_status refusal_of(const wp_pool *pool, const wp_slot *slot, double now_ms) {
  if (slot->flags & WP_SLOT_DEADLINE && now_ms >= slot->due_ms) return WP_E_TIMEOUT;
  bool failed = slot->group && wp_atomic_load_acquire_u32(&group_at(pool, slot->group - 1)->failed);
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
  end_exclusive(thread, slot);
  leave_record(thread, index);
  wp_task_free(pool, self, index); /* cancelled in the lane */
  return false;
}

/* Whether main sleeps and this thread is the one to tell it. */
static bool ring_due(wp_pool *pool) {
  /* RING. Plain load first: while main is awake the line stays shared. Pairs with the store in wp_task_arm_bell. */
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
  return ring_due(pool);
}

/* The name goes first: who dies in between leaves a count that is too high, not a box that is dropped twice. */
static void drop_box(wp_pool *pool, uint32_t self, wp_value *value) {
  uint32_t box = value->box;
  if (!box) return;
  WP_POINT("box.forget");
  value->box = 0;
  wp_box_drop(pool, self, box - 1);
}

void wp_task_drop_result(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!exists(&pool->slots, index)) return;
  wp_value *result = &slot_at(pool, index)->result;
  /* One step: a slot that named a box already freed would have it freed once more when its worker dies. */
  wp_gate_enter(&pool->threads[self]);
  drop_box(pool, self, result);
  WP_POINT("result.drop");
  *result = (wp_value){WP_TYPE_UNDEFINED, 0, 0, 0};
  wp_gate_leave(&pool->threads[self]);
}

/* The caller gave the task up while it ran: nobody waits for this answer. */
static bool drop_late(wp_pool *pool, uint32_t self, uint32_t index) {
  /* Its time limit may pass at this very moment (tick.c): whoever moves the slot first knows what it was. Not to DONE: if the
   * worker dies here, that would be delivered. */
  bool timed_out = !wp_slot_move(slot_at(pool, index), WP_SLOT_ABANDONED, WP_SLOT_FILLING);
  WP_POINT("late.count");
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.late, 1);
  wp_task_free(pool, self, index);
  WP_POINT("task.late");
  if (timed_out) wp_atomic_fetch_sub_acq_rel_u32(&pool->threads[self].poisoned, 1);
  return ring_due(pool); /* main may wait for the worker to be free */
}

bool wp_task_finish_at(wp_pool *pool, uint32_t self, uint32_t index, wp_status status,
                       double now_ms) {
  if (!exists(&pool->slots, index)) return false;
  wp_thread *thread = &pool->threads[self];
  wp_slot *slot = slot_at(pool, index);
  bool ring = false;
  wp_gate_enter(thread);
  if (!leave_record(thread, index)) {
    wp_gate_leave(thread);
    return false;
  }
  wp_thread_beat(thread);
  if (now_ms > 0) wp_sched_note_end(pool, self, slot, now_ms);
  slot->status = status;
  end_exclusive(thread, slot);
  if (wp_slot_move(slot, WP_SLOT_RUNNING, WP_SLOT_DONE)) {
    if (status && slot->group) fail_group(pool, slot);
    ring = wp_task_complete(pool, self, index);
  } else {
    ring = drop_late(pool, self, index);
  }
  wp_gate_leave(thread);
  return ring;
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
  wp_sched_wait_lock(pool, self);
  bool again = wp_task_put_back_locked(pool, index);
  if (again) { /* still under the lock: nobody else has the slot */
    end_exclusive(thread, slot_at(pool, index));
    leave_record(thread, index);
  }
  wp_sched_unlock(pool, self);
  wp_gate_leave(thread);
  return again ? false
               : wp_task_finish(pool, self, index, wp_task_lost_status(slot_at(pool, index)));
}

/* ---- After it ran ---- */

/* COLLECT: moves what the thread has finished behind what main has not delivered yet; both are oldest first afterwards.
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
  uint32_t count = 0;
  for (uint32_t i = 0; i < pool->thread_count; i++) {
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
  for (uint32_t i = 0; i < pool->thread_count; i++) {
    const wp_thread *thread = &pool->threads[i];
    if (!wp_atomic_load_seq_u32(&thread->completions) && !thread->undelivered) continue;
    wp_atomic_store_seq_u32(&pool->bell, 0);
    return false;
  }
  return true;
}

void wp_task_free(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!exists(&pool->slots, index)) return;
  wp_slot *slot = slot_at(pool, index);
  if (wp_slot_state_of(slot) == WP_SLOT_FREE) return;
  uint32_t group = slot->group;
  drop_box(pool, self, &slot->argument);
  drop_box(pool, self, &slot->result);
  WP_POINT("task.ungroup");
  slot->group = 0;
  if (group) wp_group_leave(pool, group - 1);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&slot->word));
  WP_POINT("task.free");
  wp_atomic_store_release_u64(&slot->word, wp_word(wp_generation_after(generation), WP_SLOT_FREE));
  if (self == WP_MAIN)
    wp_table_put_kept(&pool->slots, index);
  else
    wp_table_put(&pool->slots, index);
}

void wp_task_free_delivered(wp_pool *pool, const uint32_t *indexes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) wp_task_free(pool, WP_MAIN, indexes[i]);
}
