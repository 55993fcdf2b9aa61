/*
 * Purpose  What the sources of supervision share: its records, and the functions that one file calls in another.
 * Owns     as supervision.h
 * Threads  main
 * Kill     as supervision.h
 * See      supervision.h
 */
#ifndef WP_SUPERVISION_STATE_H
#define WP_SUPERVISION_STATE_H

#include "supervision.h"

/* An actor that crashes at once, and may be restarted for ever, leaves its host time for others. */
#define WP_RESTART_LEAST_MS 1.0

/* One half of a link or monitor, in the list of its actor. The halves 2n and 2n + 1 belong together; index 0 and 1 are unused. */
typedef struct wp_relation {
  uint32_t actor;      /* whose list it is in */
  uint32_t next, prev; /* in that list; `next` of an even one: in the list of free ones */
  uint32_t kind;       /* enum wp_relation_kind */
} wp_relation;

enum wp_relation_kind {
  WP_RELATION_FREE = 0,
  WP_RELATION_LINK = 1,
  WP_RELATION_WATCHES = 2,
  WP_RELATION_WATCHED = 3, /* the other half of WATCHES */
};

/* Index 0 is main: it has relations and nothing else. */
typedef struct wp_actor {
  uint32_t phase; /* enum wp_actor_phase */
  uint32_t generation, incarnation;
  uint32_t reason;
  uint32_t group; /* index */
  uint32_t next,
      prev; /* in the group, in the order of spawning; FREE: `next` in the list of free records */
  uint32_t relations, relations_last;        /* its halves, the oldest first */
  uint32_t parent, children, older, younger; /* the tree; `children` is the youngest */
  uint32_t child_count;
  uint32_t failures; /* that were charged within the window, for the delay */
  /* whose link has killed it, in the same group: it comes back with that one; {0, 0}: none */
  wp_handle cause;
  bool final;   /* it does not come back */
  bool charged; /* the restart that it waits for is paid for */
  double charged_ms, due_ms, spawned_ms, started_ms, lease_ms;
} wp_actor;

typedef struct wp_actor_group {
  bool used, forgotten;
  bool look; /* something has changed that may let a member start */
  uint32_t generation;
  uint32_t strategy;
  uint32_t first, last; /* members, in the order of spawning */
  uint32_t members, dying, held;
  uint32_t free; /* in the list of free groups */
  wp_restart_policy retry;
  wp_restart_log log; /* only if there is a limit */
  double due_ms;      /* not before this time does a member start; not with ONE_FOR_ONE */
  double next_ms;     /* when the first member is due; 0: none */
} wp_actor_group;

struct wp_supervision {
  wp_supervision_config config;
  wp_actor *actors;
  wp_actor_group *groups;
  wp_relation *relations;
  wp_supervision_action *actions;
  double *times_ms; /* of the groups' logs */
  uint32_t record_count, action_count;
  /* Records from these on were never used, and are not initialised. */
  uint32_t actors_end, groups_end, relations_end;
  uint32_t free_actors, free_groups, free_relations; /* lists; 0: empty */
  uint32_t used;                                     /* records of actors */
  bool closing, closed;
  double now_ms, next_ms;
  wp_supervision_counts counts;
};

/* Adds an action about `actor` (0: about none), with its group and incarnation filled in. */
wp_supervision_action *wp__supervision_emit(wp_supervision *s, uint32_t kind, uint32_t actor);

static inline wp_handle wp__actor_handle(const wp_supervision *s, uint32_t actor) {
  return actor ? (wp_handle){actor, s->actors[actor].generation} : (wp_handle){0, 0};
}

/* Index of the actor; 0: it has ended. */
static inline uint32_t wp__actor_find(const wp_supervision *s, wp_handle handle) {
  if (!handle.index || handle.index >= s->actors_end) return 0;
  const wp_actor *a = &s->actors[handle.index];
  return a->phase != WP_ACTOR_FREE && a->generation == handle.generation ? handle.index : 0;
}

/* Whether it has a thread that handles messages, or will. */
static inline bool wp__actor_is_up(const wp_actor *a) {
  return a->phase == WP_ACTOR_STARTING || a->phase == WP_ACTOR_LIVE;
}

/* Whether it lives, or will be started again. */
static inline bool wp__actor_stays(const wp_actor *a) {
  return a->phase != WP_ACTOR_FREE && !a->final;
}

/* Whether a death for this reason is one that supervision mends. */
static inline bool wp__reason_is_failure(uint32_t reason) {
  return reason >= WP_ACTOR_ERROR && reason <= WP_ACTOR_LINKED_DIED;
}

/* ---- supervision_death.c ---- */

/* Marks a living actor dead, and has its thread stopped. `cause`: whose death is the reason, 0: nobody's. `final`: it does not come back. */
void wp__actor_die(wp_supervision *s, uint32_t actor, uint32_t reason, uint32_t cause, bool final);

/* It does not come back, whatever it does at present. */
void wp__actor_give_up(wp_supervision *s, uint32_t actor);

/* Ends an actor for good in whatever phase it is: at once if it has no thread. */
void wp__actor_finish(wp_supervision *s, uint32_t actor, uint32_t reason, uint32_t cause);

/* GONE: everything that follows the confirmed end of its thread, the decision included. */
void wp__actor_gone(wp_supervision *s, uint32_t actor);

/* ---- supervision_kin.c ---- */

/* Links two actors. No effect if they are linked already, or are the same. WP_E_TABLE_FULL. */
wp_status wp__kin_link(wp_supervision *s, uint32_t a, uint32_t b);
wp_status wp__kin_watch(wp_supervision *s, uint32_t watcher, uint32_t watched);
void wp__kin_unlink(wp_supervision *s, uint32_t a, uint32_t b);
void wp__kin_unwatch(wp_supervision *s, uint32_t watcher, uint32_t watched);
bool wp__kin_linked(const wp_supervision *s, uint32_t a, uint32_t b);

/* The other end of a half. */
static inline uint32_t wp__kin_other(const wp_supervision *s, uint32_t half) {
  return s->relations[half ^ 1].actor;
}

/* Drops all relations of an actor. */
void wp__kin_drop(wp_supervision *s, uint32_t actor);

/* Enters an actor into its parent's children. */
void wp__kin_adopt(wp_supervision *s, uint32_t actor, uint32_t parent);
/* Takes it out again, and makes its own children orphans. */
void wp__kin_leave(wp_supervision *s, uint32_t actor);

/* ---- supervision_group.c ---- */

/* Opens the group of index `group`, which is free or was never used. */
void wp__group_open(wp_supervision *s, uint32_t group, uint32_t strategy,
                    const wp_restart_policy *retry);

/* Whether a group may have this policy. */
bool wp__group_admits(const wp_supervision_config *config, uint32_t strategy,
                      const wp_restart_policy *retry);

void wp__group_enter(wp_supervision *s, uint32_t actor, uint32_t group);
void wp__group_leave(wp_supervision *s, uint32_t actor);

/* Frees a forgotten group without members. */
void wp__group_sweep(wp_supervision *s, uint32_t group);

/* A buried actor that is to come back: restarts it, and whom the strategy says; or ends the group. */
void wp__group_decide(wp_supervision *s, uint32_t actor);

/* Ends all members for `reason`, the youngest first. */
void wp__group_finish(wp_supervision *s, uint32_t group, uint32_t reason);

/* Starts every actor that is due, and notes when the next one is. */
void wp__group_start_due(wp_supervision *s);

/* Emits START for an actor's next incarnation. */
void wp__actor_start(wp_supervision *s, uint32_t actor);

#endif
