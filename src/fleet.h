/*
 * Purpose  The fleet: the pool's threads as one state machine without I/O. The host reports events, is told what to do, and does
 *          it: make a thread, end a thread, tell its user. Everything else is decided here: which thread takes which seat, in
 *          two phases; spares; what a kill tries first; how soon a lost worker is replaced, and when its seat is given up.
 * Owns     members, seats, suspicions; the order of moves of wp_thread.state from main's side
 * Threads  main
 * Order    the words that it reads and writes are those of thread.h and worker.h
 * Kill     main's memory only. A thread may die in every phase: the host reports GONE, sooner or later, and nothing of the
 *          thread is used again before that (quarantine)
 * See      tests/unit/fleet_test.c, tests/model/fleet.pml, docs/decisions/0011-one-fleet.md. The form follows raft_step of
 *          cowsql/raft: events and the time in, updates out
 *
 * A member's life:
 *
 *   EMPTY > STARTING (START)  > WARM, a spare > SEATING (SEATING) > LIVE > STOPPING (STOP) > REAPING > EMPTY (REAPED)
 *
 * A worker that is to leave stays LIVE, takes only what is for its seat, and is STOPPING when it has nothing left. Its successor waits
 * as a spare.
 *
 * STARTING goes to SEATING at once where the thread was started for a seat; every state may go to STOPPING. GONE moves STOPPING to
 * REAPING, which lasts until the scheduler's lock is free.
 *
 * Two clocks: the pool's, for limits, back-off and readiness, may be a test's; the real one is for the rungs of a kill.
 */
#ifndef WP_FLEET_H
#define WP_FLEET_H

#include "ladder.h"
#include "restart.h"

typedef struct wp_fleet wp_fleet;

typedef struct wp_fleet_config {
  wp_restart_policy restart;
  wp_ladder_config ladder;
  double ready_ms; /* a thread's start, both phases; 0: no limit */
  double
      spare_delay_ms; /* before a spare that took a seat is replaced: starting costs main some milliseconds */
  double stop_again_ms; /* STOP is repeated until the end is reported; 0: told once */
  uint32_t
      ticks; /* 1: a step looks at time limits of tasks as well; 0: the host does (wp_task_tick), and reports what it finds as KILL */
  uint64_t seed; /* of the jitter's chance; not 0 */
  uint32_t
      seats_min; /* seats that are always served; 0: all, and the fleet neither grows nor shrinks by itself */
  uint32_t farewells; /* 1: the host wants to be told of RESTING */
  double idle_ms;     /* after which a worker beyond seats_min ends; negative: never */
} wp_fleet_config;

/* What the fleet is told. An event of an older incarnation of its thread is dropped. */
enum wp_fleet_event_kind {
  WP_FLEET_OPEN = 1,
  WP_FLEET_STARTED = 2,      /* both phases of its start are done */
  WP_FLEET_START_FAILED = 3, /* there is no thread, or it could not start */
  WP_FLEET_BROKEN = 4, /* it is useless: the core broke there, or an error that nobody caught */
  WP_FLEET_EXITED = 5, /* it ended by itself */
  WP_FLEET_GONE = 6,   /* confirmed: it executes nothing any more */
  WP_FLEET_KILL = 7,   /* what runs there is to end: `suspect` says what */
  WP_FLEET_CLOSE = 8,  /* all end */
  WP_FLEET_RESIZE =
      9, /* from seats_min to seats_max seats are to be served from now on; equal: so many */
  WP_FLEET_LEAVE = 10,  /* the worker is to be replaced, without being lost */
  WP_FLEET_RESTED = 11, /* what RESTING asked for is done, or will not be */
};

enum wp_fleet_reason {
  WP_FLEET_FAILED = 0,    /* the host knows why */
  WP_FLEET_NOT_READY = 1, /* ready_ms were over */
  WP_FLEET_KILLED = 2,    /* what it ran would not end */
  WP_FLEET_NO_MEMORY =
      3, /* for its stack, say: worth another try once a dying thread has given back its own */
};

typedef struct wp_fleet_event {
  uint32_t kind; /* enum wp_fleet_event_kind */
  uint32_t thread, incarnation;
  uint32_t reason;  /* START_FAILED: enum wp_fleet_reason */
  uint32_t suspect; /* KILL: enum wp_suspect */
  wp_handle
      task; /* KILL: a task that was given up; of a silent thread, `generation` is its count of beats */
  uint32_t clean;                /* EXITED: 1: between tasks, and without an error */
  double grace_ms;               /* KILL: time to end by itself; negative: the ladder's own */
  uint32_t seats_min, seats_max; /* RESIZE */
} wp_fleet_event;

/* What the host is to do, in this order, before its next call. */
enum wp_fleet_action_kind {
  WP_FLEET_START = 1, /* a thread, for `seat` or as a spare (WP_NONE) */
  WP_FLEET_STOP = 2,  /* end the thread, and report GONE */
  WP_FLEET_SEATING =
      3, /* queue what a worker on this seat must run first: it is seated at the next call */
  WP_FLEET_EXPIRED = 4, /* `task` is over its time: tell its caller */
  WP_FLEET_DOWN = 5,    /* the worker is lost, or was killed: `reason` */
  WP_FLEET_RETIRED = 6, /* the seat is given up */
  WP_FLEET_REAPED =
      7, /* what it held has come back: deliver it; the record may be used again from here on */
  WP_FLEET_OVER =
      8, /* a suspicion is over: `suspect`, `task` (or WP_NONE), `rung`, `ms` since it began */
  WP_FLEET_OPENED = 9,   /* every seat is served for the first time */
  WP_FLEET_REFUSED = 10, /* a thread that the opening waits for could not start: `reason`. Close */
  WP_FLEET_CLOSED = 11,  /* no thread is left; nothing has been reaped */
  WP_FLEET_UP = 12,      /* the worker has taken its seat, and takes work from now on */
  WP_FLEET_LEFT = 13,    /* the worker has finished what it had, and ends: no loss. STOP follows */
  WP_FLEET_RESTING =
      14, /* it has finished, and takes nothing any more: let it clean up, and report RESTED */
  WP_FLEET_RESIZED = 15, /* what RESIZE asked for is so */
};

typedef struct wp_fleet_action {
  uint32_t kind; /* enum wp_fleet_action_kind */
  uint32_t thread, incarnation;
  uint32_t seat; /* WP_NONE: a spare */
  uint32_t reason;
  uint32_t suspect; /* enum wp_suspect */
  wp_handle task;
  uint32_t rung; /* enum wp_rung */
  uint32_t reserved;
  double ms;
} wp_fleet_action;

/* When to call again, on each clock; 0: only for an event. A time that is not after the one passed: at once. */
typedef struct wp_fleet_next {
  double real_ms, pool_ms;
} wp_fleet_next;

typedef struct wp_fleet_counts {
  uint32_t starts, kills, losses, retired, reaped;
  uint32_t suspicions;    /* that have begun: each is OVER once */
  uint32_t interventions; /* of them, of silence */
  uint32_t left;          /* workers that were replaced, or not needed any more */
} wp_fleet_counts;

/* Of a pool that is laid out and has no thread yet. Memory is main's heap; nothing is allocated later.
 * WP_E_INVALID_ARGUMENT, WP_E_NO_MEMORY. */
wp_status wp_fleet_create(wp_pool *pool, const wp_fleet_config *config, wp_fleet **fleet);

/* Takes an event, or none (NULL), and does what is due. Returns the number of actions, which stay valid until the next call. */
uint32_t wp_fleet_step(wp_fleet *fleet, double real_ms, double pool_ms, const wp_fleet_event *event,
                       const wp_fleet_action **actions, wp_fleet_next *next);

/* Whether something has changed since the last step that concerns the fleet's size, or a worker that is leaving: step then. Cheap: after each
 * submission and each end of a task. */
bool wp_fleet_due(const wp_fleet *fleet);

/* Whether a task will ever find a worker. seat: WP_NONE: any. */
bool wp_fleet_serves(const wp_fleet *fleet, uint32_t seat);

/* Whether every thread has ended after CLOSE. */
bool wp_fleet_closed(const wp_fleet *fleet);

const wp_fleet_counts *wp_fleet_counts_of(const wp_fleet *fleet);

/* The state machine's own invariants. WP_OK or WP_E_BROKEN_INVARIANT. */
wp_status wp_fleet_check(const wp_fleet *fleet);

#endif
