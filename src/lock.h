/*
 * Purpose  The pool's lock: lanes, inbox and the line for boxes are changed under it. A thread that finds it taken leaves its work to
 *          the holder as a chore (enum wp_chore); the holder does the chores when it releases the lock.
 * Owns     pool->lock, pool->lock_sleepers, pool->chores
 * Threads  try and help never wait: any thread. wait: workers inside the gate
 * Order    a thread raises a chore before it looks at the lock; the holder opens the lock before it looks at the chores: one of
 *          the two sees the other (both seq)
 * Kill     held only inside the gate, so a planned kill never finds it held. An unplanned death there is recognised by the thread's
 *          number and incarnation in the lock word (wp_lock_take_over); everything that the lock guards is then rebuilt (rooms.h). A
 *          sleeper that dies leaves lock_sleepers too high: one needless call of the host at each unlock, until wp_lock_recount
 * See      tests/unit/scheduler_test.c, tests/model/gate.pml
 */
#ifndef WP_LOCK_H
#define WP_LOCK_H

#include "base/point.h"
#include "pool.h"
#include "port/port.h"

/* UPCALL: the one call from here to rooms above (rooms.c). While chores are due and the lock is free: takes the lock, does them, opens
 * the lock and wakes a worker for tasks that they made ready. Inside the gate. */
void wp__lock_chores(wp_pool *pool, uint32_t self);

_Static_assert(WP_THREADS_MAX < 1 << 16, "number + 1 fits into the lower half");

/* The lock word while `self` holds the lock. Relaxed: the incarnation is constant while the thread lives. */
static inline uint32_t wp__lock_word(const wp_pool *pool, uint32_t self) {
  uint32_t incarnation = wp_atomic_load_relaxed_u32(&pool->threads[self].incarnation);
  return incarnation << 16 | (self + 1);
}

static inline bool wp_lock_try(wp_pool *pool, uint32_t self) {
  uint32_t nobody = 0;
  WP_POINT("lock.take");
  return wp_atomic_cas_seq_u32(&pool->lock, &nobody, wp__lock_word(pool, self));
}

void wp__lock_wait_longer(wp_pool *pool, uint32_t self);

static inline void wp_lock_wait(wp_pool *pool, uint32_t self) {
  if (!wp_lock_try(pool, self)) wp__lock_wait_longer(pool, self);
}

/* Opens the lock without looking at the chores. */
static inline void wp__lock_open(wp_pool *pool) {
  WP_POINT("lock.open");
  wp_atomic_store_seq_u32(&pool->lock, 0);
  if (wp_atomic_load_seq_u32(&pool->lock_sleepers)) wp_port_wake(&pool->lock, 1);
}

static inline void wp_lock_release(wp_pool *pool, uint32_t self) {
  wp__lock_open(pool);
  /* CHORES: a thread that raised one while the lock was taken has left it to this holder. */
  if (wp_atomic_load_seq_u32(&pool->chores)) wp__lock_chores(pool, self);
}

/* Raises chores (0: none) and does all that are due if the lock is free; otherwise its holder will. */
void wp_lock_help(wp_pool *pool, uint32_t self, uint32_t chores);

/* If this dead thread holds the lock, main takes it over; false otherwise. main, after the thread's confirmed death. */
bool wp_lock_take_over(wp_pool *pool, uint32_t dead);

/* Hooks of rooms.h. */
void wp_lock_recount(wp_pool *pool);
bool wp_lock_check(const wp_pool *pool);

#endif
