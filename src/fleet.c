#include "fleet_state.h"
#include "heap.h"
#include "tick.h"
#include <string.h>

enum {
  EXPIRED_MAX = 16,       /* actions of wp_task_tick that one step takes */
  ACTIONS_PER_MEMBER = 8, /* most actions that one step emits for a thread and its seat */
};

/* ---- Creation ---- */

/* Checks all allocations at the end. After a failure nothing is freed: the memory goes with the pool. */
static bool allocate(wp_fleet *fleet) {
  wp_pool *pool = fleet->pool;
  wp_heap *heap = wp_pool_heap(pool, WP_MAIN);
  size_t threads = pool->thread_count, times = wp_restart_capacity(&fleet->config.restart);
  /* A thread may be suspected of each task that it runs, and, until it stands still, of as many that it runs next; and of being silent
   * in each of them. */
  fleet->suspicion_capacity = pool->thread_count * (3 * pool->config.concurrency + 2);
  fleet->members = wp_pool_alloc(heap, threads, sizeof *fleet->members);
  fleet->seats = wp_pool_alloc(heap, pool->seat_count, sizeof *fleet->seats);
  /* The largest tables are written entry by entry as they are needed, so that a host backs no more of them than is used. */
  fleet->suspicions = wp_heap_alloc(heap, fleet->suspicion_capacity * sizeof *fleet->suspicions, 0);
  size_t actions = threads * ACTIONS_PER_MEMBER + fleet->suspicion_capacity +
                   pool->config.concurrency + EXPIRED_MAX;
  fleet->actions = wp_heap_alloc(heap, actions * sizeof *fleet->actions, 0);
  double *all = wp_pool_alloc(heap, (pool->seat_count + (size_t)1) * times, sizeof *all);
  if (!fleet->members || !fleet->seats || !fleet->suspicions || !fleet->actions || !all)
    return false;
  for (uint32_t place = 0; place < pool->seat_count; place++)
    fleet->seats[place].log.times_ms = all + place * times;
  fleet->spares.log.times_ms = all + pool->seat_count * times;
  return true;
}

wp_status wp_fleet_create(wp_pool *pool, const wp_fleet_config *config, wp_fleet **out) {
  if (!wp_restart_valid(&config->restart) || !config->seed) return WP_E_INVALID_ARGUMENT;
  wp_fleet *fleet = wp_pool_alloc(wp_pool_heap(pool, WP_MAIN), 1, sizeof *fleet);
  if (!fleet) return WP_E_NO_MEMORY;
  fleet->pool = pool;
  fleet->config = *config;
  fleet->random = config->seed;
  fleet->spares_wanted = pool->config.spares;
  if (!allocate(fleet)) return WP_E_NO_MEMORY;
  uint32_t most = config->seats_max ? config->seats_max : pool->seat_count;
  wp__fleet_open_seats(fleet, config->seats_min ? config->seats_min : most, most);
  *out = fleet;
  return WP_OK;
}

/* ---- Actions and questions ---- */

wp_fleet_action *wp__fleet_emit(wp_fleet *fleet, uint32_t kind, uint32_t thread) {
  const wp_member *m = &fleet->members[thread];
  wp_fleet_action *action = &fleet->actions[fleet->action_count++];
  *action = (wp_fleet_action){.kind = kind,
                              .thread = thread,
                              .incarnation = m->incarnation,
                              .seat = m->seat ? m->seat - 1 : WP_NONE};
  return action;
}

bool wp_fleet_serves(const wp_fleet *fleet, uint32_t place) {
  const wp_seat *seats = fleet->seats;
  if (place != WP_NONE && (seats[place].log.spent || seats[place].closed)) return false;
  return fleet->served_count > 0;
}

bool wp_fleet_opens(const wp_fleet *fleet, uint32_t place) { return !fleet->seats[place].closed; }

bool wp_fleet_closed(const wp_fleet *fleet) { return fleet->state == WP_STATE_CLOSED; }

const wp_fleet_counts *wp_fleet_counts_of(const wp_fleet *fleet) { return &fleet->counts; }

/* ---- Invariants ---- */

static bool member_is_sound(const wp_fleet *fleet, uint32_t thread) {
  const wp_member *m = &fleet->members[thread];
  uint32_t doomers = 0;
  for (uint32_t i = 0; i < fleet->suspicion_end; i++) {
    const wp_suspicion *s = &fleet->suspicions[i];
    if (s->kind == WP_SUSPECT_NONE || s->thread != thread) continue;
    if (m->phase == WP_PHASE_EMPTY) return false; /* reap drops suspicions */
    doomers += s->phase == WP_SUSPICION_DOOM;
  }
  doomers += m->held;
  uint32_t state = wp_atomic_load_acquire_u32(&fleet->pool->threads[thread].state);
  switch (m->phase) {
  case WP_PHASE_EMPTY:
    return state == WP_THREAD_EMPTY;
  case WP_PHASE_STARTING:
    return state == WP_THREAD_STARTING || state == WP_THREAD_READY;
  case WP_PHASE_WARM:
    return !m->seat;
  case WP_PHASE_SEATING:
    return m->seat && fleet->seats[m->seat - 1].holder == thread;
  case WP_PHASE_LIVE:
    return state == WP_THREAD_LIVE && fleet->seats[m->seat - 1].holder == thread &&
           m->ladder.doomers == doomers;
  case WP_PHASE_STOPPING:
  case WP_PHASE_REAPING:
    return state == WP_THREAD_DYING;
  }
  return false;
}

wp_status wp_fleet_check(const wp_fleet *fleet) {
  if (fleet->state == WP_STATE_CLOSING || fleet->state == WP_STATE_CLOSED)
    return WP_OK; /* nothing is reaped any more */
  for (uint32_t i = 1; i < fleet->pool->thread_count; i++)
    if (!member_is_sound(fleet, i)) return WP_E_BROKEN_INVARIANT;
  uint32_t served = 0;
  for (uint32_t place = 0; place < fleet->pool->seat_count; place++) {
    const wp_seat *s = &fleet->seats[place];
    bool is_served = !s->closed && !s->log.spent;
    served += is_served;
    if ((is_served || s->holder) && place >= fleet->seats_end) return WP_E_BROKEN_INVARIANT;
    if (s->holder && fleet->members[s->holder].seat != place + 1) return WP_E_BROKEN_INVARIANT;
    if (s->holder && fleet->members[s->holder].phase >= WP_PHASE_STOPPING)
      return WP_E_BROKEN_INVARIANT;
  }
  return served == fleet->served_count ? WP_OK : WP_E_BROKEN_INVARIANT;
}

/* ---- Steps ---- */

static void tick(wp_fleet *fleet) {
  wp_action found[EXPIRED_MAX];
  double next_ms = 0;
  uint32_t count = wp_task_tick(fleet->pool, fleet->pool_ms, found, EXPIRED_MAX, &next_ms);
  for (uint32_t i = 0; i < count; i++) {
    wp_handle task = {found[i].slot, found[i].generation};
    if (found[i].kind == WP_ACTION_EXPIRED) {
      wp__fleet_emit(fleet, WP_FLEET_EXPIRED, found[i].thread)->task = task;
      next_ms = fleet->pool_ms; /* its worker may be due to be stopped already */
    } else {
      wp__fleet_suspect(fleet,
                        found[i].kind == WP_ACTION_KILL ? WP_SUSPECT_POISONED : WP_SUSPECT_SILENT,
                        found[i].thread, task, -1);
    }
  }
  if (next_ms > 0) wp__fleet_earliest(&fleet->next.pool_ms, next_ms);
}

static void take(wp_fleet *fleet, const wp_fleet_event *event) {
  uint32_t thread = event->thread;
  if (event->kind == WP_FLEET_OPEN) {
    if (fleet->state == WP_STATE_NEW) fleet->state = WP_STATE_OPENING;
    return;
  }
  if (event->kind == WP_FLEET_CLOSE) {
    wp__fleet_close(fleet);
    return;
  }
  if (event->kind == WP_FLEET_RESIZE) {
    wp__fleet_resize(fleet, event->seats_min, event->seats_max);
    return;
  }
  if (!thread || thread >= fleet->pool->thread_count ||
      fleet->members[thread].phase == WP_PHASE_EMPTY ||
      fleet->members[thread].incarnation != event->incarnation)
    return;
  switch (event->kind) {
  case WP_FLEET_STARTED:
    wp__fleet_started(fleet, thread);
    break;
  case WP_FLEET_START_FAILED:
    wp__fleet_start_failed(fleet, thread, event->reason);
    break;
  case WP_FLEET_BROKEN:
    wp__fleet_lose(fleet, thread, WP_FLEET_FAILED, false);
    break;
  case WP_FLEET_EXITED:
    wp__fleet_lose(fleet, thread, WP_FLEET_FAILED, event->clean);
    break;
  case WP_FLEET_GONE:
    wp__fleet_gone(fleet, thread, event->clean);
    break;
  case WP_FLEET_KILL:
    wp__fleet_suspect(fleet, event->suspect ? event->suspect : WP_SUSPECT_TASK, thread, event->task,
                      event->grace_ms);
    break;
  case WP_FLEET_LEAVE:
    wp__fleet_ask_to_leave(fleet, thread);
    break;
  case WP_FLEET_RESTED:
    wp__fleet_rested(fleet, thread);
    break;
  case WP_FLEET_RAN:
    wp__fleet_measured(fleet, thread, event->ran_ms);
    break;
  }
}

uint32_t wp_fleet_step(wp_fleet *fleet, double real_ms, double pool_ms, const wp_fleet_event *event,
                       const wp_fleet_action **actions, wp_fleet_next *next) {
  fleet->real_ms = real_ms;
  fleet->pool_ms = pool_ms;
  fleet->next = (wp_fleet_next){0, 0};
  fleet->action_count = 0;
  if (fleet->state < WP_STATE_CLOSING) wp__fleet_seat_members(fleet);
  if (event) take(fleet, event);
  if (fleet->state < WP_STATE_CLOSING) {
    if (fleet->config.ticks) tick(fleet);
    wp__fleet_climb(fleet);
    wp__fleet_look_for_late_starts(fleet);
  }
  wp__fleet_end_members(fleet);
  if (wp__fleet_is_running(fleet)) {
    wp__fleet_fit(fleet);
    wp__fleet_let_leave(fleet);
    wp__fleet_serve(fleet);
    wp__fleet_end_surplus(fleet);
    wp__fleet_check_size(fleet);
  }
  *actions = fleet->actions;
  *next = fleet->next;
  return fleet->action_count;
}
