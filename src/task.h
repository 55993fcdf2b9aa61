/*
 * Purpose  The life of one task: reserve, submit, begin, finish, deliver, free; and the ways in which it ends early.
 * Owns     slots (see slot.h), groups, completion lists
 * Threads  as noted; `self` is the calling thread's number
 * Order    finish pushes the slot onto its worker's completion list, then reads the bell; main sets the bell, then looks at
 *          the lists again: one of the two sees the other (both seq)
 * Kill     every call runs inside the gate. A slot is entered into its worker's record before it says RUNNING, and leaves
 *          it after it says something else, so that reap finds it
 * See      tests/unit/task_test.c, tests/model/bell.pml
 */
#ifndef WP_TASK_H
#define WP_TASK_H

#include "pool.h"

/* Takes a descriptor in state FILLING, with all fields reset. WP_E_QUEUE_FULL at max_tasks, WP_E_NO_MEMORY. main; for an event, a
 * worker inside the gate. */
wp_status wp_task_reserve(wp_pool *pool, uint32_t self, uint32_t *index);

/* Whether `count` more tasks may wait: max_queue of them, and as many as there are workers free to start one (AM-05). main. */
bool wp_task_admits(const wp_pool *pool, uint32_t count);

/* Queues a filled slot. main. */
void wp_task_submit(wp_pool *pool, uint32_t index);

/* READY > RUNNING on `self`; false when the slot is not wanted any more (it has then been dealt with). Under the lock. */
bool wp_task_begin(wp_pool *pool, uint32_t self, uint32_t index, double now_ms);

/* The worker is done with a slot whose result fields it has filled. True when main must be told (ring the bell). False and no
 * effect for a slot that it does not run. now_ms: as for wp_sched_note_end; 0: nobody knows. */
bool wp_task_finish_at(wp_pool *pool, uint32_t self, uint32_t index, wp_status status,
                       double now_ms);
static inline bool wp_task_finish(wp_pool *pool, uint32_t self, uint32_t index, wp_status status) {
  return wp_task_finish_at(pool, self, index, status, 0);
}

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

/* Takes back what a running task, or an event that is being filled, has for a result so far. Its worker. */
void wp_task_drop_result(wp_pool *pool, uint32_t self, uint32_t index);

/* Puts a slot (DONE) on `thread`'s completion list; true when main must be told. Under the gate, or main for a dead one. */
bool wp_task_complete(wp_pool *pool, uint32_t thread, uint32_t index);

/* Finished slots, oldest first within each worker, as indexes; each is then DELIVERED and main's to read and free. main. */
uint32_t wp_task_drain(wp_pool *pool, uint32_t *indexes, uint32_t limit);

/* Asks to be told of the next completion; false when there are some already. main. */
bool wp_task_arm_bell(wp_pool *pool);

/* Frees a slot that is nobody's any more: its boxes, its place in its group, the record. Any thread, inside the gate. A death
 * in there leaves a slot that can be freed again; its group's record may be lost. */
void wp_task_free(wp_pool *pool, uint32_t self, uint32_t index);

/* Frees what wp_task_drain gave, when main has read it. main. */
void wp_task_free_delivered(wp_pool *pool, const uint32_t *indexes, uint32_t count);

/* What became of a task that its caller gave up. */
enum wp_cancel_result {
  WP_CANCEL_STALE = 0,   /* the handle is of a task that is gone or already finished */
  WP_CANCEL_QUEUED = 1,  /* it had not started and never will */
  WP_CANCEL_RUNNING = 2, /* it runs; its result will be dropped */
};
/* Gives a task up: no completion will come for it. main. */
enum wp_cancel_result wp_task_cancel(wp_pool *pool, uint32_t index, uint32_t generation);

/* What main must do. */
enum wp_action_kind {
  /* the slot's time limit is over: it has been given up and its worker is poisoned */
  WP_ACTION_EXPIRED = 1,
  WP_ACTION_KILL = 2, /* the poisoned worker kept silent for recycle_ms: doom and end it */
  /* the worker runs tasks and gave no sign of life for liveness_ms: the same; `generation` is its count of beats */
  WP_ACTION_SILENT = 3,
};
typedef struct wp_action {
  uint32_t kind, thread, slot, generation;
  uint32_t
      box; /* of an EXPIRED task whose results are kept one by one: their box + 1, which main has to drop; else 0 */
  uint32_t done; /* and how many there are */
} wp_action;

/* Looks at every clock of the pool: time limits, recycle times, leases. Writes up to `limit` actions and returns their
 * number; *next_ms is when to look again (absolute), 0 for never. Cost: threads x concurrency. main. */
uint32_t wp_task_tick(wp_pool *pool, double now_ms, wp_action *actions, uint32_t limit,
                      double *next_ms);

/* So many tasks have settled, so many of them not with a result. main. */
void wp_task_count_settled(wp_pool *pool, uint32_t settled, uint32_t failed);

/* A group of `members` slots, one at least, which get them in this turn; `kind`: enum wp_group_kind bits. WP_E_NO_MEMORY. main. */
wp_status wp_group_create(wp_pool *pool, uint32_t members, uint32_t kind, uint32_t *group);
/* A member that never got a slot. The last member to go frees the group; slots leave it when they are freed. Any thread. */
void wp_group_leave(wp_pool *pool, uint32_t group);
/* Marks it failed, as if a member had: those that have not started never do. main. */
void wp_group_fail(wp_pool *pool, uint32_t group);

/* An event on its way to main: a copy of what the running task `parent` reports. Worker. True: ring the bell. One at a time.
 * WP_E_QUEUE_FULL, WP_E_NO_MEMORY, WP_E_STALE_HANDLE (no such slot). */
wp_status wp_task_event(wp_pool *pool, uint32_t self, uint32_t parent, uint32_t *index);
bool wp_task_send_event(wp_pool *pool, uint32_t self, uint32_t index);
/* It will not be sent. */
void wp_task_drop_event(wp_pool *pool, uint32_t self, uint32_t index);

#endif
