/*
 * Purpose  Chooses a worker's next task, from inbox, lanes and seats. A monitor: whichever thread holds the lock runs it.
 * Owns     inbox
 * Threads  push: main. take: workers
 * Order    push stores the inbox, then wakes (idle.h); a worker enters the idle set, then reads the inbox
 * Kill     everything but the push happens under the lock (lock.h); after its holder's death all lists are rebuilt from the slots
 *          (wp_sched_rebuild)
 * See      tests/unit/scheduler_test.c, tests/model/gate.pml
 */
#ifndef WP_SCHEDULER_H
#define WP_SCHEDULER_H

#include "pool.h"

/* Publishes a FILLING slot and wakes an idle worker for it. main. */
void wp_sched_push(wp_pool *pool, uint32_t index);

/* Begins a burst, when main has learned of many ends and is about to push the tasks that take their places; or ends it. Pushes of a
 * burst are patient (wp_idle_wake_any) whatever the workers are doing, except for one in 32; the end of a burst wakes a worker if
 * tasks wait. main. */
void wp_sched_burst(wp_pool *pool, bool begins);

/* Takes the next slot for a worker; it is RUNNING and entered in the worker's record. Returns index + 1; or 0 if there is none: then the
 * worker is in the idle set and may wait on its wake word, with the value that it read before the call. now_ms: on the clock that all
 * threads share. If thread->ring is set afterwards, the worker must clear it and ring the bell: it has refused tasks whose batch had
 * failed or that were too late. Worker, outside the gate. */
uint32_t wp_sched_take(wp_pool *pool, uint32_t self, double now_ms);

/* Whether a task waits for this seat, in its lane or still in the inbox. Exact, because only main adds tasks. WP_E_LOCK_BUSY: the lock
 * is taken. main. */
wp_status wp_sched_seat_waits(wp_pool *pool, uint32_t seat, bool *waits);

/* Puts a READY slot, whose worker was lost, back near the head of its lane. Under the lock. */
void wp_sched_requeue_locked(wp_pool *pool, uint32_t index);

/* Hooks of rooms.h. The chore moves everything from the inbox to the lanes, oldest first; rebuild makes all lists from the slots. */
void wp_sched_apply_inbox(wp_pool *pool, uint32_t self);
void wp_sched_rebuild(wp_pool *pool);

#endif
