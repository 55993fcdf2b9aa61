/*
 * Purpose  The order in which waiting tasks are taken: levels, weights, slices of bulk jobs, ageing. Plain data and decisions, no
 *          clock of its own.
 * Owns     the lists of waiting slots, the counts of skips
 * Threads  only the holder of the lock
 * Order    `ready`, `held` and `bulks` are read without the lock to decide whether to wake a worker: seq, see idle.h
 * Kill     changed under the lock only: after the holder's death all lists are rebuilt from the slots (scheduler.c,
 *          REBUILD). A slot's place follows from its own fields alone
 * See      tests/unit/lanes_test.c, tests/model/weights.pml, docs/decisions/0014-lanes.md,
 *          docs/decisions/0015-gate-and-ageing.md
 *
 * Levels are served one after the other. Within a level tasks go in order of submission, except that
 *   - a heavy task that was passed over heavy_skips times goes first;
 *   - then slices, once the first one has waited until its due_ms;
 *   - a light task goes before every heavy one;
 *   - while a bulk job is active (queued or running), heavy tasks wait, and light tasks let slices go first, unless some
 *     busy worker is slow, the first slice is due, or no slice waits.
 * An exclusive task goes to a worker that runs nothing; while it is next, a worker that runs something takes nothing of its level or of
 * lower ones.
 * On a seat, the seat's own tasks go before all of that; a task that is only BOUND to the seat waits in the order above, as a plain one.
 * Critical tasks ignore the gate. After low_skips tasks of higher levels one of the lowest level goes first, whatever its weight.
 */
#ifndef WP_LANES_H
#define WP_LANES_H

#include "pool.h"

/* Adds a slot in its place: at the end of its list, or near the head if it is requeued. */
void wp_lanes_add(wp_pool *pool, uint32_t index);

/* Takes the next slot that `self` may run, and makes it RUNNING there. Returns index + 1, or 0 if there is none. */
uint32_t wp_lanes_take(wp_pool *pool, uint32_t self, double now_ms);

/* The same for a worker that is leaving: only tasks of its seat. */
uint32_t wp_lanes_take_of_seat(wp_pool *pool, uint32_t self, double now_ms);

/* Whether a task that was not cancelled waits for this seat. */
bool wp_lanes_seat_waits(wp_pool *pool, uint32_t self, uint32_t seat);

/* Frees cancelled slots at the heads of lists. */
void wp_lanes_purge(wp_pool *pool, uint32_t self);

/* Empties all lists without touching the slots. */
void wp_lanes_reset(wp_pool *pool);

/* Hooks of rooms.h. */
wp_status wp_lanes_open(wp_pool *pool, wp_heap *heap);
bool wp_lanes_check(const wp_pool *pool);

#endif
