/*
 * Purpose  What the files of the fleet share: its records, and what one of them does for another.
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
  uint32_t seat; /* + 1; 0: a spare */
  wp_ladder ladder;
  double started_ms; /* START, on the pool's clock */
  double stop_ms;    /* when STOP is due again, on the real clock */
  bool trusted;      /* it was outside the gate when it was stopped */
  bool killed;       /* it is being ended because of what it ran */
  bool asked;        /* it is to be replaced: a successor is started first */
  bool kept;         /* but no successor could be had: its own wish does not count any more */
  bool leaving;      /* wp_thread.leaving is set */
  bool held;         /* it is doomed while it is asked whether it has nothing left to do */
  bool rests;        /* RESTING was told */
  bool rested;
  double left_ms;    /* when it began to leave, on the real clock */
  double idle_ms;    /* since when it has run nothing, on the pool's clock */
  uint32_t finished; /* of its record, then */
} wp_member;

typedef struct wp_seat {
  uint32_t holder; /* thread, from START on; 0: it is empty */
  double not_before_ms;
  wp_restart_log log;
  bool closed; /* it is not to be served, but for the tasks that wait for it already: */
  bool drains; /* there may be some */
} wp_seat;

struct wp_fleet {
  wp_pool *pool;
  wp_fleet_config config;
  enum wp_fleet_state state;
  bool starved; /* no thread can be had before a dying one is reaped */
  wp_member *members;
  wp_seat *seats;
  wp_seat spares; /* `holder` is not used: of them there are several */
  uint32_t spares_wanted;
  uint32_t least, most;   /* seats to be served */
  uint32_t closed_count;  /* seats */
  uint32_t leaving_count; /* members */
  uint32_t leavers;       /* pool->leavers, when it was looked at */
  double
      wait_ms; /* tasks wait: when to look whether they still do, on the real clock; 0: none did */
  bool resizing; /* RESIZED is due */
  wp_suspicion *suspicions;
  uint32_t suspicion_capacity;
  uint32_t suspicion_end; /* behind the last that is in use */
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

/* Adds an action of this step, which names the thread and its seat. */
wp_fleet_action *wp__fleet_emit(wp_fleet *fleet, uint32_t kind, uint32_t thread);

/* ---- fleet_threads.c ---- */

/* SEAT: members whose SEATING the host has performed take work from now on. */
void wp__fleet_seat_members(wp_fleet *fleet);

/* Fills empty seats, then missing spares, as far as their back-off and free records allow. */
void wp__fleet_serve(wp_fleet *fleet);

/* Spares that nobody needs any more. */
void wp__fleet_end_surplus(wp_fleet *fleet);

void wp__fleet_started(wp_fleet *fleet, uint32_t thread);
void wp__fleet_start_failed(wp_fleet *fleet, uint32_t thread, uint32_t reason);

/* LOST: a thread is gone, or useless, that nobody had asked to die. No effect on one whose end is under way. */
void wp__fleet_lose(wp_fleet *fleet, uint32_t thread, uint32_t reason, bool clean);

/* TERMINATE: the seat is free for another at once, the record only after the confirmed death. */
void wp__fleet_end(wp_fleet *fleet, uint32_t thread, bool trusted);

void wp__fleet_gone(wp_fleet *fleet, uint32_t thread, bool clean);
void wp__fleet_close(wp_fleet *fleet);

/* Threads that are late with their start, that do not stop, and that are gone. */
void wp__fleet_look_for_late_starts(wp_fleet *fleet);
void wp__fleet_end_members(wp_fleet *fleet);

/* ---- fleet_size.c ---- */

/* How many seats are to be served. */
void wp__fleet_resize(wp_fleet *fleet, uint32_t least, uint32_t most);

/* Opens a seat for tasks that wait, closes those of workers that have been idle for long. */
void wp__fleet_fit(wp_fleet *fleet);

void wp__fleet_check_size(wp_fleet *fleet);

/* Tells the pool how many seats are served, after one was opened, closed or given up. */
void wp__fleet_tell_size(wp_fleet *fleet);

/* ---- fleet_leave.c ---- */

void wp__fleet_ask_to_leave(wp_fleet *fleet, uint32_t thread);
void wp__fleet_rested(wp_fleet *fleet, uint32_t thread);

/* Its seat is wanted again: it stays, unless it is to be replaced, or has begun to rest. */
void wp__fleet_stay(wp_fleet *fleet, uint32_t thread);

/* Has workers leave that are to, as far as their successors are there, and ends those that have nothing left to do. */
void wp__fleet_let_leave(wp_fleet *fleet);

/* Spares that are wanted besides the usual ones. */
uint32_t wp__fleet_successors(const wp_fleet *fleet);

/* No successor can be had: a worker that waited for one goes on for good. False: none did. */
bool wp__fleet_keep_one(wp_fleet *fleet);

/* Whether a closed seat is needed once more, for tasks that wait for it. */
bool wp__fleet_drains(wp_fleet *fleet, uint32_t place);

/* ---- fleet_suspects.c ---- */

/* Of a task, or of the thread as a whole; of a silent one for each task that it runs, `task.generation` being its count of beats. A second
 * one for the same cause is dropped. */
void wp__fleet_suspect(wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task,
                       double grace_ms);

/* Tries the rungs that are due. */
void wp__fleet_climb(wp_fleet *fleet);

/* The thread is reaped: its suspicions are over. */
void wp__fleet_drop_suspicions(wp_fleet *fleet, uint32_t thread);

#endif
