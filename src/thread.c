#include "thread.h"
#include "base/point.h"
#include "port/port.h"

_Thread_local wp_thread *wp__self;
_Thread_local struct wp_pool *wp__self_pool;

static bool must_not_enter(const wp_thread *thread) {
  uint32_t doomed = wp_atomic_load_seq_u32(&thread->doomed); /* pairs with DOOM */
  /* Its own word: nobody else changes it. */
  return doomed == WP_DOOM_NOW ||
         (doomed == WP_DOOM_SOON && !wp_atomic_load_relaxed_u32(&thread->holds));
}

/* Waits in bounded steps: some engines cannot stop an unbounded wait. */
static void park(wp_thread *thread) {
  bool before = wp_port_thread_killable(true);
  while (must_not_enter(thread)) {
    uint32_t seen = wp_atomic_load_seq_u32(&thread->wake);
    WP_POINT("gate.park");
    if (must_not_enter(thread)) wp_thread_sleep(thread, seen, WP_PARK_MS);
  }
  wp_port_thread_killable(before);
}

void wp_gate_enter(wp_thread *thread) {
  uint32_t depth = wp_atomic_load_relaxed_u32(&thread->inside); /* only this thread writes it */
  if (!depth) wp_port_stack_probe();
  for (;;) {
    WP_POINT("gate.enter");
    /* ENTER: this store and load pair with DOOM and with the load in wp_gate_inside. */
    wp_atomic_store_seq_u32(&thread->inside, depth + 1);
    if (depth || !must_not_enter(thread)) return;
    WP_POINT("gate.back");
    wp_atomic_store_seq_u32(&thread->inside, 0);
    park(thread);
  }
}

void wp_gate_leave(wp_thread *thread) {
  WP_POINT("gate.leave");
  uint32_t depth = wp_atomic_load_relaxed_u32(&thread->inside); /* only this thread writes it */
  /* LEAVE: makes what was done inside visible to the killer. */
  wp_atomic_store_seq_u32(&thread->inside, depth - 1);
  WP_POINT("gate.left");
}

bool wp_gate_doomed(const wp_thread *thread) {
  return wp_atomic_load_seq_u32(&thread->doomed) != 0;
}

/* No points: main only. */
void wp_gate_doom(wp_thread *thread) {
  wp_atomic_store_seq_u32(&thread->doomed,
                          WP_DOOM_NOW); /* DOOM: pairs with the load in wp_gate_enter */
  wp_thread_wake(thread);               /* if it waits inside the core, it sees the doom */
}

/* No points: main only. */
void wp_gate_doom_softly(wp_thread *thread) {
  wp_atomic_store_seq_u32(&thread->doomed, WP_DOOM_SOON); /* DOOM: see critical.h, HOLD */
  wp_thread_wake(thread);
}

/* No points: main only. */
void wp_gate_pardon(wp_thread *thread) {
  wp_atomic_store_seq_u32(&thread->doomed, WP_DOOM_NOT); /* pairs with the loads in park */
  wp_thread_wake(thread);
}

bool wp_gate_inside(const wp_thread *thread) {
  return wp_atomic_load_seq_u32(&thread->inside) != 0;
}

void wp_thread_wake(wp_thread *thread) {
  WP_POINT("thread.wake");
  /* Pairs with the waiter's load before it announced itself. */
  wp_atomic_fetch_add_seq_u32(&thread->wake, 1);
  /* WAKE: after `wake` was raised; pairs with SLEEP. Calling the host costs more than the rest of a submission. */
  if (wp_atomic_load_seq_u32(&thread->sleeps)) wp_port_wake(&thread->wake, UINT32_MAX);
}

void wp_thread_sleep(wp_thread *thread, uint32_t seen, uint32_t timeout_ms) {
  uint32_t before = wp_atomic_load_relaxed_u32(&thread->sleeps); /* only this thread writes it */
  WP_POINT("thread.sleep");
  /* SLEEP: before the host looks at the wake word. Either WAKE sees this store, or that look sees the raised word. */
  bool is_short = !before && timeout_ms <= WP_SHORT_WAIT_MS;
  wp_atomic_store_seq_u32(&thread->sleeps, is_short ? WP_SLEEP_SHORT : WP_SLEEP_LONG);
  wp_port_wait(&thread->wake, seen, timeout_ms);
  WP_POINT("thread.awake");
  /* Before it looks for work: pairs with PATIENCE. Not simply 0: its event loop may be asleep as well. */
  wp_atomic_store_seq_u32(&thread->sleeps, before);
}
