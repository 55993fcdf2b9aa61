/*
 * Purpose  Critical sections of a task: the locks that it holds, and sections that its author has marked (wp_critical_begin). A stop waits
 *          for the end of the outermost one; what a task still holds when it ends by force is released and counted.
 * Owns     wp_thread.holds and mark; the list of held locks (wp_thread_memory.held)
 * Threads  the worker itself, except for wp_critical_reap and wp_critical_holds (main)
 * Order    holds/doomed are sequentially consistent on both sides, as inside/doomed of the gate (thread.h).
 *          `holds` and the list are written before the lock is taken, and again after it was given back. So an entry means: held, about
 *          to be, or just given back; the lock's own word decides (wp_release)
 * Kill     before the store of `holds` the thread holds nothing new; after it the list names the lock. An entry is moved inside the gate:
 *          it would stand there twice for a moment, and a share of a lock must not be given back twice. An unplanned death may do that, or
 *          lose the latest entry
 * See      src/bindings/locks.c, tests/unit/critical_test.c, docs/decisions/0020-locks-and-statics.md
 */
#ifndef WP_CRITICAL_H
#define WP_CRITICAL_H

#include "pool.h"

/* Bits in which `mark` differs from `tag` while the task holds locks. A check whose `stop` lacks them does not trap meanwhile; main adds
 * them to cut a section off. A `stop` outlives its task by a few tasks at most, so it meets no tag that differs from it in these bits. */
enum {
  WP_MARK_HOLDS = 0x40000000, /* it holds at least one lock */
  WP_MARK_HOLDS_MORE =
      0x20000000, /* and at least one more: probably a short section within a long one */
  WP_MARK_BITS = WP_MARK_HOLDS | WP_MARK_HOLDS_MORE,
};

/* Begins a section of the calling thread's task. lock and release: NULL for a section without a lock. The worker itself; no effect on
 * threads that belong to no pool. */
void wp_critical_enter(void *lock, wp_release release);

/* Ends it. If that was the outermost one and the task is to end, this traps; a doomed thread waits here to be ended. A lock that was
 * never entered is left alone. The worker itself. */
void wp_critical_leave(const void *lock);

/* To be called outside the gate after wp_critical_leave inside it, which puts off what it would do. The worker itself. */
void wp_critical_settle(void);

/* The task begins or ends: it holds nothing. Locks that an ended task has not given back stay locked, as in any C. The worker itself. */
void wp_critical_reset(wp_thread *thread, uint32_t tag);

/* How many sections the thread is in. A hint while the thread runs; but one that is doomed, and in none, will enter none. main. */
static inline uint32_t wp_critical_holds(const wp_thread *thread) {
  return wp_atomic_load_seq_u32(&thread->holds); /* pairs with HOLD */
}

/* Bits for a stop that is to reach the task where it is now. main. */
static inline uint32_t wp_critical_bits(uint32_t holds) {
  if (!holds) return 0;
  return holds == 1 ? WP_MARK_HOLDS : WP_MARK_BITS;
}

/* Releases what a thread holds whose task has trapped, or that is dead, and counts it in wp_thread.broken. The worker itself, inside
 * the gate; main after its confirmed death. May be repeated. True: there was anything. */
bool wp_critical_break(wp_pool *pool, uint32_t thread);

/* Hook of rooms.h. */
void wp_critical_reap(wp_pool *pool, uint32_t thread, bool trusted);

#endif
