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

/* Missing: something waits longer than it must. Set without need: one look for nothing. */
enum wp_chore {
  WP_CHORE_INBOX = 1, /* apply the inbox */
  WP_CHORE_BOXES = 2, /* serve the line for boxes */
  WP_CHORE_PURGE = 4, /* free cancelled slots at the heads of lanes */
};

/* First in, first out; indexes + 1, linked through wp_record.next. Under the scheduler lock. */
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

/* Under the scheduler lock. */
typedef struct wp_lanes {
  wp_list lists[WP_PRIORITY_COUNT][WP_CLASS_COUNT];
  uint32_t counts[WP_PRIORITY_COUNT][WP_CLASS_COUNT]; /* slots in each */
  uint32_t peaks[WP_PRIORITY_COUNT][WP_CLASS_COUNT];  /* since telemetry read them */
  wp_list *seats;  /* tasks for one seat only; seat_count of them */
  uint32_t filled; /* bit level * WP_CLASS_COUNT + class: that list is not empty */
  /* Tasks of higher levels taken while one of the lowest waited; tasks taken while a heavy one was held. Since the last that went. */
  uint32_t low_skips, heavy_skips;
  uint32_t left; /* as `filled`: some slot has left that list since telemetry looked */
} wp_lanes;

typedef struct wp_counters {
  wp_atomic_u64 processed; /* tasks settled; main */
  wp_atomic_u64 errors;    /* of them, not with a result; main */
  wp_atomic_u64 late;      /* answers that came after their task was settled; workers */
  wp_atomic_u64 denied;    /* reads of boxes by threads that were not granted them; readers */
  wp_atomic_u64 lost;      /* tasks whose worker died under them; main */
  wp_atomic_u64 reaped;    /* threads taken back; main */
  /* of them, with the indexes rebuilt because they died inside the gate; main */
  wp_atomic_u64 rebuilt;
  wp_atomic_u64 bells; /* doorbells rung; workers */
} wp_counters;

/* Main's; see governor.h. */
typedef struct wp_governor {
  double used_ms;   /* of the budget, in this tick */
  bool had_to_wait; /* something, for the next tick */
  bool was_over;    /* the tick before used more than there was, or that was not enough */
} wp_governor;

struct wp_pool {
  /* Line 1: what workers touch all the time, and main often. */
  /* 1: main sleeps and wants to be told of completions; set by main, cleared by who rings */
  wp_atomic_u32 bell;
  wp_atomic_u32 lock;   /* 0, or the holder: incarnation << 16 | number + 1 */
  wp_atomic_u32 paused; /* main */
  wp_atomic_u32 queued; /* tasks submitted and not taken: waiting ones; producers and takers */
  /* of them, in the common lanes and not held; written under the lock */
  wp_atomic_u32 ready;
  /* enum wp_chore bits: what somebody must do under the lock; set by any, cleared by the holder */
  wp_atomic_u32 chores;
  wp_atomic_u32 boxes_taken; /* pooled boxes; under the lock to take, by anyone to give back */
  /* workers asleep on the lock; too high (a sleeper died): needless wake-ups, no harm */
  wp_atomic_u32 lock_sleepers;
  wp_atomic_u32 taker; /* who took a task last: a hint; written under the lock */
  wp_atomic_u32 woken; /* who was woken last: a hint; written by who woke it */
  wp_atomic_u32 held;  /* heavy tasks that wait while a bulk job is active; under the lock */
  wp_atomic_u32 bulks; /* bulk jobs that are active; raised by main, lowered by who ends one */
  /* how often a worker has asked for a successor; raised by workers after `wants_leave`. A death in between: nobody looks, and the
   * worker is gone as it wished */
  wp_atomic_u32 leavers;
  uint32_t pad[3];
  /* Line 2: producers'. */
  /* newest submitted slot, index + 1; pushed by producers, taken whole under the lock */
  wp_atomic_u32 inbox;
  uint32_t pad_inbox[15];
  /* a set of threads: those that wait; each bit is set by its worker under the lock, cleared by whoever wakes it */
  wp_atomic_u32 *idle;
  /* number of the thread that holds the seat, or 0; seat_count of them; written by main */
  wp_atomic_u32 *seats;
  uint32_t seat_count, thread_count; /* constant */
  /* Records from here on have never been used: see wp_pool_threads_end. Written by main; only grows. */
  wp_atomic_u32 threads_end;
  /* Seats that are to be served: neither closed nor given up; written by main, for others a hint. */
  wp_atomic_u32 seats_open;
  wp_counters counters;
  /* The pool's time, see wp_pool_time; bits of doubles, written by main, seldom. */
  wp_atomic_u64 clock_offset, clock_stands;
  /* Constant after creation. */
  wp_config config;
  wp_segments *segments;
  wp_thread *threads;                /* thread_count of them */
  wp_thread_memory *main_memory;     /* the embedder's */
  wp_thread_memory *worker_memory;   /* thread_count - 1 of them; see wp_pool_memory */
  const wp_task_entry *const *tasks; /* C tasks of the program, in order of registration */
  uint32_t task_count;
  /* Under the lock. */
  wp_lanes lanes;
  wp_list box_line; /* threads that wait for a box, linked through box_waiting */
  /* main only */
  struct wp_embedder *embedder; /* native hosts; NULL elsewhere */
  uint64_t next_sequence;
  uint32_t pushes;
  uint32_t burst;  /* pushes of a burst so far, + 1; 0: there is none (wp_sched_burst) */
  uint32_t leases; /* boxes with a lease: when 0, nobody needs to look */
  wp_governor governor;
  struct wp_telemetry *telemetry; /* NULL: off; set before the first worker is seated */
  uint32_t bulks_peak;            /* since telemetry read it */
  wp_table slots, boxes, groups, names;
  wp_table
      places; /* of reserved memory, see box_memory.c; a free one is taken by whoever has a grant */
  uint8_t *box_memory;  /* where they lie; constant; NULL: there are none */
  uint32_t recount_due; /* 1: a thread died inside the gate; see recount.h; main only */
};

/* Words of a set of threads, one bit for each record: number n is bit n % 32 of word n / 32. Constant. */
static inline uint32_t wp_thread_set_words(const wp_pool *pool) {
  return (pool->thread_count + 31) / 32;
}

/* The end of a loop over thread records: those behind it are as they were laid out. Main raises it before a record gets its first thread.
 * So whoever finds what that thread has done finds the record within the end (both seq): a worker's idle bit, for one. Any thread. */
static inline uint32_t wp_pool_threads_end(const wp_pool *pool) {
  return wp_atomic_load_seq_u32(&pool->threads_end);
}

static inline wp_thread_memory *wp_pool_memory(const wp_pool *pool, uint32_t thread) {
  return thread == WP_MAIN ? pool->main_memory : &pool->worker_memory[thread - 1];
}

static inline wp_heap *wp_pool_heap(const wp_pool *pool, uint32_t self) {
  return &wp_pool_memory(pool, self)->heap;
}

/* The pool's time at a moment that is thread_ms on the clock that all threads share: the same, plus an offset; or, where main has a
 * clock that does not run with theirs (a test's), what main said last. Any thread. */
double wp_pool_time(const wp_pool *pool, double thread_ms);
/* stands_ms 0: it runs. main. */
void wp_pool_set_time(wp_pool *pool, double offset_ms, double stands_ms);

/* Numbers of free and busy seats: every seat that is not free counts as busy (REQUIREMENTS AM-28). Any thread. */
void wp_pool_count_workers(const wp_pool *pool, uint32_t *free, uint32_t *busy);

/* Worker, before the end of a task: it wishes to be replaced by a fresh one. Main learns of it by pool->leavers, with that end. */
void wp_pool_want_leave(wp_pool *pool, uint32_t self);

/* How many waiting tasks somebody may take, seats aside. Any thread; a hint unless it is read under the lock. */
static inline uint32_t wp_pool_ready(const wp_pool *pool) {
  uint32_t ready = wp_atomic_load_seq_u32(&pool->ready);
  uint32_t held = wp_atomic_load_seq_u32(&pool->held);
  return held && !wp_atomic_load_seq_u32(&pool->bulks) ? ready + held : ready;
}

/* A table of `count` entries, all zero, that shares no cache line with anything else; of a pool that is being laid out. NULL: there is no
 * memory. main. */
void *wp_pool_alloc(wp_heap *main_heap, size_t count, size_t bytes);

/* Hooks of rooms.h: the thread records and their heaps. */
wp_status wp_pool_open(wp_pool *pool, wp_heap *heap);
void wp_pool_reap(wp_pool *pool, uint32_t thread, bool trusted);
void wp_pool_recount_segments(wp_pool *pool);
bool wp_pool_check_threads(const wp_pool *pool);

#endif
