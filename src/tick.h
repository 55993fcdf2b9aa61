/*
 * Purpose  The clocks of the pool: time limits, recycle times, signs of life, leases. One call says what is due and when to look again.
 * Owns     each thread's poisoned_ms, beat_seen, beat_ms
 * Threads  main
 * Order    a worker is poisoned before its slot moves, so that its late answer, which takes that back, can only come after
 * Kill     none: main's
 * See      tests/unit/task_test.c, tests/unit/liveness_test.c
 */
#ifndef WP_TICK_H
#define WP_TICK_H

#include "task.h"

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

#endif
