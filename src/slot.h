/*
 * Purpose  A task's record. The slot is the truth; lanes, inbox and completion lists are indexes over slots that can be
 *          rebuilt from them.
 * Owns     the slot table
 * Threads  the state decides which thread may write, as the table below says
 * Order    every move is one CAS or store of `word` (acq_rel): a thread that reads the new state sees all earlier writes
 * Kill     each state names the thread whose death matters there, and what wp_worker_reap does then
 *
 *   state      written by                      if its worker dies
 *   FREE       nobody                          –
 *   FILLING    its owner: the submitter, or    freed
 *              the worker of an event or of
 *              an answer that came late
 *   SUBMITTED  nobody (in the inbox)           – (if the lock's holder dies, the lists are rebuilt)
 *   READY      the lock's holder (in a lane)   – (likewise)
 *   RUNNING    the worker (result fields)      WORKER_LOST, or READY again
 *   DONE       nobody (in a completion list)   delivered all the same
 *   DELIVERED  main                            –
 *   ABANDONED  the worker                      freed
 *   TIMED_OUT  the worker (it is poisoned)     freed
 *   CANCELLED  nobody (still in inbox or lane) – (the lock's holder frees it when it comes across it)
 *
 * See      tests/unit/scheduler_test.c
 */
#ifndef WP_SLOT_H
#define WP_SLOT_H

#include "table.h"
#include "wasmpool.h"

/* Levels of waiting tasks, highest first; a slot's `priority`. */
enum wp_level {
  WP_LEVEL_CRITICAL = 0,
  WP_LEVEL_HIGH = 1,
  WP_LEVEL_NORMAL = 2,
  WP_LEVEL_LOW = 3,
  WP_LEVEL_COUNT = 4,
};

enum wp_slot_state {
  WP_SLOT_FREE = 0,
  WP_SLOT_FILLING = 1,
  WP_SLOT_SUBMITTED = 2,
  WP_SLOT_READY = 3,
  WP_SLOT_RUNNING = 4,
  WP_SLOT_DONE = 5,
  WP_SLOT_DELIVERED = 6,
  WP_SLOT_ABANDONED = 7,
  WP_SLOT_CANCELLED = 8,
  WP_SLOT_TIMED_OUT = 9,
};

enum wp_slot_flags {
  WP_SLOT_REQUEUE = 1,   /* run again if the worker is lost */
  WP_SLOT_EXCLUSIVE = 2, /* nothing else runs on the worker meanwhile */
  WP_SLOT_LEASE = 4,     /* the result must be a leased box */
  WP_SLOT_EVENT = 8,     /* not a task: a progress value on its way to main */
  /* the argument is a box that the caller shares; the handler reads it in place */
  WP_SLOT_BOX_ARGUMENT = 16,
  WP_SLOT_BATCH = 32, /* the argument is { items, shared }: one run of the handler for each item */
  /* part of a bulk job, or of a map that has a deadline: see due_ms and lanes.h */
  WP_SLOT_SLICE = 64,
  /* Weights: how the task goes together with bulk jobs, see lanes.h. */
  WP_SLOT_LIGHT = 128,
  WP_SLOT_HEAVY = 256,
  WP_SLOT_AGED = 512,     /* a heavy task that was passed over often; set under the lock */
  WP_SLOT_WATCHED = 1024, /* its worker must give signs of life, see liveness_ms */
  WP_SLOT_TRACED = 2048,  /* its running time is recorded, in ran_us */
  /* the argument is { items, shared } as well, for one run of the handler */
  WP_SLOT_LIST = 4096,
  /* a BATCH whose results are kept item by item, see wp_items; the time limit is per item */
  WP_SLOT_ITEMS = 8192,
  WP_SLOT_DEADLINE = 16384, /* not for slices: due_ms is when the task must have started */
  /* waits like any other task, but for its seat, which has the argument (sent ahead by message) */
  WP_SLOT_BOUND = 32768,
  /* not a task of a caller's: its worker runs parts of one (fork.h), and nobody is told of its end */
  WP_SLOT_HELPER = 65536,
};

/* Bits of wp_items.progress. */
enum wp_items_progress {
  /* number of finished items, whose records are in the box; written by the worker */
  WP_ITEMS_DONE = 0x3fffffff,
  /* the last item has finished, so its time limit no longer applies; set by the worker */
  WP_ITEMS_CLOSED = 0x40000000,
  /* the running item is over its time limit: the worker cannot count it any more; set by main */
  WP_ITEMS_STOPPED = 0x80000000,
};

#define WP_C_FUNCTION UINT32_C(0xffffffff) /* wp_slot.c_task: a C task that has no name */
#define WP_C_FOREIGN                                                                               \
  UINT32_C(                                                                                        \
      0xfffffffe) /* wp_slot.c_task: a module that is run by js/foreign/; its checks trap as those of C tasks */

enum {
  WP_INLINE_BYTES = 64, /* arguments and results up to this size need no box */
};

typedef struct wp_value {
  uint32_t type;  /* enum wp_type, or one of the types that only JavaScript knows */
  uint32_t aux;   /* its meaning depends on the type */
  uint32_t bytes; /* exact length */
  uint32_t box;   /* index + 1 of the box that holds the bytes; 0: they are inline */
} wp_value;

typedef struct wp_slot {
  wp_atomic_u64 word;  /* wp_record: generation << 8 | state */
  wp_atomic_u32 next;  /* wp_record: link in the one list that the slot is in */
  wp_atomic_u32 owner; /* thread that fills, runs or ran the task; 0 while it waits */
  uint32_t name;       /* interned name */
  uint32_t c_task; /* index + 1 of a C task; WP_C_FUNCTION; WP_C_FOREIGN; 0: a JavaScript handler */
  uint32_t group;  /* index + 1, or 0 */
  uint32_t item;   /* position within the group */
  uint32_t seat;   /* only this seat may run it, seat + 1; 0: any */
  uint32_t priority;   /* enum wp_level */
  uint32_t flags;      /* enum wp_slot_flags */
  uint32_t timeout_ms; /* from the start; 0: none */
  int32_t status;      /* wp_status, once DONE */
  uint32_t redeliveries;
  union {
    double serial;     /* of a task: JavaScript makes its id from it */
    uint64_t function; /* of a C task that has no name: the address of its function */
    struct {
      uint32_t parent;            /* of an event: the task's slot */
      uint32_t parent_generation; /* and its generation */
    };
  };
  double started_ms; /* when a worker took it */
  uint64_t sequence; /* order of submission */
  wp_value argument, result;
  uint32_t listed; /* scratch of main while it reaps a dead thread; 0 otherwise */
  uint32_t ran_us; /* of a TRACED slot: how long the task ran */
  /* When a slice begins to go before single tasks of its level; or when a DEADLINE slot may not start any more. */
  double due_ms;
  uint8_t argument_inline[WP_INLINE_BYTES];
  uint8_t result_inline[WP_INLINE_BYTES];
} wp_slot;

_Static_assert(sizeof(wp_slot) == 256, "the layout is shared with JavaScript");
_Static_assert(offsetof(wp_slot, next) == offsetof(wp_record, next), "a slot is a table record");

static inline wp_slot *wp_slot_at(const wp_table *slots, uint32_t index) {
  return (wp_slot *)wp_table_at(slots, index);
}

/* State of an ITEMS slot, stored in place of the inline result: the result of such a slot is a box from the beginning, which receives
 * the results of the items one after the other. `progress` is changed by CAS only, so that worker and main agree on which items ran to
 * their end: the worker counts an item when it has finished, main stops one that is over its limit, and one of the two is first. A
 * death at any point leaves the number of complete results. */
typedef struct wp_items {
  wp_atomic_u32 progress; /* enum wp_items_progress */
  uint32_t unused;
  /* when the running item started; 0: with the task. The worker writes it before it counts the previous item */
  double started_ms;
} wp_items;

_Static_assert(sizeof(wp_items) <= WP_INLINE_BYTES, "it takes the place of the inline result");

static inline wp_items *wp_slot_items(wp_slot *slot) {
  return (wp_items *)(void *)slot->result_inline;
}

/* Moves a slot from one state to another, keeping its generation; false if it was not in `from` any more. Any thread. */
bool wp_slot_move(wp_slot *slot, uint32_t from, uint32_t to);

/* The same, only if the slot still has this generation. */
bool wp_slot_move_generation(wp_slot *slot, uint32_t generation, uint32_t from, uint32_t to);

/* Moves a slot that no other thread may move in its present state. Its owner. */
void wp_slot_set(wp_slot *slot, uint32_t to);

static inline uint32_t wp_slot_state_of(const wp_slot *slot) {
  return wp_word_state(wp_atomic_load_acquire_u64(&slot->word));
}

#endif
