/*
 * Purpose  The pool side of wasmpool.h for hosts whose main thread may wait and starts threads through port.h: submitting,
 *          completions, and the driver of the fleet, which performs its actions and reports what became of them.
 * Owns     wp_embedder: the memory of the pool, its threads, and the ends that no worker reports
 * Threads  main, except `alive`
 * Order    `alive` counts who still needs the embedder: main, and each thread until it has ended. The last one frees it, so its
 *          decrement is acquire-release
 * Kill     a thread that is cancelled runs its end handler (port.h, wp_port_thread_start), whatever it was doing
 * See      tests/unit/embed_test.c
 */
#ifndef WP_EMBED_H
#define WP_EMBED_H

#include "fleet.h"
#include "port/port.h"

/* A task whose end its worker will never report: it was given up. */
typedef struct wp_settled {
  wp_handle handle;
  wp_status status;
} wp_settled;

/* One thread of the host's, by the number of its record. */
typedef struct wp_embed_thread {
  wp_port_thread *thread; /* NULL: there is none */
  struct wp_pool *pool;
  uint32_t number;
  uint32_t incarnation;
  bool reported; /* STARTED */
  bool failed;   /* there could be no thread: START_FAILED is due */
  bool stopping; /* STOP was told: GONE is due when it has ended */
} wp_embed_thread;

typedef struct wp_embedder {
  wp_segments segments;
  wp_thread_memory memory[WP_THREADS_MAX];
  wp_embed_thread threads[WP_THREADS_MAX];
  wp_atomic_u32 alive;
  wp_fleet *fleet;
  wp_fleet_next next;
  bool opened, refused;
  wp_settled *settled; /* first in, first out from `settled_next` */
  size_t settled_count, settled_capacity, settled_next;
} wp_embedder;

/* Performs what the fleet wants now; `event` may be NULL. Does not wait. */
void wp__embed_step(wp_pool *pool, const wp_fleet_event *event);

/* Sleeps until something has finished or started, or the fleet wants to be called again; at most for limit_ms, and never for long. */
void wp__embed_sleep(wp_pool *pool, double limit_ms);

/* Remembers the end of a task for wp_poll; wp__embed_reserve saw to the room. */
void wp__embed_settle(wp_pool *pool, wp_handle handle, wp_status status);

/* Room for the ends of all tasks that there are and of one more: no end may be lost for want of memory. */
bool wp__embed_reserve(wp_pool *pool);

#endif
