/*
 * Purpose  How much time main spends on handing single tasks to the pool: a budget for each tick, so that a flood of tasks
 *          leaves main time for its frame (REQUIREMENTS TW-31). Slices of bulk jobs are exempt.
 * Owns     how much of the tick's budget was used, and whether a task had to wait
 * Threads  main
 * Kill     no worker touches it
 * See      tests/unit/telemetry_test.c, docs/decisions/0017-main-budget.md
 */
#ifndef WP_GOVERNOR_H
#define WP_GOVERNOR_H

#include "pool.h"

/* Begins a tick with the whole budget. The previous tick counts as over its budget if it used more, or if a task had to wait. */
void wp_governor_tick(wp_pool *pool);

/* Whether one more task may be handed to the pool in this tick; if not, it has to wait. */
bool wp_governor_admits(wp_pool *pool);

/* Records time that was spent on handing tasks to the pool. */
void wp_governor_spend(wp_pool *pool, double ms);

#endif
