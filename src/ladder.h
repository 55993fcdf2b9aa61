/*
 * Purpose  The ladder of a kill: a thread is suspected of running something that must end, and each rung is tried for a while
 *          before the next: the flag that tasks may read; the loop checks of C tasks, first where the task holds no lock, then
 *          anywhere; the doom of the thread, which then stands still outside the gate and is checked once more. Only a convicted
 *          thread is ended, and the fleet does that.
 * Owns     nothing: suspicions and the state of a thread's ladder are the caller's
 * Threads  main
 * Order    wp_gate_doom/wp_gate_inside pair with the worker's gate (thread.h, tests/model/gate.pml)
 * Kill     every word that it writes (stop, doomed) is main's. A thread may die on any rung: its death is reported to the
 *          fleet, which drops its suspicions
 * See      tests/unit/ladder_test.c, docs/kill-safety.md
 */
#ifndef WP_LADDER_H
#define WP_LADDER_H

#include "pool.h"

enum wp_suspect {
  WP_SUSPECT_NONE = 0,     /* the record is free */
  WP_SUSPECT_TASK = 1,     /* runs a task that was given up */
  WP_SUSPECT_POISONED = 2, /* does not end a task that timed out */
  WP_SUSPECT_SILENT = 3,   /* gives no sign of life */
};

enum wp_rung {
  WP_RUNG_NONE = 0,   /* none of these */
  WP_RUNG_FLAG = 1,   /* the task ended by itself */
  WP_RUNG_CHECK = 2,  /* a loop check trapped */
  WP_RUNG_THREAD = 3, /* the thread was ended */
};

/* How long each rung is tried, in milliseconds, and which rungs there are. */
typedef struct wp_ladder_config {
  double flag_ms;  /* for the flag, if there are no loop checks */
  double check_ms; /* to reach a loop check */
  /* for the task to give back the locks that it holds, once it has hung for check_ms; in the second half of this its trap breaks more
   * than one. Without loop checks: for a doomed thread to give them back */
  double locks_ms;
  double inside_ms; /* for a doomed thread to leave the gate; after that it counts as broken */
  uint32_t checks;  /* 1: the program's loops have checks */
  uint32_t stops;   /* 1: the host can end a thread; 0: the ladder stays before its last rung */
  /* 1: the host can tell how much processor time a thread has used (wp_suspicion_measured). Then a thread that waits for a processor for
   * check_ms, as it does on a busy machine, gets its turn before it is ended */
  uint32_t measures;
} wp_ladder_config;

/* State that all suspicions of one thread share. */
typedef struct wp_ladder {
  bool armed;       /* its C task must trap: `stop` is not 0 */
  uint32_t doomers; /* reasons for which it is doomed; it is pardoned when the last one is gone */
} wp_ladder;

enum wp_suspicion_phase {
  WP_SUSPICION_FLAG = 0,
  WP_SUSPICION_CHECK = 1,
  WP_SUSPICION_LOCKS = 2, /* it hangs while it holds locks, which its trap breaks */
  WP_SUSPICION_DOOM = 3,
  WP_SUSPICION_CONVICTED = 4, /* its thread is being ended because of it */
};

typedef struct wp_suspicion {
  uint32_t kind; /* enum wp_suspect */
  uint32_t phase;
  uint32_t thread;
  uint32_t looks;  /* how often it has been looked at; stops at 2 */
  uint32_t traps;  /* the thread's count of traps when the suspicion began */
  wp_handle task;  /* the task that must end; index WP_NONE: the thread as a whole */
  uint32_t beat;   /* SILENT: the thread's count of beats */
  uint32_t named;  /* 1: another suspicion reports the end of the same task */
  double began_ms; /* on the real clock */
  double since_ms; /* when its phase began */
  double grace_ms; /* the task's time to end by itself; negative: what the rungs take */
  /* the thread's processor time, at the first measurement of this phase and at the last one; negative: it waits for something else */
  double ran_from_ms, ran_ms;
  double measured_ms; /* when that was, on the real clock; 0: not yet */
  uint32_t measure;   /* 1: the ladder wants to know it; the fleet resets it */
} wp_suspicion;

enum wp_verdict {
  WP_VERDICT_OPEN = 0,   /* look again */
  WP_VERDICT_SPARED = 1, /* the thread does not run the task, or is not silent, any more */
  /* doomed and outside the gate: may be ended, and leaves nothing half-done in the core */
  WP_VERDICT_GUILTY = 2,
  /* doomed, but does not leave the gate: may be ended, then the core must be recounted */
  WP_VERDICT_BROKEN = 3,
};

/* Fills a new suspicion's record. For WP_SUSPECT_SILENT the caller sets `beat`. */
void wp_suspicion_begin(wp_suspicion *suspicion, const wp_pool *pool, uint32_t kind,
                        uint32_t thread, wp_handle task, double grace_ms, double now_ms);

/* Whether the thread still runs what it is suspected of. Exact while it is doomed and outside the gate. */
bool wp_suspicion_holds(const wp_suspicion *suspicion, const wp_pool *pool);

/* Whether the thread still runs the suspicion's one task, if it has one: a silent thread may have gone on to another. */
bool wp_suspicion_runs(const wp_suspicion *suspicion, const wp_pool *pool);

/* Tries the rungs that are due. If the verdict is open, *again_ms says when to call again; a time not after now_ms: as soon as possible. */
enum wp_verdict wp_ladder_climb(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                                wp_suspicion *suspicion, double now_ms, double *again_ms);

/* The host's answer to `measure`. */
void wp_suspicion_measured(wp_suspicion *suspicion, double ran_ms, double now_ms);

/* Which rung ended the task of a spared thread; none if the task goes on, or another suspicion reports its end. */
enum wp_rung wp_suspicion_rung(const wp_suspicion *suspicion, const wp_pool *pool);

/* Makes the thread's C task trap, whichever it is: while the thread is being ended, because some hosts cannot interrupt a loop. */
void wp_ladder_arm(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                   uint32_t thread);

/* Ends that. Before the thread's record is used again. */
void wp_ladder_disarm(wp_pool *pool, wp_ladder *ladder, uint32_t thread);

#endif
