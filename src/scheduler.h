/*
 * Purpose  Chooses the next task of a worker: inbox, lanes, seats. A monitor: the holder of the lock runs it.
 * Owns     inbox
 * Threads  push: main. take: workers
 * Order    push stores the inbox, then wakes (idle.h); a worker enters the idle set, then reads the inbox
 * Kill     everything but the push happens under the lock (lock.h); after a holder's death lists are made anew from the slots
 *          (wp_sched_rebuild)
 * See      tests/unit/scheduler_test.c, tests/model/gate.pml
 */
#ifndef WP_SCHEDULER_H
#define WP_SCHEDULER_H

#include "pool.h"

/* Publishes a FILLING slot and wakes an idle worker for it. main. */
void wp_sched_push(wp_pool *pool, uint32_t index);

/* Main has learned of many ends and is about to push what takes their places; or this burst is over. Pushes of a burst are
 * patient (wp_idle_wake_any) whatever the workers are doing, but for one in 32; the end of a burst wakes a worker if there is
 * something to do. main. */
void wp_sched_burst(wp_pool *pool, bool begins);

/* The next slot for a worker, RUNNING and entered into its record, as index + 1; 0 when there is none: the worker is then
 * in the idle set and may wait on its wake word, as it was before the call. now_ms: of the clock that threads share. When thread->ring is set afterwards, the worker
 * must clear it and ring the bell: it has come across tasks whose batch had failed, or that it was too late for. Worker, outside the gate. */
uint32_t wp_sched_take(wp_pool *pool, uint32_t self, double now_ms);

/* Whether a task waits for this seat, also one that is in the inbox still: exact, since only main adds some. WP_E_LOCK_BUSY: the lock
 * is taken. main. */
wp_status wp_sched_seat_waits(wp_pool *pool, uint32_t seat, bool *waits);

/* Puts a READY slot that ran and was lost back at the head of its lane. Under the lock. */
void wp_sched_requeue_locked(wp_pool *pool, uint32_t index);

/* Hooks of rooms.h. Moves everything from the inbox to the lanes, oldest first: a chore. All lists anew from the slots' states. */
void wp_sched_apply_inbox(wp_pool *pool, uint32_t self);
void wp_sched_rebuild(wp_pool *pool);

#endif
