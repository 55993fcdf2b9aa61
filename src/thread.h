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
  WP_THREADS_MAX = 256, /* main and 255 workers: bits of a box's reader set */
  WP_SEATS_MAX = 120, /* seats + spares + as many dead ones whose end is not confirmed yet <= 255 */
  WP_CONCURRENCY_MAX = 256, /* tasks at once on one worker */
  WP_SHORT_WAIT_MS =
      1, /* how long a worker that finds nothing waits at first, where it is woken fastest */
  WP_PARK_MS = 100, /* bounded waits only: some engines cannot stop an unbounded one */
};

/* Legal moves: EMPTY > STARTING > READY > LIVE > DYING > EMPTY, STARTING > EMPTY, and from every state to DYING. main writes. */
enum wp_thread_state {
  WP_THREAD_EMPTY = 0,    /* no thread */
  WP_THREAD_STARTING = 1, /* the host was asked for a thread; it has not spoken yet */
  /* the thread has attached itself and loaded its module; it takes no work yet */
  WP_THREAD_READY = 2,
  WP_THREAD_LIVE = 3, /* it holds a seat and takes work */
  /* doomed or already dead; nothing of it may be reused until its death is confirmed */
  WP_THREAD_DYING = 4,
};

/* A worker that is to be replaced, or whose seat is closed, ends when it has nothing left to do. Main writes the word; the worker reads
 * it under the lock, inside the gate. A death on either side of that look leaves nothing half-done: the word is main's. A look that
 * came too early takes one more task, so main counts again once the worker is doomed and outside the gate (fleet_leave.c). */
enum wp_leaving {
  WP_LEAVING_NOT = 0,
  WP_LEAVING_SEAT =
      1, /* it takes only tasks of its seat: some have their arguments there already */
  WP_LEAVING_REST = 2, /* it takes nothing */
};

enum wp_sleep {
  WP_SLEEP_NOT = 0,   /* it looks by itself */
  WP_SLEEP_SHORT = 1, /* the host must be told; but it looks by itself within WP_SHORT_WAIT_MS */
  WP_SLEEP_LONG = 2,
};

/* What waking a thread costs (bench/), and how fast a worker must be for one task more not to matter. */
#define WP_WAKE_NS 20000.0
#define WP_QUICK_NS 3000
/* Work that is not worth a worker more than there are cores. */
#define WP_SOON_NS 2e6
#define WP_PACE_LEAST_NS 100
#define WP_PACE_MOST_NS 1e9

/* How long a worker looks for work before it sleeps: as long as main takes from one result to the next task; and, when its last
 * sleep was a short one, twice as long: main takes about that time to wake it. Longer, and it slows main
 * down where both share a core. */
#define WP_SPIN_MS 0.005F
#define WP_SPIN_AGAIN_MS 0.01F
#define WP_SLEPT_SHORTLY_MS 0.1

/* Tags have 31 bits: with this one no task that runs, and no thread that runs none, is taken for the one that is meant. */
#define WP_STOP_MARK UINT32_C(0x80000000)

typedef struct wp_thread {
  /* Line 1: the gate. */
  wp_atomic_u32 inside; /* depth of gate sections; written by the worker, read by the killer */
  wp_atomic_u32 doomed; /* 1: do not enter; written by main (reset at reap), read by the worker */
  /* WP_STOP_MARK and the tag of the C task run that is to end at its next loop check, or 0. Written by main, read by
   * the checks; the worker clears it when it has trapped. */
  wp_atomic_u32 stop;
  /* tasks it has finished; written by the worker inside the gate, reset at reap */
  wp_atomic_u32 finished;
  /* tag of the last C task that has asked whether it is still wanted (wp_task_cancelled); written by the worker. A hint for the ladder:
   * too old or too new, its task gets a moment more or less before it is stopped */
  wp_atomic_u32 looked;
  /* main's own, while it goes through all threads and back (box_line.c, recount.c); false otherwise */
  bool marked;
  uint8_t pad_mark[3];
  uint32_t pad_gate[10];
  /* Line 2: waking and waiting. */
  wp_atomic_u32 wake;  /* bumped by whoever has something for this worker; it waits for a change */
  wp_atomic_u32 state; /* enum wp_thread_state; written by main */
  wp_atomic_u32 incarnation; /* grows with every thread that uses this record; written by main */
  wp_atomic_u32 seat;        /* seat + 1, or 0; written by main while the thread is not LIVE */
  /* tasks it runs that timed out; raised by main, lowered by a late answer, 0 after reap */
  wp_atomic_u32 poisoned;
  wp_atomic_u32 running; /* tasks it runs; written by the worker under the gate, reset at reap */
  /* 1: runs a task that tolerates no other beside it; written like running */
  wp_atomic_u32 exclusive;
  wp_atomic_u32 beat; /* heartbeats; written by the worker */
  /* 1: it has a place for a box that it has not used; set under the lock, cleared by itself or reap; see box.h */
  wp_atomic_u32 box_granted;
  /* next waiter + 1, or WP_NONE for "last"; 0: not waiting. Under the scheduler lock */
  wp_atomic_u32 box_waiting;
  /* enum wp_sleep: how it waits for a change of `wake`; written by the worker. Too much: one call of the host too many */
  wp_atomic_u32 sleeps;
  float spin_ms; /* the worker's: how long it will look before it sleeps */
  /* how long its tasks take in microseconds, as an exponential moving average; written by the worker, a hint for others */
  wp_atomic_u32 exec_us;
  /* arguments sent ahead that it has used or dropped (js/worker/arrivals.js); written by the worker's JavaScript, read by main's */
  wp_atomic_u32 mail;
  /* enum wp_leaving: what it may still take; written by main, reset at reap */
  wp_atomic_u32 leaving;
  /* 1: it asks for a successor; written by the worker, reset at reap. See wp_pool_want_leave */
  wp_atomic_u32 wants_leave;
  /* Line 3: what it has finished. */
  /* newest finished slot, index + 1; pushed by the worker (or reap), taken whole by main */
  wp_atomic_u32 completions;
  uint32_t index;     /* its own number; constant */
  double poisoned_ms; /* when it was poisoned; main only */
  wp_atomic_u32 tag;  /* heap tag of the C task that it runs, or 0; written by the worker */
  uint32_t last_tag;  /* the worker's; never 0 while it runs a C task */
  /* finished slots that main has taken over and not delivered, oldest first; main */
  uint32_t undelivered;
  uint32_t ring; /* 1: it must ring the bell; the worker's own */
  /* index + 1 of an event that it fills; written by the worker inside the gate, 0 after reap */
  wp_atomic_u32 event;
  uint32_t beat_seen; /* main's: beats when it looked last */
  double beat_ms;     /* main's: when they had changed; 0: not since the thread had nothing to do */
  /* C tasks that trapped because they were asked to; written by the worker */
  wp_atomic_u32 stopped;
  /* how many nanoseconds it takes for a task, a moving average; written by the worker, a hint for others */
  wp_atomic_u32 pace_ns;
  double taken_ms; /* the worker's: when it took its last task; 0: it found nothing since */
  /* Slots that it runs, index + 1 or 0; written by the worker inside the gate, before the slot says RUNNING. */
  wp_atomic_u32 slots[WP_CONCURRENCY_MAX];
} wp_thread;

_Static_assert(sizeof(wp_thread) == 192 + 4 * WP_CONCURRENCY_MAX,
               "the layout is shared with JavaScript");
_Static_assert(sizeof(wp_thread) % 64 == 0, "no two threads share a cache line");

/* What belongs to a thread record but not to JavaScript. */
typedef struct wp_thread_memory {
  wp_heap heap;
  wp_arena arena;
  void *
      block; /* the host's, for the threads of this record one after the other; NULL: it has needed none */
} wp_thread_memory;

/* The record of the calling thread and its pool; NULL on threads that are not a pool's workers. */
extern _Thread_local wp_thread *wp__self;
extern _Thread_local struct wp_pool *wp__self_pool;

/* Enters a section that a planned kill will not interrupt. Nests. Only the worker itself. Does not return if doomed. */
void wp_gate_enter(wp_thread *thread);
void wp_gate_leave(wp_thread *thread);

/* Whether the worker was asked to die, or is halted for a moment (recount.h). Any thread. */
bool wp_gate_doomed(const wp_thread *thread);

/* Asks a worker to die. From then on it cannot enter the gate; once wp_gate_inside is false it may be terminated. main. */
void wp_gate_doom(wp_thread *thread);
bool wp_gate_inside(const wp_thread *thread);

/* Takes that back: a doomed worker that was not terminated goes on where it stopped. main. */
void wp_gate_pardon(wp_thread *thread);

/* A sign of life. The thread itself. */
static inline void wp_thread_beat(wp_thread *thread) {
  uint32_t beat = wp_atomic_load_relaxed_u32(&thread->beat); /* only this thread writes it */
  WP_POINT("thread.beat");
  wp_atomic_store_release_u32(&thread->beat, beat + 1); /* pairs with the load in tick.c */
}

/* Bumps the wake word and wakes the thread that waits on it. Any thread. */
void wp_thread_wake(wp_thread *thread);

/* Waits until the wake word is not `seen` any more, or for timeout_ms. The thread itself. */
void wp_thread_sleep(wp_thread *thread, uint32_t seen, uint32_t timeout_ms);

#endif
