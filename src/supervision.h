/*
 * Purpose  Supervision: who starts, who dies with whom, who is told, who is restarted and when, as one state machine without I/O. The host
 *          reports events and performs the actions that it gets: start an actor's thread, end it, give back its boxes, deliver a message.
 *          Names, callbacks, threads and mailboxes are the host's.
 * Owns     actors, groups, links, monitors, the tree of parents and children; all of it in one block of memory from the caller
 * Threads  main. So nothing here needs the gate
 * Order    no shared words
 * Kill     main's memory only: no worker reads or writes it. An actor's thread may die at every instruction: the host reports GONE sooner
 *          or later, and until then nothing of that incarnation is given back
 * See      tests/unit/supervision_test.c, tests/model/supervision.pml, docs/decisions/0031-supervision.md. Strategies and intensity are
 *          OTP's (https://www.erlang.org/doc/system/sup_princ.html); the form is that of fleet.h
 *
 * An actor's life:
 *
 *   FREE > STARTING (SPAWNED, START) > LIVE (STARTED) > DYING (DEAD, STOP) > buried (GONE) > HELD (RESTART) > STARTING (START)
 *                                                                                         > FREE (ENDED)
 *
 * A death, in this order (REQUIREMENTS NF-43): DEAD and STOP at once, and when the host has confirmed the thread's end with GONE:
 * FREE_BOXES, DROP_MAILBOX; DEAD and STOP of everybody who is linked, and of its children; DOWN to each watcher; DROP_WRITES; then the
 * decision: RESTART, ENDED, or CASCADE and the end of its group. Deaths that follow from it wait for GONE themselves, so rings of links
 * need no recursion.
 *
 * One failure costs its group one restart, whatever dies with it in that group: who dies of a link, or because the strategy says so, comes
 * back with the one that failed, free of charge. Nobody starts while an actor that it is linked with is still dying; with ONE_FOR_ALL and
 * REST_FOR_ONE, while anyone of its group is.
 *
 * Handles stay valid over restarts; `incarnation` tells one thread of an actor from the next.
 */
#ifndef WP_SUPERVISION_H
#define WP_SUPERVISION_H

#include "restart.h"

enum {
  WP_ACTORS_MAX = 65536, /* most actors, groups and relations that can be asked for */
  /* An actor's record is in use until its thread's end is confirmed, so there are this many for each actor that may live. */
  WP_ACTOR_RECORDS = 2,
};

/* The handle {0, 0}: main, or nobody. A generation is never 0. */

enum wp_strategy {
  WP_ONE_FOR_ONE = 0,
  WP_ONE_FOR_ALL = 1,
  WP_REST_FOR_ONE = 2, /* also those that were spawned after it, in that order */
};

/* Why an actor has died. */
enum wp_actor_reason {
  WP_ACTOR_ALIVE = 0,
  WP_ACTOR_ERROR = 1,       /* failures: the callback threw or rejected */
  WP_ACTOR_EXITED = 2,      /* its thread ended by itself */
  WP_ACTOR_NOT_STARTED = 3, /* its thread could not start, or its callback could not be loaded */
  WP_ACTOR_NO_MEMORY = 4,   /* its heap is exhausted */
  WP_ACTOR_LEASE_EXPIRED = 5,
  WP_ACTOR_SILENT = 6,      /* no heartbeat while a handler ran */
  WP_ACTOR_LINKED_DIED = 7, /* counts as a failure */
  WP_ACTOR_TERMINATED = 8,  /* ends: the user, or the actor itself */
  WP_ACTOR_PARENT_DIED = 9,
  WP_ACTOR_CASCADE = 10, /* its group has used up its restarts */
  WP_ACTOR_SHUTDOWN = 11,
  WP_ACTOR_RESTARTED = 12, /* its group restarts it, because another one failed */
  WP_ACTOR_NOPROC = 13,    /* of DOWN: it was dead already */
};

typedef struct wp_supervision_config {
  uint32_t actors_max;    /* actors that may live at once, children included; at least 1 */
  uint32_t groups_max;    /* groups at once, the root group included; at least 1 */
  uint32_t relations_max; /* links and monitors at once */
  uint32_t retries_max;   /* largest retry.max of a group that has one; at most WP_RESTARTS_MAX */
  uint32_t strategy;      /* of the root group: enum wp_strategy */
  uint32_t reserved;
  wp_restart_policy retry; /* of the root group; jitter and kind are not used */
  double lease_ms;         /* an actor's, unless its name or its spawn says otherwise */
} wp_supervision_config;

enum wp_supervision_event_kind {
  /* Spawns an actor in `group`, as a child of `other` (or of nobody), after the group's other members. `lease_ms`: what its spawn says,
   * `name_lease_ms`: what its name says; 0: nothing. Gives SPAWNED and START, or REFUSED: MAX_ACTORS; SHUTTING_DOWN; STALE_HANDLE: group or
   * parent is gone; TABLE_FULL: too many threads of ended actors have not ended yet. */
  WP_SUPERVISION_SPAWN = 1,
  WP_SUPERVISION_STARTED = 2, /* `actor`, `incarnation` handles messages now */
  WP_SUPERVISION_FAILED = 3,  /* `actor`, `incarnation` failed: `reason` */
  /* confirmed: the thread of `actor`, `incarnation` executes nothing any more */
  WP_SUPERVISION_GONE = 4,
  WP_SUPERVISION_LEFT = 5,      /* `actor`, `incarnation` has asked for its own end */
  WP_SUPERVISION_TERMINATE = 6, /* the user ends `actor`; it does not come back */
  /* Links `actor` and `other`. If one of them is dead: REFUSED with STALE_HANDLE, or if `by_actor`, `actor` dies. TABLE_FULL. */
  WP_SUPERVISION_LINK = 7,
  WP_SUPERVISION_UNLINK = 8,
  /* `actor` (or main) watches `other`: DOWN for each of its deaths, at once if it is dead. TABLE_FULL. */
  WP_SUPERVISION_MONITOR = 9,
  WP_SUPERVISION_DEMONITOR = 10,
  /* Makes a group: `strategy`, `retry`. GROUPED, or REFUSED: INVALID_ARGUMENT, TABLE_FULL, SHUTTING_DOWN. */
  WP_SUPERVISION_GROUP = 11,
  /* the user ends all members of `group`, the youngest first */
  WP_SUPERVISION_TERMINATE_GROUP = 12,
  /* nobody but its members will spawn in `group` any more: it goes with the last of them */
  WP_SUPERVISION_FORGET_GROUP = 13,
  WP_SUPERVISION_SHUTDOWN = 14, /* ends all actors; CLOSED when the last thread is gone */
};

/* An event about an older incarnation, or about something that is gone, is counted (`stale`) and dropped. */
typedef struct wp_supervision_event {
  uint32_t kind; /* enum wp_supervision_event_kind */
  uint32_t reason;
  wp_handle actor, other, group;
  uint32_t incarnation;
  uint32_t by_actor; /* LINK: the actor itself asks for it */
  uint32_t strategy;
  uint32_t reserved;
  double lease_ms, name_lease_ms;
  wp_restart_policy retry;
} wp_supervision_event;

/* What the host must do, in this order. */
enum wp_supervision_action_kind {
  WP_SUPERVISION_SPAWNED = 1, /* `actor` exists; `ms`: its lease */
  WP_SUPERVISION_GROUPED = 2, /* `group` exists */
  WP_SUPERVISION_REFUSED = 3, /* the event had no effect: `status` */
  WP_SUPERVISION_START = 4,   /* start a thread for `actor`, `incarnation`; `ms`: its lease */
  /* `actor`, `incarnation` is dead: `reason`, `other`: whose death caused it. What it sends from now on is dropped. */
  WP_SUPERVISION_DEAD = 5,
  WP_SUPERVISION_STOP = 6, /* end its thread, and report GONE */
  WP_SUPERVISION_FREE_BOXES =
      7, /* those that it was writing become FREE, its references are dropped */
  WP_SUPERVISION_DROP_MAILBOX =
      8,                   /* what it has not handled is dropped, and counted as dead letters */
  WP_SUPERVISION_DOWN = 9, /* tell `other` (or main) that `actor` has died: `reason` */
  WP_SUPERVISION_DROP_WRITES =
      10,                      /* its place in the line for boxes is given up; the line is served */
  WP_SUPERVISION_RESTART = 11, /* it will be started again, in `ms` at the earliest */
  WP_SUPERVISION_ENDED = 12, /* it does not come back: `reason`. Its handle is stale from now on */
  WP_SUPERVISION_CASCADE = 13, /* `group` has used up its restarts, with `actor`: all members end */
  WP_SUPERVISION_CLOSED = 14,  /* no actor is left after SHUTDOWN */
};

typedef struct wp_supervision_action {
  uint32_t kind; /* enum wp_supervision_action_kind */
  uint32_t reason;
  wp_handle actor, other, group;
  uint32_t incarnation;
  wp_status status;
  double ms;
} wp_supervision_action;

typedef struct wp_supervision_counts {
  uint32_t active; /* actors that live or will be started again */
  uint32_t dying;  /* actors whose thread has not ended yet */
  uint32_t groups; /* root included */
  uint32_t relations;
  uint32_t spawned; /* so far; restarts not counted */
  uint32_t ended;
  uint32_t failures;
  uint32_t starts; /* of threads: spawned + restarted */
  uint32_t downs;
  uint32_t cascades;
  uint32_t refused;
  uint32_t stale; /* events that were dropped */
} wp_supervision_counts;

enum wp_actor_phase {
  WP_ACTOR_FREE = 0,
  WP_ACTOR_STARTING = 1,
  WP_ACTOR_LIVE = 2,
  WP_ACTOR_DYING = 3,
  WP_ACTOR_HELD = 4,
};

/* What is known of one actor. */
typedef struct wp_actor_info {
  uint32_t phase; /* enum wp_actor_phase */
  uint32_t incarnation;
  uint32_t reason;   /* of its last death */
  uint32_t children; /* that exist */
  wp_handle group, parent;
  double spawned_ms; /* when it was spawned */
  double started_ms; /* when its present thread was asked for */
  double lease_ms;
  uint32_t final; /* it does not come back */
  uint32_t reserved;
} wp_actor_info;

typedef struct wp_supervision wp_supervision;

/* Bytes that a supervision of this size needs; 0: a field is out of its bounds. */
size_t wp_supervision_bytes(const wp_supervision_config *config);

/* `memory`: so many bytes, aligned as malloc does it; it is the caller's, and nothing else is allocated. NULL as above. */
wp_supervision *wp_supervision_create(void *memory, const wp_supervision_config *config);

/* Takes an event, or none (NULL), and does everything that is due. Returns the number of actions, which stay valid until the next call.
 * *next_ms: when to call again, 0: only for an event. Times do not decrease. Costs: what the event touches; a death, its relations; a
 * restart, its group. */
uint32_t wp_supervision_step(wp_supervision *supervision, double now_ms,
                             const wp_supervision_event *event,
                             const wp_supervision_action **actions, double *next_ms);

const wp_supervision_counts *wp_supervision_counts_of(const wp_supervision *supervision);

/* WP_E_STALE_HANDLE: it has ended. */
wp_status wp_supervision_info(const wp_supervision *supervision, wp_handle actor,
                              wp_actor_info *info);

/* Whether two actors are linked at present. */
bool wp_supervision_linked(const wp_supervision *supervision, wp_handle a, wp_handle b);

/* The reason as text, as it stands in DOWN; "" if it is none. */
const char *wp_actor_reason_text(uint32_t reason);

/* The state machine's own invariants. WP_OK or WP_E_BROKEN_INVARIANT. */
wp_status wp_supervision_check(const wp_supervision *supervision);

#endif
