/*
 * Purpose  A worker's life as seen from both sides: how it comes into service, how it runs C tasks, and what happens after its death
 *          to everything that it held.
 * Owns     thread states and seats
 * Threads  main, except where "worker" is noted
 * Order    state is stored with release after everything that it announces
 * Kill     reap is called when the thread is known to be dead, and again after WP_E_LOCK_BUSY: each of its steps can be repeated
 * See      tests/unit/worker_test.c, tests/model/death.pml
 */
#ifndef WP_WORKER_H
#define WP_WORKER_H

#include "pool.h"

/* Makes an EMPTY thread record STARTING. Returns its number, or 0 if none is free (threads whose death is not confirmed hold theirs). */
uint32_t wp_worker_open(wp_pool *pool);

/* STARTING > EMPTY: takes wp_worker_open back, if no thread was started. */
void wp_worker_close(wp_pool *pool, uint32_t thread);

/* STARTING > READY: it runs, and has loaded what it needs. Worker. */
void wp_worker_ready(wp_pool *pool, uint32_t self);

/* READY > LIVE: it has a seat and takes work from now on. */
void wp_worker_seat(wp_pool *pool, uint32_t thread, uint32_t seat);

/* LEAVE: from its next look on, a LIVE worker takes only what enum wp_leaving allows; others are woken for the rest. If it is looking
 * just now, it may take one more task. WP_LEAVING_NOT: it stays after all. main. */
void wp_worker_leave(wp_pool *pool, uint32_t thread, uint32_t leaving);

/* Any state > DYING: the worker loses its seat, leaves the idle set and is doomed. Returns its seat + 1, or 0. Idempotent. */
uint32_t wp_worker_doom(wp_pool *pool, uint32_t thread);

/* Whether the thread runs this task, even if its caller has given it up. Exact while the thread is doomed and outside the gate. main. */
bool wp_worker_runs(const wp_pool *pool, uint32_t thread, uint32_t index, uint32_t generation);

enum wp_stop {
  WP_STOP_NONE = 0,  /* the thread runs no such task */
  WP_STOP_SOON = 1,  /* the task has not begun yet, or has just ended: ask again */
  WP_STOP_ASKED = 2, /* in force until wp_worker_stop_end */
};
/* Makes the C task that the thread runs trap at its next loop check, if its caller has given it up (`any`: in any case). Has no effect on
 * tasks that the thread runs later. main. */
enum wp_stop wp_worker_stop(wp_pool *pool, uint32_t thread, bool any);
/* Has a stop reach the task even where it holds locks, up to so many. Until then it waits for the end of the outermost critical section
 * (critical.h). While the stop is in force. main. */
void wp_worker_stop_press(wp_pool *pool, uint32_t thread, uint32_t holds_most);
/* Ends a stop; once for each WP_STOP_ASKED. main. */
void wp_worker_stop_end(wp_pool *pool, uint32_t thread);

/* DYING > EMPTY, after the thread's confirmed death. Its tasks end with WORKER_LOST or are requeued; everything that it held is taken
 * back. `trusted`: false if it may have died inside the gate. WP_E_LOCK_BUSY: call again later. */
wp_status wp_worker_reap(wp_pool *pool, uint32_t thread, bool trusted);

/* Begin and end of a C task: in between, loop checks may trap, and scratch memory belongs to the task. Begin returns the task's tag.
 * Worker. */
uint32_t wp_worker_begin(wp_pool *pool, uint32_t self);
void wp_worker_end(wp_pool *pool, uint32_t self);

/* Worker: runs the C task of a slot that it has taken, and fills in the result. Returns the status for wp_task_finish. */
wp_status wp_worker_run(wp_pool *pool, uint32_t self, uint32_t index);

/* Worker: runs a C task inside the running task of slot `index`, which must not be one that can be requeued (WP_SLOT_REQUEUE). `box`,
 * which is WRITING and this thread's, becomes the slot's argument; the old argument's box is dropped. The result is in the slot: read
 * it, then call wp_task_drop_result. After a trap call wp_worker_clean_up and set the slot's c_task to 0. */
wp_status wp_worker_call(wp_pool *pool, uint32_t self, uint32_t index, uint32_t c_task,
                         uint32_t box, uint32_t type, uint32_t bytes);

/* Worker: takes back everything that a trapped C task has left, including an unfinished result. True: also locks, which main should report
 * (wp_thread.broken). */
bool wp_worker_clean_up(wp_pool *pool, uint32_t self, uint32_t index);

/* Worker: waits until its wake word differs from `seen`, for at most timeout_ms. It spins for some microseconds (WP_SPIN_MS) before it
 * sleeps, unless there is only one core. */
void wp_worker_wait(wp_pool *pool, uint32_t self, uint32_t seen, uint32_t timeout_ms);

#endif
