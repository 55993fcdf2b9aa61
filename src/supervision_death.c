/* How an actor dies, and who dies with it. */
#include "supervision_state.h"

/* DIE */
static void mark_dead(wp_supervision *s, uint32_t actor, uint32_t reason, uint32_t cause) {
  wp_actor *a = &s->actors[actor];
  a->phase = WP_ACTOR_DYING;
  a->reason = reason;
  s->groups[a->group].dying++;
  s->counts.dying++;
  s->counts.failures += wp__reason_is_failure(reason);
  wp_supervision_action *dead = wp__supervision_emit(s, WP_SUPERVISION_DEAD, actor);
  dead->reason = reason;
  dead->other = wp__actor_handle(s, cause);
}

void wp__actor_give_up(wp_supervision *s, uint32_t actor) {
  wp_actor *a = &s->actors[actor];
  s->counts.active -= !a->final;
  a->final = true;
}

void wp__actor_die(wp_supervision *s, uint32_t actor, uint32_t reason, uint32_t cause, bool final) {
  if (final) wp__actor_give_up(s, actor);
  mark_dead(s, actor, reason, cause);
  wp__supervision_emit(s, WP_SUPERVISION_STOP, actor);
}

/* END: a buried actor does not come back: its record is free, and its handle stale. */
static void end(wp_supervision *s, uint32_t actor, uint32_t reason) {
  wp_actor *a = &s->actors[actor];
  uint32_t group = a->group;
  wp__supervision_emit(s, WP_SUPERVISION_ENDED, actor)->reason = reason;
  wp__kin_drop(s, actor);
  wp__kin_leave(s, actor);
  wp__group_leave(s, actor);
  a->phase = WP_ACTOR_FREE;
  if (!++a->generation) a->generation = 1;
  a->next = s->free_actors;
  s->free_actors = actor;
  s->used--;
  s->counts.ended++;
  wp__group_sweep(s, group);
}

void wp__actor_finish(wp_supervision *s, uint32_t actor, uint32_t reason, uint32_t cause) {
  wp_actor *a = &s->actors[actor];
  if (wp__actor_is_up(a)) {
    wp__actor_die(s, actor, reason, cause, true);
    return;
  }
  wp__actor_give_up(s, actor);
  if (a->phase == WP_ACTOR_HELD) end(s, actor, reason);
}

/* LINKED: partners die, and those that have waited for this death may start. */
static void kill_linked(wp_supervision *s, uint32_t actor) {
  const wp_actor *a = &s->actors[actor];
  for (uint32_t half = a->relations; half; half = s->relations[half].next) {
    if (s->relations[half].kind != WP_RELATION_LINK) continue;
    uint32_t partner = wp__kin_other(s, half);
    wp_actor *p = &s->actors[partner];
    s->groups[p->group].look = true;
    if (!wp__actor_is_up(p)) continue;
    wp__actor_die(s, partner, WP_ACTOR_LINKED_DIED, actor, false);
    if (!a->final && a->group == p->group) p->cause = wp__actor_handle(s, actor);
  }
}

/* CHILDREN */
static void kill_children(wp_supervision *s, uint32_t actor) {
  uint32_t next;
  for (uint32_t child = s->actors[actor].children; child; child = next) {
    next = s->actors[child].older;
    wp__actor_finish(s, child, WP_ACTOR_PARENT_DIED, actor);
  }
}

/* TELL */
static void tell_watchers(wp_supervision *s, uint32_t actor) {
  const wp_actor *a = &s->actors[actor];
  for (uint32_t half = a->relations; half; half = s->relations[half].next) {
    if (s->relations[half].kind != WP_RELATION_WATCHED) continue;
    uint32_t watcher = wp__kin_other(s, half);
    if (watcher && !wp__actor_stays(&s->actors[watcher])) continue;
    wp_supervision_action *down = wp__supervision_emit(s, WP_SUPERVISION_DOWN, actor);
    down->reason = a->reason;
    down->other = wp__actor_handle(s, watcher);
    s->counts.downs++;
  }
}

/* BURY */
void wp__actor_gone(wp_supervision *s, uint32_t actor) {
  wp_actor *a = &s->actors[actor];
  wp_actor_group *g = &s->groups[a->group];
  if (wp__actor_is_up(a)) mark_dead(s, actor, WP_ACTOR_EXITED, 0);
  a->phase = WP_ACTOR_HELD;
  g->held++;
  g->dying--;
  g->look = true;
  s->counts.dying--;
  wp__supervision_emit(s, WP_SUPERVISION_FREE_BOXES, actor);
  wp__supervision_emit(s, WP_SUPERVISION_DROP_MAILBOX, actor);
  kill_linked(s, actor);
  kill_children(s, actor);
  tell_watchers(s, actor);
  wp__supervision_emit(s, WP_SUPERVISION_DROP_WRITES, actor);
  if (a->final)
    end(s, actor, a->reason);
  else
    wp__group_decide(s, actor);
}
