/* How many seats are served: the range, growth while tasks wait, shrinking when workers have been idle for long. */
#include "fleet_state.h"
#include "idle.h"
#include "lock.h"
#include "scheduler.h"
#include "worker.h"

/* How often a pool that may grow checks whether tasks still wait. Long enough for a worker that was just woken to take its task. */
static const double grow_look_ms = 2;

static uint32_t open_count(const wp_fleet *fleet) {
  return fleet->pool->seat_count - fleet->closed_count;
}

/* No points: main only. */
static void set_served(wp_fleet *fleet, uint32_t served) {
  fleet->served_count = served;
  wp_atomic_store_relaxed_u32(&fleet->pool->seats_open, served); /* others': a hint */
}

static void set_range(wp_fleet *fleet, uint32_t least, uint32_t most) {
  uint32_t seats = fleet->pool->seat_count;
  if (most < 1) most = 1;
  fleet->most = most < seats ? most : seats;
  fleet->least = least < 1 ? 1 : least;
  if (fleet->least > fleet->most) fleet->least = fleet->most;
}

void wp__fleet_open_seats(wp_fleet *fleet, uint32_t least, uint32_t most) {
  uint32_t seats = fleet->pool->seat_count;
  set_range(fleet, least, most);
  for (uint32_t place = fleet->least; place < seats; place++) fleet->seats[place].closed = true;
  fleet->seats_end = fleet->least;
  fleet->closed_count = seats - fleet->least;
  set_served(fleet, fleet->least);
}

void wp__fleet_give_up(wp_fleet *fleet, uint32_t place) {
  if (!fleet->seats[place].closed) set_served(fleet, fleet->served_count - 1);
}

/* No points: main only. */
static void set_closed(wp_fleet *fleet, uint32_t place, bool closed) {
  wp_seat *s = &fleet->seats[place];
  uint32_t change = closed ? 1U : (uint32_t)-1;
  s->closed = closed;
  s->drains = closed;
  fleet->closed_count += change;
  if (!s->log.spent) set_served(fleet, fleet->served_count - change);
  if (place >= fleet->seats_end) fleet->seats_end = place + 1;
  if (!closed && s->holder) wp__fleet_stay(fleet, s->holder);
}

static bool is_live(const wp_fleet *fleet, uint32_t thread) {
  return thread && fleet->members[thread].phase == WP_PHASE_LIVE;
}

static bool runs_nothing(const wp_fleet *fleet, uint32_t thread) {
  return !wp_atomic_load_acquire_u32(&fleet->pool->threads[thread].running);
}

enum { COST_MOST = 3 };

/* The cost of closing a seat, for comparison: 0 if no thread was started for it, most if its worker runs something. */
static uint32_t cost_of_closing(const wp_fleet *fleet, const wp_seat *s) {
  if (!s->holder) return 0;
  if (!is_live(fleet, s->holder)) return 1;
  return runs_nothing(fleet, s->holder) ? 2 : COST_MOST;
}

/* Closes seats until `most` are served, the cheapest first and of equals the last. */
static void close_seats(wp_fleet *fleet, uint32_t most) {
  for (uint32_t cost = 0; cost <= COST_MOST; cost++) {
    for (uint32_t place = fleet->seats_end; place-- && fleet->served_count > most;) {
      const wp_seat *s = &fleet->seats[place];
      if (!s->closed && cost_of_closing(fleet, s) <= cost) set_closed(fleet, place, true);
    }
  }
}

/* Opens a closed seat, if possible one whose worker is still there. False: there is none. */
static bool open_one(wp_fleet *fleet) {
  uint32_t best = WP_NONE;
  for (uint32_t place = fleet->seats_end; place--;) {
    const wp_seat *s = &fleet->seats[place];
    if (!s->closed || s->log.spent) continue;
    if (best == WP_NONE || s->holder || !fleet->seats[best].holder) best = place;
  }
  if (best == WP_NONE && fleet->seats_end < fleet->pool->seat_count) best = fleet->seats_end;
  if (best != WP_NONE) set_closed(fleet, best, false);
  return best != WP_NONE;
}

/* ---- The range ---- */

/* Closes the seats that were given up and gives them a new budget: whoever asks for a number of workers wants that many that work. */
static void renew_seats(wp_fleet *fleet) {
  for (uint32_t place = 0; place < fleet->seats_end; place++) {
    wp_seat *s = &fleet->seats[place];
    if (!s->log.spent) continue;
    if (!s->closed)
      set_closed(fleet, place,
                 true); /* before the renewal: a spent seat is not counted as served */
    wp_restart_renew(&s->log);
  }
}

void wp__fleet_resize(wp_fleet *fleet, uint32_t least, uint32_t most) {
  set_range(fleet, least, most);
  fleet->resizing = true;
  renew_seats(fleet);
  while (open_count(fleet) < fleet->least && open_one(fleet)) continue;
  close_seats(fleet, fleet->most);
}

/* Whether every open seat is served, and no thread is left on a closed one. */
static bool has_its_size(const wp_fleet *fleet) {
  for (uint32_t i = 1; i < wp_pool_threads_end(fleet->pool); i++) {
    const wp_member *m = &fleet->members[i];
    if (m->phase != WP_PHASE_EMPTY && m->seat && fleet->seats[m->seat - 1].closed) return false;
  }
  for (uint32_t place = 0; place < fleet->seats_end; place++) {
    const wp_seat *s = &fleet->seats[place];
    if (!s->closed && !s->log.spent && !is_live(fleet, s->holder)) return false;
  }
  return true;
}

/* ---- Growth ---- */

/* Whether every open seat has a worker, and none of these is free. */
static bool all_are_busy(const wp_fleet *fleet) {
  uint32_t workers = 0;
  for (uint32_t place = 0; place < fleet->seats_end; place++) {
    const wp_seat *s = &fleet->seats[place];
    if (s->closed || s->log.spent) continue;
    if (!is_live(fleet, s->holder)) return false; /* a worker is starting already */
    if (runs_nothing(fleet, s->holder) && !fleet->members[s->holder].leaving) return false;
    workers++;
  }
  return workers > 0;
}

static bool may_grow(const wp_fleet *fleet) {
  return fleet->state == WP_STATE_OPEN && open_count(fleet) < fleet->most &&
         !wp_atomic_load_acquire_u32(&fleet->pool->paused);
}

/* A worker that moves tasks from the inbox to the lanes has taken them out of the one before it counts them in the other. So a lock that is
 * held may hide some, and counts as if it did; a later look finds out. In this order (all seq): an inbox that was emptied was emptied under
 * the lock, and a lock that is free again was released after the tasks were counted. */
static bool tasks_may_wait(const wp_pool *pool) {
  return wp_atomic_load_seq_u32(&pool->inbox) || wp_atomic_load_seq_u32(&pool->lock) ||
         wp_pool_ready(pool);
}

/* GROW: opens a seat if tasks have waited since the previous look and no worker is free now. By then a worker that was just woken has
 * taken its task. If tasks are so short that some worker is between two of them at the look, the pool needs no further worker. */
static void grow(wp_fleet *fleet) {
  wp_pool *pool = fleet->pool;
  bool waited = fleet->wait_ms > 0;
  if (!may_grow(fleet) || !tasks_may_wait(pool)) {
    fleet->wait_ms = 0;
    return;
  }
  if (!waited) fleet->wait_ms = fleet->real_ms + grow_look_ms;
  if (fleet->real_ms >= fleet->wait_ms) {
    wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX); /* sorts out tasks that are for one seat only */
    bool due = wp_pool_ready(pool) && all_are_busy(fleet) && open_one(fleet);
    fleet->wait_ms = due ? 0 : fleet->real_ms + grow_look_ms;
  }
  if (fleet->wait_ms > 0) wp__fleet_earliest(&fleet->next.real_ms, fleet->wait_ms);
}

/* ---- Shrinking ---- */

/* A worker that has finished no task since the previous look, and runs none, has been idle at least since then. */
static void note_idleness(wp_fleet *fleet, uint32_t thread) {
  wp_member *m = &fleet->members[thread];
  uint32_t finished =
      wp_atomic_load_relaxed_u32(&fleet->pool->threads[thread].finished); /* a gauge */
  if (m->finished == finished && m->idle_ms > 0 && runs_nothing(fleet, thread)) return;
  m->finished = finished;
  m->idle_ms = fleet->pool_ms;
}

/* SHRINK: closes seats whose workers have been idle for idle_ms, the last seat first. */
static void shrink(wp_fleet *fleet) {
  double idle_ms = fleet->config.idle_ms;
  if (fleet->state != WP_STATE_OPEN || idle_ms < 0) return;
  for (uint32_t place = fleet->seats_end; place-- && fleet->served_count > fleet->least;) {
    const wp_seat *s = &fleet->seats[place];
    if (s->closed || !is_live(fleet, s->holder)) continue;
    note_idleness(fleet, s->holder);
    double end_ms = fleet->members[s->holder].idle_ms + idle_ms;
    if (fleet->pool_ms >= end_ms && runs_nothing(fleet, s->holder)) {
      set_closed(fleet, place, true);
    } else {
      wp__fleet_earliest(&fleet->next.pool_ms, end_ms);
    }
  }
}

/* ---- Steps ---- */

void wp__fleet_fit(wp_fleet *fleet) {
  grow(fleet);
  shrink(fleet);
}

void wp__fleet_check_size(wp_fleet *fleet) {
  if (!fleet->resizing || fleet->state != WP_STATE_OPEN || !has_its_size(fleet)) return;
  fleet->resizing = false;
  wp__fleet_emit(fleet, WP_FLEET_RESIZED, WP_MAIN);
}

bool wp_fleet_due(const wp_fleet *fleet) {
  if (fleet->state != WP_STATE_OPEN) return false;
  if (fleet->leaving_count || wp_atomic_load_acquire_u32(&fleet->pool->leavers) != fleet->leavers)
    return true;
  return fleet->wait_ms == 0 && may_grow(fleet) && tasks_may_wait(fleet->pool);
}
