#include "supervision_state.h"
#include <string.h>

enum {
  ALIGN = 16,
  ACTIONS_PER_ACTOR = 3, /* most actions that one step emits for an actor that it does not bury */
  ACTIONS_BESIDES = 16,  /* and for the one that it buries, and for none */
};

/* ---- Creation ---- */

/* Where the parts lie in the block of memory. */
typedef struct layout {
  size_t actors, groups, relations, times, actions, end;
} layout;

static size_t reserve(size_t *end, size_t count, size_t bytes) {
  size_t at = *end;
  *end = (at + count * bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  return at;
}

static size_t records_of(const wp_supervision_config *config) {
  return (size_t)config->actors_max * WP_ACTOR_RECORDS + 1;
}

static layout layout_of(const wp_supervision_config *config) {
  layout l = {0};
  size_t actions = records_of(config) * ACTIONS_PER_ACTOR + config->relations_max + ACTIONS_BESIDES;
  reserve(&l.end, 1, sizeof(wp_supervision));
  l.actors = reserve(&l.end, records_of(config), sizeof(wp_actor));
  l.groups = reserve(&l.end, config->groups_max, sizeof(wp_actor_group));
  l.relations = reserve(&l.end, (config->relations_max + (size_t)1) * 2, sizeof(wp_relation));
  l.times = reserve(&l.end, config->groups_max * (config->retries_max + (size_t)1), sizeof(double));
  l.actions = reserve(&l.end, actions, sizeof(wp_supervision_action));
  return l;
}

size_t wp_supervision_bytes(const wp_supervision_config *config) {
  if (!config->actors_max || config->actors_max > WP_ACTORS_MAX || !config->groups_max ||
      config->groups_max > WP_ACTORS_MAX || config->relations_max > WP_ACTORS_MAX ||
      config->retries_max > WP_RESTARTS_MAX ||
      !wp__group_admits(config, config->strategy, &config->retry))
    return 0;
  return layout_of(config).end;
}

wp_supervision *wp_supervision_create(void *memory, const wp_supervision_config *config) {
  if (!wp_supervision_bytes(config)) return NULL;
  layout l = layout_of(config);
  char *at = memory;
  wp_supervision *s = memory;
  *s = (wp_supervision){.config = *config, .actors_end = 1, .groups_end = 1, .relations_end = 1};
  s->actors = (void *)(at + l.actors);
  s->groups = (void *)(at + l.groups);
  s->relations = (void *)(at + l.relations);
  s->times_ms = (void *)(at + l.times);
  s->actions = (void *)(at + l.actions);
  s->actors[0] = (wp_actor){0};
  s->groups[0] = (wp_actor_group){.generation = 1};
  wp__group_open(s, 0, config->strategy, &config->retry);
  return s;
}

/* ---- Actions and questions ---- */

wp_supervision_action *wp__supervision_emit(wp_supervision *s, uint32_t kind, uint32_t actor) {
  wp_supervision_action *action = &s->actions[s->action_count++];
  *action = (wp_supervision_action){.kind = kind, .actor = wp__actor_handle(s, actor)};
  if (actor) {
    const wp_actor *a = &s->actors[actor];
    action->incarnation = a->incarnation;
    action->group = (wp_handle){a->group, s->groups[a->group].generation};
  }
  return action;
}

const wp_supervision_counts *wp_supervision_counts_of(const wp_supervision *s) {
  return &s->counts;
}

wp_status wp_supervision_info(const wp_supervision *s, wp_handle handle, wp_actor_info *info) {
  uint32_t actor = wp__actor_find(s, handle);
  if (!actor) return WP_E_STALE_HANDLE;
  const wp_actor *a = &s->actors[actor];
  *info = (wp_actor_info){.phase = a->phase,
                          .incarnation = a->incarnation,
                          .reason = a->reason,
                          .children = a->child_count,
                          .group = {a->group, s->groups[a->group].generation},
                          .parent = wp__actor_handle(s, a->parent),
                          .spawned_ms = a->spawned_ms,
                          .started_ms = a->started_ms,
                          .lease_ms = a->lease_ms,
                          .final = a->final};
  return WP_OK;
}

bool wp_supervision_linked(const wp_supervision *s, wp_handle a, wp_handle b) {
  uint32_t first = wp__actor_find(s, a), second = wp__actor_find(s, b);
  return first && second && wp__kin_linked(s, first, second);
}

const char *wp_actor_reason_text(uint32_t reason) {
  static const char *const texts[] = {
      [WP_ACTOR_ALIVE] = "",
      [WP_ACTOR_ERROR] = "error",
      [WP_ACTOR_EXITED] = "exited",
      [WP_ACTOR_NOT_STARTED] = "not_started",
      [WP_ACTOR_NO_MEMORY] = "no_memory",
      [WP_ACTOR_LEASE_EXPIRED] = "lease_expired",
      [WP_ACTOR_SILENT] = "hung",
      [WP_ACTOR_LINKED_DIED] = "linked_actor_died",
      [WP_ACTOR_TERMINATED] = "terminated",
      [WP_ACTOR_PARENT_DIED] = "parent_died",
      [WP_ACTOR_CASCADE] = "cascade",
      [WP_ACTOR_SHUTDOWN] = "shutdown",
      [WP_ACTOR_RESTARTED] = "restarted",
      [WP_ACTOR_NOPROC] = "noproc",
  };
  return reason < sizeof texts / sizeof *texts ? texts[reason] : "";
}

/* ---- Events ---- */

static void refuse(wp_supervision *s, wp_status status) {
  wp__supervision_emit(s, WP_SUPERVISION_REFUSED, 0)->status = status;
  s->counts.refused++;
}

/* Whether a handle names an actor, alive or not: neither main nor nobody. */
static bool is_somebody(wp_handle handle) { return handle.index || handle.generation; }

/* Index + 1; 0: there is no such group. */
static uint32_t find_group(const wp_supervision *s, wp_handle handle) {
  if (handle.index >= s->groups_end) return 0;
  const wp_actor_group *g = &s->groups[handle.index];
  return g->used && g->generation == handle.generation ? handle.index + 1 : 0;
}

static wp_status check_spawn(const wp_supervision *s, const wp_supervision_event *event) {
  uint32_t group = find_group(s, event->group), parent = wp__actor_find(s, event->other);
  if (s->closing) return WP_E_SHUTTING_DOWN;
  if (!group || (is_somebody(event->other) && (!parent || !wp__actor_is_up(&s->actors[parent]))))
    return WP_E_STALE_HANDLE;
  /* Its members may still have children there. */
  if (s->groups[group - 1].forgotten && (!parent || s->actors[parent].group != group - 1))
    return WP_E_STALE_HANDLE;
  if (s->counts.active >= s->config.actors_max) return WP_E_MAX_ACTORS;
  return s->used + 1 < records_of(&s->config) ? WP_OK : WP_E_TABLE_FULL;
}

static uint32_t take_actor(wp_supervision *s) {
  uint32_t actor = s->free_actors;
  if (actor) {
    s->free_actors = s->actors[actor].next;
  } else {
    actor = s->actors_end++;
    s->actors[actor].generation = 1;
  }
  uint32_t generation = s->actors[actor].generation;
  s->actors[actor] = (wp_actor){.generation = generation};
  s->used++;
  return actor;
}

static void spawn(wp_supervision *s, const wp_supervision_event *event) {
  wp_status status = check_spawn(s, event);
  if (status) {
    refuse(s, status);
    return;
  }
  uint32_t actor = take_actor(s);
  wp_actor *a = &s->actors[actor];
  a->spawned_ms = s->now_ms;
  a->lease_ms = event->lease_ms > 0        ? event->lease_ms
                : event->name_lease_ms > 0 ? event->name_lease_ms
                                           : s->config.lease_ms;
  wp__group_enter(s, actor, event->group.index);
  if (is_somebody(event->other)) wp__kin_adopt(s, actor, event->other.index);
  s->counts.spawned++;
  s->counts.active++;
  wp__supervision_emit(s, WP_SUPERVISION_SPAWNED, actor)->ms = a->lease_ms;
  wp__actor_start(s, actor);
}

static void make_group(wp_supervision *s, const wp_supervision_event *event) {
  wp_status status = WP_OK;
  if (!wp__group_admits(&s->config, event->strategy, &event->retry))
    status = WP_E_INVALID_ARGUMENT;
  else if (s->counts.groups >= s->config.groups_max)
    status = WP_E_TABLE_FULL;
  if (s->closing) status = WP_E_SHUTTING_DOWN;
  if (status) {
    refuse(s, status);
    return;
  }
  uint32_t index = s->free_groups;
  if (index) {
    s->free_groups = s->groups[index].free;
  } else {
    index = s->groups_end++;
    s->groups[index].generation = 1;
  }
  wp__group_open(s, index, event->strategy, &event->retry);
  wp__supervision_emit(s, WP_SUPERVISION_GROUPED, 0)->group =
      (wp_handle){index, s->groups[index].generation};
}

static void link_actors(wp_supervision *s, const wp_supervision_event *event) {
  uint32_t a = wp__actor_find(s, event->actor), b = wp__actor_find(s, event->other);
  bool stay = a && b && wp__actor_stays(&s->actors[a]) && wp__actor_stays(&s->actors[b]);
  if (event->by_actor &&
      (!a || !wp__actor_is_up(&s->actors[a]) || s->actors[a].incarnation != event->incarnation)) {
    s->counts.stale++;
  } else if (stay) {
    wp_status status = wp__kin_link(s, a, b);
    if (status) refuse(s, status);
  } else if (event->by_actor) {
    wp__actor_die(s, a, WP_ACTOR_LINKED_DIED, 0, false);
  } else {
    refuse(s, WP_E_STALE_HANDLE);
  }
}

static void monitor(wp_supervision *s, const wp_supervision_event *event) {
  uint32_t watcher = wp__actor_find(s, event->actor), watched = wp__actor_find(s, event->other);
  if (is_somebody(event->actor) && (!watcher || !wp__actor_stays(&s->actors[watcher]))) {
    s->counts.stale++;
  } else if (watched && wp__actor_stays(&s->actors[watched])) {
    wp_status status = wp__kin_watch(s, watcher, watched);
    if (status) refuse(s, status);
  } else {
    wp_supervision_action *down = wp__supervision_emit(s, WP_SUPERVISION_DOWN, 0);
    down->actor = event->other;
    down->other = event->actor;
    down->reason = WP_ACTOR_NOPROC;
    s->counts.downs++;
  }
}

/* UNLINK and DEMONITOR. */
static void separate(wp_supervision *s, const wp_supervision_event *event) {
  uint32_t a = wp__actor_find(s, event->actor), b = wp__actor_find(s, event->other);
  if (!b || (!a && is_somebody(event->actor))) {
    s->counts.stale++;
  } else if (event->kind == WP_SUPERVISION_DEMONITOR) {
    wp__kin_unwatch(s, a, b);
  } else {
    wp__kin_unlink(s, a, b);
    /* One may have waited for the other's end. */
    s->groups[s->actors[a].group].look = s->groups[s->actors[b].group].look = true;
  }
}

static void take_group(wp_supervision *s, const wp_supervision_event *event) {
  uint32_t found = find_group(s, event->group);
  if (!found) {
    s->counts.stale++;
  } else if (event->kind == WP_SUPERVISION_TERMINATE_GROUP) {
    wp__group_finish(s, found - 1, WP_ACTOR_TERMINATED);
  } else if (found > 1) { /* root stays */
    s->groups[found - 1].forgotten = true;
    wp__group_sweep(s, found - 1);
  }
}

static void shut_down(wp_supervision *s) {
  s->closing = true;
  for (uint32_t index = s->groups_end; index-- > 0;)
    if (s->groups[index].used) wp__group_finish(s, index, WP_ACTOR_SHUTDOWN);
}

/* STARTED, FAILED, GONE, LEFT: reports about a thread. */
static void report(wp_supervision *s, const wp_supervision_event *event) {
  uint32_t actor = wp__actor_find(s, event->actor);
  wp_actor *a = &s->actors[actor];
  bool dying = a->phase == WP_ACTOR_DYING && event->kind == WP_SUPERVISION_GONE;
  if (!actor || a->incarnation != event->incarnation || !(wp__actor_is_up(a) || dying)) {
    s->counts.stale++;
    return;
  }
  switch (event->kind) {
  case WP_SUPERVISION_STARTED:
    a->phase = WP_ACTOR_LIVE;
    break;
  case WP_SUPERVISION_FAILED:
    wp__actor_die(s, actor, wp__reason_is_failure(event->reason) ? event->reason : WP_ACTOR_ERROR,
                  0, false);
    break;
  case WP_SUPERVISION_GONE:
    wp__actor_gone(s, actor);
    break;
  case WP_SUPERVISION_LEFT:
    wp__actor_die(s, actor, WP_ACTOR_TERMINATED, 0, true);
    break;
  }
}

static void take(wp_supervision *s, const wp_supervision_event *event) {
  switch (event->kind) {
  case WP_SUPERVISION_SPAWN:
    spawn(s, event);
    break;
  case WP_SUPERVISION_TERMINATE: {
    uint32_t actor = wp__actor_find(s, event->actor);
    if (actor)
      wp__actor_finish(s, actor, WP_ACTOR_TERMINATED, 0);
    else
      s->counts.stale++;
    break;
  }
  case WP_SUPERVISION_LINK:
    link_actors(s, event);
    break;
  case WP_SUPERVISION_MONITOR:
    monitor(s, event);
    break;
  case WP_SUPERVISION_UNLINK:
  case WP_SUPERVISION_DEMONITOR:
    separate(s, event);
    break;
  case WP_SUPERVISION_GROUP:
    make_group(s, event);
    break;
  case WP_SUPERVISION_TERMINATE_GROUP:
  case WP_SUPERVISION_FORGET_GROUP:
    take_group(s, event);
    break;
  case WP_SUPERVISION_SHUTDOWN:
    shut_down(s);
    break;
  default:
    report(s, event);
  }
}

uint32_t wp_supervision_step(wp_supervision *s, double now_ms, const wp_supervision_event *event,
                             const wp_supervision_action **actions, double *next_ms) {
  s->now_ms = now_ms;
  s->next_ms = 0;
  s->action_count = 0;
  if (event) take(s, event);
  wp__group_start_due(s);
  if (s->closing && !s->closed && !s->used) {
    s->closed = true;
    wp__supervision_emit(s, WP_SUPERVISION_CLOSED, 0);
  }
  *actions = s->actions;
  *next_ms = s->next_ms;
  return s->action_count;
}
