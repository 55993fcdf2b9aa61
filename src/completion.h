/*
 * Purpose  Finished slots on their way to main: a list for each thread, and the bell that tells a sleeping main of them.
 * Owns     completion lists, pool->bell
 * Threads  as noted; `self` is the calling thread's number
 * Order    finish pushes the slot onto its worker's completion list, then reads the bell; main sets the bell, then looks at
 *          the lists again: one of the two sees the other (both seq)
 * Kill     inside the gate. After a death, a slot that is DONE but not listed yet is found by its state (wp_task_reap)
 * See      tests/unit/task_test.c, tests/model/bell.pml
 */
#ifndef WP_COMPLETION_H
#define WP_COMPLETION_H

#include "pool.h"

/* Puts a DONE slot on `thread`'s completion list. True: the caller must ring the bell. The thread itself inside the gate, or main for a
 * dead thread. */
bool wp_task_complete(wp_pool *pool, uint32_t thread, uint32_t index);

/* Arms the bell: main will be told of the next completion. False, without effect, if there are completions already. main. */
bool wp_task_arm_bell(wp_pool *pool);

/* Whether main sleeps and the calling thread must ring the bell; true for one thread only. */
bool wp__task_ring_due(wp_pool *pool);

#endif
