/*
 * Purpose  The order in which waiting tasks leave: levels, weights, slices of bulk jobs, ageing. Plain data and decisions, no
 *          clock of its own.
 * Owns     the lists of waiting slots, the counts of skips
 * Threads  only the holder of the scheduler's lock
 * Order    `ready`, `held` and `bulks` are read without the lock to decide whether to wake a worker: seq, see idle.h
 * Kill     changed under the lock only: after a death inside, everything is entered anew from the slots (scheduler.c,
 *          REBUILD). A slot's place follows from its fields alone
 * See      tests/unit/lanes_test.c, tests/model/weights.pml, docs/decisions/0014-lanes.md,
 *          docs/decisions/0015-gate-and-ageing.md
 *
 * One level after the other. Within a level, in the order of submission, except that
 *   - a heavy task that was passed over heavy_skips times goes first;
 *   - then slices, once the wait of the first one is over;
 *   - a light task goes before every heavy one;
 *   - while a bulk job is active (queued or running), a heavy task waits, and a light one lets slices go first, unless some
 *     busy worker is slow, the first slice's wait is over, or no slice waits.
 * An exclusive task goes to a worker that runs nothing; until then a worker that runs something takes nothing of its level or of
 * lower ones.
 * What is for one seat goes before all of that on this seat; a task that is only BOUND to it waits in the order above, as a plain one.
 * Critical tasks know no gate. After low_skips tasks of higher levels one of the lowest level goes first, whatever its weight.
 */
#ifndef WP_LANES_H
#define WP_LANES_H

#include "pool.h"

/* In its place: at the end of its list, or near the head if it comes back. */
void wp_lanes_add(wp_pool *pool, uint32_t index);

/* Takes the next slot that `self` may run and that is still wanted, and makes it RUNNING there; index + 1 or 0. */
uint32_t wp_lanes_take(wp_pool *pool, uint32_t self, double now_ms);

/* The same of a worker that is leaving: only what is for its seat. */
uint32_t wp_lanes_take_of_seat(wp_pool *pool, uint32_t self, double now_ms);

/* Whether a task that is wanted waits for this seat. */
bool wp_lanes_seat_waits(wp_pool *pool, uint32_t self, uint32_t seat);

/* Frees cancelled slots at the heads of lists. */
void wp_lanes_purge(wp_pool *pool, uint32_t self);

/* Forgets all lists. */
void wp_lanes_reset(wp_pool *pool);

/* Hook of rooms.h. */
bool wp_lanes_check(const wp_pool *pool);

#endif
