/*
 * Purpose  The task side of wasmpool.h for a module with a memory of its own, which each worker has an instance of: there is no pool in
 *          it. A worker's JavaScript (js/handlers/isolated.js) copies the argument in, runs the task, and copies the result out.
 * Owns     the run: one at a time
 * Threads  one: the worker whose instance it is
 * Kill     a loop check traps wherever the task is, also in here, and the whole instance is thrown away; main writes to nothing but the
 *          words of WP_ISOLATED_FLAG
 * See      docs/decisions/0019-isolated-instances.md
 */
#ifndef WP_ISOLATED_H
#define WP_ISOLATED_H

#include "wasmpool.h"

/* Address of the words that loop checks read: below the static data (GLOBAL_BASE in wasm/flags.txt) and above the first page, where writes
 * through NULL land. First the flag, then words as in wp_thread: the tag of the task that is to end, the tag of the task that runs, and a
 * depth of gate sections, which stays 0. */
enum { WP_ISOLATED_FLAG = 65536 + 64 };

/* The word for the task that runs differs in this bit while the task is in a critical section, so that its checks do not trap (see
 * WP_MARK_HOLDS in critical.h). */
enum { WP_ISOLATED_HOLDS = 0x40000000 };

/* What the tag of the task that is to end carries, as WP_STOP_MARK in thread.h. */
#define WP_ISOLATED_STOP UINT32_C(0x80000000)

/* A run, as JavaScript sees it. */
struct wp_task {
  uint32_t type; /* of the argument */
  uint32_t result_type;
  size_t bytes; /* of the argument */
  size_t result_bytes;
  void *argument;
  void *result;        /* NULL: none */
  struct block *first; /* scratch memory */
  bool part;           /* a part of the task runs, which has no result of its own */
};

/* The name of a task, in order of registration; NULL behind the last. */
const char *wp_isolated_name(uint32_t index);

/* Ends the previous run, unless that was done, and makes room for the next argument. NULL: out of memory. */
void *wp_isolated_argument(uint32_t type, size_t bytes);

/* Runs the task on that argument and returns the task's status. */
wp_status wp_isolated_run(uint32_t index);

/* Forgets the critical sections of the previous run. */
void wp_isolated_no_sections(void);

/* The run, which holds the result. */
const wp_task *wp_isolated_task(void);

/* Frees everything that belongs to the run. */
void wp_isolated_end(void);

#endif
