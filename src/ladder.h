/*
 * Purpose  The ladder of a kill: a thread is suspected of running something that is to end, and each rung is tried for a while
 *          before the next. The flag that tasks may read; the loop checks of C tasks; the doom of the thread, which stands
 *          still outside the gate and is asked once more. Only a convicted thread is ended, and that is the fleet's part.
 * Owns     nothing: suspicions and the state of a thread's ladder are the caller's
 * Threads  main
 * Order    wp_gate_doom/wp_gate_inside pair with the worker's gate (thread.h, tests/model/gate.pml)
 * Kill     every word that it writes (stop, doomed) is main's. A thread may die on any rung: its death is reported to the
 *          fleet, which drops the suspicions with it
 * See      tests/unit/ladder_test.c, docs/kill-safety.md
 */
#ifndef WP_LADDER_H
#define WP_LADDER_H

#include "pool.h"

enum wp_suspect {
  WP_SUSPECT_NONE = 0,     /* the record is free */
  WP_SUSPECT_TASK = 1,     /* of running a task that was given up */
  WP_SUSPECT_POISONED = 2, /* of not ending a task that timed out */
  WP_SUSPECT_SILENT = 3,   /* of giving no sign of life */
};

enum wp_rung {
  WP_RUNG_NONE = 0, /* something else ended it */
  WP_RUNG_FLAG = 1, /* the task ended by itself */
  WP_RUNG_CHECK = 2,
  WP_RUNG_THREAD = 3,
};

typedef struct wp_ladder_config {
  double flag_ms;  /* for the flag alone, where there are no loop checks */
  double check_ms; /* for a loop check to be reached: the thread may have to wait for a processor */
  double inside_ms; /* for a doomed thread to leave the gate; then it is taken for broken */
  uint32_t checks;  /* 1: the program's loops have checks */
  uint32_t stops; /* 1: the host can end a thread; if not, the ladder waits before its last rung */
} wp_ladder_config;

/* One thread's part: what its suspicions share. */
typedef struct wp_ladder {
  bool armed;       /* its C task was asked to trap: `stop` is not 0 */
  uint32_t doomers; /* suspicions that have doomed it; it is pardoned with the last */
} wp_ladder;

enum wp_suspicion_phase {
  WP_SUSPICION_FLAG = 0,
  WP_SUSPICION_CHECK = 1,
  WP_SUSPICION_DOOM = 2,
  WP_SUSPICION_CONVICTED = 3, /* its thread is being ended because of it */
};

typedef struct wp_suspicion {
  uint32_t kind; /* enum wp_suspect */
  uint32_t phase;
  uint32_t thread;
  uint32_t looks;  /* how often it has been looked at, up to 2 */
  uint32_t traps;  /* of the thread, when it began */
  wp_handle task;  /* that is to end; `index` is WP_NONE where it is the thread as a whole */
  uint32_t beat;   /* of a silent thread: its count of beats */
  uint32_t named;  /* 1: another suspicion tells of the same task */
  double began_ms; /* clock: the real one */
  double since_ms; /* when its phase began */
  double
      grace_ms; /* time that the task has to end by itself; negative: as little as the rungs take */
} wp_suspicion;

enum wp_verdict {
  WP_VERDICT_OPEN = 0,   /* look again */
  WP_VERDICT_SPARED = 1, /* what it was suspected of is over */
  WP_VERDICT_GUILTY =
      2, /* doomed and outside the gate: may be ended, and nothing of the core is half-done */
  WP_VERDICT_BROKEN =
      3, /* doomed, and does not leave the gate: may be ended, the core must be recounted */
};

/* Begins; the record is filled. Of a silent thread, `beat` is to be set. */
void wp_suspicion_begin(wp_suspicion *suspicion, const wp_pool *pool, uint32_t kind,
                        uint32_t thread, wp_handle task, double grace_ms, double now_ms);

/* Whether the thread still runs what it is suspected of. Exact while it is doomed and outside the gate. */
bool wp_suspicion_holds(const wp_suspicion *suspicion, const wp_pool *pool);

/* Whether it is so with the one task that it tells of: a silent thread may have gone on to another. */
bool wp_suspicion_runs(const wp_suspicion *suspicion, const wp_pool *pool);

/* Tries the rungs that are due. *again_ms: when to look again, if the verdict is open; not after now_ms: as soon as possible. */
enum wp_verdict wp_ladder_climb(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                                wp_suspicion *suspicion, double now_ms, double *again_ms);

/* Which rung ended what a spared thread was suspected of; none if the task goes on, or another suspicion tells of it. */
enum wp_rung wp_suspicion_rung(const wp_suspicion *suspicion, const wp_pool *pool);

/* Asks the thread's C task to trap, whatever it is: while the thread is being ended, since some hosts cannot interrupt it. */
void wp_ladder_arm(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                   uint32_t thread);

/* Its loop checks trap no more. Before the thread's record is used again. */
void wp_ladder_disarm(wp_pool *pool, wp_ladder *ladder, uint32_t thread);

#endif
