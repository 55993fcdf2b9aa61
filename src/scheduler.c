#include "scheduler.h"
#include "base/point.h"
#include "idle.h"
#include "lanes.h"
#include "lock.h"
#include "task_life.h"
#include <stdlib.h>

enum {
  /* in a burst, one push in so many may wake a worker */
  BURST_WAKES_EVERY = 32,
  /* after so many pushes main tries to apply the inbox itself, which bounds what the next holder must apply */
  HELP_EVERY = 64,
};

/* ---- Inbox ---- */

/* Counts a push of a burst, and returns whether it must be patient. */
static bool is_quiet(wp_pool *pool) {
  uint32_t number = pool->burst;
  if (!number) return false;
  pool->burst = number + 1;
  return number % BURST_WAKES_EVERY != 0;
}

/* No points: main only. */
void wp_sched_push(wp_pool *pool, uint32_t index) {
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  wp_atomic_fetch_add_seq_u32(&pool->queued, 1);
  wp_slot_set(slot, WP_SLOT_SUBMITTED);
  uint32_t newest = wp_atomic_load_relaxed_u32(&pool->inbox); /* ordered by the CAS */
  do {
    wp_atomic_store_relaxed_u32(&slot->next, newest); /* published by the CAS */
  } while (!wp_atomic_cas_seq_u32(&pool->inbox, &newest, index + 1));
  bool quiet = is_quiet(pool);
  wp_idle_wake_for(pool, slot, quiet || wp_idle_can_wait(pool));
  if (++pool->pushes % HELP_EVERY == 0) wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX);
}

void wp_sched_burst(wp_pool *pool, bool begins) {
  bool owes = !begins && pool->burst > 1;
  pool->burst = begins;
  if (owes && (wp_atomic_load_seq_u32(&pool->inbox) || wp_pool_ready(pool)))
    wp_idle_wake_any(pool, wp_idle_can_wait(pool));
}

static void apply_one(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  if (!wp_slot_move(slot, WP_SLOT_SUBMITTED, WP_SLOT_READY)) {
    wp_task_free(pool, self, index); /* cancelled while it was in the inbox */
    return;
  }
  wp_lanes_add(pool, index);
  if (slot->seat) wp_idle_wake_for(pool, slot, false); /* its worker may have gone idle meanwhile */
}

void wp_sched_apply_inbox(wp_pool *pool, uint32_t self) {
  /* Load before the exchange: an empty inbox leaves its cache line with the producer. */
  if (!wp_atomic_load_seq_u32(&pool->inbox)) return;
  WP_POINT("inbox.take");
  uint32_t newest = wp_atomic_exchange_seq_u32(&pool->inbox, 0);
  uint32_t oldest = 0;
  while (newest) {
    wp_slot *slot = wp_slot_at(&pool->slots, newest - 1);
    uint32_t before = wp_atomic_load_relaxed_u32(&slot->next);
    WP_POINT("inbox.link");
    wp_atomic_store_relaxed_u32(&slot->next, oldest); /* the list is this thread's alone */
    oldest = newest;
    newest = before;
  }
  while (oldest) {
    uint32_t index = oldest - 1;
    oldest = wp_atomic_load_relaxed_u32(&wp_slot_at(&pool->slots, index)->next);
    apply_one(pool, self, index);
  }
}

/* ---- Taking ---- */

static bool may_take(const wp_pool *pool, const wp_thread *thread) {
  return wp_atomic_load_acquire_u32(&thread->state) == WP_THREAD_LIVE &&
         !wp_atomic_load_acquire_u32(&thread->poisoned) &&
         !wp_atomic_load_relaxed_u32(&thread->exclusive) && /* own words */
         wp_atomic_load_relaxed_u32(&thread->running) < pool->config.concurrency;
}

/* Tracks the time from one take to the next, while there are tasks. Each step changes the estimate by a fixed factor, however long the
 * time was, so that a thread which lost its core now and then does not count as slow. */
static void note_pace(wp_thread *thread, double now_ms) {
  if (thread->taken_ms == 0) return;
  double before = wp_atomic_load_relaxed_u32(&thread->pace_ns); /* a hint: it orders nothing */
  double now = (now_ms - thread->taken_ms) * 1e6 > before ? before * 1.25 : before * 0.8;
  if (now < WP_PACE_LEAST_NS) now = WP_PACE_LEAST_NS;
  if (now > WP_PACE_MOST_NS) now = WP_PACE_MOST_NS;
  WP_POINT("pace.note");
  wp_atomic_store_relaxed_u32(&thread->pace_ns, (uint32_t)now);
}

/* Whether this worker will be done with the rest before another one is awake; or, where all cores are busy, whether the awake workers
 * will be done soon. */
static bool is_soon_done(const wp_pool *pool, const wp_thread *thread, uint32_t left) {
  double left_ns = (double)left * wp_atomic_load_relaxed_u32(&thread->pace_ns); /* a hint */
  if (left_ns < WP_WAKE_NS) return true;
  if (!pool->config.cores) return false;
  uint32_t open = wp_atomic_load_relaxed_u32(&pool->seats_open), idle = wp_idle_count(pool);
  uint32_t awake = open > idle ? open - idle : 1; /* hints */
  return awake >= pool->config.cores && left_ns < WP_SOON_NS * awake;
}

/* Whether tasks have arrived, or held tasks have become ready (OPEN in group.c). */
static bool has_come(const wp_pool *pool, uint32_t ready_before) {
  return wp_atomic_load_seq_u32(&pool->inbox) != 0 ||
         (wp_atomic_load_seq_u32(&pool->held) && wp_pool_ready(pool) > ready_before);
}

/* LEAVE: pairs with the store in wp_worker_leave. */
static uint32_t take_next(wp_pool *pool, uint32_t self, double now_ms) {
  switch (wp_atomic_load_seq_u32(&pool->threads[self].leaving)) {
  case WP_LEAVING_NOT:
    return wp_lanes_take(pool, self, now_ms);
  case WP_LEAVING_SEAT:
    return wp_lanes_take_of_seat(pool, self, now_ms);
  default:
    return 0;
  }
}

/* Tasks wait that this worker may not take: wakes one that may. */
static void pass_on(wp_pool *pool, const wp_thread *thread) {
  if (wp_atomic_load_seq_u32(&thread->leaving))
    wp_idle_wake_any(pool, false);
  else
    wp_idle_wake_free(pool);
}

uint32_t wp_sched_take(wp_pool *pool, uint32_t self, double now_ms) {
  wp_thread *thread = &pool->threads[self];
  uint32_t taken = 0;
  note_pace(thread, now_ms);
  bool again = may_take(pool, thread);
  wp_gate_enter(thread);
  while (again && !taken) {
    wp_lock_wait(pool, self);
    /* Looked at before and after the inbox: a worker that takes has seen every task that came before the end of a pause, so that the most
     * urgent of them goes first, and none that came after the beginning of one. */
    bool paused = wp_atomic_load_seq_u32(&pool->paused);
    wp_sched_apply_inbox(pool, self);
    paused = wp_atomic_load_seq_u32(&pool->paused) || paused;
    if (!paused) taken = take_next(pool, self, wp_pool_time(pool, now_ms));
    uint32_t more = paused ? 0 : wp_pool_ready(pool);
    if (taken) wp_idle_note_take(pool, self);
    if (!taken)
      wp_idle_enter(pool, self);
    else
      wp_idle_leave(pool, self); /* it was still in the set if a pardon or a promise made it look */
    wp_lock_release(pool, self);
    /* CHAIN: a worker that took a task wakes the next one, unless it will be done with the rest before that one is awake. A worker
     * that found only tasks which it may not take wakes one that may. */
    if (more && taken)
      wp_idle_wake_any(pool, is_soon_done(pool, thread, more));
    else if (more)
      pass_on(pool, thread);
    /* LOOK AGAIN: a task that came after the look and before the idle bit was set would otherwise wait for ever. */
    again = !taken && (paused ? !wp_atomic_load_seq_u32(&pool->paused) : has_come(pool, more));
    if (again) wp_idle_leave(pool, self);
  }
  thread->taken_ms = taken ? now_ms : 0;
  wp_gate_leave(thread);
  return taken;
}

/* No points: main only. */
wp_status wp_sched_seat_waits(wp_pool *pool, uint32_t seat, bool *waits) {
  if (!wp_lock_try(pool, WP_MAIN)) return WP_E_LOCK_BUSY;
  wp_sched_apply_inbox(pool, WP_MAIN);
  *waits = wp_lanes_seat_waits(pool, WP_MAIN, seat);
  wp_lock_release(pool, WP_MAIN);
  return WP_OK;
}

/* No points: main only. */
void wp_resume(wp_pool *pool) {
  wp_atomic_store_seq_u32(&pool->paused, 0); /* pairs with the load after IDLE in wp_sched_take */
  wp_idle_wake_all(pool);
}

/* ---- After a death ---- */

void wp_sched_requeue_locked(wp_pool *pool, uint32_t index) {
  const wp_slot *slot = wp_slot_at(&pool->slots, index);
  wp_lanes_add(pool, index);
  WP_POINT("task.requeued");
  wp_atomic_fetch_add_seq_u32(&pool->queued, 1);
  if (slot->seat)
    wp_idle_wake_for(pool, slot, false); /* the seat's new worker may already have gone idle */
}

static int by_sequence(const void *a, const void *b) {
  const wp_slot *left = *(wp_slot *const *)a, *right = *(wp_slot *const *)b;
  return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static bool waits(const wp_slot *slot) {
  uint32_t state = wp_slot_state_of(slot);
  return state == WP_SLOT_SUBMITTED || state == WP_SLOT_READY || state == WP_SLOT_CANCELLED;
}

/* No points: main only. */
static void enter_anew(wp_pool *pool, wp_slot *slot, uint32_t index) {
  wp_slot_move(slot, WP_SLOT_READY, WP_SLOT_SUBMITTED);
  if (wp_slot_state_of(slot) == WP_SLOT_SUBMITTED) wp_atomic_fetch_add_seq_u32(&pool->queued, 1);
  apply_one(pool, WP_MAIN, index);
}

/* REBUILD: makes all lists from the slots' states, in order of submission (in order of the table if there is no memory to sort). A slot
 * that was being pushed at the same time would be entered twice; it cannot be, because main does both. No points: main only. */
void wp_sched_rebuild(wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->slots.capacity), count = 0;
  wp_atomic_exchange_seq_u32(&pool->inbox, 0); /* its slots are SUBMITTED and found below */
  wp_lanes_reset(pool);
  wp_atomic_store_seq_u32(&pool->queued, 0);
  wp_heap *heap = wp_pool_heap(pool, WP_MAIN);
  wp_slot **found = wp_heap_alloc(heap, sizeof(wp_slot *) * ((size_t)capacity + 1), 0);
  for (uint32_t i = 0; i < capacity; i++) {
    wp_slot *slot = wp_slot_at(&pool->slots, i);
    if (!waits(slot)) continue;
    slot->listed = i + 1; /* for the loop below */
    if (found)
      found[count++] = slot;
    else
      enter_anew(pool, slot, i);
  }
  if (!found) return;
  qsort(found, count, sizeof *found, by_sequence);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t index = found[i]->listed - 1;
    found[i]->listed = 0;
    enter_anew(pool, found[i], index);
  }
  wp_heap_free(heap, found);
}
