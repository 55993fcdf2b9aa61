/* One fleet at a time, and the steps that several tests take with it. */
#ifndef WP_TEST_FLEET_ONE_H
#define WP_TEST_FLEET_ONE_H

#include "fleet_fixture.h"

static fleet_host host;

static uint32_t concurrency; /* of the next pool; 0: as usual */

static inline wp_status create(uint32_t workers, uint32_t spares, const wp_fleet_config *given) {
  wp_fleet_config usual = fleet_config();
  wp_config config = fixture_config(workers);
  if (concurrency) config.concurrency = concurrency;
  concurrency = 0;
  config.spares = spares;
  config.recycle_ms = 0;
  return host_create(&host, &config, given ? given : &usual);
}

/* Opens a pool whose seats are all served and whose spares are warm. */
static inline wp_status open(uint32_t workers, uint32_t spares, const wp_fleet_config *given) {
  wp_status status = create(workers, spares, given);
  if (status) return status;
  host_open(&host);
  host_settle(&host);
  return told(&host, WP_FLEET_OPENED, 0) == 1 && !host.broken ? WP_OK : WP_E_BROKEN_INVARIANT;
}

/* Makes the thread run a task that nobody wants any more. */
static inline wp_handle abandoned(uint32_t thread) {
  uint32_t index = submit_normal(host.f.pool);
  if (take(host.f.pool, thread, host.now_ms) != index) return (wp_handle){WP_NONE, 0};
  wp_handle task = {index, generation_of(host.f.pool, index)};
  return wp_task_cancel(host.f.pool, task.index, task.generation) == WP_CANCEL_RUNNING
             ? task
             : (wp_handle){WP_NONE, 0};
}

static inline void kill_task(uint32_t thread, wp_handle task) {
  wp_fleet_event event = {.kind = WP_FLEET_KILL,
                          .thread = thread,
                          .incarnation = host.threads[thread].incarnation,
                          .task = task,
                          .grace_ms = -1};
  host_step(&host, &event);
}

static inline void report_silent(uint32_t thread) {
  wp_fleet_event event = {.kind = WP_FLEET_KILL,
                          .suspect = WP_SUSPECT_SILENT,
                          .thread = thread,
                          .incarnation = host.threads[thread].incarnation,
                          .task = {0, wp_atomic_load_seq_u32(&host.f.pool->threads[thread].beat)},
                          .grace_ms = -1};
  host_step(&host, &event);
}

/* ---- Size, and workers that leave ---- */

static inline void resize_to(uint32_t least, uint32_t most) {
  wp_fleet_event event = {.kind = WP_FLEET_RESIZE, .seats_min = least, .seats_max = most};
  host_step(&host, &event);
}

static inline uint32_t served(void) {
  uint32_t count = 0;
  for (uint32_t seat = 0; seat < host.f.pool->seat_count; seat++)
    count += on_seat(&host, seat) != 0;
  return count;
}

static inline uint32_t take_one(uint32_t thread) { return take(host.f.pool, thread, host.now_ms); }

static inline void finish(uint32_t thread, uint32_t index) {
  wp_status status = WP_OK;
  wp_task_finish(host.f.pool, thread, index, WP_OK);
  while (deliver(host.f.pool, &status) != WP_NONE) continue;
}

static inline bool no_losses(void) {
  return told(&host, WP_FLEET_DOWN, 0) == 0 && told(&host, WP_FLEET_RETIRED, 0) == 0 &&
         wp_fleet_counts_of(host.fleet)->losses == 0 && !host.broken;
}

static inline void replace(uint32_t thread) { host_report(&host, WP_FLEET_LEAVE, thread); }

#endif
