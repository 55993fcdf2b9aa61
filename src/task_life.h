/*
 * Purpose  The bare life of a task: a slot is reserved, begun, finished and freed.
 * Owns     slots (see slot.h), as long as no lane has them; the list of what a worker runs (wp_thread.slots)
 * Threads  as noted; `self` is the calling thread's number
 * Order    states are published by the moves of slot.h
 * Kill     every call runs inside the gate. A slot is entered into its worker's record before it says RUNNING, and leaves
 *          it after it says something else, so that wp_task_reap finds it
 * See      tests/unit/task_test.c
 */
#ifndef WP_TASK_LIFE_H
#define WP_TASK_LIFE_H

#include "pool.h"

/* Takes a descriptor in state FILLING, with all fields reset. WP_E_TABLE_FULL at max_tasks, WP_E_NO_MEMORY. main; for an event, a
 * worker inside the gate. */
wp_status wp_task_reserve(wp_pool *pool, uint32_t self, uint32_t *index);

/* READY > RUNNING on `self`; false when the slot is not wanted any more (it has then been dealt with). Under the lock. */
bool wp_task_begin(wp_pool *pool, uint32_t self, uint32_t index, double now_ms);

/* The worker is done with a slot whose result fields it has filled. True when main must be told (ring the bell). False and no
 * effect for a slot that it does not run. now_ms: as for wp_sched_take; 0: nobody knows. */
bool wp_task_finish_at(wp_pool *pool, uint32_t self, uint32_t index, wp_status status,
                       double now_ms);
static inline bool wp_task_finish(wp_pool *pool, uint32_t self, uint32_t index, wp_status status) {
  return wp_task_finish_at(pool, self, index, status, 0);
}

/* Takes back what a running task, or an event that is being filled, has for a result so far. Its worker. */
void wp_task_drop_result(wp_pool *pool, uint32_t self, uint32_t index);

/* Frees a slot that is nobody's any more: its boxes, its place in its group, the record. Any thread, inside the gate. A death
 * in there leaves a slot that can be freed again; its group's record may be lost. */
void wp_task_free(wp_pool *pool, uint32_t self, uint32_t index);

/* Frees what wp_task_drain gave, when main has read it. main. */
void wp_task_free_delivered(wp_pool *pool, const uint32_t *indexes, uint32_t count);

/* The slot leaves the record of the worker that runs it; false when it does not. Then nothing is exclusive there any more. */
bool wp__task_leave_record(wp_thread *thread, uint32_t index);
void wp__task_end_exclusive(wp_thread *thread, const wp_slot *slot);

#endif
