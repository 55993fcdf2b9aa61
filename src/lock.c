#include "lock.h"

enum {
  /* tries before a worker sleeps; the holder usually releases the lock within a few */
  SPIN_LIMIT = 200,
  WAIT_MS = 1, /* bounded: a waiter that dies may have consumed the wake-up */
};

static void sleep_on(wp_pool *pool, uint32_t holder) {
  WP_POINT("lock.sleep");
  wp_atomic_fetch_add_seq_u32(&pool->lock_sleepers, 1); /* pairs with the load in wp__lock_open */
  wp_port_wait(&pool->lock, holder, WAIT_MS);
  WP_POINT("lock.awake");
  wp_atomic_fetch_sub_seq_u32(&pool->lock_sleepers, 1);
}

void wp__lock_wait_longer(wp_pool *pool, uint32_t self) {
  uint32_t spins = 0;
  do {
    uint32_t holder = wp_atomic_load_relaxed_u32(&pool->lock); /* only the value to sleep on */
    if (spins++ < SPIN_LIMIT)
      wp_port_pause();
    else if (holder)
      sleep_on(pool, holder);
  } while (!wp_lock_try(pool, self));
}

void wp_lock_help(wp_pool *pool, uint32_t self, uint32_t chores) {
  wp_gate_enter(&pool->threads[self]);
  WP_POINT("chores.raise");
  if (chores)
    wp_atomic_fetch_or_seq_u32(&pool->chores, chores); /* pairs with the load in wp_lock_release */
  wp__lock_chores(pool, self);
  wp_gate_leave(&pool->threads[self]);
}

/* No points: main only. */
bool wp_lock_take_over(wp_pool *pool, uint32_t dead) {
  uint32_t holder = wp_atomic_load_seq_u32(&pool->lock);
  if (holder != wp__lock_word(pool, dead)) return false;
  /* BREAK: only the holder unlocks, and it is dead, so this cannot fail. */
  wp_atomic_cas_seq_u32(&pool->lock, &holder, wp__lock_word(pool, WP_MAIN));
  return true;
}

/* A thread that died asleep on the lock is still counted; nobody sleeps there during a recount. No points: main only. */
void wp_lock_recount(wp_pool *pool) { wp_atomic_store_seq_u32(&pool->lock_sleepers, 0); }

bool wp_lock_check(const wp_pool *pool) { return !wp_atomic_load_seq_u32(&pool->lock); }
