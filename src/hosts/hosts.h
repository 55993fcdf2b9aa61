/*
 * Purpose  The interface of the module for wasm hosts that start the threads themselves, without JavaScript's glue: what hosts call beside
 *          the pool side of wasmpool.h, which is exported as it is.
 * Owns     the configuration that hosts change in place, and the instance's one pool
 * Threads  [main]: the instance that called wp_host_init. [worker]: that thread's own instance. [any]: any instance that runs nothing
 * Order    as embed/embed.h; `ended` of a thread as port/host.h
 * Kill     a host may end a worker's thread at any instruction after `stop` for it was called: the fleet has seen it outside the gate by
 *          then, or the pool is closing, or nothing can be saved and everything is counted anew
 * See      docs/host-abi.md, docs/decisions/0034-hosts.md, tests/hosts/
 */
#ifndef WP_HOSTS_H
#define WP_HOSTS_H

#include "embed/embed.h"
#include "port/host.h"

enum { WP_HOST_ABI = 1 };

/* Bits of wp_host_open. */
enum wp_host_caps {
  WP_HOST_ENDS = 1, /* the host can end a thread in the middle of a loop */
};

enum wp_host_state {
  WP_HOST_OPENING = 0,
  WP_HOST_OPEN = 1,    /* every worker has started */
  WP_HOST_REFUSED = 2, /* a worker could not start: close the pool */
  WP_HOST_CLOSED = 3,  /* no thread is left */
};

/* How wasm was left; wp_host_trapped puts it into the task's error. */
enum wp_host_trap {
  WP_TRAP_OTHER = 0,
  WP_TRAP_STACK = 1,  /* the host's own stack is used up */
  WP_TRAP_MEMORY = 2, /* an address that is not there */
};

/* [main] Behind wp_host_init (entry.S): runs constructors. WP_HOST_ABI. */
uint32_t wp__hosts_init(void);

/* [main] The configuration with defaults, to be changed in place before wp_host_open. */
wp_config *wp_host_config(void);

/* [main] The pool; its threads have been asked for by `start`. NULL and a status at *status: WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY,
 * WP_E_UNSUPPORTED (the instance has a pool already). Does not wait. */
wp_pool *wp_host_open(uint32_t caps, int32_t *status);

/* [main] enum wp_host_state. */
uint32_t wp_host_state(const wp_pool *pool);

/* [main] For a main that waits in an event loop: arms the bell. 0: call wp_poll at once; else: after so many ms at the latest, or when
 * the bell rings: `ring` is called, or waits on the word at wp_host_bell for a change from 1 end. 1e15: for ever. */
double wp_host_rest(wp_pool *pool);
wp_atomic_u32 *wp_host_bell(wp_pool *pool);

/* [any] Ends main's sleep in wp_wait or on the bell. */
void wp_host_wake(wp_pool *pool);

/* [any] Nothing of the thread executes any more: it has left wasm for good, was ended, or could not start. A second call has no
 * effect until `start` gives the record to another thread. */
void wp_host_ended(wp_port_thread *start);

/* [main] Ends all threads, without waiting. To be repeated, with wp_host_ended for each of them meanwhile, until it returns 1: no thread is
 * left. No other call for the pool is allowed after the first one but wp_host_state and wp_host_check. */
uint32_t wp_host_close(wp_pool *pool);

/* [main] C tasks of the program by number, from 0; NULL past the last one. */
const char *wp_host_task_name(const wp_pool *pool, uint32_t index);

const wp_fleet_counts *wp_host_counts(const wp_pool *pool); /* [main] */

/* [main] Whether the pool's records agree with each other, between calls, while no worker runs: WP_OK or WP_E_BROKEN_INVARIANT. */
wp_status wp_host_check(wp_pool *pool);

/* ---- Workers ---- */

/* Behind wp_host_attach (entry.S). */
void wp__hosts_attach(wp_port_thread *start);

/* [worker] Serves tasks; ends by a trap only. */
void wp_host_run(wp_port_thread *start);

/* [worker] The first call after a trap: 1 if main had asked for it. Checked code traps until then. */
uint32_t wp_host_unstop(wp_port_thread *start);

/* [worker] The second call after a trap (entry.S, wp_host_trapped). stopped: the answer of wp_host_unstop. 1: the task has ended, call
 * wp_host_run again; 0: the thread must end. */
uint32_t wp__hosts_trapped(wp_port_thread *start, uint32_t kind, uint32_t stopped);

/* [main] Module without threads: runs up to `limit` tasks to their ends, here, and returns their number. If a task traps: wp_host_unstop and
 * wp_host_trapped, with `start` from wp_host_inline, then go on. */
uint32_t wp_host_step(wp_pool *pool, uint32_t limit);
wp_port_thread *wp_host_inline(wp_pool *pool);

#endif
