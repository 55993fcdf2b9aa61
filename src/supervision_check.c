/* The invariants of supervision, for tests. */
#include "supervision_state.h"

/* The lists that an actor's relations are in, both halves of each. Returns their number, or WP_NONE. */
static uint32_t count_relations(const wp_supervision *s, uint32_t actor) {
  uint32_t found = 0, prev = 0;
  for (uint32_t half = s->actors[actor].relations; half; half = s->relations[half].next) {
    const wp_relation *r = &s->relations[half], *other = &s->relations[half ^ 1];
    bool pair = (r->kind == WP_RELATION_LINK && other->kind == WP_RELATION_LINK) ||
                (r->kind == WP_RELATION_WATCHES && other->kind == WP_RELATION_WATCHED) ||
                (r->kind == WP_RELATION_WATCHED && other->kind == WP_RELATION_WATCHES);
    if (!pair || r->actor != actor || r->prev != prev || other->actor == actor) return WP_NONE;
    if (other->actor && s->actors[other->actor].phase == WP_ACTOR_FREE) return WP_NONE;
    if (!actor && r->kind != WP_RELATION_WATCHES) return WP_NONE;
    prev = half;
    found++;
  }
  return s->actors[actor].relations_last == prev ? found : WP_NONE;
}

static bool tree_is_sound(const wp_supervision *s, uint32_t actor) {
  const wp_actor *a = &s->actors[actor];
  uint32_t found = 0, younger = 0;
  for (uint32_t child = a->children; child; child = s->actors[child].older) {
    const wp_actor *c = &s->actors[child];
    if (c->phase == WP_ACTOR_FREE || c->parent != actor || c->younger != younger) return false;
    /* Children die with their parent. */
    if (!wp__actor_is_up(a) && a->phase != WP_ACTOR_DYING && wp__actor_stays(c)) return false;
    younger = child;
    found++;
  }
  return found == a->child_count;
}

/* Whether the next step would start it, or can know when. */
static bool held_is_sound(const wp_supervision *s, const wp_actor *a, const wp_actor_group *g) {
  bool blocked = g->strategy != WP_ONE_FOR_ONE && g->dying;
  for (uint32_t half = a->relations; half; half = s->relations[half].next) {
    if (s->relations[half].kind == WP_RELATION_LINK)
      blocked |= s->actors[wp__kin_other(s, half)].phase == WP_ACTOR_DYING;
  }
  double due_ms = g->strategy == WP_ONE_FOR_ONE ? a->due_ms : g->due_ms;
  return !a->final && (blocked || (due_ms > s->now_ms && g->next_ms > 0 && g->next_ms <= due_ms));
}

static bool group_is_sound(const wp_supervision *s, uint32_t group) {
  const wp_actor_group *g = &s->groups[group];
  uint32_t members = 0, dying = 0, held = 0, prev = 0;
  for (uint32_t member = g->first; member; member = s->actors[member].next) {
    const wp_actor *a = &s->actors[member];
    if (a->group != group || a->prev != prev || a->phase == WP_ACTOR_FREE) return false;
    dying += a->phase == WP_ACTOR_DYING;
    held += a->phase == WP_ACTOR_HELD;
    if (a->phase == WP_ACTOR_HELD && !held_is_sound(s, a, g)) return false;
    prev = member;
    members++;
  }
  return g->last == prev && g->members == members && g->dying == dying && g->held == held &&
         (g->used || !members);
}

wp_status wp_supervision_check(const wp_supervision *s) {
  uint32_t used = 0, active = 0, dying = 0, members = 0, groups = 0, halves = 0;
  for (uint32_t i = 0; i < s->actors_end; i++) {
    const wp_actor *a = &s->actors[i];
    uint32_t found = count_relations(s, i);
    if (found == WP_NONE || (i && !tree_is_sound(s, i))) return WP_E_BROKEN_INVARIANT;
    halves += found;
    if (a->phase == WP_ACTOR_FREE) {
      if (i && (found || a->children)) return WP_E_BROKEN_INVARIANT;
      continue;
    }
    used++;
    active += !a->final;
    dying += a->phase == WP_ACTOR_DYING;
    if (a->final && a->phase != WP_ACTOR_DYING) return WP_E_BROKEN_INVARIANT;
  }
  for (uint32_t i = 0; i < s->groups_end; i++) {
    if (!group_is_sound(s, i)) return WP_E_BROKEN_INVARIANT;
    members += s->groups[i].members;
    groups += s->groups[i].used;
  }
  bool sound = used == s->used && members == used && active == s->counts.active &&
               dying == s->counts.dying && groups == s->counts.groups &&
               halves == 2 * s->counts.relations && active <= s->config.actors_max &&
               (!s->closing || !active);
  return sound ? WP_OK : WP_E_BROKEN_INVARIANT;
}
