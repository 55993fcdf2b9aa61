/*
 * A fleet over a pool without threads: the test plays the host. It performs actions as a host would, and records what it was told,
 * so that each test can look at it. Threads are records; both clocks are the test's.
 */
#ifndef WP_TEST_FLEET_FIXTURE_H
#define WP_TEST_FLEET_FIXTURE_H

#include "fleet.h"
#include "pool_fixture.h"

enum { ACTIONS_KEPT = 4096, THREADS_KEPT = 64 };

/* What the host knows of a thread. */
typedef struct host_thread {
  bool exists, started, stopping;
  uint32_t incarnation, seat; /* WP_NONE: a spare */
} host_thread;

typedef struct fleet_host {
  fixture f;
  wp_fleet *fleet;
  double now_ms;
  wp_fleet_next next;
  host_thread threads[THREADS_KEPT];
  wp_fleet_action told[ACTIONS_KEPT];
  uint32_t told_count;
  uint32_t over_count; /* all OVER actions */
  bool refused;        /* REFUSED was told */
  bool broken;         /* an action that makes no sense was ordered */
} fleet_host;

static inline wp_fleet_config fleet_config(void) {
  return (wp_fleet_config){.restart = {.kind = WP_RESTART_ALWAYS,
                                       .max = 3,
                                       .window_ms = 60000,
                                       .min_ms = 100,
                                       .max_ms = 1000},
                           .ladder = {.flag_ms = 1, .locks_ms = 40, .inside_ms = 1000, .stops = 1},
                           .ticks = 1,
                           .ready_ms = 5000,
                           .spare_delay_ms = 5,
                           .seed = 1};
}

static inline wp_status host_create(fleet_host *host, const wp_config *config,
                                    const wp_fleet_config *fleet) {
  memset(host, 0, sizeof *host);
  host->now_ms = 1000;
  wp_status status = fixture_open(&host->f, config);
  return status ? status : wp_fleet_create(host->f.pool, fleet, &host->fleet);
}

static inline void host_close(fleet_host *host) { fixture_close(&host->f); }

static inline void host_perform(fleet_host *host, const wp_fleet_action *action) {
  host_thread *t = &host->threads[action->thread];
  switch (action->kind) {
  case WP_FLEET_START:
    host->broken |=
        t->exists; /* a record may be used again only after its thread's death was confirmed */
    *t = (host_thread){.exists = true, .incarnation = action->incarnation, .seat = action->seat};
    break;
  case WP_FLEET_SEATING:
    host->broken |= !t->exists || !t->started || t->stopping;
    t->seat = action->seat;
    break;
  case WP_FLEET_STOP:
    host->broken |= !t->exists;
    t->stopping = true;
    break;
  case WP_FLEET_REAPED:
    host->broken |= t->exists; /* GONE was not reported */
    break;
  case WP_FLEET_OVER:
    host->over_count++;
    break;
  case WP_FLEET_REFUSED:
    host->refused = true;
    break;
  }
  if (host->told_count < ACTIONS_KEPT) host->told[host->told_count++] = *action;
}

/* Makes a step with one event, then further steps for as long as the fleet wants them at once. */
static inline void host_step(fleet_host *host, const wp_fleet_event *event) {
  for (uint32_t again = 0; again < 1000; again++) {
    const wp_fleet_action *actions = NULL;
    uint32_t count = wp_fleet_step(host->fleet, host->now_ms, host->now_ms, again ? NULL : event,
                                   &actions, &host->next);
    for (uint32_t i = 0; i < count; i++) host_perform(host, &actions[i]);
    bool at_once = host->next.real_ms > 0 && host->next.real_ms <= host->now_ms;
    at_once |= host->next.pool_ms > 0 && host->next.pool_ms <= host->now_ms;
    if (!at_once || !count) break;
  }
  host->broken |= wp_fleet_check(host->fleet) != WP_OK;
}

static inline void host_report(fleet_host *host, uint32_t kind, uint32_t thread) {
  host_thread *t = &host->threads[thread];
  wp_fleet_event event = {
      .kind = kind, .thread = thread, .incarnation = t->incarnation, .grace_ms = -1};
  if (kind == WP_FLEET_STARTED) {
    wp_worker_ready(host->f.pool, thread);
    t->started = true;
  }
  if (kind == WP_FLEET_GONE) t->exists = false;
  host_step(host, &event);
}

/* Lets time pass, with a step whenever the fleet asked for one. */
static inline void host_sleep(fleet_host *host, double ms) {
  double end_ms = host->now_ms + ms;
  while (host->now_ms < end_ms) {
    double wake_ms = end_ms;
    if (host->next.real_ms > host->now_ms && host->next.real_ms < wake_ms)
      wake_ms = host->next.real_ms;
    if (host->next.pool_ms > host->now_ms && host->next.pool_ms < wake_ms)
      wake_ms = host->next.pool_ms;
    bool at_once = (host->next.real_ms > 0 && host->next.real_ms <= host->now_ms) ||
                   (host->next.pool_ms > 0 && host->next.pool_ms <= host->now_ms);
    host->now_ms = at_once ? host->now_ms + 0.05 : wake_ms;
    host_step(host, NULL);
  }
}

/* Reports that the thread has started, if it was asked to. */
static inline void host_let_start(fleet_host *host, uint32_t thread) {
  const host_thread *t = &host->threads[thread];
  if (t->exists && !t->started && !t->stopping) host_report(host, WP_FLEET_STARTED, thread);
}

/* Reports that the thread is gone, if it was to stop. */
static inline void host_let_stop(fleet_host *host, uint32_t thread) {
  const host_thread *t = &host->threads[thread];
  if (t->exists && t->stopping) host_report(host, WP_FLEET_GONE, thread);
}

static inline void host_settle(fleet_host *host) {
  for (uint32_t again = 0; again < 100; again++)
    for (uint32_t i = 1; i < THREADS_KEPT; i++) {
      host_let_stop(host, i);
      host_let_start(host, i);
    }
}

static inline void host_open(fleet_host *host) {
  wp_fleet_event event = {.kind = WP_FLEET_OPEN};
  host_step(host, &event);
}

/* How often an action was emitted; thread 0: for any thread. */
static inline uint32_t told(const fleet_host *host, uint32_t kind, uint32_t thread) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < host->told_count; i++)
    count += host->told[i].kind == kind && (!thread || host->told[i].thread == thread);
  return count;
}

static inline const wp_fleet_action *last_told(const fleet_host *host, uint32_t kind) {
  for (uint32_t i = host->told_count; i > 0; i--)
    if (host->told[i - 1].kind == kind) return &host->told[i - 1];
  return NULL;
}

/* The thread on a seat, or 0. */
static inline uint32_t on_seat(const fleet_host *host, uint32_t seat) {
  return wp_atomic_load_seq_u32(&host->f.pool->seats[seat]);
}

static inline uint32_t warm_count(const fleet_host *host) {
  uint32_t count = 0;
  for (uint32_t i = 1; i < THREADS_KEPT; i++) {
    const host_thread *t = &host->threads[i];
    count += t->exists && t->started && !t->stopping && t->seat == WP_NONE;
  }
  return count;
}

#endif
