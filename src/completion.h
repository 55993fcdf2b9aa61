/*
 * Purpose  Finished slots on their way to main: a list for each thread, and the bell that tells a sleeping main of them.
 * Owns     completion lists, pool->bell
 * Threads  as noted; `self` is the calling thread's number
 * Order    finish pushes the slot onto its worker's completion list, then reads the bell; main sets the bell, then looks at
 *          the lists again: one of the two sees the other (both seq)
 * Kill     inside the gate. A slot that is DONE and not yet listed is found by its state (wp_task_reap)
 * See      tests/unit/task_test.c, tests/model/bell.pml
 */
#ifndef WP_COMPLETION_H
#define WP_COMPLETION_H

#include "pool.h"

/* Puts a slot (DONE) on `thread`'s completion list; true when main must be told. Under the gate, or main for a dead one. */
bool wp_task_complete(wp_pool *pool, uint32_t thread, uint32_t index);

/* Finished slots, oldest first within each worker, as indexes; each is then DELIVERED and main's to read and free. main. */
uint32_t wp_task_drain(wp_pool *pool, uint32_t *indexes, uint32_t limit);

/* Asks to be told of the next completion; false when there are some already. main. */
bool wp_task_arm_bell(wp_pool *pool);

/* Whether main sleeps and this thread is the one to tell it. */
bool wp__task_ring_due(wp_pool *pool);

#endif
