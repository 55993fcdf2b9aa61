/*
 * Purpose  The pool's clocks: time limits, recycle times, signs of life, leases. One call says what is due and when to call again.
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
  WP_ACTION_KILL = 2, /* the worker has been poisoned for recycle_ms: doom and end it */
  /* the worker runs tasks and gave no sign of life for liveness_ms: likewise; `generation` is its count of beats */
  WP_ACTION_SILENT = 3,
};
typedef struct wp_action {
  uint32_t kind, thread, slot, generation;
  /* EXPIRED, of an ITEMS task: index + 1 of the box with its results, which main must drop; else 0 */
  uint32_t box;
  uint32_t done; /* how many results are in that box */
} wp_action;

/* Checks every clock of the pool. Writes up to `limit` actions and returns their number; *next_ms is when to call again (absolute), or 0
 * for never. Cost: threads x concurrency. main. */
uint32_t wp_task_tick(wp_pool *pool, double now_ms, wp_action *actions, uint32_t limit,
                      double *next_ms);

#endif
