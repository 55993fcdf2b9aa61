/* Links and monitors, and the tree of parents and children. */
#include "supervision_state.h"

/* ---- Relations ---- */

/* The first half of an unused pair; 0: there is none. */
static uint32_t take_pair(wp_supervision *s) {
  uint32_t half = s->free_relations;
  if (half) {
    s->free_relations = s->relations[half].next;
  } else {
    if (s->relations_end > s->config.relations_max) return 0;
    half = 2 * s->relations_end++;
  }
  s->counts.relations++;
  return half;
}

static void append(wp_supervision *s, uint32_t half, uint32_t actor, uint32_t kind) {
  wp_actor *a = &s->actors[actor];
  uint32_t last = a->relations_last;
  s->relations[half] = (wp_relation){.actor = actor, .prev = last, .kind = kind};
  *(last ? &s->relations[last].next : &a->relations) = half;
  a->relations_last = half;
}

static void take_out(wp_supervision *s, uint32_t half) {
  const wp_relation *r = &s->relations[half];
  wp_actor *a = &s->actors[r->actor];
  *(r->prev ? &s->relations[r->prev].next : &a->relations) = r->next;
  *(r->next ? &s->relations[r->next].prev : &a->relations_last) = r->prev;
}

static void drop_pair(wp_supervision *s, uint32_t half) {
  half &= ~UINT32_C(1);
  take_out(s, half);
  take_out(s, half + 1);
  s->relations[half] = (wp_relation){.next = s->free_relations};
  s->relations[half + 1] = (wp_relation){0};
  s->free_relations = half;
  s->counts.relations--;
}

static uint32_t opposite(uint32_t kind) {
  return kind == WP_RELATION_WATCHES ? WP_RELATION_WATCHED : kind;
}

/* The half of `a` that relates it to `b`; 0: there is none. Walks both lists at once, so it costs the shorter one. */
static uint32_t find_half(const wp_supervision *s, uint32_t a, uint32_t b, uint32_t kind) {
  uint32_t i = s->actors[a].relations, j = s->actors[b].relations;
  for (; i && j; i = s->relations[i].next, j = s->relations[j].next) {
    if (s->relations[i].kind == kind && wp__kin_other(s, i) == b) return i;
    if (s->relations[j].kind == opposite(kind) && wp__kin_other(s, j) == a) return j ^ 1;
  }
  return 0;
}

static wp_status relate(wp_supervision *s, uint32_t a, uint32_t b, uint32_t kind) {
  if (a == b || find_half(s, a, b, kind)) return WP_OK;
  uint32_t half = take_pair(s);
  if (!half) return WP_E_TABLE_FULL;
  append(s, half, a, kind);
  append(s, half + 1, b, opposite(kind));
  return WP_OK;
}

static void separate(wp_supervision *s, uint32_t a, uint32_t b, uint32_t kind) {
  uint32_t half = find_half(s, a, b, kind);
  if (half) drop_pair(s, half);
}

wp_status wp__kin_link(wp_supervision *s, uint32_t a, uint32_t b) {
  return relate(s, a, b, WP_RELATION_LINK);
}

wp_status wp__kin_watch(wp_supervision *s, uint32_t watcher, uint32_t watched) {
  return relate(s, watcher, watched, WP_RELATION_WATCHES);
}

void wp__kin_unlink(wp_supervision *s, uint32_t a, uint32_t b) {
  separate(s, a, b, WP_RELATION_LINK);
}

void wp__kin_unwatch(wp_supervision *s, uint32_t watcher, uint32_t watched) {
  separate(s, watcher, watched, WP_RELATION_WATCHES);
}

bool wp__kin_linked(const wp_supervision *s, uint32_t a, uint32_t b) {
  return a != b && find_half(s, a, b, WP_RELATION_LINK);
}

void wp__kin_drop(wp_supervision *s, uint32_t actor) {
  while (s->actors[actor].relations) drop_pair(s, s->actors[actor].relations);
}

/* ---- The tree ---- */

void wp__kin_adopt(wp_supervision *s, uint32_t actor, uint32_t parent) {
  wp_actor *a = &s->actors[actor], *p = &s->actors[parent];
  a->parent = parent;
  a->older = p->children;
  if (p->children) s->actors[p->children].younger = actor;
  p->children = actor;
  p->child_count++;
}

void wp__kin_leave(wp_supervision *s, uint32_t actor) {
  wp_actor *a = &s->actors[actor];
  uint32_t next;
  for (uint32_t child = a->children; child; child = next) {
    next = s->actors[child].older;
    s->actors[child].parent = s->actors[child].older = s->actors[child].younger = 0;
  }
  a->children = a->child_count = 0;
  if (!a->parent) return;
  wp_actor *p = &s->actors[a->parent];
  *(a->younger ? &s->actors[a->younger].older : &p->children) = a->older;
  if (a->older) s->actors[a->older].younger = a->younger;
  p->child_count--;
  a->parent = a->older = a->younger = 0;
}
