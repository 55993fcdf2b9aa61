/*
 * Purpose  The bare life of a task: a slot is reserved, begun, finished and freed.
 * Owns     slots (see slot.h) that are in no lane; the list of slots that a worker runs (wp_thread.slots)
 * Threads  as noted; `self` is the calling thread's number
 * Order    states are published by the moves of slot.h
 * Kill     every call runs inside the gate. A slot is entered in its worker's record before it becomes RUNNING, and leaves the record
 *          and that state in one gate section: so after a planned kill wp_task_reap finds it in the record. After a death inside the
 *          gate reap asks every slot
 * See      tests/unit/task_test.c
 */
#ifndef WP_TASK_LIFE_H
#define WP_TASK_LIFE_H

#include "pool.h"

/* Takes a free slot, resets its fields and makes it FILLING. WP_E_TABLE_FULL at max_tasks, WP_E_NO_MEMORY. main; for an event, a
 * worker inside the gate. */
wp_status wp_task_reserve(wp_pool *pool, uint32_t self, uint32_t *index);

/* READY > RUNNING on `self`. False: the task was cancelled, failed with its batch or is too late, and has been dealt with. Under the
 * lock. */
bool wp_task_begin(wp_pool *pool, uint32_t self, uint32_t index, double now_ms);

/* Ends a task whose result fields the worker has filled. True: the caller must ring the bell. False, without effect, for a slot that
 * the worker does not run. now_ms: as for wp_sched_take; 0: not known. */
bool wp_task_finish_at(wp_pool *pool, uint32_t self, uint32_t index, wp_status status,
                       double now_ms);
static inline bool wp_task_finish(wp_pool *pool, uint32_t self, uint32_t index, wp_status status) {
  return wp_task_finish_at(pool, self, index, status, 0);
}

/* Drops the result that a running task, or an event being filled, has so far. Its worker. */
void wp_task_drop_result(wp_pool *pool, uint32_t self, uint32_t index);

/* Frees a slot that no other thread uses any more: its boxes, its membership in its group, the record. Any thread, inside the gate.
 * After a death in the middle the slot can be freed again; its group has a member too many until wp_group_recount. */
void wp_task_free(wp_pool *pool, uint32_t self, uint32_t index);

/* Writes up to `limit` indexes of finished slots, oldest first within each worker, and returns their number. The slots are DELIVERED:
 * main reads and frees them. Slots of helpers are freed here. main. */
uint32_t wp_task_drain(wp_pool *pool, uint32_t *indexes, uint32_t limit);

/* Frees slots that wp_task_drain returned, after main has read them. main. */
void wp_task_free_delivered(wp_pool *pool, const uint32_t *indexes, uint32_t count);

/* Whether less progress of this thread is under way to main than it may have there, divided by `divisor`. Any thread; exact for the
 * thread itself. */
bool wp__task_event_fits(const wp_thread *thread, uint32_t divisor);

/* Removes the slot from the record of the worker that runs it; false if it is not there. */
bool wp__task_leave_record(wp_thread *thread, uint32_t index);
/* If this task was an exclusive one, its worker may run others again. */
void wp__task_end_exclusive(wp_thread *thread, const wp_slot *slot);

#endif
