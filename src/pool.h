/*
 * Purpose  The pool: the record that holds everything, without a global anywhere.
 * Owns     all rooms' state
 * Threads  each field's comment names its writer
 * Kill     no field is left half-changed by a planned kill: workers write here only inside the gate
 * See      ARCHITECTURE.md, rooms.h
 */
#ifndef WP_POOL_H
#define WP_POOL_H

#include "base/atomic.h"
#include "segment.h"
#include "slot.h"
#include "table.h"
#include "thread.h"
#include "wasmpool.h"

enum {
  WP_MAIN = 0,        /* the number of the main thread */
  WP_LINE_BYTES = 64, /* of a cache line */
};

/* What the lock's holder has to do. A bit that is missing lets something wait longer than it must; one too many costs a needless look. */
enum wp_chore {
  WP_CHORE_INBOX = 1, /* apply the inbox */
  WP_CHORE_BOXES = 2, /* serve the line for boxes */
  WP_CHORE_PURGE = 4, /* free cancelled slots at the heads of lanes */
};

/* First in, first out; holds indexes + 1, linked through wp_record.next. Under the lock. */
typedef struct wp_list {
  uint32_t first, last;
} wp_list;

/* What distinguishes waiting tasks of one level: see lanes.h. */
enum wp_class {
  WP_CLASS_PLAIN = 0,
  WP_CLASS_LIGHT = 1,
  WP_CLASS_HEAVY = 2,
  WP_CLASS_SLICE = 3,
  WP_CLASS_COUNT = 4,
};

/* Under the lock. */
typedef struct wp_lanes {
  wp_list lists[WP_LEVEL_COUNT][WP_CLASS_COUNT];
  uint32_t counts[WP_LEVEL_COUNT][WP_CLASS_COUNT]; /* slots in each list */
  uint32_t peaks[WP_LEVEL_COUNT][WP_CLASS_COUNT];  /* highest counts since telemetry read them */
  wp_list *seats;  /* seat_count lists of tasks that only this seat may run */
  uint32_t filled; /* bit level * WP_CLASS_COUNT + class: that list is not empty */
  /* Tasks of higher levels taken while one of the lowest level waited, and tasks taken while a heavy one was held: each since the last
   * such task was let through. */
  uint32_t low_skips, heavy_skips;
  uint32_t left; /* bits as in `filled`: some slot has left that list since telemetry looked */
} wp_lanes;

typedef struct wp_counters {
  wp_atomic_u64 processed;    /* tasks settled; main */
  wp_atomic_u64 errors;       /* tasks settled without a result; main */
  wp_atomic_u64 late;         /* answers that came after their task was settled; workers */
  wp_atomic_u64 denied;       /* reads of boxes by threads that were not granted them; readers */
  wp_atomic_u64 stale;        /* reads of actors' boxes that were gone; readers */
  wp_atomic_u64 lost;         /* tasks whose worker died while running them; main */
  wp_atomic_u64 reaped;       /* threads reaped; main */
  wp_atomic_u64 rebuilt;      /* threads reaped that had died inside the gate; main */
  wp_atomic_u64 bells;        /* doorbells rung; workers */
  wp_atomic_u64 dead_letters; /* messages that nobody got (mailbox.h); any */
  wp_atomic_u64 kept;         /* bytes of stopped tasks that something still points to; any */
} wp_counters;

/* Main's; see governor.h. */
typedef struct wp_governor {
  double used_ms;   /* how much of the budget this tick has used */
  bool had_to_wait; /* something was put off to the next tick */
  bool was_over;    /* the previous tick overran the budget, or had to put something off */
} wp_governor;

struct wp_pool {
  /* Line 1: what workers touch all the time, and main often. */
  /* 1: main sleeps and wants to be told of completions; set by main, cleared by whoever rings */
  wp_atomic_u32 bell;
  wp_atomic_u32 lock;   /* 0, or the holder: incarnation << 16 | number + 1 */
  wp_atomic_u32 paused; /* main */
  wp_atomic_u32 queued; /* tasks submitted and not taken; written by producers and takers */
  wp_atomic_u32 ready;  /* those that are in the common lanes and not held; under the lock */
  /* enum wp_chore bits: what somebody must do under the lock; set by any thread, cleared by the holder */
  wp_atomic_u32 chores;
  wp_atomic_u32 boxes_taken; /* pooled boxes; raised under the lock, lowered by anyone */
  /* workers asleep on the lock; after a sleeper's death it is too high, which causes needless wake-ups only */
  wp_atomic_u32 lock_sleepers;
  wp_atomic_u32 taker; /* the thread that last took a task: a hint; written under the lock */
  wp_atomic_u32 woken; /* the thread that was last woken: a hint; written by the waker */
  wp_atomic_u32 held;  /* heavy tasks that wait while a bulk job is active; under the lock */
  wp_atomic_u32 bulks; /* active bulk jobs; raised by main, lowered by whoever ends one */
  /* how often a worker has asked for a successor; raised by workers after `wants_leave`. If a worker dies in between, nobody looks;
   * but it is gone, as it wished */
  wp_atomic_u32 leavers;
  /* native hosts: a descriptor + 1 that is written to when the bell rings, or 0; written by main (embed/alarm.h) */
  wp_atomic_u32 bell_descriptor;
  uint32_t pad[2];
  /* Line 2: producers'. */
  /* the newest submitted slot, index + 1; pushed by producers, taken as a whole under the lock */
  wp_atomic_u32 inbox;
  wp_atomic_u32 families; /* numbers of families that were given; written by workers (fork.h) */
  uint32_t pad_inbox[14];
  /* The set of threads that wait. A worker sets its own bit under the lock; whoever wakes it clears the bit. */
  wp_atomic_u32 *idle;
  /* For each of seat_count seats the number of the thread that holds it, or 0. Written by main. */
  wp_atomic_u32 *seats;
  uint32_t seat_count, thread_count; /* constant */
  /* Records from here on have never been used: see wp_pool_threads_end. Written by main; only grows. */
  wp_atomic_u32 threads_end;
  /* Number of seats that are neither closed nor given up. Written by main; a hint for others. */
  wp_atomic_u32 seats_open;
  wp_counters counters;
  /* See wp_pool_time: bits of doubles, written by main, seldom. */
  wp_atomic_u64 clock_offset, clock_stands;
  /* Constant after creation. */
  wp_config config;
  wp_segments *segments;
  wp_thread *threads;                /* thread_count of them */
  wp_thread_memory *main_memory;     /* belongs to the embedder */
  wp_thread_memory *worker_memory;   /* thread_count - 1 of them; see wp_pool_memory */
  wp_atomic_u64 *forks;              /* addresses of the threads' wp_forks, or 0; see fork.h */
  const wp_task_entry *const *tasks; /* C tasks of the program, in order of registration */
  uint32_t task_count;
  /* Under the lock. */
  wp_lanes lanes;
  wp_list box_line; /* threads that wait for a box, linked through box_waiting */
  /* main only */
  struct wp_embedder *embedder; /* NULL except in native hosts */
  uint64_t next_sequence;
  uint32_t pushes;
  uint32_t burst;  /* pushes of this burst so far, + 1; 0: no burst (wp_sched_burst) */
  uint32_t leases; /* boxes with a lease; while 0, nobody needs to look for expired ones */
  wp_governor governor;
  struct wp_telemetry *telemetry; /* NULL: off; set before the first worker is seated */
  uint32_t bulks_peak;            /* highest `bulks` since telemetry read it */
  wp_table slots, boxes, groups, names;
  wp_table mailboxes, letters, links; /* see mailbox.h, actor_box.h */
  struct wp_lease_looks *lease_looks; /* main only; NULL until there is a lease (lease.h) */
  /* Places in reserved memory, see box_memory.c; a thread takes a free one if it has a grant. */
  wp_table places;
  uint8_t *box_memory; /* the reserved memory; constant; NULL: there is none */
  /* The first bytes of the program's statics as they were when the pool was laid out, up to the last that is not 0; constant */
  const void *statics_then;
  size_t statics_bytes;
  uint32_t recount_due; /* 1: a thread died inside the gate; see recount.h; main only */
};

/* Number of words of a set of threads, which has a bit for each record: thread n is bit n % 32 of word n / 32. Constant. */
static inline uint32_t wp_thread_set_words(const wp_pool *pool) {
  return (pool->thread_count + 31) / 32;
}

/* Where a loop over thread records may end: those from here on are as they were laid out. Main raises it before a record gets its first
 * thread (both seq), so whoever sees something that this thread did, its idle bit for example, finds the record before the end. Any
 * thread. */
static inline uint32_t wp_pool_threads_end(const wp_pool *pool) {
  return wp_atomic_load_seq_u32(&pool->threads_end);
}

static inline wp_thread_memory *wp_pool_memory(const wp_pool *pool, uint32_t thread) {
  return thread == WP_MAIN ? pool->main_memory : &pool->worker_memory[thread - 1];
}

static inline wp_heap *wp_pool_heap(const wp_pool *pool, uint32_t self) {
  return &wp_pool_memory(pool, self)->heap;
}

/* The pool's time at the moment thread_ms of the clock that all threads share: thread_ms plus an offset. If main has a clock of its own
 * that stands still (a test's), the time that main set last. Any thread. */
double wp_pool_time(const wp_pool *pool, double thread_ms);
/* stands_ms: the time if the clock stands still; 0 if it runs. main. */
void wp_pool_set_time(wp_pool *pool, double offset_ms, double stands_ms);

/* Numbers of free and busy seats: every seat that is not free counts as busy (REQUIREMENTS AM-28). Any thread. */
void wp_pool_count_workers(const wp_pool *pool, uint32_t *free, uint32_t *busy);

/* Rings the bell that wp__task_ring_due has taken. Outside the gate. */
void wp_pool_ring(wp_pool *pool);

/* The worker asks to be replaced by a fresh one, before it ends a task. Main sees pool->leavers when it handles that end. Worker. */
void wp_pool_want_leave(wp_pool *pool, uint32_t self);

/* How many waiting tasks may be taken now, not counting tasks for one seat. Any thread; a hint unless read under the lock. */
static inline uint32_t wp_pool_ready(const wp_pool *pool) {
  uint32_t ready = wp_atomic_load_seq_u32(&pool->ready);
  uint32_t held = wp_atomic_load_seq_u32(&pool->held);
  return held && !wp_atomic_load_seq_u32(&pool->bulks) ? ready + held : ready;
}

/* A zeroed array of `count` entries that shares no cache line with anything else, for a pool that is being laid out. NULL: out of memory.
 * main. */
void *wp_pool_alloc(wp_heap *main_heap, size_t count, size_t bytes);

/* Keeps what the program still points to of the blocks that a stopped task has allocated: see wp_heap_keep. The thread itself, inside the
 * gate; main after its death (`dead`: so its own thread-local variables do not count), before the heap is rebuilt. May be repeated. */
void wp_pool_keep(wp_pool *pool, uint32_t thread, uint32_t tag, bool dead);

/* Hooks of rooms.h: the thread records and their heaps. */
wp_status wp_pool_open(wp_pool *pool, wp_heap *heap);
void wp_pool_reap(wp_pool *pool, uint32_t thread, bool trusted);
void wp_pool_recount_segments(wp_pool *pool);
bool wp_pool_check_threads(const wp_pool *pool);

#endif
