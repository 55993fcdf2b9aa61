/*
 * Purpose  How much time main spends on giving single tasks to the pool: a budget for each tick, so that a flood of them
 *          leaves main its frame (REQUIREMENTS TW-31). Slices of bulk jobs are not asked.
 * Owns     what was used of the tick's budget, and whether something had to wait
 * Threads  main
 * Kill     no worker touches it
 * See      tests/unit/telemetry_test.c, docs/decisions/0017-main-budget.md
 */
#ifndef WP_GOVERNOR_H
#define WP_GOVERNOR_H

#include "pool.h"

/* A new tick begins: the budget is whole again. The one before counts as over its budget if it used more, or something had to wait. */
void wp_governor_tick(wp_pool *pool);

/* Whether one more task may be given to the pool in this tick; if not, it has to wait. */
bool wp_governor_admits(wp_pool *pool);

/* So much time went into giving tasks to the pool. */
void wp_governor_spend(wp_pool *pool, double ms);

#endif
