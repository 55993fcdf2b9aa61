/*
 * Purpose  The records of the pool's threads (main is number 0, workers follow) and of the seats that workers take, and
 *          the kill gate of each worker.
 * Owns     every word below; each has its writer named
 * Threads  as noted
 * Order    inside/doomed are sequentially consistent on both sides: of "worker stores inside, then loads doomed" and
 *          "killer stores doomed, then loads inside" at least one sees the other (model: tests/model/gate.pml, steps
 *          ENTER and DOOM)
 * Kill     between wp_gate_enter and wp_gate_leave a planned kill does not happen. A worker that finds itself doomed parks,
 *          holding nothing, until it is terminated or pardoned: while doomed and outside, its record cannot change
 * See      tests/unit/gate_test.c, docs/decisions/0006-threads-and-seats.md
 */
#ifndef WP_THREAD_H
#define WP_THREAD_H

#include "arena.h"
#include "base/atomic.h"
#include "base/point.h"
#include "heap.h"

enum {
  /* Workers and spares of one pool: docs/decisions/0006-threads-and-seats.md. */
  WP_SEATS_MAX = 1024,
  /* Records of one pool: main's and two for each worker, as many threads may be dying as live. Owners of heaps (segment.h) and the word of
   * the lock (lock.h) have room for such numbers. */
  WP_THREADS_MAX = 1 + 2 * WP_SEATS_MAX,
  WP_CONCURRENCY_MAX = 256, /* tasks at once on one worker */
  /* The first wait of a worker that finds no work: so short a wait is the fastest to be woken from. */
  WP_SHORT_WAIT_MS = 1,
  /* Longest wait of a parked thread: some engines cannot stop an unbounded one. */
  WP_PARK_MS = 100,
};

/* Legal moves: EMPTY > STARTING > READY > LIVE > DYING > EMPTY, STARTING > EMPTY, and from every state to DYING. Written by main. */
enum wp_thread_state {
  WP_THREAD_EMPTY = 0,    /* no thread */
  WP_THREAD_STARTING = 1, /* the host was asked for a thread, which has not reported yet */
  WP_THREAD_READY = 2,    /* it is attached and has loaded its module, but takes no work yet */
  WP_THREAD_LIVE = 3,     /* it holds a seat and takes work */
  WP_THREAD_DYING = 4,    /* doomed or dead; its record may be reused once its death is confirmed */
};

enum wp_doom {
  WP_DOOM_NOT = 0,
  WP_DOOM_NOW = 1, /* do not enter the gate */
  WP_DOOM_SOON =
      2, /* the same, except in a critical section (critical.h): there the thread goes on to its end */
};

/* What a worker that is to be replaced, or whose seat is closed, may still take; it ends when it has nothing left to do. Main writes the
 * word, and the worker reads it under the lock, inside the gate. A worker that read it too early takes one more task, so main checks once
 * more when the worker is doomed and outside the gate (fleet_leave.c). */
enum wp_leaving {
  WP_LEAVING_NOT = 0,
  /* it takes only tasks for its seat: arguments of some have been sent to it already */
  WP_LEAVING_SEAT = 1,
  WP_LEAVING_REST = 2, /* it takes nothing */
};

enum wp_sleep {
  WP_SLEEP_NOT = 0,   /* it is awake and looks at `wake` by itself */
  WP_SLEEP_SHORT = 1, /* the host must wake it; without that it looks within WP_SHORT_WAIT_MS */
  WP_SLEEP_LONG = 2,  /* the host must wake it */
};

/* What waking a thread costs (bench/). */
#define WP_WAKE_NS 20000.0
/* A worker that needs no longer than this for a task may well get one more. */
#define WP_QUICK_NS 3000
/* Less work than this is not worth running more workers than there are cores. */
#define WP_SOON_NS 2e6
/* Bounds of wp_thread.pace_ns. */
#define WP_PACE_LEAST_NS 100
#define WP_PACE_MOST_NS 1e9

/* How long a worker looks for work before it sleeps: as long as main takes from one result to the next task. If its last sleep was a short
 * one it looks twice as long, as main would take about that time to wake it. A longer look slows main down where both share a core. */
#define WP_SPIN_MS 0.005F
#define WP_SPIN_AGAIN_MS 0.01F
#define WP_SLEPT_SHORTLY_MS 0.1

/* Tags have 31 bits. The checks compare `stop` with tag | WP_STOP_MARK, so that a `stop` of 0 does not match the tag of an idle thread. */
#define WP_STOP_MARK UINT32_C(0x80000000)

typedef struct wp_thread {
  /* Line 1: the gate. */
  wp_atomic_u32 inside; /* depth of gate sections; written by the worker, read by the killer */
  wp_atomic_u32 doomed; /* enum wp_doom; written by main (reset at reap), read by the worker */
  /* WP_STOP_MARK and the tag of the C task that is to end at its next loop check, or 0. Written by main, read by the checks; the worker
   * clears it after the trap. */
  wp_atomic_u32 stop;
  /* tasks it has finished; written by the worker inside the gate, reset at reap */
  wp_atomic_u32 finished;
  /* tag of the last C task that asked whether it is still wanted (wp_task_cancelled); written by the worker. A hint for the ladder: if it
   * is out of date, a task gets a moment more or less before it is stopped */
  wp_atomic_u32 looked;
  /* used by main while it walks over all threads twice (box_line.c, recount.c); false otherwise */
  bool marked;
  bool softly; /* marked, and WP_DOOM_SOON before; main */
  uint8_t pad_mark[2];
  /* what loop checks compare with `stop`: `tag`, changed while the task holds locks (critical.h); worker only */
  uint32_t mark;
  /* how many critical sections its task is in (critical.h); written by the worker, reset at reap */
  wp_atomic_u32 holds;
  /* sections that it did not leave by itself, of all incarnations; written by the worker, or by main after its death */
  wp_atomic_u32 broken;
  /* Progress values: how many this thread has sent, and how many of them main has freed, each also in bytes. The difference is under way.
   * The first two are written by the worker inside the gate, and by main after its death; the others by main */
  wp_atomic_u32 events_sent, events_sent_bytes;
  wp_atomic_u32 events_freed, events_freed_bytes;
  /* 1: it waits for a change of events_freed; written by the worker. 1 by mistake costs main a needless wake */
  wp_atomic_u32 events_wait;
  /* interactions of an actor, each of which extends its leases (lease.h); written by the thread */
  wp_atomic_u32 touches;
  uint32_t pad_gate[1];
  /* Line 2: waking and waiting. */
  wp_atomic_u32 wake;  /* raised by whoever has something for this worker; it waits for a change */
  wp_atomic_u32 state; /* enum wp_thread_state; written by main */
  wp_atomic_u32 incarnation; /* grows with every thread that uses this record; written by main */
  wp_atomic_u32 seat;        /* seat + 1, or 0; written by main while the thread is not LIVE */
  /* tasks that timed out while it runs them; raised by main, lowered by a late answer, reset at reap */
  wp_atomic_u32 poisoned;
  /* tasks it runs; written by the worker inside the gate, reset at reap */
  wp_atomic_u32 running;
  wp_atomic_u32 exclusive; /* 1: it runs a task that tolerates no other beside it; as `running` */
  wp_atomic_u32 beat;      /* heartbeats; written by the worker */
  /* 1: it was granted a pooled box and has not used the grant; set under the lock, cleared by itself or at reap; see box.h */
  wp_atomic_u32 box_granted;
  /* the next thread in line + 1, or WP_NONE for the last; 0: not waiting. Under the lock */
  wp_atomic_u32 box_waiting;
  /* enum wp_sleep: how it waits for a change of `wake`; written by the worker. A value too high costs a needless call of the host */
  wp_atomic_u32 sleeps;
  float spin_ms; /* how long it will look before it sleeps; used by the worker only */
  /* how long its tasks take, a moving average in microseconds; written by the worker, a hint for others */
  wp_atomic_u32 exec_us;
  /* arguments sent ahead that it has used or dropped (js/worker/arrivals.js); written by the worker's JavaScript, read by main's */
  wp_atomic_u32 mail;
  /* enum wp_leaving: what it may still take; written by main, reset at reap */
  wp_atomic_u32 leaving;
  /* 1: it asks for a successor; written by the worker, reset at reap. See wp_pool_want_leave */
  wp_atomic_u32 wants_leave;
  /* Line 3: what it has finished. */
  /* the newest finished slot, index + 1; pushed by the worker (or reap), taken as a whole by main */
  wp_atomic_u32 completions;
  uint32_t index;     /* its own number; constant */
  double poisoned_ms; /* when it was poisoned; main only */
  wp_atomic_u32 tag;  /* heap tag of the C task that it runs, or 0; written by the worker */
  uint32_t last_tag;  /* never 0 while it runs a C task; worker only */
  /* finished slots that main has taken and not delivered, oldest first; main only */
  uint32_t undelivered;
  uint32_t ring; /* 1: it must ring the bell; worker only */
  /* index + 1 of an event that it fills; written by the worker inside the gate, 0 after reap */
  wp_atomic_u32 event;
  uint32_t beat_seen;    /* `beat` when main last looked; main only */
  double beat_ms;        /* when main saw it change; 0: not since the thread was idle; main only */
  wp_atomic_u32 stopped; /* C tasks that trapped because `stop` named them; written by the worker */
  /* time from one task to the next, a moving average in nanoseconds; written by the worker, a hint for others */
  wp_atomic_u32 pace_ns;
  double taken_ms; /* when it took its last task; 0: it found none since; worker only */
  /* Slots that it runs, index + 1 or 0; written by the worker inside the gate, before the slot says RUNNING. */
  wp_atomic_u32 slots[WP_CONCURRENCY_MAX];
} wp_thread;

_Static_assert(sizeof(wp_thread) == 192 + 4 * WP_CONCURRENCY_MAX,
               "the layout is shared with JavaScript");
_Static_assert(sizeof(wp_thread) % 64 == 0, "no two threads share a cache line");

/* Releases a lock that a thread held when it was stopped. False: the lock is not that thread's any more. */
typedef bool (*wp_release)(void *lock, uint32_t thread);

/* A lock that a thread holds: see critical.h. */
typedef struct wp_held {
  void *lock;         /* NULL: a section without a lock */
  wp_release release; /* NULL for such a section */
} wp_held;

enum { WP_HELD_MAX = 16 }; /* locks at once whose release is sure; deeper ones are counted only */

/* What belongs to a thread record but not to JavaScript. */
typedef struct wp_thread_memory {
  wp_heap heap;
  wp_arena arena;
  /* The host's, used by one thread of this record after another; NULL until one needs it. */
  void *block;
  /* The thread-local variables of the program, in that block; NULL without one. main */
  const void *locals, *locals_end;
  /* See critical.h; written by the worker. `listed` of them are in use, at most wp_thread.holds */
  wp_held held[WP_HELD_MAX];
  uint32_t listed;
} wp_thread_memory;

/* The record of the calling thread and its pool; NULL on threads that are not a pool's workers. */
extern _Thread_local wp_thread *wp__self;
extern _Thread_local struct wp_pool *wp__self_pool;

/* Enters a section that a planned kill does not interrupt. Sections nest. Waits while doomed. The worker itself. */
void wp_gate_enter(wp_thread *thread);
void wp_gate_leave(wp_thread *thread);

/* Whether the worker was asked to die, or is halted for a moment (recount.h). Any thread. */
bool wp_gate_doomed(const wp_thread *thread);

/* Asks a worker to die. From then on it cannot enter the gate; once wp_gate_inside is false it may be terminated. main. */
void wp_gate_doom(wp_thread *thread);
/* The same, but a thread in a critical section goes on to its end first: WP_DOOM_SOON. If that takes too long, wp_gate_doom ends the
 * exception. main. */
void wp_gate_doom_softly(wp_thread *thread);
bool wp_gate_inside(const wp_thread *thread);

/* Takes wp_gate_doom back: a worker that was not terminated continues where it stopped. main. */
void wp_gate_pardon(wp_thread *thread);

/* A sign of life. The thread itself. */
static inline void wp_thread_beat(wp_thread *thread) {
  uint32_t beat = wp_atomic_load_relaxed_u32(&thread->beat); /* only this thread writes it */
  WP_POINT("thread.beat");
  wp_atomic_store_release_u32(&thread->beat, beat + 1); /* pairs with the load in tick.c */
}

/* An interaction that extends leases. The thread itself. */
static inline void wp_thread_touch(wp_thread *thread) {
  uint32_t touches = wp_atomic_load_relaxed_u32(&thread->touches); /* only this thread writes it */
  WP_POINT("thread.touch");
  wp_atomic_store_relaxed_u32(&thread->touches, touches + 1); /* orders nothing */
}

/* Raises the wake word and wakes the thread if it waits for that. Any thread. */
void wp_thread_wake(wp_thread *thread);

/* Waits until the wake word is not `seen` any more, or for timeout_ms. The thread itself. */
void wp_thread_sleep(wp_thread *thread, uint32_t seen, uint32_t timeout_ms);

#endif
