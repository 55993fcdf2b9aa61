/*
 * Supervision under arbitrary events: each three bytes of the input are one event, or some time. A host with a record of its own beside it
 * knows which threads exist, who is linked and who watches whom, and looks at each action: is it possible, is it in its place, is anything
 * missing? In the end all threads end, everybody who is to come back comes back, and a shutdown leaves nothing.
 * Used by the plain test, which replays inputs made from a seed, and by the libFuzzer target (make fuzz).
 */
#ifndef WP_SUPERVISION_FUZZ_H
#define WP_SUPERVISION_FUZZ_H

#include "supervision.h"
#include "test.h"

enum { FUZZ_ACTORS = 5, FUZZ_RECORDS = WP_ACTOR_RECORDS * FUZZ_ACTORS + 1, FUZZ_GROUPS = 3 };

/* What the host knows of an actor, by the index of its record. */
typedef struct fuzz_actor {
  bool exists, thread, dead, returns; /* `returns`: RESTART was the last word about it */
  bool ended_by_user;
  uint32_t generation, incarnation, group;
} fuzz_actor;

typedef struct fuzz_host {
  wp_supervision *s;
  double now_ms, next_ms;
  fuzz_actor actors[FUZZ_RECORDS];
  bool linked[FUZZ_RECORDS][FUZZ_RECORDS];  /* both ways */
  bool watches[FUZZ_RECORDS][FUZZ_RECORDS]; /* [watcher][watched]; 0: main */
  wp_handle groups[FUZZ_GROUPS];
  bool refused, closed, broken;
  /* Of the burial that a step performs: whose it is, how far it is, and who must still hear of it. */
  uint32_t buried, stage;
  bool must_die[FUZZ_RECORDS], must_hear[FUZZ_RECORDS];
} fuzz_host;

#define FUZZ_EXPECT(h, condition)                                                                  \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      if (!(h)->broken) printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
      (h)->broken = true;                                                                          \
    }                                                                                              \
  } while (0)

static inline bool fuzz_is_up(const fuzz_actor *a) { return a->exists && a->thread && !a->dead; }

static inline void fuzz_forget(fuzz_host *h, uint32_t index) {
  for (uint32_t i = 0; i < FUZZ_RECORDS; i++)
    h->linked[index][i] = h->linked[i][index] = h->watches[index][i] = h->watches[i][index] = false;
}

/* What must happen between the first and the last action of a burial. */
static inline void fuzz_begin_burial(fuzz_host *h, uint32_t index) {
  h->buried = index;
  h->stage = WP_SUPERVISION_FREE_BOXES;
  for (uint32_t i = 0; i < FUZZ_RECORDS; i++) {
    const fuzz_actor *a = &h->actors[i];
    h->must_die[i] = h->linked[index][i] && fuzz_is_up(a);
    h->must_hear[i] = h->watches[i][index] && (!i || (a->exists && !a->ended_by_user));
  }
}

/* Its children that watch it die first, for good, and need not hear of it. */
static inline void fuzz_end_burial(fuzz_host *h) {
  for (uint32_t i = 0; i < FUZZ_RECORDS; i++) {
    wp_actor_info info = {0};
    bool gone = i && (wp_supervision_info(h->s, (wp_handle){i, h->actors[i].generation}, &info) ||
                      info.final);
    FUZZ_EXPECT(h, !h->must_die[i] && (!h->must_hear[i] || gone));
  }
  h->stage = WP_SUPERVISION_DROP_WRITES;
}

static inline bool fuzz_is_final(uint32_t reason) {
  return reason == WP_ACTOR_TERMINATED || reason == WP_ACTOR_PARENT_DIED ||
         reason == WP_ACTOR_CASCADE || reason == WP_ACTOR_SHUTDOWN;
}

static inline void fuzz_down(fuzz_host *h, const wp_supervision_action *action) {
  if (action->reason == WP_ACTOR_NOPROC) return;
  uint32_t watcher = action->other.index;
  FUZZ_EXPECT(h, h->stage == WP_SUPERVISION_DROP_MAILBOX && action->actor.index == h->buried);
  FUZZ_EXPECT(h, h->must_hear[watcher]);
  h->must_hear[watcher] = false;
}

static inline void fuzz_dead(fuzz_host *h, const wp_supervision_action *action, bool stopped) {
  uint32_t index = action->actor.index;
  fuzz_actor *a = &h->actors[index];
  FUZZ_EXPECT(h, a->exists && !a->dead && a->incarnation == action->incarnation);
  FUZZ_EXPECT(h, stopped == a->thread); /* a thread that has ended is not stopped */
  if (action->reason == WP_ACTOR_LINKED_DIED && action->other.generation) {
    FUZZ_EXPECT(h, h->linked[action->other.index][index] && h->must_die[index]);
    h->must_die[index] = false;
  }
  a->dead = true;
  a->ended_by_user |= fuzz_is_final(action->reason);
}

static inline void fuzz_start(fuzz_host *h, const wp_supervision_action *action) {
  fuzz_actor *a = &h->actors[action->actor.index];
  FUZZ_EXPECT(h, a->exists && !a->thread && !a->ended_by_user);
  FUZZ_EXPECT(h, action->incarnation == a->incarnation + 1 && (a->returns || !a->incarnation));
  for (uint32_t i = 0; i < FUZZ_RECORDS; i++) /* its partners' deaths are over */
    FUZZ_EXPECT(h,
                !h->linked[action->actor.index][i] || !h->actors[i].dead || !h->actors[i].thread);
  a->thread = true;
  a->dead = a->returns = false;
  a->incarnation = action->incarnation;
}

/* `next`: the action after it, or NULL. */
static inline void fuzz_perform(fuzz_host *h, const wp_supervision_action *action,
                                const wp_supervision_action *next) {
  uint32_t index = action->actor.index;
  fuzz_actor *a = &h->actors[index];
  bool known = a->exists && a->generation == action->actor.generation;
  FUZZ_EXPECT(h, !index || known || action->kind == WP_SUPERVISION_SPAWNED ||
                     (action->kind == WP_SUPERVISION_DOWN && action->reason == WP_ACTOR_NOPROC));
  switch (action->kind) {
  case WP_SUPERVISION_SPAWNED:
    FUZZ_EXPECT(h, !a->exists && a->generation != action->actor.generation);
    *a = (fuzz_actor){
        .exists = true, .generation = action->actor.generation, .group = action->group.index};
    break;
  case WP_SUPERVISION_GROUPED:
    h->groups[action->group.index] = action->group;
    break;
  case WP_SUPERVISION_REFUSED:
    h->refused = true;
    break;
  case WP_SUPERVISION_START:
    fuzz_start(h, action);
    break;
  case WP_SUPERVISION_DEAD:
    fuzz_dead(h, action, next && next->kind == WP_SUPERVISION_STOP && next->actor.index == index);
    break;
  case WP_SUPERVISION_STOP:
    FUZZ_EXPECT(h, a->dead && a->thread);
    break;
  case WP_SUPERVISION_FREE_BOXES:
    FUZZ_EXPECT(h, a->dead && !a->thread && !h->stage);
    fuzz_begin_burial(h, index);
    break;
  case WP_SUPERVISION_DROP_MAILBOX:
    FUZZ_EXPECT(h, h->buried == index && h->stage == WP_SUPERVISION_FREE_BOXES);
    h->stage = WP_SUPERVISION_DROP_MAILBOX;
    break;
  case WP_SUPERVISION_DOWN:
    fuzz_down(h, action);
    break;
  case WP_SUPERVISION_DROP_WRITES:
    FUZZ_EXPECT(h, h->buried == index && h->stage == WP_SUPERVISION_DROP_MAILBOX);
    fuzz_end_burial(h);
    break;
  case WP_SUPERVISION_RESTART:
    FUZZ_EXPECT(h, h->buried == index && h->stage == WP_SUPERVISION_DROP_WRITES);
    FUZZ_EXPECT(h, !a->ended_by_user && action->ms >= 0);
    a->returns = true;
    break;
  case WP_SUPERVISION_ENDED:
    FUZZ_EXPECT(h, !a->thread);
    a->exists = false;
    fuzz_forget(h, index);
    break;
  case WP_SUPERVISION_CLOSED:
    FUZZ_EXPECT(h, !h->closed);
    h->closed = true;
    break;
  }
}

static inline void fuzz_step(fuzz_host *h, const wp_supervision_event *event) {
  const wp_supervision_action *actions = NULL;
  h->refused = false;
  h->buried = h->stage = 0;
  uint32_t count = wp_supervision_step(h->s, h->now_ms, event, &actions, &h->next_ms);
  for (uint32_t i = 0; i < count; i++)
    fuzz_perform(h, &actions[i], i + 1 < count ? &actions[i + 1] : NULL);
  FUZZ_EXPECT(h, !h->stage || h->stage == WP_SUPERVISION_DROP_WRITES);
  FUZZ_EXPECT(h, wp_supervision_check(h->s) == WP_OK);
}

static inline wp_handle fuzz_handle(const fuzz_host *h, uint32_t byte) {
  uint32_t index = byte % FUZZ_RECORDS;
  return (wp_handle){index, index ? h->actors[index].generation : 0};
}

static inline bool fuzz_stays(const fuzz_host *h, wp_handle actor) {
  const fuzz_actor *a = &h->actors[actor.index];
  return actor.index && a->exists && !a->ended_by_user;
}

/* GONE may be reported once for each thread that exists. */
static inline void fuzz_gone(fuzz_host *h, uint32_t index) {
  fuzz_actor *a = &h->actors[index];
  if (!a->exists || !a->thread) return;
  a->thread = false;
  wp_supervision_event event = {
      .kind = WP_SUPERVISION_GONE, .actor = {index, a->generation}, .incarnation = a->incarnation};
  fuzz_step(h, &event);
}

/* The event that two bytes stand for, for all kinds but GONE. Notes what it changes beside supervision. */
static inline void fuzz_tell(fuzz_host *h, uint32_t kind, uint32_t first, uint32_t second) {
  wp_handle actor = fuzz_handle(h, first), other = fuzz_handle(h, second);
  const fuzz_actor *a = &h->actors[actor.index];
  wp_supervision_event event = {.kind = kind,
                                .actor = actor,
                                .other = other,
                                .group = h->groups[first % FUZZ_GROUPS],
                                .incarnation = a->incarnation - (second >= 250),
                                .reason = 1 + second % WP_ACTOR_SILENT,
                                .by_actor = second >= 128,
                                .strategy = first % 3,
                                .retry = {.max = second % 4 == 3 ? WP_NONE : second % 4,
                                          .window_ms = 1000,
                                          .min_ms = second % 50,
                                          .max_ms = 100,
                                          .growth = second % 3}};
  if (kind == WP_SUPERVISION_SPAWN && second % 4) event.other = (wp_handle){0, 0};
  /* TERMINATE makes an end of what is dying or waits, without DEAD. */
  fuzz_actor *target = &h->actors[actor.index];
  if (kind == WP_SUPERVISION_TERMINATE && actor.index && target->exists &&
      (target->dead || target->returns))
    target->ended_by_user = true;
  fuzz_step(h, &event);
  bool related = actor.index != other.index && !h->refused;
  if (kind == WP_SUPERVISION_LINK && related && fuzz_stays(h, actor) && fuzz_stays(h, other))
    if (wp_supervision_linked(h->s, actor, other))
      h->linked[actor.index][other.index] = h->linked[other.index][actor.index] = true;
  if (kind == WP_SUPERVISION_UNLINK)
    h->linked[actor.index][other.index] = h->linked[other.index][actor.index] = false;
  if (kind == WP_SUPERVISION_MONITOR && related && fuzz_stays(h, other) &&
      (!actor.index || fuzz_stays(h, actor)))
    h->watches[actor.index][other.index] = true;
  if (kind == WP_SUPERVISION_DEMONITOR) h->watches[actor.index][other.index] = false;
}

/* An actor may be given up without a word while it is dying: with its group, or with its parent. The host learns it here. */
static inline void fuzz_learn(fuzz_host *h) {
  for (uint32_t i = 1; i < FUZZ_RECORDS; i++) {
    fuzz_actor *a = &h->actors[i];
    wp_actor_info info;
    if (!a->exists) continue;
    FUZZ_EXPECT(h, wp_supervision_info(h->s, (wp_handle){i, a->generation}, &info) == WP_OK);
    FUZZ_EXPECT(h, (info.phase == WP_ACTOR_DYING) == (a->dead && a->thread));
    FUZZ_EXPECT(h, (info.phase == WP_ACTOR_HELD) == (a->dead && !a->thread));
    a->ended_by_user |= info.final != 0;
  }
}

/* Everything that is under way comes to its end. */
static inline void fuzz_settle(fuzz_host *h) {
  for (uint32_t again = 0; again < 100; again++) {
    for (uint32_t i = 1; i < FUZZ_RECORDS; i++) {
      fuzz_learn(h);
      if (h->actors[i].dead) fuzz_gone(h, i);
    }
    if (h->next_ms > h->now_ms) h->now_ms = h->next_ms;
    fuzz_learn(h);
    fuzz_step(h, NULL);
  }
  for (uint32_t i = 1; i < FUZZ_RECORDS; i++)
    FUZZ_EXPECT(h, !h->actors[i].exists || fuzz_is_up(&h->actors[i]));
  FUZZ_EXPECT(h, wp_supervision_counts_of(h->s)->dying == 0);
}

/* False: a rule was broken. */
static inline bool fuzz_one(const uint8_t *data, size_t size) {
  if (size < 2) return true;
  wp_supervision_config config = {.actors_max = FUZZ_ACTORS,
                                  .groups_max = FUZZ_GROUPS,
                                  .relations_max = 8,
                                  .retries_max = 3,
                                  .strategy = data[0] % 3,
                                  .retry = {.max = data[1] % 4 == 3 ? WP_NONE : data[1] % 4,
                                            .window_ms = 1000,
                                            .min_ms = data[1] % 50,
                                            .max_ms = 100}};
  static fuzz_host host;
  fuzz_host *h = &host;
  memset(h, 0, sizeof *h);
  void *memory = malloc(wp_supervision_bytes(&config));
  if (!memory) return false;
  h->s = wp_supervision_create(memory, &config);
  h->groups[0] = (wp_handle){0, 1};
  for (size_t at = 2; at + 2 < size && !h->broken; at += 3) {
    uint32_t kind = data[at] % 32;
    fuzz_learn(h);
    if (kind >= 1 && kind < WP_SUPERVISION_SHUTDOWN && kind != WP_SUPERVISION_GONE)
      fuzz_tell(h, kind, data[at + 1], data[at + 2]);
    else if (kind < 20)
      fuzz_gone(h, data[at + 1] % FUZZ_RECORDS);
    else if (kind < 28)
      fuzz_tell(h, WP_SUPERVISION_SPAWN, data[at + 1], data[at + 2]);
    else if (kind < 31 || data[at + 1] > 8) {
      h->now_ms += data[at + 1] % 64;
      fuzz_step(h, NULL);
    } else {
      fuzz_tell(h, WP_SUPERVISION_SHUTDOWN, 0, 0);
    }
  }
  fuzz_settle(h);
  fuzz_tell(h, WP_SUPERVISION_SHUTDOWN, 0, 0);
  fuzz_settle(h);
  FUZZ_EXPECT(h, h->closed && !wp_supervision_counts_of(h->s)->active);
  free(memory);
  return !h->broken;
}

#endif
