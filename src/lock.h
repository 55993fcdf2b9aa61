/*
 * Purpose  The pool's lock: lanes, inbox and the line for boxes are changed under it. Whoever gives it back does what others have left
 *          to its holder: chores (enum wp_chore).
 * Owns     pool->lock, pool->lock_sleepers, pool->chores
 * Threads  try and help never wait: any thread. wait: workers inside the gate
 * Order    a chore is raised before its raiser looks at the lock; the lock is opened before its holder looks at the chores: one of
 *          the two sees the other (both seq)
 * Kill     held only inside the gate, so a planned kill never finds it held. A holder that dies there unplanned is found by its number
 *          and incarnation in the lock word (wp_lock_take_over); what it guards is then made anew (rooms.h, rebuild). A sleeper that
 *          dies leaves a count that is too high: one call of the host for each unlock, until wp_lock_recount
 * See      tests/unit/scheduler_test.c, tests/model/gate.pml
 */
#ifndef WP_LOCK_H
#define WP_LOCK_H

#include "base/point.h"
#include "pool.h"
#include "port/port.h"

/* UPCALL: the one call from here to rooms above (rooms.c). If chores are due and the lock is free, does them under it, opens it, and
 * wakes a worker for what they have brought; again, as long as there are some. Inside the gate. */
void wp__lock_chores(wp_pool *pool, uint32_t self);

/* The word of a thread that holds the lock. Its record's user cannot change while it is alive. */
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

/* Opens the lock and leaves the chores where they are. */
static inline void wp__lock_open(wp_pool *pool) {
  WP_POINT("lock.open");
  wp_atomic_store_seq_u32(&pool->lock, 0);
  if (wp_atomic_load_seq_u32(&pool->lock_sleepers)) wp_port_wake(&pool->lock, 1);
}

static inline void wp_lock_release(wp_pool *pool, uint32_t self) {
  wp__lock_open(pool);
  /* CHORES: one that came up while the lock was taken: whoever raised it saw the lock and left it to its holder. */
  if (wp_atomic_load_seq_u32(&pool->chores)) wp__lock_chores(pool, self);
}

/* Raises chores (0: only those that are due) and does them if the lock is free; if not, its holder will. */
void wp_lock_help(wp_pool *pool, uint32_t self, uint32_t chores);

/* True when this dead thread holds the lock, which is main's from then on. main, after the thread's confirmed death. */
bool wp_lock_take_over(wp_pool *pool, uint32_t dead);

/* Hooks of rooms.h. */
void wp_lock_recount(wp_pool *pool);
bool wp_lock_check(const wp_pool *pool);

#endif
