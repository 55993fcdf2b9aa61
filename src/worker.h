/*
 * Purpose  A worker's life as seen from both sides: how it comes into service, runs C tasks, and what happens to all that it
 *          held when it is dead.
 * Owns     thread states and seats
 * Threads  main, except where "worker" is noted
 * Order    state is stored with release after everything that it announces
 * Kill     reap is called once the thread is known to be dead. It may be called again after WP_E_LOCK_BUSY: each of its steps can be repeated
 * See      tests/unit/worker_test.c, tests/model/death.pml
 */
#ifndef WP_WORKER_H
#define WP_WORKER_H

#include "pool.h"

/* An EMPTY thread record becomes STARTING; 0 when none is left (dead ones that are not confirmed yet hold them). */
uint32_t wp_worker_open(wp_pool *pool);

/* Takes that back, before a thread was started for it. STARTING > EMPTY. */
void wp_worker_close(wp_pool *pool, uint32_t thread);

/* Worker: it runs, and has loaded what it needs. STARTING > READY. */
void wp_worker_ready(wp_pool *pool, uint32_t self);

/* READY > LIVE on a seat: from now on it takes work. */
void wp_worker_seat(wp_pool *pool, uint32_t thread, uint32_t seat);

/* LEAVE: from its next look on a LIVE worker takes only what enum wp_leaving says; others are woken for the rest. It may take one task
 * more if it is looking just now. WP_LEAVING_NOT: it stays after all. main. */
void wp_worker_leave(wp_pool *pool, uint32_t thread, uint32_t leaving);

/* Any > DYING: leaves its seat and the idle set and is doomed. Returns its seat + 1, or 0. Idempotent. */
uint32_t wp_worker_doom(wp_pool *pool, uint32_t thread);

/* Whether the thread runs this very task, wanted or given up. Exact while it is doomed and outside the gate. main. */
bool wp_worker_runs(const wp_pool *pool, uint32_t thread, uint32_t index, uint32_t generation);

enum wp_stop {
  WP_STOP_NONE = 0,  /* there is no such task */
  WP_STOP_SOON = 1,  /* it has been taken and has not begun, or has just ended: ask again */
  WP_STOP_ASKED = 2, /* in force until wp_worker_stop_end */
};
/* Asks the C task that the thread runs to trap at its next loop check, if its caller has given it up, or in `any` case.
 * Whatever the thread runs later is not meant. main. */
enum wp_stop wp_worker_stop(wp_pool *pool, uint32_t thread, bool any);
/* Once for each that was asked for. */
void wp_worker_stop_end(wp_pool *pool, uint32_t thread);

/* After the thread's confirmed death: DYING > EMPTY. Its tasks end with WORKER_LOST or are queued again, what it held comes
 * back. `trusted` is false if it did not die through the gate. WP_E_LOCK_BUSY: call again later. */
wp_status wp_worker_reap(wp_pool *pool, uint32_t thread, bool trusted);

/* Worker: runs the C task of a slot that it has taken, and fills in its result. The status is for wp_task_finish. */
wp_status wp_worker_run(wp_pool *pool, uint32_t self, uint32_t index);

/* Worker: runs a C task inside a task that runs here, which must not be one that may run again (WP_SLOT_REQUEUE). `box`, in state
 * WRITING and this thread's, becomes the slot's argument; the one before it is dropped. The result is the slot's: read it, then
 * wp_task_drop_result. After a trap: wp_worker_clean_up, and the slot's c_task is 0 again. */
wp_status wp_worker_call(wp_pool *pool, uint32_t self, uint32_t index, uint32_t c_task,
                         uint32_t box, uint32_t type, uint32_t bytes);

/* Worker: what a C task that trapped has left is taken back, its half-made result too. */
void wp_worker_clean_up(wp_pool *pool, uint32_t self, uint32_t index);

/* Worker: waits until its wake word differs from `seen`, for timeout_ms at most; first it looks for some microseconds without
 * sleeping (WP_SPIN_MS), unless there is one core only. */
void wp_worker_wait(wp_pool *pool, uint32_t self, uint32_t seen, uint32_t timeout_ms);

#endif
