/*
 * wasmpool: a pool of worker threads whose hung tasks can be killed. The one public header, for two kinds of reader:
 *
 *   - authors of C tasks (native, wasm): the "Task side" part. WP_TASK(name) { … } makes a C function a task.
 *   - embedders (native, wasm hosts): the "Pool side" part. JavaScript users never see it: the npm package does.
 *
 * Threads: unless a function says otherwise, pool-side calls belong to the one thread that created the pool (the "main"
 * thread), task-side calls to the thread that runs the task. No call blocks except those named wp_wait_*.
 * Errors: every fallible call returns a wp_status, 0 (WP_OK) or a negative WP_E_*; out-parameters are written on success only.
 */
#ifndef WASMPOOL_H
#define WASMPOOL_H

#include "status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the bytes of a value are to be read. The same numbers as TYPE in js/codec/codec.js. */
enum wp_type {
  WP_TYPE_UNDEFINED = 0,         /* no bytes */
  WP_TYPE_BINARY = 1,            /* bytes; a Uint8Array in JavaScript */
  WP_TYPE_STRING = 2,            /* UTF-8, not terminated */
  WP_TYPE_JSON = 3,              /* JSON text in UTF-8: at least 1 byte */
  WP_TYPE_CBOR = 4,              /* one CBOR item (RFC 8949): at least 1 byte */
  WP_TYPE_NUMBER = 5,            /* one IEEE 754 double, exactly 8 bytes, little-endian */
  WP_TYPE_LAST = WP_TYPE_NUMBER, /* the types above it are JavaScript's own */
};

/* ---- Task side ------------------------------------------------------------------------------------------------- */

typedef struct wp_task wp_task; /* one run of a task; valid until its function returns */

/* Returns WP_OK, or a negative status: the task's promise is then rejected (see wp_task_fail for the text). A number that is no status is
 * WP_E_TASK_FAILED, with the number in the text. */
typedef wp_status (*wp_task_function)(wp_task *task);

typedef struct wp_task_entry {
  const char *name;
  wp_task_function function;
  struct wp_task_entry *next;
} wp_task_entry;

/* Adds a task to the program's list; the entry must live as long as the program. Before any pool is created. */
void wp_task_register(wp_task_entry *entry);

/* WP_TASK(name) { …; return wp_task_result(task, …); }   defines and registers a C task; its argument is `task`. */
#define WP_TASK(task_name)                                                                         \
  static wp_status wp_task_run_##task_name(wp_task *task);                                         \
  __attribute__((constructor)) static void wp_task_register_##task_name(void) {                    \
    static wp_task_entry entry = {#task_name, wp_task_run_##task_name, NULL};                      \
    wp_task_register(&entry);                                                                      \
  }                                                                                                \
  static wp_status wp_task_run_##task_name(wp_task *task)

/* The argument's bytes, in place (immutable, valid until the task returns); never NULL. `bytes` and `type` may be NULL. */
const void *wp_task_input(const wp_task *task, size_t *bytes, uint32_t *type);

/* Copies the result. A second call replaces the first. WP_E_NO_MEMORY, WP_E_TOO_LARGE, WP_E_INVALID_ARGUMENT (no data, a
 * type that enum wp_type has not, or a size that the type cannot have: see there); the task has no result then. */
wp_status wp_task_result(wp_task *task, uint32_t type, const void *data, size_t bytes);

/* Memory that is the result: what the task writes there is delivered without a copy. NULL when memory is exhausted, or the type
 * is none of enum wp_type, or cannot have that size. */
void *wp_task_result_alloc(wp_task *task, uint32_t type, size_t bytes);

/* Scratch memory, 16-byte aligned, taken back when the task ends in any way. NULL when memory is exhausted. */
void *wp_task_alloc(wp_task *task, size_t bytes);

/* Sets the text of the error with which the task is rejected, and returns WP_E_TASK_FAILED for `return`. */
wp_status wp_task_fail(wp_task *task, const char *text);

/* True once the caller no longer wants the result. A few loads: fit for the inside of a loop. A task that calls it is given more time to
 * end by itself: see wp_terminate. */
bool wp_task_cancelled(const wp_task *task);

/* Tells the pool that the task is alive. One store. */
void wp_task_heartbeat(wp_task *task);

/* Sends an intermediate value to the caller, in order, before the result. Errors as wp_task_result. */
wp_status wp_task_progress(wp_task *task, uint32_t type, const void *data, size_t bytes);

/* malloc and free of the pool: what a task allocated is taken back when it is killed or traps. In wasm builds plain
 * malloc and free are these. Any thread of a pool; elsewhere (native) they are the C library's. */
void *wp_malloc(size_t bytes);
void *wp_calloc(size_t count, size_t bytes);
void *wp_realloc(void *block, size_t bytes);
void *wp_aligned_alloc(size_t alignment, size_t bytes);
void wp_free(void *block);

/* ---- Pool side ------------------------------------------------------------------------------------------------- */

typedef struct wp_pool wp_pool;

/* Highest first. Background is served as low (REQUIREMENTS C-01). */
enum wp_priority {
  WP_PRIORITY_CRITICAL = 0,
  WP_PRIORITY_HIGH = 1,
  WP_PRIORITY_NORMAL = 2,
  WP_PRIORITY_LOW = 3,
  WP_PRIORITY_COUNT = 4,
};

#define WP_NONE UINT32_C(0xffffffff) /* "no index", "no limit" */

typedef struct wp_config {
  uint32_t workers; /* seats: threads that serve tasks, 1 … 120 */
  uint32_t
      spares; /* warm threads that replace a lost worker at once; with the workers 120 at most */
  /* tasks at once on one worker, 1 … 256; more than 1 only for asynchronous handlers */
  uint32_t concurrency;
  uint32_t max_queue; /* waiting tasks; WP_NONE: no limit */
  uint32_t max_tasks; /* descriptors, waiting and running; the table grows up to it in chunks */
  /* after a time-out, how long the worker may take to end the task before it is killed; 0: as little as the rungs of a kill
   * take; WP_NONE: for ever */
  uint32_t recycle_ms;
  uint32_t box_count; /* leased boxes at once */
  /* of each of them: so much memory is reserved for it up front. A larger value takes memory of its own; 0: all do */
  uint64_t box_bytes;
  uint32_t lease_ms; /* how long a leased box lives; applied by the host, not by the core */
  /* how long a worker with a task may give no sign of life (heartbeats, progress, a task's end) before it is recovered: its
   * tasks end with WP_E_WORKER_LOST, or run again if they were submitted with `requeue`; WP_NONE: for ever */
  uint32_t liveness_ms;
  uint32_t scan_ms;          /* how often the signs of life are looked for */
  uint32_t max_redeliveries; /* of one task whose workers are lost; then WP_E_POISON_JOB */
  uint32_t liveness_all;     /* 1: liveness_ms is for all tasks; 0: for those that ask for it */
  /* Ageing: after so many tasks of higher levels one of the lowest goes first; WP_NONE: never */
  uint32_t low_skips;
  /* after so many tasks that went before it, a heavy task runs beside bulk jobs; WP_NONE: never */
  uint32_t heavy_skips;
  /* light tasks run beside bulk jobs while some worker takes so long on average */
  uint32_t slow_ms;
  /* how long main may be busy in each tick with giving single tasks to the pool (governor.h) */
  double dispatch_budget_ms;
  uint32_t
      cores; /* that the threads run on; 1: nobody looks for work without sleeping; 0: not known */
  /* ceiling for all memory of the pool (native; in wasm the memory's own maximum) */
  uint64_t memory_bytes;
  /* How lost workers are replaced. */
  uint32_t restart_kind; /* 0: always; 1: unless the thread ended by itself; 2: never */
  uint32_t
      restart_max; /* of one seat within the window, at most 4,096; then it is given up; WP_NONE: no limit */
  double restart_window_ms; /* 0: a restart is never forgotten */
  double restart_min_ms,
      restart_max_ms;    /* the delay: doubled with each restart within the window */
  double restart_jitter; /* 0 … 1: the part of the delay that chance adds or takes away */
  double ready_ms;       /* how long a thread may take to start; 0: any time */
  /* An elastic pool: seats that are always served, up to `workers`; 0: all. It grows while tasks wait and every worker is busy, one worker
   * at a time, and gives up a worker that has been idle for idle_ms (negative: never). See wp_pool_resize. */
  uint32_t workers_min;
  /* a worker that has finished so many tasks is replaced: it ends what it runs, and a fresh one takes its seat; 0: never */
  uint32_t tasks_per_worker;
  double idle_ms;
} wp_config;

/* A task, by index and generation: a handle of a task that is gone is recognised and does nothing. */
typedef struct wp_handle {
  uint32_t index, generation;
} wp_handle;

/* How a task goes together with bulk jobs (docs/scheduling.md); without a weight it takes no notice of them. */
enum wp_weight { WP_WEIGHT_NONE = 0, WP_WEIGHT_LIGHT = 1, WP_WEIGHT_HEAVY = 2 };

typedef struct wp_submit_options {
  uint32_t priority;   /* enum wp_priority */
  uint32_t weight;     /* enum wp_weight */
  uint32_t timeout_ms; /* from the task's start; 0: none */
  bool requeue;        /* run again if its worker is lost, max_redeliveries times at most */
} wp_submit_options;

typedef struct wp_completion {
  wp_handle handle;
  wp_status status;
  uint32_t type;    /* of the result, or of the progress value */
  const void *data; /* in place; valid until wp_completion_release */
  size_t bytes;
  bool
      progress; /* not the end of the task: a value from wp_task_progress; `handle` is the task's */
  uint32_t slot; /* for wp_completion_release */
} wp_completion;

typedef struct wp_stats {
  /* Free and busy ones add up to the total. A worker that starts, or is to start again, is busy; a seat that was closed or given up counts
   * nowhere. */
  uint32_t free_workers, busy_workers, total_workers, queued;
  uint64_t processed, errors;
  uint32_t boxes_in_use, tasks_in_use;
  /* Of box_count: granted, or out; and those of them whose value lies in reserved memory. */
  uint32_t boxes_leased, boxes_reserved;
  uint32_t box_count; /* as configured */
  uint64_t box_bytes;
  uint64_t heap_bytes;
} wp_stats;

void wp_config_defaults(wp_config *config);

/* Native embedding: creates the pool, and waits until its workers have started. WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY,
 * WP_E_START_FAILED. */
wp_status wp_pool_create(const wp_config *config, wp_pool **pool);

/* Ends the pool: no call for it is allowed any more, pending handles are never completed. Does not wait: a task that runs is killed
 * beside the caller, and the memory goes with the last thread. */
void wp_pool_destroy(wp_pool *pool);

/* Queues a C task by name; the bytes are copied. WP_E_QUEUE_FULL (max_queue), WP_E_TABLE_FULL (max_tasks), WP_E_UNKNOWN_TASK,
 * WP_E_NO_MEMORY, WP_E_INVALID_ARGUMENT. */
wp_status wp_submit(wp_pool *pool, const char *name, uint32_t type, const void *data, size_t bytes,
                    const wp_submit_options *options, wp_handle *handle);

/* Takes up to `limit` completions without waiting; returns how many. Each must be given back with wp_completion_release. */
size_t wp_poll(wp_pool *pool, wp_completion *completions, size_t limit);
void wp_completion_release(wp_pool *pool, const wp_completion *completion);

/* Like wp_poll, but sleeps up to timeout_ms for the first one. Also fires time-outs that are due. */
size_t wp_wait(wp_pool *pool, wp_completion *completions, size_t limit, uint32_t timeout_ms);

/* Gives a task up: its one completion says WP_E_CANCELLED. Not started, it never runs; running, its result is dropped and its
 * worker finishes it. False when it has ended already: its completion has come, or will. */
bool wp_cancel(wp_pool *pool, wp_handle handle);

/* The same, and what runs is stopped, if need be with its thread. A task that has called wp_task_cancelled has a millisecond to end by
 * itself, one that never has 0.05 ms. Does not wait for that: the calls of wp_poll and wp_wait see it through. */
bool wp_terminate(wp_pool *pool, wp_handle handle);

/* No new task is started; running ones go on, their time limits too. Idempotent, not nested. */
void wp_pause(wp_pool *pool);
void wp_resume(wp_pool *pool);

/* From now on the pool has so many workers, 1 … config.workers, and neither grows nor shrinks by itself. Does not wait: workers start, and
 * those that are too many finish what they run, in the calls of wp_poll and wp_wait. WP_E_INVALID_ARGUMENT. */
wp_status wp_pool_resize(wp_pool *pool, uint32_t workers);

void wp_stats_read(wp_pool *pool, wp_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
