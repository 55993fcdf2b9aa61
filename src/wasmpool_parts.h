/* A part of wasmpool.h, which includes it: what it declares needs wp_task, and is the users' as well. */
#ifndef WASMPOOL_PARTS_H
#define WASMPOOL_PARTS_H

/* ---- Sub-tasks: parts of a task that other workers may run ---- */

/* A part of a task. `task` is the task as this part may use it: wp_task_input, wp_task_alloc (until the part ends), wp_task_cancelled,
 * wp_task_heartbeat, and spawning parts of its own. It has no result of its own: it writes to what `context` points to. */
typedef wp_status (*wp_subtask_function)(wp_task *task, void *context);

/* A spawned part; its fields are the pool's. */
typedef struct wp_subtask {
  uint32_t place;
  wp_status status;
} wp_subtask;

/* Lets another worker run the part from now on; if none does, wp_task_await does. `child` and *context must live until it is awaited: on
 * the caller's stack is fine, as whatever runs parts of a task is ended before the task itself. Never fails: a part for which there is no room
 * (256 may be waiting on one worker) is run at once. Costs some ten nanoseconds. */
void wp_task_spawn(wp_task *task, wp_subtask *child, wp_subtask_function function, void *context);

/* Waits for a part that this task, or this part, has spawned, in any order; until it ends the caller runs it, or other parts of the task.
 * Returns the part's own status; WP_E_CANCELLED: it never ran, since the task was given up; WP_E_WORKER_LOST: the worker that ran it was lost.
 * A second call returns the same. Parts that are never awaited: those that no worker has taken when the function that spawned them has
 * returned never run, and the task waits for the others; their contexts must live as long. */
wp_status wp_task_await(wp_task *task, wp_subtask *child);

enum { WP_PARTIAL_BYTES = 256 }; /* most bytes of a partial result */

/* Runs the elements begin … end - 1. `partial`: of wp_parallel_reduce; add to what is there. */
typedef wp_status (*wp_range_function)(wp_task *task, void *context, size_t begin, size_t end,
                                       void *partial);

/* Calls `body` for pieces of the range begin … end - 1, at most `grain` elements each (0: a 64th of the range), on as many workers as are free.
 * Returns WP_OK or the status of a piece that failed; others may have run then. */
wp_status wp_parallel_for(wp_task *task, size_t begin, size_t end, size_t grain,
                          wp_range_function body, void *context);

/* How a range is reduced. */
typedef struct wp_reduction {
  wp_range_function body; /* adds the elements of a piece to its partial result */
  void (*combine)(
      void *context, void *into,
      const void *from); /* adds the result of a later piece to that of an earlier one */
  size_t bytes;          /* of a result: at most WP_PARTIAL_BYTES, more: WP_E_TOO_LARGE */
} wp_reduction;

/* The same with a result. *result holds the neutral element, with which each piece begins; `context` goes to both functions. The order in
 * which pieces are combined is always the same, so results are too. */
wp_status wp_parallel_reduce(wp_task *task, size_t begin, size_t end, size_t grain,
                             const wp_reduction *reduction, void *context, void *result);

#endif
