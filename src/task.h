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

/* Whether `count` more tasks may wait: max_queue of them, and as many as there are workers free to start one (AM-05). main. */
bool wp_task_admits(const wp_pool *pool, uint32_t count);

/* Queues a filled slot. main. */
void wp_task_submit(wp_pool *pool, uint32_t index);

/* The steps of an ITEMS task, see slot.h. */
enum wp_item_step {
  WP_ITEM_NEXT = 0,  /* the result of the item that runs is in the box; the next one begins */
  WP_ITEM_CLOSE = 1, /* the same, and the task ends with it */
  WP_ITEM_LAST = 2,  /* after CLOSE: its result is complete */
};
/* One step; now_ms: as for wp_task_finish_at. False, and no effect: the item is over its limit. Its worker. */
bool wp_task_item(wp_pool *pool, uint32_t self, uint32_t index, uint32_t step, double now_ms);
/* It will run again, from the first item that is not over. Whoever puts it back. */
void wp_task_items_again(wp_slot *slot);

/* A task whose worker is lost, or was silent, goes back to the head of its lane, if it was submitted with `requeue` and not too
 * often yet; false otherwise, or when nobody wants it any more. By main, or its worker; under the lock. */
bool wp_task_put_back_locked(wp_pool *pool, uint32_t index);
/* What such a task ends with if it does not run again. */
wp_status wp_task_lost_status(const wp_slot *slot);

/* The worker stopped a task that is still wanted, because it had been silent: it runs again, or is lost. True: ring the bell. */
bool wp_task_recover(wp_pool *pool, uint32_t self, uint32_t index);

/* What became of a task that its caller gave up. */
enum wp_cancel_result {
  WP_CANCEL_STALE = 0,   /* the handle is of a task that is gone or already finished */
  WP_CANCEL_QUEUED = 1,  /* it had not started and never will */
  WP_CANCEL_RUNNING = 2, /* it runs; its result will be dropped */
};
/* Gives a task up: no completion will come for it. main. */
enum wp_cancel_result wp_task_cancel(wp_pool *pool, uint32_t index, uint32_t generation);

/* So many tasks have settled, so many of them not with a result. main. */
void wp_task_count_settled(wp_pool *pool, uint32_t settled, uint32_t failed);

/* An event on its way to main: a copy of what the running task `parent` reports. Worker. True: ring the bell. One at a time.
 * WP_E_TABLE_FULL, WP_E_NO_MEMORY, WP_E_STALE_HANDLE (no such slot). */
wp_status wp_task_event(wp_pool *pool, uint32_t self, uint32_t parent, uint32_t *index);
bool wp_task_send_event(wp_pool *pool, uint32_t self, uint32_t index);
/* It will not be sent. */
void wp_task_drop_event(wp_pool *pool, uint32_t self, uint32_t index);

/* Hooks of rooms.h. A dead worker's tasks are answered, run again or freed; what it had finished and not listed is listed. */
wp_status wp_task_open(wp_pool *pool, wp_heap *heap);
void wp_task_reap(wp_pool *pool, uint32_t thread, bool trusted);
void wp_task_recount(wp_pool *pool);
bool wp_task_check(const wp_pool *pool);

/* A progress value that the thread had not sent is freed: by itself, or by main after its death. */
void wp__task_lose_event(wp_pool *pool, uint32_t thread, uint32_t self);

#endif
