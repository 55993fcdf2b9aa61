/* Workers that are replaced, or whose seat was closed: they finish what they run, and end. */
#include "fleet_state.h"
#include "scheduler.h"
#include "worker.h"

/* A worker that is leaving is checked after each end of a task, and also at growing intervals between these. */
static const double look_least_ms = 1, look_most_ms = 1000;

static wp_thread *record_of(const wp_fleet *fleet, uint32_t thread) {
  return &fleet->pool->threads[thread];
}

static bool is_closed(const wp_fleet *fleet, const wp_member *m) {
  return fleet->seats[m->seat - 1].closed;
}

/* ---- Which workers leave ---- */

void wp__fleet_ask_to_leave(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (m->phase >= WP_PHASE_STOPPING) return;
  m->asked = true;
}

/* Reads whether the worker asks to be replaced. It sets the word before the end of the task that main hears of. */
static void hear(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (!m->kept && wp_atomic_load_acquire_u32(&record_of(fleet, thread)->wants_leave)) /* pool.c */
    m->asked = true;
}

static bool needs_successor(const wp_fleet *fleet, const wp_member *m) {
  return m->phase == WP_PHASE_LIVE && m->asked && !is_closed(fleet, m);
}

/* One successor at a time for the workers that still wait for one; those of workers that are leaving come on top, so that a worker which
 * does not come to an end does not hold up the others. */
uint32_t wp__fleet_successors(const wp_fleet *fleet) {
  uint32_t leaving = 0, asked = 0;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    const wp_member *m = &fleet->members[i];
    if (!needs_successor(fleet, m)) continue;
    if (m->leaving)
      leaving++;
    else
      asked = 1;
  }
  return leaving + asked;
}

bool wp__fleet_keep_one(wp_fleet *fleet) {
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    wp_member *m = &fleet->members[i];
    if (!needs_successor(fleet, m) || m->leaving) continue;
    m->asked = false;
    m->kept = true;
    return true;
  }
  return false;
}

/* ---- The handshake ---- */

static void look_again(wp_fleet *fleet, const wp_member *m) {
  double part_ms = (fleet->real_ms - m->left_ms) / 8;
  if (part_ms < look_least_ms) part_ms = look_least_ms;
  if (part_ms > look_most_ms) part_ms = look_most_ms;
  wp__fleet_earliest(&fleet->next.real_ms, fleet->real_ms + part_ms);
}

/* Suspicions may doom the thread as well; it is pardoned when the last reason is gone. */
static void doom(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (m->held) return;
  m->held = true;
  m->ladder.doomers++;
  wp_gate_doom(record_of(fleet, thread));
}

static void pardon(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (!m->held) return;
  m->held = false;
  if (--m->ladder.doomers == 0) wp_gate_pardon(record_of(fleet, thread));
}

/* Whether the worker has nothing left to do. Exact while it is doomed and outside the gate. */
static bool has_nothing(wp_fleet *fleet, uint32_t thread) {
  const wp_member *m = &fleet->members[thread];
  if (wp_atomic_load_seq_u32(&record_of(fleet, thread)->running)) return false;
  bool waits = false;
  return m->rests || (!wp_sched_seat_waits(fleet->pool, m->seat - 1, &waits) && !waits);
}

/* LEFT: the worker ends without a loss. */
static void end(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  wp_seat *s = &fleet->seats[m->seat - 1];
  /* No pardon: a pardoned worker could enter the gate once more before its end. */
  m->held = false;
  m->ladder.doomers--;
  fleet->counts.left++;
  wp__fleet_emit(fleet, WP_FLEET_LEFT, thread);
  wp__fleet_end(fleet, thread, true);
  s->not_before_ms = 0;
}

static void begin(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  m->leaving = true;
  m->left_ms = fleet->real_ms;
  wp_worker_leave(fleet->pool, thread, WP_LEAVING_SEAT);
}

/* The host lets the worker clean up. That may need the gate, so the worker is pardoned, but it takes no task any more. */
static void begin_rest(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  m->rests = true;
  wp_worker_leave(fleet->pool, thread, WP_LEAVING_REST);
  pardon(fleet, thread);
  wp__fleet_emit(fleet, WP_FLEET_RESTING, thread);
}

/* STAND DOWN: a worker that seems to have nothing left to do is doomed, and checked again once it is outside the gate. */
static void stand_down(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (m->rests && !m->rested) return; /* wait for the host to report RESTED */
  if (has_nothing(fleet, thread)) {
    doom(fleet, thread);
    if (!wp_gate_inside(record_of(fleet, thread)) && has_nothing(fleet, thread)) {
      if (fleet->config.farewells && !m->rests)
        begin_rest(fleet, thread);
      else
        end(fleet, thread);
      return;
    }
    if (wp_gate_inside(record_of(fleet, thread))) {
      look_again(fleet, m);
      return;
    }
  }
  pardon(fleet, thread);
  look_again(fleet, m);
}

void wp__fleet_rested(wp_fleet *fleet, uint32_t thread) {
  if (fleet->members[thread].rests) fleet->members[thread].rested = true;
}

void wp__fleet_stay(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (m->phase != WP_PHASE_LIVE || !m->leaving || m->rests) return;
  m->leaving = false;
  pardon(fleet, thread);
  wp_worker_leave(fleet->pool, thread, WP_LEAVING_NOT);
}

/* ---- Steps ---- */

/* Number of seats that take a warm spare at the end of this step (wp__fleet_serve). */
static uint32_t count_vacant(const wp_fleet *fleet) {
  uint32_t count = 0;
  for (uint32_t place = 0; place < fleet->seats_end; place++) {
    const wp_seat *s = &fleet->seats[place];
    count += !s->holder && !s->log.spent && (!s->closed || s->drains);
  }
  return count;
}

void wp__fleet_let_leave(wp_fleet *fleet) {
  uint32_t warm = 0, reserved = count_vacant(fleet);
  fleet->leavers = wp_atomic_load_acquire_u32(&fleet->pool->leavers); /* before the records */
  if (fleet->state != WP_STATE_OPEN) return;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    const wp_member *m = &fleet->members[i];
    warm += m->phase == WP_PHASE_WARM;
    if (m->phase == WP_PHASE_LIVE) hear(fleet, i);
    reserved += needs_successor(fleet, m) && m->leaving;
  }
  fleet->leaving_count = 0;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    const wp_member *m = &fleet->members[i];
    if (m->phase != WP_PHASE_LIVE) continue;
    bool may_go = needs_successor(fleet, m) && warm > reserved;
    if (!m->leaving && (is_closed(fleet, m) || may_go)) {
      reserved += may_go;
      begin(fleet, i);
    }
    if (m->leaving) stand_down(fleet, i);
    fleet->leaving_count += m->phase == WP_PHASE_LIVE && m->leaving;
  }
}

bool wp__fleet_drains(wp_fleet *fleet, uint32_t place) {
  wp_seat *s = &fleet->seats[place];
  bool waits = false;
  if (!s->drains) return false;
  if (wp_sched_seat_waits(fleet->pool, place, &waits)) {
    wp__fleet_earliest(&fleet->next.real_ms, fleet->real_ms + look_least_ms);
    return false; /* the lock is taken */
  }
  s->drains = waits;
  return waits;
}
