/*
 * Purpose  Which thread is main. The core has one main thread; natively every thread may call the pool, so each call takes its turn at
 *          being main, and threads that wait for something sleep between their turns.
 * Owns     wp_turn: the lock, and who sleeps
 * Threads  any
 * Order    the lock's word: acquire when it is taken, release when it is opened, so one turn sees all that earlier turns did. One sleeper
 *          at a time, the driver, sleeps on the pool's bell, and is the only one that arms it; the others sleep on `news`, which
 *          whoever has something for them raises during a turn: so nothing that happens between the end of a sleeper's turn and its
 *          sleep is missed
 * Kill     a worker that calls its own pool cannot be killed during a turn (wp_port_thread_killable). It sleeps killable, outside its
 *          turn, and never as the driver: dead, it leaves `sleepers` too high, which costs needless calls of the host
 * See      tests/unit/embed_threads_test.c
 */
#ifndef WP_EMBED_TURN_H
#define WP_EMBED_TURN_H

#include "pool.h"
#include "port/port.h"

enum wp_turn_lock { WP_TURN_OPEN = 0, WP_TURN_TAKEN = 1, WP_TURN_WANTED = 2 /* and some wait */ };

typedef struct wp_turn {
  wp_atomic_u32 lock; /* enum wp_turn_lock */
  /* raised when there is something for sleepers other than the driver; written during turns */
  wp_atomic_u32 news;
  /* The rest is used during turns only. */
  uint32_t sleepers; /* threads that sleep on `news`, or more */
  bool killable;     /* what the thread that has its turn goes back to */
  bool driven;       /* a thread sleeps on the bell */
  double driven_ms;  /* until then */
} wp_turn;

/* Begins and ends the caller's turn. Turns do not nest. */
void wp__turn_begin(wp_turn *turn);
void wp__turn_end(wp_turn *turn);

/* Sleeps until something may have changed, at most for limit_ms. The caller's turn ends and begins again meanwhile. A driver must have
 * armed the bell. */
void wp__turn_sleep(wp_turn *turn, wp_pool *pool, double limit_ms);

/* Lets all sleepers look again. During a turn. */
void wp__turn_tell(wp_turn *turn, wp_pool *pool);

/* Whether the caller's sleep would be the driver's. During its turn. */
static inline bool wp__turn_drives(const wp_turn *turn) { return !turn->driven && !wp__self; }

#endif
