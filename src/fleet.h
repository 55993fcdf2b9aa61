/*
 * Purpose  The fleet: the pool's threads as one state machine without I/O. The host reports events and performs the actions that it
 *          gets: make a thread, end a thread, tell its user. Everything else is decided here: which thread takes which seat, in
 *          two phases; spares; what a kill tries first; how soon a lost worker is replaced, and when its seat is given up.
 * Owns     members, seats, suspicions; the order of moves of wp_thread.state from main's side
 * Threads  main
 * Order    the words that it reads and writes are those of thread.h and worker.h
 * Kill     main's memory only. A thread may die in every phase: the host reports GONE sooner or later, and nothing of the
 *          thread is reused before that (quarantine)
 * See      tests/unit/fleet_test.c, tests/model/fleet.pml, tests/model/leave.pml, docs/decisions/0011-one-fleet.md. The form follows
 *          raft_step of cowsql/raft: events and the time in, updates out
 *
 * A member's life:
 *
 *   EMPTY > STARTING (START)  > WARM, a spare > SEATING (SEATING) > LIVE > STOPPING (STOP) > REAPING > EMPTY (REAPED)
 *
 * A worker that is leaving stays LIVE, takes only tasks of its seat, and is STOPPING when it has nothing left. Its successor waits
 * as a spare.
 *
 * STARTING goes to SEATING at once if the thread was started for a seat; every state may go to STOPPING. GONE moves STOPPING to
 * REAPING, which lasts until the lock is free.
 *
 * Two clocks: the pool's, for limits, back-off and readiness, may be a test's; the real one times the rungs of a kill.
 */
#ifndef WP_FLEET_H
#define WP_FLEET_H

#include "ladder.h"
#include "restart.h"

typedef struct wp_fleet wp_fleet;

typedef struct wp_fleet_config {
  wp_restart_policy restart;
  wp_ladder_config ladder;
  double ready_ms; /* limit for a thread's start, both phases; 0: none */
  /* how long to wait before a spare that took a seat is replaced: a start costs main milliseconds */
  double spare_delay_ms;
  double stop_again_ms; /* how often STOP is repeated until the thread's end is reported; 0: once */
  /* 1: each step checks the tasks' time limits; 0: the host does (wp_task_tick) and reports KILL */
  uint32_t ticks;
  uint64_t seed; /* of the jitter's random numbers; not 0 */
  /* Seats that are always served, and seats that may be served at once; 0: all of the pool's. With both equal the fleet neither grows
   * nor shrinks by itself. */
  uint32_t seats_min, seats_max;
  uint32_t farewells; /* 1: the host handles RESTING */
  double idle_ms;     /* after this time an idle worker beyond seats_min ends; negative: never */
} wp_fleet_config;

/* What the host reports. An event of an older incarnation of its thread is dropped. */
enum wp_fleet_event_kind {
  WP_FLEET_OPEN = 1,
  WP_FLEET_STARTED = 2,      /* both phases of the thread's start are done */
  WP_FLEET_START_FAILED = 3, /* there is no thread, or it could not start */
  WP_FLEET_BROKEN = 4,       /* the thread is useless: its core broke, or an error was not caught */
  WP_FLEET_EXITED = 5,       /* the thread ended by itself */
  WP_FLEET_GONE = 6,         /* confirmed: the thread executes nothing any more */
  WP_FLEET_KILL = 7,         /* `suspect` says what must end on the thread */
  WP_FLEET_CLOSE = 8,        /* all threads must end */
  WP_FLEET_RESIZE = 9,       /* serve seats_min to seats_max seats from now on */
  WP_FLEET_LEAVE = 10,       /* replace the worker when it has finished what it runs */
  WP_FLEET_RESTED = 11,      /* the worker has done what RESTING asked for, or will not */
  WP_FLEET_RAN = 12,         /* the answer to MEASURE */
};

enum wp_fleet_reason {
  WP_FLEET_FAILED = 0,    /* the host knows why */
  WP_FLEET_NOT_READY = 1, /* it was not ready within ready_ms */
  WP_FLEET_KILLED = 2,    /* what it ran would not end */
  /* no memory, for its stack for example: worth another try when a dying thread has given its own back */
  WP_FLEET_NO_MEMORY = 3,
};

typedef struct wp_fleet_event {
  uint32_t kind; /* enum wp_fleet_event_kind */
  uint32_t thread, incarnation;
  uint32_t reason;  /* START_FAILED: enum wp_fleet_reason */
  uint32_t suspect; /* KILL: enum wp_suspect */
  /* KILL: the task that was given up; for a silent thread `generation` is its count of beats */
  wp_handle task;
  uint32_t clean;  /* EXITED: 1: between tasks, without an error */
  double grace_ms; /* KILL: the task's time to end by itself; negative: what the rungs take */
  uint32_t seats_min, seats_max; /* RESIZE */
  /* RAN: processor time that the thread has used so far; negative: not known, or it waits for something else than a processor */
  double ran_ms;
} wp_fleet_event;

/* What the host must do, in the order of the actions and before its next call. */
enum wp_fleet_action_kind {
  WP_FLEET_START = 1, /* start a thread, for `seat` or as a spare (WP_NONE) */
  WP_FLEET_STOP = 2,  /* end the thread, and report GONE */
  /* queue the tasks that a worker on this seat must run first; it is seated at the next call */
  WP_FLEET_SEATING = 3,
  WP_FLEET_EXPIRED = 4, /* `task` is over its time limit: tell its caller */
  WP_FLEET_DOWN = 5,    /* the worker was lost or killed: `reason` */
  WP_FLEET_RETIRED = 6, /* the seat was given up */
  /* everything that the thread held was taken back: deliver it; from now on the record may be reused */
  WP_FLEET_REAPED = 7,
  /* a suspicion has ended: `suspect`, `task` (or WP_NONE), `rung`, `ms` since it began */
  WP_FLEET_OVER = 8,
  WP_FLEET_OPENED = 9,   /* every seat is served, for the first time */
  WP_FLEET_REFUSED = 10, /* a thread needed for the opening could not start: `reason`. Close */
  WP_FLEET_CLOSED = 11,  /* no thread is left; nothing has been reaped */
  WP_FLEET_UP = 12,      /* the worker has taken its seat and takes work from now on */
  WP_FLEET_LEFT = 13,    /* the worker has finished and ends, which is no loss. STOP follows */
  /* the worker has finished and takes nothing any more: let it clean up, and report RESTED */
  WP_FLEET_RESTING = 14,
  WP_FLEET_RESIZED = 15, /* the pool has the size that RESIZE asked for */
  WP_FLEET_MEASURE = 16, /* report RAN; only if ladder.measures */
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

/* When to call again, on each clock; 0: only for an event. A time that is not after the one passed in: at once. */
typedef struct wp_fleet_next {
  double real_ms, pool_ms;
} wp_fleet_next;

typedef struct wp_fleet_counts {
  uint32_t starts, kills, losses, retired, reaped;
  uint32_t suspicions;    /* begun; for each there is one OVER */
  uint32_t interventions; /* silent threads that were acted on */
  uint32_t left;          /* workers that were replaced, or not needed any more */
} wp_fleet_counts;

/* For a pool that is laid out and has no thread yet. Allocates from main's heap, now and never later. WP_E_INVALID_ARGUMENT,
 * WP_E_NO_MEMORY. */
wp_status wp_fleet_create(wp_pool *pool, const wp_fleet_config *config, wp_fleet **fleet);

/* Takes an event, or none (NULL), and does everything that is due. Returns the number of actions, which stay valid until the next call. */
uint32_t wp_fleet_step(wp_fleet *fleet, double real_ms, double pool_ms, const wp_fleet_event *event,
                       const wp_fleet_action **actions, wp_fleet_next *next);

/* Whether a step is worth it: something has changed that concerns the fleet's size or a worker that is leaving. Cheap enough to be called
 * after each submission and each end of a task. */
bool wp_fleet_due(const wp_fleet *fleet);

/* Whether a task for this seat (WP_NONE: for any) will ever find a worker. */
bool wp_fleet_serves(const wp_fleet *fleet, uint32_t seat);

/* Whether the seat is open: it has a worker, will get one, or was given up. */
bool wp_fleet_opens(const wp_fleet *fleet, uint32_t seat);

/* Whether every thread has ended after CLOSE. */
bool wp_fleet_closed(const wp_fleet *fleet);

const wp_fleet_counts *wp_fleet_counts_of(const wp_fleet *fleet);

/* The state machine's own invariants. WP_OK or WP_E_BROKEN_INVARIANT. */
wp_status wp_fleet_check(const wp_fleet *fleet);

#endif
