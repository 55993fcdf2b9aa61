#include "fleet_state.h"
#include "ladder.h"

static void tell_over(wp_fleet *fleet, wp_suspicion *suspicion, uint32_t rung) {
  wp_fleet_action *action = wp__fleet_emit(fleet, WP_FLEET_OVER, suspicion->thread);
  action->suspect = suspicion->kind;
  action->task = suspicion->task;
  action->rung = rung;
  action->ms = fleet->real_ms - suspicion->began_ms;
  suspicion->kind = WP_SUSPECT_NONE;
}

/* One suspicion for each thread and cause. */
static wp_suspicion *find_room(wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task) {
  wp_suspicion *room = NULL;
  for (uint32_t i = 0; i < fleet->suspicion_capacity; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind == WP_SUSPECT_NONE && !room) room = s;
    if (s->kind != kind || s->thread != thread) continue;
    if (kind != WP_SUSPECT_TASK ||
        (s->task.index == task.index && s->task.generation == task.generation))
      return NULL;
  }
  return room;
}

void wp__fleet_suspect(wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task,
                       double grace_ms) {
  if (fleet->members[thread].phase == WP_PHASE_EMPTY) return;
  wp_suspicion *room = find_room(fleet, kind, thread, task);
  if (!room) return;
  wp_suspicion_begin(room, fleet->pool, kind, thread, task, grace_ms, fleet->real_ms);
  fleet->counts.suspicions++;
  fleet->counts.interventions += kind == WP_SUSPECT_SILENT;
}

/* KILL: a thread, wherever it is. */
static void convict(wp_fleet *fleet, wp_suspicion *suspicion, bool trusted) {
  uint32_t thread = suspicion->thread, place = fleet->members[thread].seat;
  suspicion->phase = WP_SUSPICION_CONVICTED;
  fleet->counts.kills++;
  wp__fleet_emit(fleet, WP_FLEET_DOWN, thread)->reason = WP_FLEET_KILLED;
  wp__fleet_end(fleet, thread, trusted);
  if (place)
    fleet->seats[place - 1].not_before_ms = 0; /* no failure of its own: it is served at once */
}

void wp__fleet_climb(wp_fleet *fleet) {
  for (uint32_t i = 0; i < fleet->suspicion_capacity; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    wp_member *m = &fleet->members[s->thread];
    if (s->kind == WP_SUSPECT_NONE || m->phase >= WP_PHASE_STOPPING)
      continue; /* over when the thread is reaped */
    double again_ms = 0;
    switch (wp_ladder_climb(&fleet->config.ladder, fleet->pool, &m->ladder, s, fleet->real_ms,
                            &again_ms)) {
    case WP_VERDICT_OPEN:
      wp__fleet_earliest(&fleet->next.real_ms, again_ms);
      break;
    case WP_VERDICT_SPARED:
      tell_over(fleet, s, wp_suspicion_rung(s, fleet->pool));
      break;
    case WP_VERDICT_GUILTY:
      convict(fleet, s, true);
      break;
    case WP_VERDICT_BROKEN:
      convict(fleet, s, false);
      break;
    }
  }
}

void wp__fleet_drop_suspicions(wp_fleet *fleet, uint32_t thread) {
  for (uint32_t i = 0; i < fleet->suspicion_capacity; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind != WP_SUSPECT_NONE && s->thread == thread)
      tell_over(fleet, s, s->phase == WP_SUSPICION_CONVICTED ? WP_RUNG_THREAD : WP_RUNG_NONE);
  }
}
