/*
 * wasmpool: a pool of worker threads whose hung tasks can be killed. The one public header, for two kinds of reader:
 *
 *   - authors of C tasks (native, wasm): the "Task side" part. WP_TASK(name) { … } makes a C function a task.
 *   - embedders (native, wasm hosts): the "Pool side" part. JavaScript users never see it: the npm package does.
 *
 * Threads: pool-side calls may be made by any thread, also by a task for its own pool, several at once; but wp_pool_destroy only when no
 * other call for the pool is under way. Task-side calls belong to the thread that runs the task. Only wp_pool_create, wp_wait,
 * wp_wait_for, and wp_submit with `wait_ms` block.
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

/* Returns WP_OK, or a negative status: the task's promise is then rejected (see wp_task_fail for the text). What is not a status,
 * or is one that only the pool can know (WP_E_TIMEOUT, WP_E_WORKER_LOST and the like: wp_status_is_tasks), counts as WP_E_TASK_FAILED, with
 * the number in the text. */
typedef wp_status (*wp_task_function)(wp_task *task);

typedef struct wp_task_entry {
  const char *name;
  wp_task_function function;
  struct wp_task_entry *next;
} wp_task_entry;

/* Adds a task to the program's list; the entry must live as long as the program. Call it before any pool is created. */
void wp_task_register(wp_task_entry *entry);

#include "wasmpool_tasks.h"

/* The argument's bytes, in place (immutable, valid until the task returns); never NULL. `bytes` and `type` may be NULL. */
const void *wp_task_input(const wp_task *task, size_t *bytes, uint32_t *type);

/* Copies the bytes as the task's result. A second call replaces the first. WP_E_NO_MEMORY, WP_E_TOO_LARGE, WP_E_INVALID_ARGUMENT (`data`
 * is NULL, a type that is not in enum wp_type, or a size that the type cannot have: see there); after an error the task has no result. */
wp_status wp_task_result(wp_task *task, uint32_t type, const void *data, size_t bytes);

/* Returns memory for the result: the bytes that the task writes there are delivered without a copy. NULL when memory is exhausted, when
 * the type is not in enum wp_type, or when it cannot have that size. */
void *wp_task_result_alloc(wp_task *task, uint32_t type, size_t bytes);

/* Returns scratch memory, 16-byte aligned, which is taken back when the task ends, in any way. NULL when memory is exhausted. */
void *wp_task_alloc(wp_task *task, size_t bytes);

/* Sets the text of the error with which the task is rejected, and returns WP_E_TASK_FAILED for `return`. */
wp_status wp_task_fail(wp_task *task, const char *text);

/* True once the caller no longer wants the result. Costs a few loads, so it may be called inside a loop. A task that calls it gets more
 * time to end by itself: see wp_terminate. */
bool wp_task_cancelled(const wp_task *task);

/* Tells the pool that the task is alive. Costs one store. */
void wp_task_heartbeat(wp_task *task);

/* A critical section: a stop of the task (a time limit, wp_terminate) waits for its end. Sections nest; in wasm locks are sections by
 * themselves. A task that stays in one for more than 20 ms is stopped all the same in wasm (diagnostics().brokenLocks), natively never. The
 * task's end ends all of its sections. No effect outside a task. Costs a few nanoseconds. */
void wp_critical_begin(void);
void wp_critical_end(void);

/* Sends an intermediate value to the caller, in order, before the result. With 256 values of a worker under way, or 1 MiB in them, the call
 * waits until the pool's owner has taken half of them: no value is lost, and a flood takes no more memory than that. A task that was given
 * up waits for nothing: WP_E_CANCELLED. Other errors as wp_task_result. */
wp_status wp_task_progress(wp_task *task, uint32_t type, const void *data, size_t bytes);

#include "wasmpool_parts.h"

#include "wasmpool_shared.h"

/* malloc and free of the pool: memory of a task is taken back if the task is killed or traps. In wasm builds plain malloc and free
 * are the same functions. On native threads that belong to no pool these call the C library's. */
void *wp_malloc(size_t bytes);
void *wp_calloc(size_t count, size_t bytes);
void *wp_realloc(void *block, size_t bytes);
void *wp_aligned_alloc(size_t alignment, size_t bytes);
void wp_free(void *block);

/* Keeps a block of malloc or wp_malloc when its task is stopped or traps. In wasm those to which a static variable points are kept without
 * it. NULL, and memory that is not the pool's: no effect. */
void wp_keep(void *block);

/* ---- Pool side ------------------------------------------------------------------------------------------------- */

typedef struct wp_pool wp_pool;

/* Critical goes first, then high, normal, low. Background is served as low (REQUIREMENTS C-01). */
enum wp_priority {
  WP_PRIORITY_NORMAL = 0,
  WP_PRIORITY_CRITICAL = 1,
  WP_PRIORITY_HIGH = 2,
  WP_PRIORITY_LOW = 3,
  WP_PRIORITY_COUNT = 4,
};

#define WP_NONE UINT32_C(0xffffffff) /* "no index", "no limit" */

typedef struct wp_config {
  uint32_t workers; /* threads that serve tasks ("seats"), 1 … 1,024 */
  /* warm threads that replace a lost worker at once; workers + spares <= 1,024 */
  uint32_t spares;
  /* tasks at once on one worker, 1 … 256; more than 1 only for asynchronous handlers */
  uint32_t concurrency;
  uint32_t max_queue; /* tasks that may wait; WP_NONE: no limit */
  uint32_t max_tasks; /* tasks that may wait or run; memory for them is added in chunks */
  /* how long the worker may take to end a task that timed out, before it is killed; 0: as little as the rungs of a kill
   * take; WP_NONE: for ever */
  uint32_t recycle_ms;
  uint32_t box_count; /* leased boxes at once */
  /* memory that is reserved for each leased box up front. A larger value takes memory of its own; 0: all do */
  uint64_t box_bytes;
  uint32_t lease_ms; /* how long a leased box lives; applied by the host, not by the core */
  /* how long a worker with a task may give no sign of life (heartbeats, progress, a task's end) before it is recovered: its
   * tasks end with WP_E_WORKER_LOST, or run again if they were submitted with `requeue`; WP_NONE: for ever */
  uint32_t liveness_ms;
  uint32_t scan_ms;          /* how often the signs of life are checked */
  uint32_t max_redeliveries; /* of a task whose workers were lost; then WP_E_POISON_JOB */
  uint32_t liveness_all;     /* 1: liveness_ms holds for all tasks; 0: for those that ask for it */
  /* Ageing: after so many tasks of higher levels one of the lowest goes first; WP_NONE: never */
  uint32_t low_skips;
  /* after so many tasks that were taken before it, a heavy task runs beside bulk jobs; WP_NONE: never */
  uint32_t heavy_skips;
  /* light tasks run beside bulk jobs while a busy worker's mean task time is at least this */
  uint32_t slow_ms;
  /* how long main may take in each tick to hand single tasks to the pool (governor.h) */
  double dispatch_budget_ms;
  uint32_t cores; /* that the threads run on; 1: workers do not spin; 0: not known */
  /* ceiling for all memory of the pool (native only; in wasm the memory's own maximum applies) */
  uint64_t memory_bytes;
  /* How lost workers are replaced. */
  uint32_t restart_kind; /* 0: always; 1: unless the thread ended by itself; 2: never */
  /* restarts of one seat within the window, at most 4,096; after them it is given up; WP_NONE: no limit */
  uint32_t restart_max;
  double restart_window_ms; /* 0: restarts are never forgotten */
  /* the delay: from restart_min_ms, doubled with each restart within the window, to restart_max_ms */
  double restart_min_ms, restart_max_ms;
  double restart_jitter; /* 0 … 1: the share of the delay that chance adds or subtracts */
  double ready_ms;       /* how long a thread may take to start; 0: no limit */
  /* An elastic pool: how many of the `workers` always run; 0: all. The pool grows by one worker at a time while tasks wait and every
   * worker is busy, and ends a worker that has been idle for idle_ms (negative: never). See wp_pool_resize. */
  uint32_t workers_min;
  /* a worker that has finished so many tasks is replaced by a fresh one, after it has ended what it runs; 0: never */
  uint32_t tasks_per_worker;
  double idle_ms;
  /* The rest is for native pools only; what is 0 or NULL has no effect. */
  size_t stack_bytes;   /* of each worker thread; 0: the system's default. At least 128 KiB */
  const char *name;     /* threads are called NAME-1, NAME-2, …, as far as 15 bytes reach; copied */
  const uint32_t *cpus; /* processors: thread n runs on the entry (n - 1) % cpu_count; copied */
  uint32_t cpu_count;
  /* Called in each worker thread, at its start and its end. `thread`: its number, from 1, used again after its end. `killed`: it is ended
   * in the middle of a task, whose locks the hook must not wait for. Parts of that task on other workers may still write to the frames of
   * the task on this stack: the hook may use 16 KiB of it. The hooks must not call the pool. */
  void (*on_thread_start)(void *user, uint32_t thread);
  void (*on_thread_end)(void *user, uint32_t thread, bool killed);
  void *thread_user; /* passed to both */
} wp_config;

/* A task, by index and generation: calls recognise the handle of a task that is gone, and do nothing. */
typedef struct wp_handle {
  uint32_t index, generation;
} wp_handle;

/* How a task goes together with bulk jobs (docs/scheduling.md). A task without a weight is not affected by them. */
enum wp_weight { WP_WEIGHT_NONE = 0, WP_WEIGHT_LIGHT = 1, WP_WEIGHT_HEAVY = 2 };

/* A value in the pool's memory that can be the argument of several tasks without being copied: see wp_box_keep and wp_box_make. */
typedef struct wp_box_handle {
  uint32_t index, generation;
} wp_box_handle;

/* All zero: a task of normal priority without limits. */
typedef struct wp_submit_options {
  uint32_t priority;   /* enum wp_priority */
  uint32_t weight;     /* enum wp_weight */
  uint32_t timeout_ms; /* from the task's start; 0: none */
  uint32_t
      wait_ms; /* how long the call waits for room if the queue is full; 0: not at all; WP_NONE: for ever */
  bool requeue; /* run again if its worker is lost, at most max_redeliveries times */
  void *user;   /* comes back in each of its completions */
  /* the argument, in place of type, data and bytes (which must be 0): a sealed box. The task has a reference of its own, so the caller may
   * free the box at once */
  const wp_box_handle *box;
} wp_submit_options;

typedef struct wp_completion {
  wp_handle handle;
  wp_status status;
  uint32_t type;    /* of the result, or of the progress value */
  const void *data; /* in place; valid until wp_completion_release */
  size_t bytes;
  bool progress; /* a value from wp_task_progress of the task `handle`, not the task's end */
  uint32_t slot; /* for wp_completion_release */
  void *user;    /* from the task's options */
} wp_completion;

typedef struct wp_stats {
  /* Free and busy workers add up to the total. A worker that is starting or will be restarted counts as busy; a seat that was closed or
   * given up does not count. */
  uint32_t free_workers, busy_workers, total_workers, queued;
  uint64_t processed, errors;
  uint32_t boxes_in_use, tasks_in_use;
  /* Of box_count: how many are granted or in use; and how many of these have their value in reserved memory. */
  uint32_t boxes_leased, boxes_reserved;
  uint32_t box_count; /* as configured */
  uint64_t box_bytes;
  uint64_t heap_bytes;
  /* Locks and critical sections that stopped tasks did not leave by themselves: what they protect may be half-changed. */
  uint64_t broken_locks;
  uint64_t kept_bytes; /* of stopped tasks: see wp_keep */
} wp_stats;

/* The sizes of the structs that a program shares with the library. A program that was compiled with another version's header must not run
 * with this library: wp_pool_create compares them. */
#define WP_STRUCTS                                                                                 \
  ((uint64_t)sizeof(wp_config) << 48 | (uint64_t)sizeof(wp_submit_options) << 32 |                 \
   (uint64_t)sizeof(wp_completion) << 16 | (uint64_t)sizeof(wp_stats))

/* As wp_config_defaults and wp_pool_create, with what these two add by themselves: the caller's sizes. */
void wp_config_defaults_sized(wp_config *config, size_t bytes);
wp_status wp_pool_create_sized(const wp_config *config, wp_pool **pool, uint64_t structs);

/* Fills in the defaults. */
static inline void wp_config_defaults(wp_config *config) {
  wp_config_defaults_sized(config, sizeof *config);
}

/* Native embedding: creates the pool and blocks until its workers have started. WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY,
 * WP_E_START_FAILED; WP_E_UNSUPPORTED: the library is not of the version of this header. */
static inline wp_status wp_pool_create(const wp_config *config, wp_pool **pool) {
  return wp_pool_create_sized(config, pool, WP_STRUCTS);
}

/* Ends the pool: no call for it is allowed afterwards, and pending handles are never completed. Does not wait: running tasks are killed
 * in the background, and the memory is freed with the last thread. */
void wp_pool_destroy(wp_pool *pool);

/* Queues a C task by name; the bytes are copied. Each task that was queued has exactly one end, which is given once, by wp_poll, wp_wait or
 * wp_wait_for: its result, its failure, WP_E_TIMEOUT, WP_E_CANCELLED, WP_E_WORKER_LOST or WP_E_POISON_JOB. WP_E_QUEUE_FULL (max_queue),
 * WP_E_TABLE_FULL (max_tasks), both after wait_ms; WP_E_UNKNOWN_TASK, WP_E_NO_MEMORY, WP_E_INVALID_ARGUMENT, WP_E_STALE_HANDLE (the box).
 * A thread that waits for room takes no completions meanwhile: they stay for wp_poll. */
wp_status wp_submit(wp_pool *pool, const char *name, uint32_t type, const void *data, size_t bytes,
                    const wp_submit_options *options, wp_handle *handle);

/* The same for a function that has no name. */
wp_status wp_submit_function(wp_pool *pool, wp_task_function function, uint32_t type,
                             const void *data, size_t bytes, const wp_submit_options *options,
                             wp_handle *handle);

/* Takes up to `limit` completions without waiting, and returns their number. Each must be given back with wp_completion_release;
 * a second time has no effect, except for progress values. */
size_t wp_poll(wp_pool *pool, wp_completion *completions, size_t limit);
void wp_completion_release(wp_pool *pool, const wp_completion *completion);

/* Like wp_poll, but sleeps up to timeout_ms for the first completion. Time limits are enforced meanwhile. */
size_t wp_wait(wp_pool *pool, wp_completion *completions, size_t limit, uint32_t timeout_ms);

/* Waits for one task and takes its next completion: a progress value, or its end. Completions of other tasks stay for wp_poll.
 * WP_E_STALE_HANDLE: its end was taken already, or it never was; WP_E_TIMEOUT: nothing came for timeout_ms (WP_NONE: no limit), and the
 * task goes on; WP_E_NO_MEMORY. */
wp_status wp_wait_for(wp_pool *pool, wp_handle handle, wp_completion *completion,
                      uint32_t timeout_ms);

/* A descriptor for poll, epoll or libuv that is readable while wp_poll has something to do: completions, or time limits and kills to carry
 * out. So: when it is readable, call wp_poll until it returns 0. It belongs to the pool: nobody else reads or closes it. -1: the host has
 * none (it is Linux's), or no more descriptors are to be had. */
int wp_pool_descriptor(wp_pool *pool);

/* ---- Values without copies: a box is written once, then read by as many tasks as there are ---- */

/* Keeps the result of a completion (its end, not released yet) as a box, without a copy if it has more than 64 bytes. The caller frees the
 * box once for each call. WP_E_NO_MEMORY, WP_E_STALE_HANDLE (the completion has no result, or was released). */
wp_status wp_box_keep(wp_pool *pool, const wp_completion *completion, wp_box_handle *box);

/* Makes a box; the caller writes the bytes to *data, then seals it with their number, at most that many, and their type. WP_E_NO_MEMORY,
 * WP_E_TOO_LARGE, WP_E_TABLE_FULL; sealing: WP_E_STALE_HANDLE, WP_E_TOO_LARGE, WP_E_INVALID_ARGUMENT (see wp_task_result). */
wp_status wp_box_make(wp_pool *pool, size_t bytes, wp_box_handle *box, void **data);
wp_status wp_box_seal(wp_pool *pool, wp_box_handle box, uint32_t type, size_t bytes);

/* The bytes of a sealed box, in place; valid until the caller frees the box. NULL: it has none. */
const void *wp_box_bytes(wp_pool *pool, wp_box_handle box, size_t *bytes, uint32_t *type);

/* Gives the caller's hold on a box up. The memory goes with the last task that has it as argument. No effect on a box that is gone. */
void wp_box_free(wp_pool *pool, wp_box_handle box);

/* ---- Ends ---- */

/* Gives a task up: its one completion has the status WP_E_CANCELLED. A task that has not started never runs; a running one is finished
 * by its worker, and its result is dropped. False if it has ended already: then its completion has come, or will come. */
bool wp_cancel(wp_pool *pool, wp_handle handle);

/* The same, but a running task is also stopped, by ending its thread if need be. A task that has called wp_task_cancelled has one
 * millisecond to end by itself; a task that never has, 0.05 ms. Does not wait for that: later calls of wp_poll, wp_wait and wp_wait_for,
 * by any thread, carry it out. A running task that was cancelled before is stopped as well; the result is then false. */
bool wp_terminate(wp_pool *pool, wp_handle handle);

/* Pauses the pool: no new task is started; running tasks and their time limits go on. Idempotent, not nested. */
void wp_pause(wp_pool *pool);
void wp_resume(wp_pool *pool);

/* Sets the number of workers, 1 … config.workers; the pool then neither grows nor shrinks by itself. Does not wait: later calls of
 * wp_poll and wp_wait start workers, or end surplus ones when they have finished what they run. WP_E_INVALID_ARGUMENT. */
wp_status wp_pool_resize(wp_pool *pool, uint32_t workers);

void wp_stats_read(wp_pool *pool, wp_stats *stats);

#ifdef __cplusplus
}
#endif

#include "arguments.h"

#if defined(__cplusplus) && defined(__cpp_exceptions)
#include <exception>
#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace wp_detail {
/* Runs a task's function; an exception that leaves it becomes the task's error. */
inline wp_status call_task(wp_task_function function, wp_task *task) {
  try {
    return function(task);
#ifdef __GLIBCXX__
  } catch (abi::__forced_unwind &) {
    throw; /* the thread is being ended: see wp_terminate */
#endif
  } catch (const std::exception &error) {
    return wp_task_fail(task, error.what());
  } catch (...) {
    return wp_task_fail(task, "a C++ exception was thrown that is no std::exception");
  }
}
} // namespace wp_detail
#endif
#endif
