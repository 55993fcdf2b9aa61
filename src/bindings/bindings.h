/*
 * Purpose  Calls that JavaScript needs and C embedders do not: the pool of a wasm instance, and its workers as threads of the C library.
 * Owns     the thread blocks (wp_thread_memory.block)
 * Threads  main, except wp_js_thread_main
 * Kill     a thread block belongs to its thread record for good: it is in no list of the C library, so nothing must be unlinked
 * See      docs/decisions/0001-own-worker-own-thread-block.md
 */
#ifndef WP_BINDINGS_H
#define WP_BINDINGS_H

#include "pool.h"
#include "worker.h"

/* Creates the pool; on failure returns NULL and sets *status. On entry *status is JavaScript's hash of the layout (layout.h); another one
 * than the core's: WP_E_START_FAILED. */
wp_pool *wp_js_pool_create(const wp_config *config, int32_t *status);

/* The name of a C task; NULL past the last one. */
const char *wp_js_task_name(const wp_pool *pool, uint32_t index);

/* Prepares the memory that makes the worker of the record `thread` a pthread: control block, thread-local data and stack. NULL when out
 * of memory. The record's next incarnation reuses the block. */
void *wp_js_thread_block(wp_pool *pool, uint32_t thread);

/* The start routine and its argument, which JavaScript passes to the "run" command of Emscripten's glue. */
void *wp_js_thread_routine(void);
void *wp_js_thread_argument(wp_pool *pool, uint32_t thread);

/* Ends everything that would keep the instance and its memory alive for ever (wasm/library.js). At the end of the pool. */
void wp_js_close(void);

/* Functions of the core in a form for JavaScript: they return an index or a negative status. */
int32_t wp_js_box_create(wp_pool *pool, uint32_t self, uint32_t bytes, uint32_t granted);
wp_status wp_js_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                           uint32_t aux, uint32_t bytes);
int32_t wp_js_task_reserve(wp_pool *pool);
int32_t wp_js_task_event(wp_pool *pool, uint32_t self, uint32_t parent);
int32_t wp_js_group_create(wp_pool *pool, uint32_t members, uint32_t kind);
int32_t wp_js_name_intern(wp_pool *pool, const char *name, uint32_t bytes);

/* wp_task_cancelled, for a task that runs in an instance of its own. Worker. */
uint32_t wp_js_task_cancelled(wp_pool *pool, uint32_t self, uint32_t index);

/* wp_pool_want_leave for a caller outside the gate. Worker. */
void wp_js_want_leave(wp_pool *pool, uint32_t self);

#endif
