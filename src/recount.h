/*
 * Purpose  What a thread had in hand when it died inside the gate: records on their way in or out of a table, references,
 *          places. All of it is counted anew from slots and boxes, so that no such death leaves anything behind.
 * Owns     nothing
 * Threads  main
 * Order    all other workers are doomed first; once they are outside (DOOM and ENTER of thread.h) nobody changes what is
 *          counted here. Afterwards they are pardoned
 * Kill     none: main's
 * See      tests/unit/matrix_test.c
 */
#ifndef WP_RECOUNT_H
#define WP_RECOUNT_H

#include "pool.h"

/* Counts anew if pool->recount_due. False: some thread stayed inside the gate for as long as main may wait, and the recount is still due.
 * Main must have nothing in hand either, not even a slot that it is filling. Goes through every slot and box. */
bool wp_pool_recount(wp_pool *pool);

#endif
