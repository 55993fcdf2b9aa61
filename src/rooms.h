/*
 * Purpose  The pool as a whole. Each room that holds state for threads, or that can be checked, has one row in rooms.def, which names
 *          its hooks:
 *            OPEN(f)        wp_status f(pool, heap): allocates tables and records in main's heap, before there is any other thread
 *            REBUILD(f)     void f(pool): wp_rooms_rebuild
 *            REAP(f)        void f(pool, thread, trusted): wp_rooms_reap
 *            RECOUNT(f)     void f(pool): wp_rooms_recount
 *            CHECK(f)       bool f(pool): wp_pool_check
 *            CHORE(bit, f)  void f(pool, self): does, under the lock, what enum wp_chore `bit` asks for (lock.h)
 * Owns     nothing: each room's state is in wp_pool
 * Threads  main; chores: the holder of the lock
 * Order    rooms open from the bottom up, because later ones need earlier ones. Everything else goes from the top down: a task gives its
 *          box back before boxes are looked at, and the thread's record is reset last
 * Kill     each hook can be repeated: reap is called again when the lock was busy
 * See      tests/unit/worker_test.c, tests/unit/matrix_test.c, ARCHITECTURE.md, "Adding a room"
 */
#ifndef WP_ROOMS_H
#define WP_ROOMS_H

#include "pool.h"

/* Allocates and initialises a pool; starts no thread. `segments` and `main_memory` (its heap is open) belong to the caller and must
 * outlive the pool. It gets 1 + 2 x (workers + spares) thread records, so that as many threads can be dying as live; its tables are as
 * large as that number asks for. WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY; after a failure the caller closes the segments. main. */
wp_status wp_pool_lay_out(const wp_config *config, wp_segments *segments,
                          wp_thread_memory *main_memory, wp_pool **pool);

/* Rebuilds everything that the lock guards, after its holder died. Main, under the lock. */
void wp_rooms_rebuild(wp_pool *pool);
/* Takes back everything that the dead thread held. `trusted`: it died outside the gate. Main, under the lock. */
void wp_rooms_reap(wp_pool *pool, uint32_t thread, bool trusted);
/* Recounts everything that a thread may have had in hand when it died inside the gate. Main, while no other thread is inside. */
void wp_rooms_recount(wp_pool *pool);

/* Reads the gauges of wp_stats. main. */
void wp_pool_gauges(wp_pool *pool, wp_stats *stats);

/* Whether counts, lists and states of the whole pool agree. WP_OK or WP_E_BROKEN_INVARIANT. While no thread is active. */
wp_status wp_pool_check(wp_pool *pool);

#endif
