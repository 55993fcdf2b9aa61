/*
 * Purpose  The pool as a whole: every room that holds something for a thread, or must be found right afterwards, has one row in
 *          rooms.def, with its hooks; a row names those that the room has:
 *            OPEN(f)        wp_status f(pool, heap): its tables and records, in main's heap, before there is any other thread
 *            REBUILD(f)     void f(pool): wp_rooms_rebuild
 *            REAP(f)        void f(pool, thread, trusted): wp_rooms_reap
 *            RECOUNT(f)     void f(pool): wp_rooms_recount
 *            CHECK(f)       bool f(pool): whether counts, lists and states agree: wp_pool_check
 *            CHORE(bit, f)  void f(pool, self): what is to be done under the lock when enum wp_chore `bit` is raised (lock.h)
 * Owns     nothing: each room's state is in wp_pool
 * Threads  main; chores: the holder of the lock
 * Order    rooms open from the bottom up, as later ones need earlier ones; everything else goes from the top down: a task gives its box
 *          back before boxes are looked at, and the thread's record goes last
 * Kill     each hook can be repeated: reap is called again when the lock was busy
 * See      tests/unit/worker_test.c, tests/unit/matrix_test.c, ARCHITECTURE.md, "Adding a room"
 */
#ifndef WP_ROOMS_H
#define WP_ROOMS_H

#include "pool.h"

/* Lays a pool out; starts no thread. `segments` and `memory` (WP_THREADS_MAX of them, memory[0]'s heap open and the caller's)
 * belong to the caller and must outlive the pool. Thread records: 1 + 2 x (workers + spares), so that as many can be dying.
 * main. WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY: then the memory goes with the segments. */
wp_status wp_pool_lay_out(const wp_config *config, wp_segments *segments, wp_thread_memory *memory,
                          wp_pool **pool);

/* What the lock guards is made anew, after its holder died. Main, under the lock. */
void wp_rooms_rebuild(wp_pool *pool);
/* What the dead thread held comes back. `trusted`: it died outside the gate. Main, under the lock. */
void wp_rooms_reap(wp_pool *pool, uint32_t thread, bool trusted);
/* Counts anew what a thread had in hand that died inside the gate. Main, while nobody else is inside. */
void wp_rooms_recount(wp_pool *pool);

/* The whole pool as it should be: counts, lists and states agree. WP_OK or WP_E_BROKEN_INVARIANT. With no thread active. */
wp_status wp_pool_check(wp_pool *pool);

#endif
