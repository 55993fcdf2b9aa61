/*
 * Purpose  All that the core needs from its host: time, waiting on a word, reserving memory. One .c per host.
 * Owns     nothing
 * Threads  as noted per function
 * Order    wp_port_wait/_wake order nothing by themselves: the word's own atomic operations do
 * Kill     a thread may die in wp_port_wait; nothing is held there
 * See      src/port/native.c, src/port/emscripten.c
 */
#ifndef WP_PORT_H
#define WP_PORT_H

#include "base/atomic.h"
#include <stddef.h>

/* Milliseconds of a monotonic clock that has the same origin on every thread of the pool. Any thread. */
double wp_port_now_ms(void);

/* Sleeps while *word == expected, for timeout_ms at most, not negative (spurious wake-ups allowed; a host adds what its timers are
 * coarse by). Never on a thread that must not block (a browser's main thread). */
void wp_port_wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms);

/* Wakes up to `count` threads that sleep on the word. Any thread. */
void wp_port_wake(wp_atomic_u32 *word, uint32_t count);

/* A hint for a spinning loop. */
void wp_port_pause(void);

/* Fails the running task (a trap) if too little of the stack is left for a call into the core, so that no stack ends inside the
 * gate. Where the host guards its stacks itself, nothing. The calling thread, outside the gate. */
void wp_port_stack_probe(void);

/* Rings main's doorbell from a worker, outside the gate: completions are listed and main sleeps, natively on the word `bell`. */
void wp_port_ring(wp_atomic_u32 *bell);

/* Native hosts start and end threads here; in JavaScript hosts main's JavaScript does, and these do not exist. */
typedef struct wp_port_thread wp_port_thread;
/* `on_end` (or NULL) runs in the thread when it ends in any way, as the last thing of the caller's that it executes. */
int wp_port_thread_start(wp_port_thread **thread, void (*run)(void *), void (*on_end)(void *),
                         void *argument);
/* Whether the calling thread may be stopped at any instruction: only while it runs a task or is parked. Returns what it was. */
bool wp_port_thread_killable(bool killable);
/* Asks the thread to end: at any instruction while it is killable, otherwise as soon as it is. Returns at once. */
void wp_port_thread_cancel(wp_port_thread *thread);
/* Whether the thread is known to be dead; then its record is gone as well. Does not wait. */
bool wp_port_thread_gone(wp_port_thread *thread);
/* Nobody will ask for the thread's end any more. */
void wp_port_thread_detach(wp_port_thread *thread);

/* Opens the locks of the host's own that a thread held when its task was cut off, or when it died (wasm: those of the standard
 * streams). The thread itself, or main after its death. */
void wp_port_thread_reset(uint32_t thread);

/* Every loop check of a program reads one word first, whatever its thread: how many stops are in force (worker.h). In wasm it lies at a
 * fixed address, which is what makes the check cheap, below the program's static data (-sGLOBAL_BASE in wasm/flags.txt); natively there
 * are no checks, and no such word. */
enum { WP_STOP_FLAG = 64 };

/* False: the program was linked without room for that word, so nothing can be stopped. main. */
bool wp_port_stops_possible(void);
void wp_port_count_stops(int32_t by);

/* Passes on what tasks have printed and the C library still holds (wasm), outside the gate: after a task, whichever way it ended. */
void wp_port_flush(void);

/* One contiguous range of addresses that is backed by memory step by step. */
typedef struct wp_region {
  uint8_t *base;        /* aligned to 64 KiB; never moves */
  uint64_t limit_bytes; /* how far wp_port_region_extend may go */
} wp_region;

/* Reserves limit_bytes of address space (wasm: all between the static data and the memory's maximum, or less).
 * Returns WP_OK or WP_E_NO_MEMORY. */
int wp_port_region_open(wp_region *region, uint64_t limit_bytes);

/* Makes [base, base + used_bytes) usable; what has never been written there is 0. Idempotent, any thread, concurrent calls allowed, never takes a lock.
 * Returns WP_OK or WP_E_NO_MEMORY. */
int wp_port_region_extend(const wp_region *region, uint64_t used_bytes);

/* Gives the address space back (wasm: no effect; the memory goes with its instance). */
void wp_port_region_close(wp_region *region);

#endif
