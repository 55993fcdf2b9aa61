#include "embed.h"
#include "base/fault.h"
#include "completion.h"
#include "rooms.h"
#include "task.h"
#include "worker.h"
#include <stdlib.h>
#include <string.h>

/* How often main checks whether a thread has ended: the end does not ring the bell. */
static const double end_look_ms = 1;

/* Main's shortest sleep: what is due at once depends on another thread. */
static const double sleep_least_ms = 0.02;

/* Main's longest sleep: it does not know when a worker starts a task that has a time limit. */
static const double sleep_most_ms = 10;

/* "Never", in milliseconds. */
static const double never_ms = 1e15;

/* ---- The fleet's driver ---- */

static void perform(wp_pool *pool, const wp_fleet_action *action) {
  wp_embedder *embedder = pool->embedder;
  wp_embed_thread *thread = &embedder->threads[action->thread];
  switch (action->kind) {
  case WP_FLEET_START:
    wp__embed_start_thread(pool, action);
    break;
  case WP_FLEET_STOP:
    thread->stopping = true;
    if (thread->thread) wp_port_thread_cancel(thread->thread);
    break;
  case WP_FLEET_EXPIRED:
    wp__embed_settle(pool, action->task, WP_E_TIMEOUT);
    break;
  case WP_FLEET_OPENED:
    embedder->opened = true;
    break;
  case WP_FLEET_REFUSED:
    embedder->refused = true;
    break;
  default:
    break; /* of no interest to native hosts */
  }
}

static bool at_once(const wp_fleet_next *next, double now_ms) {
  return (next->real_ms > 0 && next->real_ms <= now_ms) ||
         (next->pool_ms > 0 && next->pool_ms <= now_ms);
}

static void step(wp_pool *pool, const wp_fleet_event *event) {
  wp_embedder *embedder = pool->embedder;
  for (;;) {
    const wp_fleet_action *actions = NULL;
    double now_ms = wp_port_now_ms();
    uint32_t count =
        wp_fleet_step(embedder->fleet, now_ms, now_ms, event, &actions, &embedder->next);
    for (uint32_t i = 0; i < count; i++) perform(pool, &actions[i]);
    event = NULL;
    /* If no action came, what is due at once depends on another thread: leave it to the next call. */
    if (!count || !at_once(&embedder->next, now_ms)) return;
  }
}

/* Whether the thread has started and STARTED was not reported yet. */
static bool has_started(const wp_pool *pool, const wp_embed_thread *thread) {
  if (!thread->thread || thread->reported || thread->stopping) return false;
  uint32_t state = wp_atomic_load_seq_u32(&pool->threads[thread->number].state);
  return state == WP_THREAD_READY; /* wp_worker_ready */
}

/* What has happened to a thread since the last look, as an event; false: nothing. */
static bool look_at(wp_pool *pool, wp_embed_thread *thread, wp_fleet_event *event) {
  *event = (wp_fleet_event){.thread = thread->number, .incarnation = thread->incarnation};
  if (thread->failed) {
    thread->failed = false;
    event->kind = WP_FLEET_START_FAILED;
    return true;
  }
  if (thread->stopping && (!thread->thread || wp_port_thread_gone(thread->thread))) {
    wp__embed_shared_bury(pool, event->thread);
    *thread = (wp_embed_thread){0};
    event->kind = WP_FLEET_GONE;
    return true;
  }
  if (thread->thread && !thread->stopping && wp_port_thread_left(thread->thread)) {
    thread->stopping = true; /* GONE comes next */
    event->kind = WP_FLEET_EXITED;
    return true;
  }
  if (!has_started(pool, thread)) return false;
  event->kind = WP_FLEET_STARTED;
  thread->reported = true;
  return true;
}

void wp__embed_step(wp_pool *pool, const wp_fleet_event *event) {
  wp_embedder *embedder = pool->embedder;
  step(pool, event);
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    wp_fleet_event found;
    while (look_at(pool, &embedder->threads[i], &found)) step(pool, &found);
  }
}

/* How long main may sleep, until the fleet's next step. */
static double sleep_ms(const wp_pool *pool, double limit_ms) {
  const wp_embedder *embedder = pool->embedder;
  const double due[] = {embedder->next.real_ms, embedder->next.pool_ms};
  double now_ms = wp_port_now_ms();
  for (size_t i = 0; i < 2; i++)
    if (due[i] > 0 && due[i] - now_ms < limit_ms) limit_ms = due[i] - now_ms;
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    const wp_embed_thread *thread = &embedder->threads[i];
    if ((thread->stopping || thread->failed) && limit_ms > end_look_ms) limit_ms = end_look_ms;
  }
  return limit_ms > sleep_least_ms ? limit_ms : sleep_least_ms;
}

/* Arms the bell. False: main must look at once. */
static bool arm(wp_pool *pool) {
  bool quiet = wp_task_arm_bell(pool);
  /* After ARM: pairs with worker_main. */
  for (uint32_t i = 1; i < wp_pool_threads_end(pool) && quiet; i++)
    quiet = !has_started(pool, &pool->embedder->threads[i]);
  if (!quiet) wp_atomic_store_seq_u32(&pool->bell, 0); /* no point: main only */
  return quiet;
}

/* Makes the descriptor readable until the next poll. */
static void raise_alarm(wp_pool *pool) {
  wp_embedder *embedder = pool->embedder;
  if (!embedder->raised) wp_pool_ring(pool);
  embedder->raised = true;
}

void wp__embed_sleep(wp_pool *pool, double limit_ms) {
  wp_embedder *embedder = pool->embedder;
  wp_turn *turn = &embedder->turn;
  /* What the sleeper collected or carried out, and what a call left to it, may be for the event loop. */
  if (embedder->has_alarm && embedder->mail.count) raise_alarm(pool);
  if (limit_ms > sleep_most_ms) limit_ms = sleep_most_ms;
  if (wp__turn_drives(turn)) {
    if (!arm(pool)) return;
    limit_ms = sleep_ms(pool, limit_ms);
  }
  wp__turn_sleep(turn, pool, limit_ms);
}

/* ---- Turns ---- */

double wp__embed_rest(wp_pool *pool) {
  const wp_embedder *embedder = pool->embedder;
  if (embedder->mail.count || !arm(pool)) return 0;
  /* The start of a task that has a time limit does not ring: look now and then while there are tasks. */
  bool looks = embedder->timed && wp_table_in_use(&pool->slots);
  return sleep_ms(pool, looks ? sleep_most_ms : never_ms);
}

/* Sets the alarm for the event loop to what main would sleep for now. */
static void set_alarm(wp_pool *pool) {
  wp_embedder *embedder = pool->embedder;
  double after_ms = wp__embed_rest(pool), now_ms = wp_port_now_ms();
  if (after_ms <= 0) {
    raise_alarm(pool);
    return;
  }
  bool is_set = embedder->alarm_ms > now_ms && embedder->alarm_ms <= now_ms + after_ms;
  if (is_set || after_ms >= never_ms) return;
  embedder->alarm_ms = now_ms + after_ms;
  wp_port_alarm_set(&embedder->alarm, after_ms);
}

void wp__embed_enter(wp_pool *pool) { wp__turn_begin(&pool->embedder->turn); }

void wp__embed_leave(wp_pool *pool) {
  wp_embedder *embedder = pool->embedder;
  wp_turn *turn = &embedder->turn;
  if (turn->driven) { /* what this call has begun may be due before the driver wakes */
    if (wp_port_now_ms() + sleep_ms(pool, sleep_most_ms) < turn->driven_ms)
      wp__turn_tell(turn, pool);
  } else if (embedder->has_alarm) {
    set_alarm(pool);
  }
  wp__turn_end(turn);
}

int wp_pool_descriptor(wp_pool *pool) {
  wp_embedder *embedder = pool->embedder;
  wp__embed_enter(pool);
  if (!embedder->has_alarm) {
    embedder->has_alarm = wp_port_alarm_open(&embedder->alarm);
    uint32_t bell = embedder->has_alarm ? wp_port_alarm_bell(&embedder->alarm) : 0;
    /* no point: main only. Pairs with the load in wp_pool_ring */
    wp_atomic_store_release_u32(&pool->bell_descriptor, bell);
  }
  int descriptor = embedder->has_alarm ? embedder->alarm.descriptor : -1;
  wp__embed_leave(pool);
  return descriptor;
}

void wp_stats_read(wp_pool *pool, wp_stats *stats) {
  if (pool->embedder) wp__embed_enter(pool);
  wp_pool_gauges(pool, stats);
  if (pool->embedder) wp__embed_leave(pool);
}

/* ---- Creation ---- */

static wp_fleet_config fleet_config(const wp_config *config) {
  const wp_port_powers powers = wp_port_can();
  return (wp_fleet_config){
      .restart = {.kind = config->restart_kind,
                  .max = config->restart_max,
                  .window_ms = config->restart_window_ms,
                  .min_ms = config->restart_min_ms,
                  .max_ms = config->restart_max_ms,
                  .jitter = config->restart_jitter},
      .ladder = {.flag_ms = 1,
                 .check_ms = 20,
                 .locks_ms = 40,
                 .inside_ms = 1000,
                 .checks = powers.checks,
                 .stops = powers.ends},
      .stop_again_ms = powers.again_ms,
      .ticks = 1,
      .ready_ms = config->ready_ms,
      .spare_delay_ms = 5,
      .seed = (uint64_t)wp_port_now_ms() | 1,
      .seats_min = config->workers_min,
      .idle_ms = config->idle_ms,
  };
}

/* Copies what the configuration points to. */
static wp_status copy_config(wp_embedder *embedder, wp_pool *pool) {
  wp_config *config = &pool->config;
  if (config->name) strncpy(embedder->name, config->name, sizeof embedder->name - 1);
  config->name = NULL;
  if (!config->cpu_count) return WP_OK;
  embedder->cpus =
      wp_pool_alloc(&embedder->memory->heap, config->cpu_count, sizeof *embedder->cpus);
  if (!embedder->cpus) return WP_E_NO_MEMORY;
  memcpy(embedder->cpus, config->cpus, config->cpu_count * sizeof *embedder->cpus);
  config->cpus = NULL;
  return WP_OK;
}

static wp_status lay_out(wp_embedder *embedder, const wp_config *config, wp_pool **pool) {
  wp_status status = wp__embed_memory_open(embedder, config->memory_bytes);
  if (status) return status;
  wp_heap *heap = &embedder->memory->heap;
  status = wp_pool_lay_out(config, embedder->segments, embedder->memory, pool);
  if (!status)
    embedder->threads = wp_pool_alloc(heap, (*pool)->thread_count, sizeof *embedder->threads);
  if (!status && !embedder->threads) status = WP_E_NO_MEMORY;
  if (!status) status = copy_config(embedder, *pool);
  wp_fleet_config fleet = fleet_config(config);
  if (!status) status = wp_fleet_create(*pool, &fleet, &embedder->fleet);
  if (status) wp__embed_memory_close(embedder);
  return status;
}

wp_status wp__embed_open(const wp_config *config, wp_pool **out) {
  if (!config || (config->stack_bytes && config->stack_bytes < WP_STACK_LEAST) ||
      (config->cpu_count && !config->cpus))
    return WP_E_INVALID_ARGUMENT;
  wp_embedder *embedder = WP_FAULT("embedder") ? NULL : calloc(1, sizeof *embedder);
  if (!embedder) return WP_E_NO_MEMORY;
  wp_pool *pool = NULL;
  wp_status status = lay_out(embedder, config, &pool);
  if (status) {
    free(embedder);
    return status;
  }
  wp_atomic_store_release_u32(&embedder->alive, 1); /* no point: there is no other thread yet */
  pool->embedder = embedder;
  const wp_fleet_event open = {.kind = WP_FLEET_OPEN};
  wp__embed_enter(pool);
  wp__embed_step(pool, &open);
  wp__embed_leave(pool);
  *out = pool;
  return WP_OK;
}

wp_status wp_pool_create_sized(const wp_config *config, wp_pool **out, uint64_t structs) {
  wp_pool *pool = NULL;
  if (structs != WP_STRUCTS) return WP_E_UNSUPPORTED;
  if (!out) return WP_E_INVALID_ARGUMENT;
  wp_status status = wp__embed_open(config, &pool);
  if (status) return status;
  const wp_embedder *embedder = pool->embedder;
  wp__embed_enter(pool);
  while (!embedder->opened && !embedder->refused) {
    wp__embed_sleep(pool, sleep_most_ms);
    wp__embed_step(pool, NULL);
  }
  wp__embed_leave(pool);
  if (embedder->refused) {
    wp_pool_destroy(pool);
    return WP_E_START_FAILED;
  }
  *out = pool;
  return WP_OK;
}

wp_status wp_pool_resize(wp_pool *pool, uint32_t workers) {
  if (!workers || workers > pool->seat_count) return WP_E_INVALID_ARGUMENT;
  const wp_fleet_event resize = {
      .kind = WP_FLEET_RESIZE, .seats_min = workers, .seats_max = workers};
  wp__embed_enter(pool);
  wp__embed_step(pool, &resize);
  wp__embed_leave(pool);
  return WP_OK;
}

void wp_pool_destroy(wp_pool *pool) {
  if (!pool) return;
  wp_embedder *embedder = pool->embedder;
  const wp_fleet_event close = {.kind = WP_FLEET_CLOSE};
  wp__embed_enter(pool);
  wp__embed_step(pool, &close);
  /* A thread that has not ended yet keeps the memory until it ends. */
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++)
    if (embedder->threads[i].thread) wp_port_thread_detach(embedder->threads[i].thread);
  wp__turn_end(&embedder->turn);
  wp__embed_let_go(embedder);
}
