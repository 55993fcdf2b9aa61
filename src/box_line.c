/* The line of threads that wait for a pooled box: see wp_box_request. */
#include "base/point.h"
#include "box_parts.h"

static bool take_place_locked(wp_pool *pool) {
  if (wp_atomic_load_seq_u32(&pool->boxes_taken) >= pool->config.box_count) return false;
  WP_POINT("box.take_place");
  wp_atomic_fetch_add_seq_u32(&pool->boxes_taken, 1);
  WP_POINT("box.placed");
  return true;
}

static void append_to_line(wp_pool *pool, uint32_t number) {
  WP_POINT("line.wait");
  /* Relaxed: the line is guarded by the lock. */
  wp_atomic_store_relaxed_u32(&pool->threads[number].box_waiting, WP_NONE);
  WP_POINT("line.append");
  if (pool->box_line.last) {
    wp_atomic_store_relaxed_u32(&pool->threads[pool->box_line.last - 1].box_waiting, number + 1);
  } else {
    pool->box_line.first = number + 1;
  }
  WP_POINT("line.last");
  pool->box_line.last = number + 1;
}

wp_status wp_box_request(wp_pool *pool, uint32_t self) {
  wp_thread *thread = &pool->threads[self];
  wp_status status = WP_OK;
  wp_gate_enter(thread);
  wp_lock_wait(pool, self);
  if (wp_box_granted(pool, self)) {
    status = WP_OK; /* it asked before and has not used its grant */
  } else if (wp_atomic_load_relaxed_u32(&thread->box_waiting)) {
    status = WP_E_NOT_GRANTED; /* it asked before and keeps its place in line */
  } else if (!pool->box_line.first && take_place_locked(pool)) {
    WP_POINT("box.request");
    wp_atomic_store_seq_u32(&thread->box_granted, 1);
  } else {
    status = WP_E_NOT_GRANTED;
    append_to_line(pool, self);
  }
  wp_lock_release(pool, self);
  wp_gate_leave(thread);
  return status;
}

bool wp_box_granted(const wp_pool *pool, uint32_t self) {
  return wp_atomic_load_seq_u32(&pool->threads[self].box_granted) != 0;
}

wp_status wp_box_create_granted(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index) {
  wp_thread *thread = &pool->threads[self];
  if (!wp_box_granted(pool, self)) return WP_E_NOT_GRANTED;
  wp_gate_enter(thread);
  /* The grant goes first: a death in between leaves a place that counts as taken, not one that is given back twice. */
  WP_POINT("box.use_grant");
  wp_atomic_store_seq_u32(&thread->box_granted, 0);
  wp_status status = wp__box_create(pool, self, bytes, WP_BOX_POOLED, index);
  if (status) wp__box_give_back_place(pool);
  wp_gate_leave(thread);
  if (status) wp_lock_help(pool, self, 0);
  return status;
}

wp_status wp_box_use_grant(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!wp_box_granted(pool, self)) return WP_E_NOT_GRANTED;
  if (!wp__box_exists(pool, index)) return WP_E_STALE_HANDLE;
  wp_box *box = wp_box_at(pool, index);
  bool is_free = wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE);
  if (is_free || box->flags & WP_BOX_POOLED) return WP_E_STALE_HANDLE;
  if (box->owner != self) return WP_E_DENIED;
  wp_gate_enter(&pool->threads[self]);
  /* The grant goes first, as in wp_box_create_granted. */
  WP_POINT("box.count_lease");
  wp_atomic_store_seq_u32(&pool->threads[self].box_granted, 0);
  WP_POINT("box.pooled");
  box->flags |= WP_BOX_POOLED; /* published with the slot that names the box */
  wp_gate_leave(&pool->threads[self]);
  return WP_OK;
}

void wp__box_leave_line(wp_pool *pool, uint32_t number) {
  uint32_t previous = 0;
  for (uint32_t at = pool->box_line.first; at;) {
    wp_thread *thread = &pool->threads[at - 1];
    uint32_t link = wp_atomic_load_relaxed_u32(&thread->box_waiting); /* guarded by the lock */
    uint32_t after = link == WP_NONE ? 0 : link;
    if (at - 1 == number) {
      WP_POINT("line.leave");
      if (previous)
        wp_atomic_store_relaxed_u32(&pool->threads[previous - 1].box_waiting,
                                    after ? after : WP_NONE);
      else
        pool->box_line.first = after;
      WP_POINT("line.left");
      if (!after) pool->box_line.last = previous;
      wp_atomic_store_relaxed_u32(&thread->box_waiting, 0);
      return;
    }
    previous = at;
    at = after;
  }
}

void wp_box_serve_line(wp_pool *pool, uint32_t self) {
  (void)self;
  while (pool->box_line.first && take_place_locked(pool)) {
    uint32_t number = pool->box_line.first - 1;
    WP_POINT("line.grant");
    /* Before it leaves the line: a death in between must not leave a waiter that is neither in line nor granted. */
    wp_atomic_store_seq_u32(&pool->threads[number].box_granted, 1);
    wp__box_leave_line(pool, number);
    wp_thread_wake(&pool->threads[number]);
    /* An actor waits for this word, since its thread's wake word is its loop's. */
    wp_port_wake(&pool->threads[number].box_granted, UINT32_MAX);
  }
}

/* Puts the thread in line again if it waits for a box and was not granted one. No points: main only. */
static void enter_anew(wp_pool *pool, uint32_t number) {
  wp_atomic_u32 *waiting = &pool->threads[number].box_waiting;
  bool waits = wp_atomic_load_relaxed_u32(waiting) && !wp_box_granted(pool, number);
  wp_atomic_store_relaxed_u32(waiting, 0); /* guarded by the lock */
  if (waits) append_to_line(pool, number);
}

/* The thread behind `number` in the line, + 1; 0: there is none. */
static uint32_t behind(const wp_pool *pool, uint32_t number) {
  uint32_t link =
      wp_atomic_load_relaxed_u32(&pool->threads[number].box_waiting); /* under the lock */
  return link == WP_NONE ? 0 : link;
}

/* Marks the threads of the old line, as far as it can be followed; then all enter the new line. Following the old links meanwhile is safe:
 * a thread that enters changes only its own link and that of a thread that has entered already. */
void wp_box_mend_line(wp_pool *pool) {
  uint32_t first = pool->box_line.first;
  for (uint32_t at = first; at && !pool->threads[at - 1].marked; at = behind(pool, at - 1))
    pool->threads[at - 1].marked = true;
  pool->box_line = (wp_list){0, 0};
  /* A thread that waits outside the old line was its first, being served; or it is dead, and wp_box_reap takes it out. */
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    if (!pool->threads[i].marked) enter_anew(pool, i);
  }
  for (uint32_t at = first; at && pool->threads[at - 1].marked;) {
    uint32_t number = at - 1;
    at = behind(pool, number);
    pool->threads[number].marked = false;
    enter_anew(pool, number);
  }
}

/* Every thread that waits for a box is in line once and has no grant. */
bool wp__box_check_line(const wp_pool *pool) {
  uint32_t waiting = 0, listed = 0, last = 0;
  for (uint32_t i = 0; i < wp_pool_threads_end(pool); i++)
    waiting += wp_atomic_load_relaxed_u32(&pool->threads[i].box_waiting) != 0;
  for (uint32_t at = pool->box_line.first; at;) {
    if (at > pool->thread_count || ++listed > waiting || wp_box_granted(pool, at - 1)) return false;
    uint32_t next = wp_atomic_load_relaxed_u32(&pool->threads[at - 1].box_waiting);
    last = at;
    at = next == WP_NONE ? 0 : next;
  }
  return listed == waiting && last == pool->box_line.last;
}
