/*
 * Purpose  Leases of actors' boxes: whoever holds a box must give a sign within the box's lease. Signs are the interactions of the holders: each
 *          thread counts its own in a word of shared memory (wp_thread.touches), which costs no message and no look at a clock.
 * Owns     what main saw when it last looked at each box
 * Threads  main
 * Order    none: the words are counters; a sign that main sees late extends the lease all the same
 * Kill     none: main's. References move by single exchanges, of the bits and of the letters, as in box.h and mailbox.h
 * See      tests/unit/lease_test.c
 *
 * A lease begins when main first sees the box, again at its commit, and again whenever one of its holders has given a sign or the holders have
 * changed: the writer of a WRITING box, the readers of a READY one. Main looks every quarter of the shortest lease; so it lasts for at
 * least its time after the last sign, and for at most a quarter more. It ends without any traffic.
 */
#ifndef WP_LEASE_H
#define WP_LEASE_H

#include "actor_box.h"

/* A writer whose lease is over while it writes: it must be ended (NF-37). Its box is freed with it (wp_box_reap). */
typedef struct wp_lease_over {
  uint32_t thread, incarnation;
  uint32_t mailbox; /* index + 1 of the one whose letters it takes; 0: of none */
} wp_lease_over;

/* Looks at all boxes of actors. A READY one whose lease is over is taken from its readers and from the letters that were to hand it over, and
 * freed. Writes up to `limit` writers whose lease is over, each once, and returns their number. main. */
uint32_t wp_lease_tick(wp_pool *pool, double now_ms, wp_lease_over *over, uint32_t limit);

#endif
