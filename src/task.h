/*
 * Purpose  Tasks as their users see them: submitted, cancelled, lost and run again, with items and events; and what a dead worker's
 *          tasks become. The steps of their life are in task_life.h, their way back to main in completion.h.
 * Owns     the slot table
 * Threads  as noted; `self` is the calling thread's number
 * Kill     every call runs inside the gate; see task_life.h
 * See      tests/unit/task_test.c, tests/unit/items_test.c
 */
#ifndef WP_TASK_H
#define WP_TASK_H

#include "completion.h"
#include "group.h"
#include "task_life.h"

/* Whether `count` more tasks may be queued: max_queue may wait, plus as many as workers could start at once (AM-05). main. */
bool wp_task_admits(const wp_pool *pool, uint32_t count);

/* Queues a filled slot. main. */
void wp_task_submit(wp_pool *pool, uint32_t index);

/* The steps of an ITEMS task, see slot.h. */
enum wp_item_step {
  WP_ITEM_NEXT = 0,  /* the running item's result is in the box; the next item begins */
  WP_ITEM_CLOSE = 1, /* the task's last item has finished; its result may have to be sent yet */
  WP_ITEM_LAST = 2,  /* after CLOSE: the last item's result is complete */
};
/* Takes one step; now_ms: as for wp_task_finish_at. False, without effect: the item is over its limit. Its worker. */
bool wp_task_item(wp_pool *pool, uint32_t self, uint32_t index, uint32_t step, double now_ms);
/* Resets an ITEMS task that will run again, from the first unfinished item. The thread that requeues it. */
void wp_task_items_again(wp_slot *slot);

/* Requeues a task whose worker was lost or silent. False: it was not submitted with `requeue`, has been redelivered
 * max_redeliveries times, or was given up by its caller. main or the task's worker, under the lock. */
bool wp_task_put_back_locked(wp_pool *pool, uint32_t index);
/* The status with which such a task ends if it is not requeued. */
wp_status wp_task_lost_status(const wp_slot *slot);

/* A loop check stopped a task that had been silent and that its caller still wants: it is requeued, or lost. True: ring the bell. Its
 * worker. */
bool wp_task_recover(wp_pool *pool, uint32_t self, uint32_t index);

/* What became of a task that its caller gave up. */
enum wp_cancel_result {
  WP_CANCEL_STALE = 0,   /* the handle is of a task that is gone or already finished */
  WP_CANCEL_QUEUED = 1,  /* it had not started and never will */
  WP_CANCEL_RUNNING = 2, /* it runs; its result will be dropped */
};
/* Gives a task up: no completion will come for it. main. */
enum wp_cancel_result wp_task_cancel(wp_pool *pool, uint32_t index, uint32_t generation);

/* Counts tasks that have settled, and how many of them failed. main. */
void wp_task_count_settled(wp_pool *pool, uint32_t settled, uint32_t failed);

/* Events carry progress values of the running task `parent` to main. A worker begins one, fills its result fields, then sends or drops
 * it; one at a time. With 256 of its events under way, or 1 MiB in them, a worker waits until main has freed half of that, so one event may
 * be of any size. WP_E_CANCELLED (the task was given up: nobody wants the value), WP_E_TABLE_FULL, WP_E_NO_MEMORY, WP_E_STALE_HANDLE (no
 * such slot). Worker, outside the gate. */
wp_status wp_task_event(wp_pool *pool, uint32_t self, uint32_t parent, uint32_t *index);
/* True: ring the bell. */
bool wp_task_send_event(wp_pool *pool, uint32_t self, uint32_t index);
void wp_task_drop_event(wp_pool *pool, uint32_t self, uint32_t index);

/* Hooks of rooms.h. Reap answers, requeues or frees a dead worker's tasks, and lists the slot that it finished but did not list. */
wp_status wp_task_open(wp_pool *pool, wp_heap *heap);
void wp_task_reap(wp_pool *pool, uint32_t thread, bool trusted);
void wp_task_recount(wp_pool *pool);
bool wp_task_check(const wp_pool *pool);

/* Counts the events that a thread has under way, after its death inside the gate. main. */
void wp__task_count_events(wp_pool *pool, uint32_t thread);

/* Frees the event that a thread has begun and not sent. `self`: the thread itself, or main after its death. */
void wp__task_lose_event(wp_pool *pool, uint32_t thread, uint32_t self);

#endif
