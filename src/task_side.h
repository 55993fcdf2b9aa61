/*
 * Purpose  What a C task sees: its input, result, scratch memory, progress. The public half is in wasmpool.h.
 * Owns     nothing of its own: the slot's result fields while it is RUNNING
 * Threads  the worker that runs the task
 * Kill     outside the gate a task writes only its own slot's result fields and memory that was granted to it
 * See      tests/unit/worker_test.c, tests/unit/misuse_test.c
 */
#ifndef WP_TASK_SIDE_H
#define WP_TASK_SIDE_H

#include "pool.h"

struct wp_task {
  wp_pool *pool;
  wp_slot *slot;
  uint32_t self, index;
  bool part; /* a part of the slot's task runs, which has no result of its own (fork.h) */
  struct wp_forks *forks; /* of this thread, once it has spawned parts or takes them; else NULL */
  struct wp_forks *root;  /* of the thread that runs the slot's task */
};

enum { WP_TAG_TASK_LAST = 0x7fffffff }; /* the highest heap tag of a task; WP_TAG_ARENA is above */

/* Commits the result's box; if the task failed without a text, the status's text becomes the result. Returns the status to finish with. */
wp_status wp_task_seal(wp_task *task, wp_status status);

/* A name that two registered tasks have; NULL: there is none. WP_TASK's symbols find most of these at linking already. */
const char *wp_task_twice(void);

/* Hook of rooms.h: lists the C tasks of the program, in order of registration. WP_E_INVALID_ARGUMENT if two have the same
 * name; WP_E_NO_MEMORY. */
wp_status wp_task_side_open(wp_pool *pool, wp_heap *heap);

#endif
