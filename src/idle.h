/*
 * Purpose  Which worker is woken when there is work: one that is spinning rather than one that sleeps, one that runs nothing rather
 *          than one that waits beside a task, and none while workers that are awake will be faster.
 * Owns     the idle set, the hints of the workers that took a task last and that were woken last
 * Threads  any, but as noted
 * Order    a producer publishes work, then reads the idle set; a worker sets its idle bit, then looks for work again: one of the
 *          two sees the other (both seq). A worker reads its wake word before it looks for work, and waits for a change of it
 * Kill     the bit of a dead worker costs one wake-up, after which the next worker is chosen; doom and reap clear the bit and wake others.
 *          Patience relies on a worker that looks by itself within WP_SHORT_WAIT_MS; if that one dies, its reap wakes others
 * See      tests/unit/wake_test.c, tests/model/sleep.pml, docs/decisions/0009-waking.md,
 *          docs/decisions/0016-which-worker.md
 */
#ifndef WP_IDLE_H
#define WP_IDLE_H

#include "pool.h"

/* The worker has found nothing and will wait on its wake word. Under the lock. */
void wp_idle_enter(wp_pool *pool, uint32_t self);
/* The worker got something to do (called by itself), or is doomed (called by main). Idempotent. */
void wp_idle_leave(wp_pool *pool, uint32_t self);

/* Hooks of rooms.h. Reap clears a dead thread's bit, which it may have set after it was doomed, if it was still inside the gate. */
wp_status wp_idle_open(wp_pool *pool, wp_heap *heap);
void wp_idle_reap(wp_pool *pool, uint32_t thread, bool trusted);

/* How many workers wait. */
uint32_t wp_idle_count(const wp_pool *pool);

/* Wakes an idle worker; false if there is none. `patiently`: wakes none if one of them will look by itself soon. */
bool wp_idle_wake_any(wp_pool *pool, bool patiently);
/* Wakes a worker that runs nothing, which can take whatever comes first. */
void wp_idle_wake_free(wp_pool *pool);
/* Wakes a worker that may take this slot. */
void wp_idle_wake_for(wp_pool *pool, const wp_slot *slot, bool patiently);
/* Wakes one worker if there are ready slots; that one wakes the next (CHAIN in wp_sched_take). */
void wp_idle_wake_next(wp_pool *pool);
/* Wakes as many workers as there are ready slots. Called after a death, and when a new worker is seated. */
void wp_idle_wake(wp_pool *pool);
/* Wakes every worker that waits, also those that are leaving: tasks may wait for their seats. After a pause. */
void wp_idle_wake_all(wp_pool *pool);

/* The worker has taken a task. Under the lock. */
void wp_idle_note_take(wp_pool *pool, uint32_t self);

/* Whether the waiting tasks can be left to a worker that is awake or was just woken: it is quick, and will be done with them before
 * another one would be awake. main. */
bool wp_idle_can_wait(const wp_pool *pool);

#endif
