#include "rooms.h"
#include "actor_box.h"
#include "base/point.h"
#include "box.h"
#include "critical.h"
#include "fork.h"
#include "group.h"
#include "idle.h"
#include "lanes.h"
#include "lock.h"
#include "mailbox.h"
#include "name.h"
#include "scheduler.h"
#include "task.h"
#include "task_side.h"

typedef struct room {
  wp_status (*open)(wp_pool *pool, wp_heap *heap);
  void (*rebuild)(wp_pool *pool);
  void (*reap)(wp_pool *pool, uint32_t thread, bool trusted);
  void (*recount)(wp_pool *pool);
  uint32_t chore; /* enum wp_chore */
  void (*serve)(wp_pool *pool, uint32_t self);
} room;

static const room rooms[] = {
#define ROOM(name, hooks) {hooks},
#define OPEN(function) .open = (function),
#define REBUILD(function) .rebuild = (function),
#define REAP(function) .reap = (function),
#define RECOUNT(function) .recount = (function),
#define CHECK(function) /* check.c */
#define CHORE(bit, function) .chore = (bit), .serve = (function),
#include "rooms.def"
};

enum { ROOMS = (int)(sizeof rooms / sizeof rooms[0]) };

/* ---- Opening ---- */

static bool valid(const wp_config *config) {
  return config->workers >= 1 && config->workers <= WP_SEATS_MAX &&
         config->workers_min <= config->workers &&
         config->spares <= WP_SEATS_MAX - config->workers && config->concurrency >= 1 &&
         config->concurrency <= WP_CONCURRENCY_MAX && config->max_tasks >= 1 &&
         config->box_count >= 1;
}

/* No points: there is no other thread yet. */
wp_status wp_pool_lay_out(const wp_config *config, wp_segments *segments,
                          wp_thread_memory *main_memory, wp_pool **out) {
  if (!valid(config)) return WP_E_INVALID_ARGUMENT;
  wp_heap *heap = &main_memory->heap;
  wp_pool *pool = wp_pool_alloc(heap, 1, sizeof *pool);
  if (!pool) return WP_E_NO_MEMORY;
  pool->config = *config;
  pool->segments = segments;
  pool->main_memory = main_memory;
  pool->seat_count = config->workers;
  wp_atomic_store_relaxed_u32(&pool->seats_open, config->workers);
  pool->thread_count = 1 + 2 * (config->workers + config->spares);
  for (int i = 0; i < ROOMS; i++) {
    wp_status status = rooms[i].open ? rooms[i].open(pool, heap) : WP_OK;
    if (status) return status;
  }
  *out = pool;
  return WP_OK;
}

/* ---- From the top down ---- */

void wp_rooms_rebuild(wp_pool *pool) {
  for (int i = ROOMS; i--;)
    if (rooms[i].rebuild) rooms[i].rebuild(pool);
}

void wp_rooms_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  for (int i = ROOMS; i--;)
    if (rooms[i].reap) rooms[i].reap(pool, thread, trusted);
}

void wp_rooms_recount(wp_pool *pool) {
  for (int i = ROOMS; i--;)
    if (rooms[i].recount) rooms[i].recount(pool);
}

static void serve_chores(wp_pool *pool, uint32_t self) {
  WP_POINT("chores.take");
  uint32_t chores = wp_atomic_exchange_seq_u32(&pool->chores, 0);
  WP_POINT("chores.taken");
  for (int i = ROOMS; chores && i--;) {
    if (!(chores & rooms[i].chore)) continue;
    rooms[i].serve(pool, self);
    chores &= ~rooms[i].chore;
  }
}

void wp__lock_chores(wp_pool *pool, uint32_t self) {
  while (wp_atomic_load_seq_u32(&pool->chores) && wp_lock_try(pool, self)) {
    serve_chores(pool, self);
    wp__lock_open(pool);
    wp_idle_wake_next(pool);
  }
}

/* ---- Gauges ---- */

void wp_pool_gauges(wp_pool *pool, wp_stats *stats) {
  wp_pool_count_workers(pool, &stats->free_workers, &stats->busy_workers);
  stats->total_workers = wp_atomic_load_relaxed_u32(&pool->seats_open); /* a gauge */
  stats->queued = wp_atomic_load_acquire_u32(&pool->queued);
  /* Relaxed from here on: gauges, which order nothing. */
  stats->processed = wp_atomic_load_relaxed_u64(&pool->counters.processed);
  stats->errors = wp_atomic_load_relaxed_u64(&pool->counters.errors);
  stats->kept_bytes = wp_atomic_load_relaxed_u64(&pool->counters.kept);
  stats->broken_locks = 0;
  stats->boxes_leased = wp_atomic_load_relaxed_u32(&pool->boxes_taken);
  stats->box_count = pool->config.box_count;
  stats->box_bytes = pool->config.box_bytes;
  stats->boxes_reserved = wp_box_reserved_in_use(pool);
  stats->boxes_in_use = wp_atomic_load_relaxed_u32(&pool->boxes.in_use);
  stats->tasks_in_use = wp_table_in_use(&pool->slots);
  stats->heap_bytes = wp_segments_big_bytes(pool->segments);
  for (uint32_t i = 0; i < wp_pool_threads_end(pool); i++) {
    stats->heap_bytes += wp_heap_small_bytes(wp_pool_heap(pool, i));
    stats->broken_locks += wp_atomic_load_relaxed_u32(&pool->threads[i].broken);
  }
}
