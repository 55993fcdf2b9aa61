/*
 * Purpose  What the fleet's source files share: its records, and the functions that one file calls in another.
 * Owns     as fleet.h
 * Threads  main
 * Kill     as fleet.h
 * See      fleet.h
 */
#ifndef WP_FLEET_STATE_H
#define WP_FLEET_STATE_H

#include "fleet.h"

enum wp_fleet_phase {
  WP_PHASE_EMPTY = 0,
  WP_PHASE_STARTING,
  WP_PHASE_WARM,
  WP_PHASE_SEATING,
  WP_PHASE_LIVE,
  WP_PHASE_STOPPING,
  WP_PHASE_REAPING,
};

enum wp_fleet_state {
  WP_STATE_NEW = 0,
  WP_STATE_OPENING,
  WP_STATE_OPEN,
  WP_STATE_REFUSED,
  WP_STATE_CLOSING,
  WP_STATE_CLOSED
};

typedef struct wp_member {
  enum wp_fleet_phase phase;
  uint32_t incarnation;
  uint32_t seat; /* seat + 1; 0: a spare */
  wp_ladder ladder;
  double started_ms; /* time of START, on the pool's clock */
  double stop_ms;    /* when STOP is due again, on the real clock */
  bool trusted;      /* it was outside the gate when it was stopped */
  bool killed;       /* it is being ended because of what it ran */
  bool asked;        /* it must be replaced; a successor is started first */
  bool kept;         /* no successor could be had: its own wish to leave is ignored from now on */
  bool leaving;      /* wp_thread.leaving is set */
  bool held;         /* doomed while the fleet checks whether it has nothing left to do */
  bool rests;        /* RESTING was emitted */
  bool rested;       /* RESTED was reported */
  double left_ms;    /* when it began to leave, on the real clock */
  double idle_ms;    /* since when it has run nothing, on the pool's clock */
  uint32_t finished; /* wp_thread.finished at that time */
} wp_member;

typedef struct wp_seat {
  uint32_t holder;      /* thread, from START on; 0: the seat is empty */
  double not_before_ms; /* back-off: no new thread before this time, on the pool's clock */
  wp_restart_log log;   /* `spent`: the seat was given up */
  bool closed;          /* served only while tasks wait for this seat */
  bool drains;          /* closed, and such tasks may be waiting */
} wp_seat;

struct wp_fleet {
  wp_pool *pool;
  wp_fleet_config config;
  enum wp_fleet_state state;
  bool starved; /* no thread can be started before a dying one is reaped */
  wp_member *members;
  wp_seat *seats;
  wp_seat spares; /* back-off and budget of all spares together; `holder` is unused */
  uint32_t spares_wanted;
  uint32_t least, most;  /* range of seats to serve */
  uint32_t seats_end;    /* no seat from here on has been open so far, so there is nothing to do */
  uint32_t closed_count; /* seats */
  /* Open seats that were not given up: they have a worker or will get one. */
  uint32_t served_count;
  uint32_t leaving_count; /* members */
  uint32_t leavers;       /* pool->leavers, when it was last read */
  /* tasks waited at the last look: when to look again, on the real clock; 0: none waited */
  double wait_ms;
  bool resizing; /* RESIZED is due */
  wp_suspicion *suspicions;
  uint32_t suspicion_capacity;
  uint32_t suspicion_end; /* index behind the last one in use */
  wp_fleet_action *actions;
  uint32_t action_count;
  double real_ms, pool_ms;
  wp_fleet_next next;
  uint64_t random;
  wp_fleet_counts counts;
};

static inline void wp__fleet_earliest(double *next_ms, double at_ms) {
  if (*next_ms == 0 || at_ms < *next_ms) *next_ms = at_ms;
}

static inline bool wp__fleet_is_running(const wp_fleet *fleet) {
  return fleet->state == WP_STATE_OPENING || fleet->state == WP_STATE_OPEN;
}

/* Adds an action to this step's list, with the thread and its seat filled in. */
wp_fleet_action *wp__fleet_emit(wp_fleet *fleet, uint32_t kind, uint32_t thread);

/* ---- fleet_threads.c ---- */

/* SEAT: lets members take work whose SEATING the host has performed. */
void wp__fleet_seat_members(wp_fleet *fleet);

/* Starts threads for empty seats, then for missing spares, as far as back-off and free records allow. */
void wp__fleet_serve(wp_fleet *fleet);

/* Ends a spare that is not needed any more. */
void wp__fleet_end_surplus(wp_fleet *fleet);

void wp__fleet_started(wp_fleet *fleet, uint32_t thread);
void wp__fleet_start_failed(wp_fleet *fleet, uint32_t thread, uint32_t reason);

/* LOST: a thread that was not to end is gone or useless. No effect on one whose end is under way. */
void wp__fleet_lose(wp_fleet *fleet, uint32_t thread, uint32_t reason, bool clean);

/* TERMINATE: the seat is free for another thread at once, the record only after the confirmed death. */
void wp__fleet_end(wp_fleet *fleet, uint32_t thread, bool trusted);

void wp__fleet_gone(wp_fleet *fleet, uint32_t thread, bool clean);
void wp__fleet_close(wp_fleet *fleet);

/* Gives up on threads that are not ready in time. */
void wp__fleet_look_for_late_starts(wp_fleet *fleet);

/* Repeats STOP where it is due, and reaps threads that are gone. */
void wp__fleet_end_members(wp_fleet *fleet);

/* ---- fleet_size.c ---- */

/* Sets the range of seats to serve. */
void wp__fleet_resize(wp_fleet *fleet, uint32_t least, uint32_t most);

/* Opens a seat if tasks wait; closes the seats of workers that have been idle for long. */
void wp__fleet_fit(wp_fleet *fleet);

/* Emits RESIZED when it is due and the size is reached. */
void wp__fleet_check_size(wp_fleet *fleet);

/* Lays out the seats of a new fleet, which starts with as few as it may have: all others are closed, and no task waits for them yet. */
void wp__fleet_open_seats(wp_fleet *fleet, uint32_t least, uint32_t most);

/* The seat was given up: one seat less is served, unless it was closed. */
void wp__fleet_give_up(wp_fleet *fleet, uint32_t place);

/* ---- fleet_leave.c ---- */

void wp__fleet_ask_to_leave(wp_fleet *fleet, uint32_t thread);
void wp__fleet_rested(wp_fleet *fleet, uint32_t thread);

/* The worker's seat was opened again: it stays, unless it has begun to rest. One that is to be replaced waits for its successor. */
void wp__fleet_stay(wp_fleet *fleet, uint32_t thread);

/* Lets workers begin to leave whose seats are closed or whose successors are ready, and ends those that have nothing left to do. */
void wp__fleet_let_leave(wp_fleet *fleet);

/* Number of spares wanted as successors, besides the configured ones. */
uint32_t wp__fleet_successors(const wp_fleet *fleet);

/* No successor can be had: one worker that waits for one stays for good. False: no worker waits for one. */
bool wp__fleet_keep_one(wp_fleet *fleet);

/* Whether a closed seat must be served once more, for tasks that wait for it. */
bool wp__fleet_drains(wp_fleet *fleet, uint32_t place);

/* ---- fleet_suspects.c ---- */

/* Begins a suspicion of one task, or of the thread as a whole; for a silent thread one for each task that it runs, and `task.generation`
 * is its count of beats. No effect if there is one for the same cause already. */
void wp__fleet_suspect(wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task,
                       double grace_ms);

/* Tries the rungs that are due. */
void wp__fleet_climb(wp_fleet *fleet);

/* RAN: for all suspicions of the thread. */
void wp__fleet_measured(wp_fleet *fleet, uint32_t thread, double ran_ms);

/* The thread was reaped: ends its suspicions. */
void wp__fleet_drop_suspicions(wp_fleet *fleet, uint32_t thread);

#endif
