#include "embed/turn.h"

/* Looks at the lock before a thread sleeps: turns are short. */
enum { LOOKS_MAX = 100 };

/* Longest sleep on a word: a waiter that is killed may have used up the wake-up. */
static const double sleep_most_ms = 10;

/* A sleeper that may not drive looks by itself so often, if nobody drives. */
static const double look_ms = 1;

static bool try_begin(wp_turn *turn) {
  uint32_t open = WP_TURN_OPEN;
  /* no point: the thread cannot be killed */
  return wp_atomic_cas_acq_rel_u32(&turn->lock, &open, WP_TURN_TAKEN);
}

/* No points: the thread cannot be killed. */
void wp__turn_begin(wp_turn *turn) {
  /* In wasm a worker may be ended in the middle of a turn, so a task must not call its own pool there: it fails. Natively no effect. */
  if (wp__self) wp_port_trap();
  bool killable = wp_port_thread_killable(false), taken = try_begin(turn);
  for (uint32_t look = 0; !taken && look < LOOKS_MAX; look++) {
    wp_port_pause();
    taken = wp_atomic_load_relaxed_u32(&turn->lock) == WP_TURN_OPEN && try_begin(turn); /* a hint */
  }
  while (!taken) {
    taken = wp_atomic_exchange_seq_u32(&turn->lock, WP_TURN_WANTED) == WP_TURN_OPEN;
    if (!taken) wp_port_wait(&turn->lock, WP_TURN_WANTED, sleep_most_ms);
  }
  turn->killable = killable;
}

/* No points: the thread cannot be killed. */
void wp__turn_end(wp_turn *turn) {
  bool killable = turn->killable;
  if (wp_atomic_exchange_seq_u32(&turn->lock, WP_TURN_OPEN) == WP_TURN_WANTED)
    wp_port_wake(&turn->lock, 1);
  wp_port_thread_killable(killable);
}

/* No points: the thread cannot be killed. */
void wp__turn_tell(wp_turn *turn, wp_pool *pool) {
  if (turn->driven) {
    wp_atomic_store_seq_u32(&pool->bell, 0); /* before the wake-up: the driver may not sleep yet */
    wp_port_wake(&pool->bell, 1);
  }
  if (!turn->sleepers) return;
  wp_atomic_fetch_add_seq_u32(&turn->news, 1); /* pairs with the load in sleep_on_news */
  wp_port_wake(&turn->news, UINT32_MAX);
}

static void sleep_on_news(wp_turn *turn, double limit_ms) {
  uint32_t seen = wp_atomic_load_seq_u32(&turn->news); /* before the turn ends */
  double most_ms = turn->driven ? sleep_most_ms : look_ms;
  turn->sleepers++;
  wp__turn_end(turn);
  wp_port_wait(&turn->news, seen, limit_ms < most_ms ? limit_ms : most_ms);
  wp__turn_begin(turn);
  turn->sleepers--;
}

/* No points: not a worker of the pool. */
static void drive(wp_turn *turn, wp_pool *pool, double limit_ms) {
  turn->driven = true;
  turn->driven_ms = wp_port_now_ms() + limit_ms;
  wp__turn_end(turn);
  wp_port_wait(&pool->bell, 1, limit_ms);
  wp__turn_begin(turn);
  turn->driven = false;
  wp_atomic_store_seq_u32(&pool->bell, 0); /* awake: nobody needs to ring */
  wp__turn_tell(turn, pool);               /* another sleeper drives from now on */
}

void wp__turn_sleep(wp_turn *turn, wp_pool *pool, double limit_ms) {
  if (wp__turn_drives(turn))
    drive(turn, pool, limit_ms);
  else
    sleep_on_news(turn, limit_ms);
}
