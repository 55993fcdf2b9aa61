#include "fleet_state.h"
#include "fork.h"
#include "worker.h"

/* How often to look whether all parts of a dead thread's task have ended. */
static const double fork_look_ms = 0.2;

/* A random number in [0, 1). xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static double chance(wp_fleet *fleet) {
  uint64_t x = fleet->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  fleet->random = x;
  return (double)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 11) / 9007199254740992.0;
}

static bool any_dying(const wp_fleet *fleet) {
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++)
    if (fleet->members[i].phase >= WP_PHASE_STOPPING) return true;
  return false;
}

/* ---- Starts ---- */

static void take_seat(wp_fleet *fleet, uint32_t thread, uint32_t place) {
  wp_member *m = &fleet->members[thread];
  m->seat = place + 1;
  m->phase = WP_PHASE_SEATING;
  fleet->seats[place].holder = thread;
  wp__fleet_emit(fleet, WP_FLEET_SEATING, thread);
  wp__fleet_earliest(&fleet->next.real_ms, fleet->real_ms);
}

/* Starts a thread for a seat (`place`), or a spare (WP_NONE). False: no record is free. */
static bool start(wp_fleet *fleet, uint32_t place) {
  uint32_t thread = wp_worker_open(fleet->pool);
  fleet->starved = !thread;
  if (!thread) return false;
  wp_member *m = &fleet->members[thread];
  *m = (wp_member){.phase = WP_PHASE_STARTING,
                   .incarnation = wp_atomic_load_relaxed_u32(
                       &fleet->pool->threads[thread].incarnation), /* main's own */
                   .seat = place == WP_NONE ? 0 : place + 1,
                   .started_ms = fleet->pool_ms};
  if (place != WP_NONE) fleet->seats[place].holder = thread;
  if (fleet->config.ready_ms > 0)
    wp__fleet_earliest(&fleet->next.pool_ms, m->started_ms + fleet->config.ready_ms);
  fleet->counts.starts++;
  wp__fleet_emit(fleet, WP_FLEET_START, thread);
  return true;
}

static uint32_t warm_spare(const wp_fleet *fleet) {
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++)
    if (fleet->members[i].phase == WP_PHASE_WARM) return i;
  return 0;
}

/* PROMOTE: a spare takes the seat at once. The seat's back-off applies to the next spare instead. */
static bool promote(wp_fleet *fleet, uint32_t place) {
  uint32_t spare = warm_spare(fleet);
  if (!spare) return false;
  take_seat(fleet, spare, place);
  double wait_ms = fleet->seats[place].not_before_ms;
  if (wait_ms < fleet->pool_ms + fleet->config.spare_delay_ms)
    wait_ms = fleet->pool_ms + fleet->config.spare_delay_ms;
  if (fleet->spares.not_before_ms < wait_ms) fleet->spares.not_before_ms = wait_ms;
  fleet->seats[place].not_before_ms = 0;
  return true;
}

static bool is_due(wp_fleet *fleet, const wp_seat *s) {
  if (fleet->pool_ms >= s->not_before_ms) return true;
  wp__fleet_earliest(&fleet->next.pool_ms, s->not_before_ms);
  return false;
}

static void serve_seats(wp_fleet *fleet) {
  for (uint32_t place = 0; place < fleet->seats_end; place++) {
    wp_seat *s = &fleet->seats[place];
    if (s->holder || s->log.spent || (s->closed && !wp__fleet_drains(fleet, place)) ||
        promote(fleet, place))
      continue;
    if (!fleet->starved && is_due(fleet, s)) start(fleet, place);
  }
}

static uint32_t spare_count(const wp_fleet *fleet) {
  uint32_t spares = 0;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    const wp_member *m = &fleet->members[i];
    spares += (m->phase == WP_PHASE_STARTING || m->phase == WP_PHASE_WARM) && !m->seat;
  }
  return spares;
}

static uint32_t spares_due(const wp_fleet *fleet) {
  return fleet->spares_wanted + wp__fleet_successors(fleet);
}

static void serve_spares(wp_fleet *fleet) {
  uint32_t spares = spare_count(fleet), wanted = spares_due(fleet);
  for (; spares < wanted && !fleet->starved && is_due(fleet, &fleet->spares); spares++)
    if (!start(fleet, WP_NONE)) return;
}

static void check_opened(wp_fleet *fleet) {
  if (fleet->state != WP_STATE_OPENING) return;
  for (uint32_t place = 0; place < fleet->seats_end; place++) {
    uint32_t holder = fleet->seats[place].holder;
    if (fleet->seats[place].closed) continue;
    if (!holder || fleet->members[holder].phase != WP_PHASE_LIVE) return;
  }
  fleet->state = WP_STATE_OPEN;
  wp__fleet_emit(fleet, WP_FLEET_OPENED, WP_MAIN);
}

/* SEAT: the host has done what SEATING asked for. */
void wp__fleet_seat_members(wp_fleet *fleet) {
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    wp_member *m = &fleet->members[i];
    if (m->phase != WP_PHASE_SEATING) continue;
    m->phase = WP_PHASE_LIVE;
    wp_worker_seat(fleet->pool, i, m->seat - 1);
    wp__fleet_emit(fleet, WP_FLEET_UP, i);
  }
  check_opened(fleet);
}

void wp__fleet_started(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  if (m->phase != WP_PHASE_STARTING) return;
  m->phase = WP_PHASE_WARM;
  if (m->seat) take_seat(fleet, thread, m->seat - 1);
}

void wp__fleet_serve(wp_fleet *fleet) {
  serve_seats(fleet);
  serve_spares(fleet);
}

/* ---- Ends ---- */

static void order_stop(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  wp__fleet_emit(fleet, WP_FLEET_STOP, thread);
  /* Not every host can interrupt a loop. */
  wp_ladder_arm(&fleet->config.ladder, fleet->pool, &m->ladder, thread);
  m->stop_ms = fleet->real_ms + fleet->config.stop_again_ms;
}

/* TERMINATE */
void wp__fleet_end(wp_fleet *fleet, uint32_t thread, bool trusted) {
  wp_member *m = &fleet->members[thread];
  order_stop(fleet, thread);
  m->phase = WP_PHASE_STOPPING;
  m->trusted = trusted;
  if (m->seat && fleet->seats[m->seat - 1].holder == thread) fleet->seats[m->seat - 1].holder = 0;
  wp_worker_doom(fleet->pool, thread);
}

static void refuse(wp_fleet *fleet, uint32_t thread, uint32_t reason) {
  fleet->state = WP_STATE_REFUSED;
  wp__fleet_emit(fleet, WP_FLEET_REFUSED, thread)->reason = reason;
}

/* One spare at each step. It was started as the successor of a worker that was lost, or that stays. */
void wp__fleet_end_surplus(wp_fleet *fleet) {
  uint32_t spare = fleet->state == WP_STATE_OPEN ? warm_spare(fleet) : 0;
  if (!spare || spare_count(fleet) <= spares_due(fleet)) return;
  fleet->counts.left++;
  wp__fleet_emit(fleet, WP_FLEET_LEFT, spare);
  wp__fleet_end(fleet, spare, false);
}

/* Sets when a new thread may start, or gives the seat up if its budget of restarts is spent. */
static void replace(wp_fleet *fleet, uint32_t thread, uint32_t reason, bool clean) {
  uint32_t place = fleet->members[thread].seat;
  wp_seat *s = place ? &fleet->seats[place - 1] : &fleet->spares;
  bool was_spent = s->log.spent;
  double delay_ms =
      wp_restart_take(&fleet->config.restart, &s->log, fleet->pool_ms, clean, chance(fleet));
  if (delay_ms >= 0) {
    s->not_before_ms = fleet->pool_ms + delay_ms;
    return;
  }
  if (!place) {
    s->log.spent = false; /* give up one spare; the others keep a budget */
    if (!wp__fleet_keep_one(fleet) && fleet->spares_wanted) fleet->spares_wanted--;
    return;
  }
  fleet->counts.retired++;
  if (!was_spent) wp__fleet_give_up(fleet, place - 1);
  wp__fleet_emit(fleet, WP_FLEET_RETIRED, thread);
  if (fleet->state == WP_STATE_OPENING) refuse(fleet, thread, reason);
}

/* LOST */
void wp__fleet_lose(wp_fleet *fleet, uint32_t thread, uint32_t reason, bool clean) {
  wp_member *m = &fleet->members[thread];
  bool starting = m->phase == WP_PHASE_STARTING;
  if (m->phase == WP_PHASE_EMPTY || m->phase >= WP_PHASE_STOPPING) return;
  if (m->rests) { /* it had finished */
    fleet->counts.left++;
    wp__fleet_emit(fleet, WP_FLEET_LEFT, thread);
    wp__fleet_end(fleet, thread, false);
    return;
  }
  wp__fleet_end(fleet, thread, false);
  fleet->counts.losses++;
  if (starting && fleet->state == WP_STATE_REFUSED) return; /* REFUSED was emitted already */
  /* The opening does not fail because there is no memory for a spare. */
  if (starting && fleet->state == WP_STATE_OPENING && (m->seat || reason != WP_FLEET_NO_MEMORY)) {
    refuse(fleet, thread, reason);
    return;
  }
  wp__fleet_emit(fleet, WP_FLEET_DOWN, thread)->reason = reason;
  if (wp__fleet_is_running(fleet)) replace(fleet, thread, reason, clean);
}

/* No thread was made. If memory is short and a thread is dying, the start is tried again after that one is reaped. */
void wp__fleet_start_failed(wp_fleet *fleet, uint32_t thread, uint32_t reason) {
  wp_member *m = &fleet->members[thread];
  if (m->phase != WP_PHASE_STARTING) return;
  if (reason != WP_FLEET_NO_MEMORY || !any_dying(fleet)) {
    wp__fleet_lose(fleet, thread, reason, false);
    return;
  }
  if (m->seat) fleet->seats[m->seat - 1].holder = 0;
  wp_worker_close(fleet->pool, thread);
  wp__fleet_drop_suspicions(fleet, thread);
  wp__fleet_emit(fleet, WP_FLEET_REAPED, thread);
  *m = (wp_member){.phase = WP_PHASE_EMPTY};
  fleet->starved = true;
}

/* While the fleet closes, threads are not reaped: the pool's memory goes as a whole. */
static void forget(wp_fleet *fleet, uint32_t thread) {
  wp__fleet_drop_suspicions(fleet, thread);
  fleet->members[thread].phase = WP_PHASE_EMPTY;
}

void wp__fleet_close(wp_fleet *fleet) {
  if (fleet->state >= WP_STATE_CLOSING) return;
  fleet->state = WP_STATE_CLOSING;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    enum wp_fleet_phase phase = fleet->members[i].phase;
    if (phase == WP_PHASE_REAPING)
      forget(fleet, i); /* its death is confirmed already */
    else if (phase != WP_PHASE_EMPTY && phase != WP_PHASE_STOPPING)
      wp__fleet_end(fleet, i, false);
  }
}

void wp__fleet_gone(wp_fleet *fleet, uint32_t thread, bool clean) {
  wp__fleet_lose(fleet, thread, WP_FLEET_FAILED, clean); /* no effect if it was being ended */
  wp_member *m = &fleet->members[thread];
  if (m->phase != WP_PHASE_STOPPING) return;
  if (fleet->state == WP_STATE_CLOSING)
    forget(fleet, thread);
  else
    m->phase = WP_PHASE_REAPING;
}

void wp__fleet_look_for_late_starts(wp_fleet *fleet) {
  if (fleet->config.ready_ms <= 0) return;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    const wp_member *m = &fleet->members[i];
    if (m->phase != WP_PHASE_STARTING) continue;
    double end_ms = m->started_ms + fleet->config.ready_ms;
    if (fleet->pool_ms >= end_ms)
      wp__fleet_lose(fleet, i, WP_FLEET_NOT_READY, false);
    else
      wp__fleet_earliest(&fleet->next.pool_ms, end_ms);
  }
}

static void reap(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  wp_fork_died(fleet->pool, thread);
  if (wp_fork_is_busy(fleet->pool, thread)) { /* its memory is in use by parts of its task */
    wp__fleet_earliest(&fleet->next.real_ms, fleet->real_ms + fork_look_ms);
    return;
  }
  wp_ladder_disarm(fleet->pool, &m->ladder, thread);
  if (wp_worker_reap(fleet->pool, thread, m->trusted)) {
    wp__fleet_earliest(&fleet->next.real_ms, fleet->real_ms); /* the lock will be free very soon */
    return;
  }
  fleet->counts.reaped++;
  fleet->starved = false;
  /* Tasks of this seat may have been requeued, even if the seat is closed. */
  if (m->seat) fleet->seats[m->seat - 1].drains = fleet->seats[m->seat - 1].closed;
  wp__fleet_drop_suspicions(fleet, thread);
  wp__fleet_emit(fleet, WP_FLEET_REAPED, thread);
  *m = (wp_member){.phase = WP_PHASE_EMPTY};
}

void wp__fleet_end_members(wp_fleet *fleet) {
  bool all = true;
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    wp_member *m = &fleet->members[i];
    if (m->phase == WP_PHASE_STOPPING && fleet->config.stop_again_ms > 0) {
      if (fleet->real_ms >= m->stop_ms) order_stop(fleet, i);
      wp__fleet_earliest(&fleet->next.real_ms, m->stop_ms);
    }
    if (m->phase == WP_PHASE_REAPING) reap(fleet, i);
    all = all && m->phase == WP_PHASE_EMPTY;
  }
  if (!all || fleet->state != WP_STATE_CLOSING) return;
  fleet->state = WP_STATE_CLOSED;
  wp__fleet_emit(fleet, WP_FLEET_CLOSED, WP_MAIN);
}
