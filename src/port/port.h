/*
 * Purpose  Everything that the core needs from its host: time, waiting on a word, memory, threads. One .c per host.
 * Owns     nothing
 * Threads  as noted per function
 * Order    wp_port_wait/_wake order nothing by themselves: the word's own atomic operations do
 * Kill     a thread may die in wp_port_wait; nothing is held there
 * See      src/port/native.c, src/port/emscripten.c, src/port/host.c
 */
#ifndef WP_PORT_H
#define WP_PORT_H

#include "base/atomic.h"
#include <stddef.h>

/* Milliseconds of a monotonic clock that has the same origin on every thread of the pool. Any thread. */
double wp_port_now_ms(void);

/* Sleeps while *word == expected, for at most timeout_ms, which is not negative (spurious wake-ups allowed; a host with coarse timers may
 * sleep longer). Not on a thread that must not block (a browser's main thread). */
void wp_port_wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms);

/* Wakes up to `count` threads that sleep on the word. Any thread. */
void wp_port_wake(wp_atomic_u32 *word, uint32_t count);

/* A hint for a spinning loop. */
void wp_port_pause(void);

/* Fails the running task (by a trap) if too little stack is left for a call into the core, so that no stack overflows inside the
 * gate. No effect where the host guards its stacks itself. The calling thread, outside the gate. */
void wp_port_stack_probe(void);

/* Ends the running task, as a loop check does. No effect where the host stops a task by ending its thread. The calling thread, outside
 * the gate. */
void wp_port_trap(void);

/* Rings main's doorbell: there are completions, and main sleeps (natively on the word `bell`, or in its event loop, on the descriptor
 * descriptor - 1 if that is not 0). Outside the gate. */
void wp_port_ring(wp_atomic_u32 *bell, uint32_t descriptor);

/* Threads are started and ended here, natively and in wasm hosts that drive the pool from outside (src/hosts/); in JavaScript hosts
 * JavaScript does that, and these functions do not exist. */
typedef struct wp_port_thread wp_port_thread;
/* How the calling thread, which is a new one, is known to the system, as NAME-NUMBER; what is not possible has no effect. name: "" for none;
 * cpu: WP_NONE for any. */
void wp_port_thread_introduce(const char *name, uint32_t number, uint32_t cpu);
/* The least that wp_port_thread_start takes as stack_bytes; 0: the system's default. */
enum { WP_STACK_LEAST = 128 << 10 };
typedef struct wp_port_start {
  uint32_t
      number; /* of the thread's record; no other living thread has it, but one may still use the stack of its predecessor */
  uint32_t incarnation;
  size_t stack_bytes;
  void (*run)(void *);
  void (*on_end)(
      void
          *); /* or NULL: runs in the thread, however it ends, as the last code of the caller's that it executes; in wasm never */
  void *argument;
} wp_port_start;
int wp_port_thread_start(wp_port_thread **thread, const wp_port_start *start);
/* Sets whether the calling thread may be killed at any instruction: only while it runs a task or is parked. Returns the old setting. */
bool wp_port_thread_killable(bool killable);
/* Asks the thread to end: at once if it is killable, otherwise as soon as it is. Does not wait. */
void wp_port_thread_cancel(wp_port_thread *thread);
/* Whether the thread is known to be dead; if so, `thread` has been freed. Does not wait. */
bool wp_port_thread_gone(wp_port_thread *thread);
/* Whether the thread has ended although nobody asked for it (wasm: the host says so); natively never. Does not wait. */
bool wp_port_thread_left(const wp_port_thread *thread);
/* The caller will not ask for the thread's end any more; `thread` belongs to the thread from now on. */
void wp_port_thread_detach(wp_port_thread *thread);

/* An alarm for main's event loop: a descriptor that is readable once it was raised, by a ring or by its timer, until it is cleared. */
typedef struct wp_port_alarm {
  int descriptor;    /* for poll() */
  int signal, timer; /* what it consists of */
} wp_port_alarm;
/* False: the host has no descriptors, or no more of them. */
bool wp_port_alarm_open(wp_port_alarm *alarm);
void wp_port_alarm_close(const wp_port_alarm *alarm);
/* For wp_port_ring. */
static inline uint32_t wp_port_alarm_bell(const wp_port_alarm *alarm) {
  return (uint32_t)(alarm->signal + 1);
}
/* Raises it after so many milliseconds. Replaces an earlier time. */
void wp_port_alarm_set(const wp_port_alarm *alarm, double after_ms);
void wp_port_alarm_clear(const wp_port_alarm *alarm);

/* Opens the host's own locks (wasm: those of the standard streams) that a thread held when its task trapped or when it died. The
 * thread itself, or main after its death. */
void wp_port_thread_reset(uint32_t thread);

/* Whether a pointer that may be wrong names memory that can be read, so many bytes of it. Native ports cannot tell: true. */
bool wp_port_holds(const void *at, size_t bytes);

/* wasm only: so many bytes from address 0 on hold nothing, so that writes through NULL do no harm. */
enum { WP_NULL_BYTES = 65536 };

/* Address of the word that every loop check reads first, on every thread: how many stops are in force (worker.h). The fixed address,
 * below the program's static data (-sGLOBAL_BASE in wasm/flags.txt), makes the check cheap. Native builds have no loop checks, and no
 * such word. */
enum { WP_STOP_FLAG = WP_NULL_BYTES + 64 };

/* What the host can do about a hung task. */
typedef struct wp_port_powers {
  bool checks; /* the program's loops have checks */
  bool ends;   /* it can end a thread at any instruction */
  double
      again_ms; /* how often wp_port_thread_cancel is repeated until the thread has ended; 0: once is enough */
} wp_port_powers;
wp_port_powers wp_port_can(void);

/* wasm only: whether the caller is the thread that opened the instance. */
bool wp_port_is_main(void);

/* False: the program was linked without room for that word, so no loop check can trap. main. */
bool wp_port_stops_possible(void);
/* Adds to that word. main. */
void wp_port_count_stops(int32_t by);

/* Where the program's static variables are; false if the host does not know. */
bool wp_port_statics(const void **start, const void **end);

/* Passes on output that the C library still buffers (wasm). After a task, however it ended; outside the gate. */
void wp_port_flush(void);

/* One contiguous range of addresses, to which memory is added step by step. */
typedef struct wp_region {
  uint8_t *base;        /* aligned to 64 KiB; never moves */
  uint64_t limit_bytes; /* how far wp_port_region_extend may go */
} wp_region;

/* Reserves limit_bytes of address space (wasm: at most what lies between the static data and the end of a 32-bit memory).
 * Returns WP_OK or WP_E_NO_MEMORY. */
int wp_port_region_open(wp_region *region, uint64_t limit_bytes);

/* Makes [base, base + used_bytes) usable; bytes that were never written are 0. Idempotent; any thread, several at once; takes no lock.
 * Returns WP_OK or WP_E_NO_MEMORY. */
int wp_port_region_extend(const wp_region *region, uint64_t used_bytes);

/* Gives the address space back (wasm: no effect; the memory lives as long as its instance). */
void wp_port_region_close(wp_region *region);

#endif
