#include "critical.h"
#include "base/point.h"
#include "port/port.h"

static bool is_named(const wp_thread *thread) {
  uint32_t tag = wp_atomic_load_relaxed_u32(&thread->tag); /* own word */
  /* Pairs with the store in wp_worker_stop, which a check reads in the same way. */
  uint32_t stop = wp_atomic_load_seq_u32(&thread->stop);
  return tag && ((stop ^ tag ^ WP_STOP_MARK) & ~(uint32_t)WP_MARK_BITS) == 0;
}

static void set_holds(wp_thread *thread, uint32_t holds) {
  WP_POINT("critical.holds");
  wp_atomic_store_seq_u32(&thread->holds,
                          holds); /* HOLD: pairs with the load in wp_critical_holds */
  /* Only this thread's own checks read it. */
  thread->mark = wp_atomic_load_relaxed_u32(&thread->tag) ^ wp_critical_bits(holds);
}

static uint32_t holds_of(const wp_thread *thread) {
  return wp_atomic_load_relaxed_u32(&thread->holds); /* own word */
}

/* Outside all sections: what a section puts off happens here. */
static void outside(wp_thread *thread) {
  if (wp_gate_inside(thread)) return; /* see wp_critical_settle */
  if (is_named(thread)) wp_port_trap();
  if (wp_gate_doomed(thread)) {
    wp_gate_enter(thread); /* waits there, holding nothing */
    wp_gate_leave(thread);
  }
  if (wp_atomic_load_relaxed_u32(&thread->tag)) wp_port_thread_killable(true); /* own word */
}

void wp_critical_enter(void *lock, wp_release release) {
  wp_thread *thread = wp__self;
  if (!thread) return;
  uint32_t holds = holds_of(thread);
  if (!holds) wp_port_thread_killable(false);
  wp_thread_memory *memory = wp_pool_memory(wp__self_pool, thread->index);
  if (memory->listed < WP_HELD_MAX) {
    memory->held[memory->listed] = (wp_held){lock, release};
    wp_atomic_compiler_order(); /* only whole entries count as listed */
    WP_POINT("critical.listed");
    memory->listed++;
  }
  set_holds(thread, holds + 1);
  if (holds || wp_gate_inside(thread)) return;
  /* HOLD: as at the gate, either this thread sees the doom, or its killer sees the section. A thread that is to trap goes no further. */
  while (wp_gate_doomed(thread) || is_named(thread)) {
    memory->listed = 0; /* it is not in the section yet */
    set_holds(thread, 0);
    outside(thread);
    wp_port_thread_killable(false);
    memory->listed = 1;
    set_holds(thread, 1);
  }
}

/* Takes a lock's latest entry off the list; the last one takes its place. False: it is not there. */
static bool take_off(wp_thread *thread, wp_thread_memory *memory, const void *lock) {
  uint32_t last = memory->listed - 1, at = last;
  while (at < memory->listed && memory->held[at].lock != lock) at--;
  if (at >= memory->listed) return false;
  bool moves = at != last;
  if (moves) wp_gate_enter(thread); /* no death while an entry stands there twice */
  if (moves) memory->held[at] = memory->held[last];
  WP_POINT("critical.listed");
  memory->listed = last;
  if (moves) wp_gate_leave(thread);
  return true;
}

void wp_critical_leave(const void *lock) {
  wp_thread *thread = wp__self;
  if (!thread) return;
  uint32_t holds = holds_of(thread);
  wp_thread_memory *memory = wp_pool_memory(wp__self_pool, thread->index);
  /* Those for which the list had no room are not known one by one. */
  if (!take_off(thread, memory, lock) && holds == memory->listed) return;
  set_holds(thread, holds - 1);
  if (holds == 1) outside(thread);
}

void wp_critical_settle(void) {
  if (wp__self && !holds_of(wp__self)) outside(wp__self);
}

void wp_critical_reset(wp_thread *thread, uint32_t tag) {
  if (holds_of(thread)) {
    wp_pool_memory(wp__self_pool, thread->index)->listed = 0;
    WP_POINT("critical.reset");
    wp_atomic_store_release_u32(&thread->holds, 0); /* pairs with wp_critical_holds */
  }
  thread->mark = tag;
}

bool wp_critical_break(wp_pool *pool, uint32_t thread) {
  wp_thread *record = &pool->threads[thread];
  wp_thread_memory *memory = wp_pool_memory(pool, thread);
  /* A death may have come between the list and the count. */
  uint32_t listed = memory->listed, holds = holds_of(record);
  uint32_t broken = holds > listed ? holds - listed : 0;
  while (listed-- > 0) {
    const wp_held *held = &memory->held[listed];
    if (!held->release || held->release(held->lock, thread))
      broken++; /* a section was cut off, too */
  }
  WP_POINT("critical.broken");
  if (broken) wp_atomic_fetch_add_relaxed_u32(&record->broken, broken); /* a number only */
  memory->listed = 0;
  WP_POINT("critical.break");
  wp_atomic_store_release_u32(&record->holds, 0); /* pairs with wp_critical_holds */
  return broken != 0;
}

/* No points: main only. */
void wp_critical_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  (void)trusted;
  wp_critical_break(pool, thread);
}

void wp_critical_begin(void) { wp_critical_enter(NULL, NULL); }
void wp_critical_end(void) { wp_critical_leave(NULL); }
