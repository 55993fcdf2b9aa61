/*
 * Supervision without threads: the test plays the host under a clock of its own. Each actor gets a letter, in the order of spawning, and
 * what the host is told becomes a line of text, so that a test states a whole sequence: "dead A error, stop A".
 */
#ifndef WP_TEST_SUPERVISION_FIXTURE_H
#define WP_TEST_SUPERVISION_FIXTURE_H

#include "supervision.h"
#include "test.h"

enum { HANDLES_KEPT = 4096, SAID_BYTES = 1 << 20 };

typedef struct host {
  void *memory;
  wp_supervision *s;
  double now_ms, next_ms;
  wp_handle actors[HANDLES_KEPT], groups[HANDLES_KEPT];
  uint32_t incarnations[HANDLES_KEPT]; /* newest one that was started */
  uint32_t actor_count, group_count;
  wp_status status; /* of the last refusal */
  char said[SAID_BYTES];
  size_t said_bytes;
  bool broken;
} host;

static const wp_restart_policy unlimited = {
    .max = WP_NONE, .window_ms = 60000, .max_ms = 1e9, .growth = WP_RESTART_KEEPS};

static inline wp_supervision_config usual_config(void) {
  return (wp_supervision_config){.actors_max = 26,
                                 .groups_max = 4,
                                 .relations_max = 64,
                                 .retries_max = 16,
                                 .retry = unlimited,
                                 .lease_ms = 5000};
}

static inline bool host_open(host *h, const wp_supervision_config *config) {
  memset(h, 0, sizeof *h);
  size_t bytes = wp_supervision_bytes(config);
  if (!bytes) return false;
  h->memory = malloc(bytes);
  if (!h->memory) abort();
  memset(h->memory, 0xa5, bytes); /* nothing may rely on zeros */
  h->s = wp_supervision_create(h->memory, config);
  h->groups[h->group_count++] = (wp_handle){0, 1};
  h->now_ms = 1000;
  return h->s != NULL;
}

static inline void host_close(host *h) { free(h->memory); }

/* Number of the actor, in the order of spawning. */
static inline uint32_t number_of(const host *h, wp_handle actor) {
  for (uint32_t i = h->actor_count; i-- > 0;)
    if (h->actors[i].index == actor.index && h->actors[i].generation == actor.generation) return i;
  return WP_NONE;
}

static inline void say(host *h, const char *text) {
  size_t bytes = strlen(text);
  if (h->said_bytes + bytes >= sizeof h->said) return;
  memcpy(h->said + h->said_bytes, text, bytes + 1);
  h->said_bytes += bytes;
}

/* A letter, a number behind the 26th, "main". */
static inline void say_actor(host *h, wp_handle actor) {
  char text[16] = " main";
  uint32_t number = number_of(h, actor);
  if (actor.generation && number < 26) snprintf(text, sizeof text, " %c", (char)('A' + number));
  if (actor.generation && number >= 26) snprintf(text, sizeof text, " %u", number);
  say(h, text);
}

static inline void say_text(host *h, const char *text) {
  say(h, " ");
  say(h, text);
}

static inline void say_number(host *h, double number) {
  char text[32];
  snprintf(text, sizeof text, " %.0f", number);
  say(h, text);
}

static inline void perform(host *h, const wp_supervision_action *action) {
  static const char *const names[] = {
      [WP_SUPERVISION_SPAWNED] = "spawned",  [WP_SUPERVISION_GROUPED] = "grouped",
      [WP_SUPERVISION_REFUSED] = "refused",  [WP_SUPERVISION_START] = "start",
      [WP_SUPERVISION_DEAD] = "dead",        [WP_SUPERVISION_STOP] = "stop",
      [WP_SUPERVISION_FREE_BOXES] = "boxes", [WP_SUPERVISION_DROP_MAILBOX] = "mailbox",
      [WP_SUPERVISION_DOWN] = "down",        [WP_SUPERVISION_DROP_WRITES] = "writes",
      [WP_SUPERVISION_RESTART] = "restart",  [WP_SUPERVISION_ENDED] = "ended",
      [WP_SUPERVISION_CASCADE] = "cascade",  [WP_SUPERVISION_CLOSED] = "closed",
  };
  if (action->kind == WP_SUPERVISION_SPAWNED) h->actors[h->actor_count++] = action->actor;
  if (action->kind == WP_SUPERVISION_GROUPED) h->groups[h->group_count++] = action->group;
  if (action->kind == WP_SUPERVISION_REFUSED) h->status = action->status;
  if (h->said_bytes) say(h, ", ");
  say(h, names[action->kind]);
  if (action->actor.generation) say_actor(h, action->actor);
  switch (action->kind) {
  case WP_SUPERVISION_START:
    h->incarnations[number_of(h, action->actor)] = action->incarnation;
    if (action->incarnation > 1) say_number(h, action->incarnation);
    break;
  case WP_SUPERVISION_DEAD:
  case WP_SUPERVISION_ENDED:
    say_text(h, wp_actor_reason_text(action->reason));
    break;
  case WP_SUPERVISION_DOWN:
    say_text(h, "to");
    say_actor(h, action->other);
    say_text(h, wp_actor_reason_text(action->reason));
    break;
  case WP_SUPERVISION_RESTART:
    say_number(h, action->ms);
    break;
  }
}

static inline void host_step(host *h, const wp_supervision_event *event) {
  const wp_supervision_action *actions = NULL;
  uint32_t count = wp_supervision_step(h->s, h->now_ms, event, &actions, &h->next_ms);
  for (uint32_t i = 0; i < count; i++) perform(h, &actions[i]);
  h->broken |= wp_supervision_check(h->s) != WP_OK;
}

/* What the host was told since the last call. */
static inline const char *said(host *h) {
  static char text[SAID_BYTES];
  memcpy(text, h->said, h->said_bytes + 1);
  h->said_bytes = 0;
  h->said[0] = 0;
  return text;
}

/* Lets time pass, with a step whenever supervision has asked for one. */
static inline void host_sleep(host *h, double ms) {
  double end_ms = h->now_ms + ms;
  while (h->next_ms > 0 && h->next_ms <= end_ms) {
    if (h->next_ms > h->now_ms) h->now_ms = h->next_ms;
    host_step(h, NULL);
  }
  h->now_ms = end_ms;
}

/* ---- Events; actors by letter, groups by number ---- */

static inline wp_handle at(const host *h, char actor) { return h->actors[actor - 'A']; }

static inline void spawn_in(host *h, uint32_t group, wp_handle parent) {
  wp_supervision_event event = {
      .kind = WP_SUPERVISION_SPAWN, .group = h->groups[group], .other = parent};
  host_step(h, &event);
}

static inline void spawn(host *h) { spawn_in(h, 0, (wp_handle){0, 0}); }

static inline void report_number(host *h, uint32_t kind, uint32_t number, uint32_t reason) {
  wp_supervision_event event = {.kind = kind,
                                .actor = h->actors[number],
                                .incarnation = h->incarnations[number],
                                .reason = reason};
  host_step(h, &event);
}

static inline void report(host *h, uint32_t kind, char actor) {
  report_number(h, kind, (uint32_t)(actor - 'A'), WP_ACTOR_ERROR);
}

static inline void fail(host *h, char actor) { report(h, WP_SUPERVISION_FAILED, actor); }
static inline void gone(host *h, char actor) { report(h, WP_SUPERVISION_GONE, actor); }

static inline void pair(host *h, uint32_t kind, wp_handle actor, wp_handle other) {
  wp_supervision_event event = {.kind = kind, .actor = actor, .other = other};
  host_step(h, &event);
}

static inline void terminate(host *h, char actor) {
  pair(h, WP_SUPERVISION_TERMINATE, at(h, actor), (wp_handle){0, 0});
}

static inline void make_group(host *h, uint32_t strategy, wp_restart_policy retry) {
  wp_supervision_event event = {.kind = WP_SUPERVISION_GROUP, .strategy = strategy, .retry = retry};
  host_step(h, &event);
}

static inline void tell_group(host *h, uint32_t kind, uint32_t group) {
  wp_supervision_event event = {.kind = kind, .group = h->groups[group]};
  host_step(h, &event);
}

static inline wp_actor_info info(const host *h, char actor) {
  wp_actor_info found = {0};
  wp_supervision_info(h->s, at(h, actor), &found);
  return found;
}

/* CHECKs a sequence, and that all invariants have held so far. */
#define CHECK_SAID(h, text)                                                                        \
  do {                                                                                             \
    const char *wp_said = said(h);                                                                 \
    if (strcmp(wp_said, text) != 0) {                                                              \
      printf("# %s:%d: said:     %s\n# %s:%d: expected: %s\n", __FILE__, __LINE__, wp_said,        \
             __FILE__, __LINE__, text);                                                            \
      wp_test_failures++;                                                                          \
      return;                                                                                      \
    }                                                                                              \
    CHECK(!(h)->broken);                                                                           \
  } while (0)

#endif
