/*
 * A pool of C tasks in Wasmtime, on the core's host build (docs/host-abi.md). One instance for each thread, all in one shared memory.
 * A hung loop is stopped by the module's loop checks, or, with `epochs`, by ending its thread.
 *
 * All calls by one thread, main. None of them waits: main's event loop waits for wt_descriptor() to be readable, at most wt_rest() ms.
 */
#ifndef WT_POOL_H
#define WT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wt_pool wt_pool;

typedef struct wt_options {
  uint32_t workers, spares;
  uint32_t pages;        /* most memory, in 64 KiB */
  uint32_t restart_max;  /* of one seat, within a minute; UINT32_MAX: any number */
  double restart_min_ms; /* before the first one */
  bool epochs;           /* threads can be ended in loops without checks; code is a little slower */
} wt_options;

typedef struct wt_task {
  const char *name;
  uint32_t type; /* 0 none, 1 bytes, 2 text, 5 a double */
  const void *data;
  uint32_t bytes;
  uint32_t priority, timeout_ms;
  uint32_t user; /* comes back with each of its values and its end */
} wt_task;

typedef struct wt_handle {
  uint32_t index, generation;
} wt_handle;

typedef struct wt_end {
  uint32_t user;
  int32_t status; /* 0, or negative: src/status.def */
  uint32_t type;
  const void *data; /* valid during the call */
  uint32_t bytes;
  bool progress; /* a value, not the end */
} wt_end;

typedef struct wt_stats {
  uint32_t free, total, queued, tasks;
  uint64_t heap_bytes;
} wt_stats;

typedef struct wt_counts {
  uint32_t starts, kills, losses, retired, reaped;
} wt_counts;

enum wt_state { WT_OPENING = 0, WT_OPEN = 1, WT_REFUSED = 2, WT_CLOSED = 3 };

/* NULL: *error says why (to be freed). */
wt_pool *wt_open(const uint8_t *module, size_t bytes, const wt_options *options, char **error);
enum wt_state wt_state_of(wt_pool *pool);

/* 0 or a negative status. */
int32_t wt_submit(wt_pool *pool, const wt_task *task, wt_handle *handle);

/* The task's end comes all the same, unless it has come: then false. kill: what runs it is stopped. */
bool wt_give_up(wt_pool *pool, wt_handle handle, bool kill);

/* Delivers what has come. */
void wt_poll(wt_pool *pool, void (*deliver)(void *context, const wt_end *end), void *context);

int wt_descriptor(const wt_pool *pool);
double wt_rest(wt_pool *pool); /* 0: call wt_poll at once */

void wt_pause(wt_pool *pool, bool paused);
wt_stats wt_stats_of(wt_pool *pool);
wt_counts wt_counts_of(wt_pool *pool);
int32_t wt_check(wt_pool *pool); /* while all workers are idle: 0 if the core's records agree */

/* Ends all threads. Again, whenever the descriptor is readable, until it returns true and has freed the pool. */
bool wt_close(wt_pool *pool);

#endif
