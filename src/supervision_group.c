/* Groups: their members in order, strategies, budgets, and who is started when. */
#include "supervision_state.h"

bool wp__group_admits(const wp_supervision_config *config, uint32_t strategy,
                      const wp_restart_policy *retry) {
  return strategy <= WP_REST_FOR_ONE && wp_restart_valid(retry) &&
         (retry->max > WP_RESTARTS_MAX || retry->max <= config->retries_max);
}

void wp__group_open(wp_supervision *s, uint32_t group, uint32_t strategy,
                    const wp_restart_policy *retry) {
  wp_actor_group *g = &s->groups[group];
  uint32_t generation = g->generation;
  *g = (wp_actor_group){
      .used = true, .generation = generation, .strategy = strategy, .retry = *retry};
  g->retry.kind = WP_RESTART_ALWAYS;
  g->retry.jitter = 0;
  g->log.times_ms = s->times_ms + (size_t)group * (s->config.retries_max + (size_t)1);
  s->counts.groups++;
}

void wp__group_enter(wp_supervision *s, uint32_t actor, uint32_t group) {
  wp_actor *a = &s->actors[actor];
  wp_actor_group *g = &s->groups[group];
  a->group = group;
  a->prev = g->last;
  *(g->last ? &s->actors[g->last].next : &g->first) = actor;
  g->last = actor;
  g->members++;
}

void wp__group_leave(wp_supervision *s, uint32_t actor) {
  const wp_actor *a = &s->actors[actor];
  wp_actor_group *g = &s->groups[a->group];
  *(a->prev ? &s->actors[a->prev].next : &g->first) = a->next;
  *(a->next ? &s->actors[a->next].prev : &g->last) = a->prev;
  g->members--;
  g->held -= a->phase == WP_ACTOR_HELD;
}

void wp__group_sweep(wp_supervision *s, uint32_t group) {
  wp_actor_group *g = &s->groups[group];
  if (!g->forgotten || g->members) return;
  g->used = g->forgotten = false;
  if (!++g->generation) g->generation = 1;
  g->free = s->free_groups;
  s->free_groups = group;
  s->counts.groups--;
}

void wp__group_finish(wp_supervision *s, uint32_t group, uint32_t reason) {
  uint32_t next;
  for (uint32_t member = s->groups[group].last; member; member = next) {
    next = s->actors[member].prev;
    wp__actor_finish(s, member, reason, 0);
  }
}

/* ---- Decisions ---- */

/* CHARGE: takes a restart from the group's budget. Returns the delay, which grows with the actor's own failures; negative: the budget is spent. */
static double charge(wp_supervision *s, uint32_t actor) {
  wp_actor *a = &s->actors[actor];
  wp_actor_group *g = &s->groups[a->group];
  if (g->retry.max <= WP_RESTARTS_MAX &&
      wp_restart_take(&g->retry, &g->log, s->now_ms, false, 0.5) < 0)
    return -1;
  if (g->retry.window_ms > 0 && s->now_ms - a->charged_ms >= g->retry.window_ms) a->failures = 0;
  double delay_ms = wp_restart_delay(&g->retry, a->failures, 0.5);
  a->failures++;
  a->charged_ms = s->now_ms;
  return delay_ms < WP_RESTART_LEAST_MS ? WP_RESTART_LEAST_MS : delay_ms;
}

/* OTHERS: stops those that are to be restarted with the actor, the youngest first. */
static void stop_others(wp_supervision *s, uint32_t actor) {
  const wp_actor_group *g = &s->groups[s->actors[actor].group];
  if (g->strategy == WP_ONE_FOR_ONE) return;
  for (uint32_t member = g->last; member; member = s->actors[member].prev) {
    wp_actor *m = &s->actors[member];
    if (member == actor) {
      if (g->strategy == WP_REST_FOR_ONE) return;
      continue;
    }
    if (wp__actor_is_up(m)) wp__actor_die(s, member, WP_ACTOR_RESTARTED, actor, false);
    m->charged |= m->phase == WP_ACTOR_DYING;
  }
}

/* CASCADE */
static void cascade(wp_supervision *s, uint32_t actor) {
  uint32_t group = s->actors[actor].group;
  wp__supervision_emit(s, WP_SUPERVISION_CASCADE, actor);
  s->counts.cascades++;
  wp_restart_renew(&s->groups[group].log); /* for those that the user spawns there later */
  wp__group_finish(s, group, WP_ACTOR_CASCADE);
}

/* DECIDE */
void wp__group_decide(wp_supervision *s, uint32_t actor) {
  wp_actor *a = &s->actors[actor];
  wp_actor_group *g = &s->groups[a->group];
  uint32_t cause = wp__actor_find(s, a->cause);
  double delay_ms = 0;
  if (!a->charged && !a->cause.index) {
    delay_ms = charge(s, actor);
    if (delay_ms < 0) {
      cascade(s, actor);
      return;
    }
  }
  a->due_ms = s->now_ms + delay_ms;
  /* They come back together. */
  if (cause && s->actors[cause].phase == WP_ACTOR_HELD && s->actors[cause].due_ms > a->due_ms)
    a->due_ms = s->actors[cause].due_ms;
  if (a->due_ms > g->due_ms) g->due_ms = a->due_ms;
  double due_ms = g->strategy == WP_ONE_FOR_ONE ? a->due_ms : g->due_ms;
  wp__supervision_emit(s, WP_SUPERVISION_RESTART, actor)->ms = due_ms - s->now_ms;
  if (a->reason != WP_ACTOR_RESTARTED) stop_others(s, actor);
}

/* ---- Starts ---- */

void wp__actor_start(wp_supervision *s, uint32_t actor) {
  wp_actor *a = &s->actors[actor];
  s->groups[a->group].held -= a->phase == WP_ACTOR_HELD;
  a->phase = WP_ACTOR_STARTING;
  a->incarnation++;
  a->started_ms = s->now_ms;
  a->cause = (wp_handle){0, 0};
  a->charged = false;
  s->counts.starts++;
  wp__supervision_emit(s, WP_SUPERVISION_START, actor)->ms = a->lease_ms;
}

/* Whether someone that it is linked with is still dying: that death would kill it. */
static bool is_blocked(const wp_supervision *s, const wp_actor *a) {
  for (uint32_t half = a->relations; half; half = s->relations[half].next) {
    if (s->relations[half].kind == WP_RELATION_LINK &&
        s->actors[wp__kin_other(s, half)].phase == WP_ACTOR_DYING)
      return true;
  }
  return false;
}

/* START */
static void start_members(wp_supervision *s, wp_actor_group *g) {
  g->look = false;
  g->next_ms = 0;
  bool together = g->strategy != WP_ONE_FOR_ONE;
  if (together && g->dying) return; /* the last one's GONE makes this look again */
  for (uint32_t member = g->first; member; member = s->actors[member].next) {
    const wp_actor *a = &s->actors[member];
    if (a->phase != WP_ACTOR_HELD) continue;
    double due_ms = together ? g->due_ms : a->due_ms;
    if (due_ms > s->now_ms) {
      if (g->next_ms == 0 || due_ms < g->next_ms) g->next_ms = due_ms;
    } else if (!is_blocked(s, a)) {
      wp__actor_start(s, member);
    }
  }
}

void wp__group_start_due(wp_supervision *s) {
  for (uint32_t group = 0; group < s->groups_end; group++) {
    wp_actor_group *g = &s->groups[group];
    if (!g->used || !g->held) continue;
    if (g->look || (g->next_ms > 0 && g->next_ms <= s->now_ms)) start_members(s, g);
    if (g->next_ms > 0 && (s->next_ms == 0 || g->next_ms < s->next_ms)) s->next_ms = g->next_ms;
  }
}
