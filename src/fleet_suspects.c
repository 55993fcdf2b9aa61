#include "fleet_state.h"
#include "fork.h"
#include "ladder.h"

static void tell_over(wp_fleet *fleet, wp_suspicion *suspicion, uint32_t rung) {
  wp_fleet_action *action = wp__fleet_emit(fleet, WP_FLEET_OVER, suspicion->thread);
  action->suspect = suspicion->kind;
  action->task = suspicion->task;
  action->rung = rung;
  action->ms = fleet->real_ms - suspicion->began_ms;
  suspicion->kind = WP_SUSPECT_NONE;
}

static bool is_same(wp_handle a, wp_handle b) {
  return a.index == b.index && a.generation == b.generation;
}

static bool is_suspected(const wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task) {
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    const wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind == kind && s->thread == thread &&
        (kind != WP_SUSPECT_TASK || is_same(s->task, task)))
      return true;
  }
  return false;
}

static wp_suspicion *find_room(wp_fleet *fleet) {
  for (uint32_t i = 0; i < fleet->suspicion_end; i++)
    if (fleet->suspicions[i].kind == WP_SUSPECT_NONE) return &fleet->suspicions[i];
  if (fleet->suspicion_end == fleet->suspicion_capacity) return NULL;
  return &fleet->suspicions[fleet->suspicion_end++];
}

/* If two suspicions are about one task, only the one of kind TASK reports its end. */
static void name_once(wp_fleet *fleet, wp_suspicion *suspicion) {
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind == WP_SUSPECT_NONE || s->kind == suspicion->kind ||
        s->thread != suspicion->thread || !is_same(s->task, suspicion->task))
      continue;
    if (s->kind == WP_SUSPECT_TASK) suspicion->named = 1;
    if (suspicion->kind == WP_SUSPECT_TASK) s->named = 1;
  }
}

/* The thread is being ended: convicts a suspicion whose task still runs there, and so ends with the thread. */
static void convict_one(const wp_fleet *fleet, wp_suspicion *suspicion) {
  if (!suspicion->named && wp_suspicion_runs(suspicion, fleet->pool))
    suspicion->phase = WP_SUSPICION_CONVICTED;
}

/* If there is no room, the suspicion is reported as over at once, so that its caller does not wait for ever. */
static wp_suspicion *begin(wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task,
                           double grace_ms, uint32_t beat) {
  wp_suspicion none, *room = find_room(fleet), *suspicion = room ? room : &none;
  wp_suspicion_begin(suspicion, fleet->pool, kind, thread, task, grace_ms, fleet->real_ms);
  suspicion->beat = beat;
  fleet->counts.suspicions++;
  if (!room)
    tell_over(fleet, suspicion, WP_RUNG_NONE);
  else if (task.index != WP_NONE)
    name_once(fleet, suspicion);
  if (fleet->members[thread].killed) convict_one(fleet, suspicion);
  return room;
}

/* FAMILY: threads that run parts of a suspect's task must end them as well, for they use its memory. A helper that looked at the task
 * before it was given up, and began after this look, is found at the next one: the suspect's record lasts until all have ended. */
static void suspect_helpers(wp_fleet *fleet, uint32_t root, double grace_ms) {
  const wp_pool *pool = fleet->pool;
  bool ended = fleet->members[root].phase >= WP_PHASE_STOPPING;
  for (uint32_t thread = 1; thread < wp_pool_threads_end(pool); thread++) {
    for (uint32_t place = 0; place < pool->config.concurrency; place++) {
      wp_handle helper;
      if (thread == root || fleet->members[thread].phase == WP_PHASE_EMPTY ||
          !wp_fork_give_up(fleet->pool, root, ended, thread, place, &helper) ||
          is_suspected(fleet, WP_SUSPECT_TASK, thread, helper))
        continue;
      wp_suspicion *suspicion = begin(fleet, WP_SUSPECT_TASK, thread, helper, grace_ms, 0);
      if (suspicion) suspicion->named = 1; /* no caller knows it */
    }
  }
}

/* A silent thread: each task that it runs must end; if it runs none, the thread as a whole is suspected. */
static void begin_silent(wp_fleet *fleet, uint32_t thread, uint32_t beat) {
  uint32_t found = 0;
  for (uint32_t place = 0; place < fleet->pool->config.concurrency; place++) {
    uint32_t index =
        wp_atomic_load_acquire_u32(&fleet->pool->threads[thread].slots[place]); /* wp_sched_take */
    if (!index) continue;
    uint64_t word = wp_atomic_load_acquire_u64(&wp_slot_at(&fleet->pool->slots, index - 1)->word);
    wp_handle task = {index - 1, wp_word_generation(word)};
    begin(fleet, WP_SUSPECT_SILENT, thread, task, -1, beat);
    found++;
  }
  if (!found) begin(fleet, WP_SUSPECT_SILENT, thread, (wp_handle){WP_NONE, 0}, -1, beat);
  fleet->counts.interventions++;
}

void wp__fleet_suspect(wp_fleet *fleet, uint32_t kind, uint32_t thread, wp_handle task,
                       double grace_ms) {
  if (fleet->members[thread].phase == WP_PHASE_EMPTY || is_suspected(fleet, kind, thread, task))
    return;
  if (kind == WP_SUSPECT_SILENT)
    begin_silent(fleet, thread, task.generation);
  else if (kind == WP_SUSPECT_TASK)
    begin(fleet, kind, thread, task, grace_ms, 0);
  else
    begin(fleet, kind, thread, (wp_handle){WP_NONE, 0}, grace_ms, 0);
}

/* All suspicions of a thread that is going to be ended, and whose record does not change any more. */
static void convict_all(wp_fleet *fleet, uint32_t thread) {
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind != WP_SUSPECT_NONE && s->thread == thread) convict_one(fleet, s);
  }
}

/* KILL: ends the thread of a suspicion. */
static void convict(wp_fleet *fleet, const wp_suspicion *suspicion, bool trusted) {
  uint32_t thread = suspicion->thread, place = fleet->members[thread].seat;
  convict_all(fleet, thread);
  fleet->counts.kills++;
  wp__fleet_emit(fleet, WP_FLEET_DOWN, thread)->reason = WP_FLEET_KILLED;
  wp__fleet_end(fleet, thread, trusted);
  fleet->members[thread].killed = true;
  if (place)
    fleet->seats[place - 1].not_before_ms = 0; /* a kill is no failure of the seat: no back-off */
}

void wp__fleet_climb(wp_fleet *fleet) {
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++)
    if (fleet->members[i].phase >= WP_PHASE_STOPPING && wp_fork_is_busy(fleet->pool, i))
      suspect_helpers(fleet, i, -1);
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    wp_member *m = &fleet->members[s->thread];
    if (s->kind != WP_SUSPECT_NONE && !s->named) suspect_helpers(fleet, s->thread, s->grace_ms);
    if (s->kind == WP_SUSPECT_NONE || m->phase >= WP_PHASE_STOPPING)
      continue; /* it ends when the thread is reaped */
    double again_ms = 0;
    switch (wp_ladder_climb(&fleet->config.ladder, fleet->pool, &m->ladder, s, fleet->real_ms,
                            &again_ms)) {
    case WP_VERDICT_OPEN:
      wp__fleet_earliest(&fleet->next.real_ms, again_ms);
      if (s->measure) wp__fleet_emit(fleet, WP_FLEET_MEASURE, s->thread);
      s->measure = 0;
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
  while (fleet->suspicion_end &&
         fleet->suspicions[fleet->suspicion_end - 1].kind == WP_SUSPECT_NONE)
    fleet->suspicion_end--;
}

void wp__fleet_measured(wp_fleet *fleet, uint32_t thread, double ran_ms) {
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind != WP_SUSPECT_NONE && s->thread == thread)
      wp_suspicion_measured(s, ran_ms, fleet->real_ms);
  }
}

void wp__fleet_drop_suspicions(wp_fleet *fleet, uint32_t thread) {
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind != WP_SUSPECT_NONE && s->thread == thread)
      tell_over(fleet, s, s->phase == WP_SUSPICION_CONVICTED ? WP_RUNG_THREAD : WP_RUNG_NONE);
  }
}
