/*
 * Purpose  What JavaScript calls that no C embedder needs: the pool of a wasm instance, its memory, and its workers as threads of
 *          the C library.
 * Owns     the instance's memory, the thread blocks
 * Threads  main, except wp_js_thread_main
 * Kill     a thread block is static memory of its thread record: no list of the C library names it, nothing must be unlinked
 * See      docs/decisions/0001-own-worker-own-thread-block.md
 */
#ifndef WP_BINDINGS_H
#define WP_BINDINGS_H

#include "pool.h"
#include "worker.h"

/* Creates the pool; NULL and *status on failure. */
wp_pool *wp_js_pool_create(const wp_config *config, int32_t *status);

/* The C task's name, NULL past the last one. */
const char *wp_js_task_name(const wp_pool *pool, uint32_t index);

/* Prepares the memory that makes a worker a pthread (its control block, thread-local data and stack), for the record
 * `thread`; NULL when there is no memory. The block is reused by the record's next incarnation. */
void *wp_js_thread_block(wp_pool *pool, uint32_t thread);

/* What JavaScript hands to the glue's "run" command: the start routine and, as its argument, the thread's description. */
void *wp_js_thread_routine(void);
void *wp_js_thread_argument(wp_pool *pool, uint32_t thread);

/* The end of the instance's pool: ends what would keep the instance and its memory for ever (wasm/library.js). */
void wp_js_close(void);

/* The memory of the whole instance, which malloc and the pool share; NULL: there is none. Opened by its first user. main. */
wp_thread_memory *wp__process_memory(wp_segments **segments);

/* The core's functions in a form that fits JavaScript: they return an index or a negative status. */
int32_t wp_js_box_create(wp_pool *pool, uint32_t self, uint32_t bytes, uint32_t granted);
wp_status wp_js_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                           uint32_t aux, uint32_t bytes);
int32_t wp_js_task_reserve(wp_pool *pool);
int32_t wp_js_task_event(wp_pool *pool, uint32_t self, uint32_t parent);
int32_t wp_js_group_create(wp_pool *pool, uint32_t members, uint32_t kind);
int32_t wp_js_name_intern(wp_pool *pool, const char *name, uint32_t bytes);

#endif
