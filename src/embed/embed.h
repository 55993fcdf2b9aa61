/*
 * Purpose  The pool side of wasmpool.h for hosts whose main thread may wait and starts threads through port.h: submitting,
 *          completions, and the driver of the fleet, which performs its actions and reports events.
 * Owns     wp_embedder: the pool's memory, its threads, and the completions that no worker reports
 * Threads  main, except `alive`
 * Order    `alive` counts the users of the embedder: main, and each thread until it has ended. The last one frees it, so the
 *          decrement is acquire-release
 * Kill     a thread that is cancelled runs its end handler (port.h, wp_port_thread_start), whatever it was doing
 * See      tests/unit/embed_test.c
 */
#ifndef WP_EMBED_H
#define WP_EMBED_H

#include "fleet.h"
#include "port/port.h"

/* The completion of a task that was given up, which its worker will not report. */
typedef struct wp_settled {
  wp_handle handle;
  wp_status status;
} wp_settled;

/* The host's side of a thread record. */
typedef struct wp_embed_thread {
  wp_port_thread *thread; /* NULL: there is none */
  struct wp_pool *pool;
  uint32_t number;
  uint32_t incarnation;
  bool reported; /* STARTED was reported */
  bool failed;   /* the thread could not be made: START_FAILED is due */
  bool stopping; /* STOP was performed: GONE is due when the thread has ended */
} wp_embed_thread;

typedef struct wp_embedder {
  wp_segments segments;
  wp_thread_memory memory;  /* main's */
  wp_embed_thread *threads; /* by number, in main's heap: they go with the segments */
  wp_atomic_u32 alive;
  wp_fleet *fleet;
  wp_fleet_next next;
  bool opened, refused;
  wp_settled *settled; /* a queue; its first element is `settled_next` */
  size_t settled_count, settled_capacity, settled_next;
} wp_embedder;

/* Steps the fleet, reports what has happened to its threads, and performs its actions; `event` may be NULL. Does not wait. */
void wp__embed_step(wp_pool *pool, const wp_fleet_event *event);

/* Sleeps until a task has finished, a thread has started, or the next step is due; at most for limit_ms or some milliseconds. */
void wp__embed_sleep(wp_pool *pool, double limit_ms);

/* Queues a task's completion for wp_poll; wp__embed_reserve has made room for it. */
void wp__embed_settle(wp_pool *pool, wp_handle handle, wp_status status);

/* Makes room for the completions of all present tasks and of one more, so that none is lost for lack of memory. False: no memory. */
bool wp__embed_reserve(wp_pool *pool);

#endif
