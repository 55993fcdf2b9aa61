#include "pool.h"
#include "box.h"
#include "task.h"
#include "task_side.h"
#include <string.h>

void wp_config_defaults(wp_config *config) {
  *config = (wp_config){
      .workers = 2,
      .spares = 0,
      .concurrency = 1,
      .max_queue = WP_NONE,
      .max_tasks = WP_TABLE_RECORDS_MAX,
      .recycle_ms = 0,
      .box_count = 64,  /* API.md, boxes.count */
      .lease_ms = 5000, /* API.md, leaseMs */
      .liveness_ms = WP_NONE,
      .scan_ms = 1000,       /* REQUIREMENTS TW-54 */
      .max_redeliveries = 3, /* REQUIREMENTS TW-57 */
      .liveness_all = 1,
      .low_skips = 50,         /* REQUIREMENTS TW-27 */
      .heavy_skips = 10,       /* REQUIREMENTS TW-09 */
      .slow_ms = 16,           /* REQUIREMENTS TW-08 */
      .dispatch_budget_ms = 8, /* REQUIREMENTS TW-31 */
      .memory_bytes = UINT64_C(1) << 32,
      .restart_max = 10, /* API.md, restart */
      .restart_window_ms = 60000,
      .restart_min_ms = 200,
      .restart_max_ms = 10000,
      .restart_jitter = 0.2,
      .ready_ms = 10000, /* API.md, readyTimeoutMs */
  };
}

static bool valid(const wp_config *config) {
  return config->workers >= 1 && config->workers <= WP_SEATS_MAX &&
         config->spares <= WP_SEATS_MAX - config->workers && config->concurrency >= 1 &&
         config->concurrency <= WP_CONCURRENCY_MAX && config->max_tasks >= 1 &&
         config->box_count >= 1;
}

static wp_status list_tasks(wp_pool *pool, wp_heap *heap) {
  uint32_t count = 0;
  for (const wp_task_entry *entry = wp__task_entries(); entry; entry = entry->next) count++;
  const wp_task_entry **tasks = wp_heap_alloc(heap, sizeof *tasks * (count + 1), 0);
  if (!tasks) return WP_E_NO_MEMORY;
  pool->task_count = 0;
  for (const wp_task_entry *entry = wp__task_entries(); entry; entry = entry->next) {
    tasks[pool->task_count++] = entry;
  }
  pool->tasks = tasks;
  return WP_OK;
}

static void *zeroed(wp_heap *heap, size_t bytes) {
  void *block = wp_heap_alloc_aligned(heap, 64, bytes, 0);
  if (block) memset(block, 0, bytes);
  return block;
}

/* No points: there are no other threads yet. */
static wp_status open_threads(wp_pool *pool, wp_heap *main_heap) {
  pool->threads = zeroed(main_heap, sizeof(wp_thread) * pool->thread_count);
  if (!pool->threads) return WP_E_NO_MEMORY;
  for (uint32_t i = 0; i < pool->thread_count; i++) {
    wp_heap *heap = &pool->memory[i].heap;
    pool->threads[i].index = i;
    /* Until it is known. */
    wp_atomic_store_relaxed_u32(&pool->threads[i].pace_ns, WP_SHORT_WAIT_MS * 1000000);
    int status = i == WP_MAIN ? WP_OK : wp_heap_open(heap, pool->segments, i);
    wp_arena_open(&pool->memory[i].arena, heap);
    if (status) return status;
  }
  return WP_OK;
}

static wp_status open_tables(wp_pool *pool, wp_heap *heap) {
  wp_status status = wp_table_open(&pool->slots, heap, sizeof(wp_slot), pool->config.max_tasks);
  if (!status) status = wp_table_open(&pool->boxes, heap, sizeof(wp_box), WP_TABLE_RECORDS_MAX);
  if (!status) status = wp_table_open(&pool->groups, heap, sizeof(wp_group), WP_TABLE_RECORDS_MAX);
  if (!status) status = wp_table_open(&pool->names, heap, sizeof(wp_name), WP_TABLE_RECORDS_MAX);
  /* Descriptors of the first tasks are there before they come (REQUIREMENTS TW-59). */
  if (!status) status = wp_table_reserve(&pool->slots, heap);
  if (!status) status = wp_table_reserve(&pool->groups, heap);
  return status;
}

wp_status wp_pool_lay_out(const wp_config *config, wp_segments *segments, wp_thread_memory *memory,
                          wp_pool **out) {
  if (!valid(config)) return WP_E_INVALID_ARGUMENT;
  wp_heap *heap = &memory[WP_MAIN].heap;
  wp_pool *pool = zeroed(heap, sizeof *pool);
  if (!pool) return WP_E_NO_MEMORY;
  pool->config = *config;
  pool->segments = segments;
  pool->memory = memory;
  pool->seat_count = config->workers;
  pool->thread_count = 1 + 2 * (config->workers + config->spares);
  wp_status status = open_threads(pool, heap);
  if (!status) status = open_tables(pool, heap);
  if (!status) status = list_tasks(pool, heap);
  if (!status)
    *out = pool; /* on failure the memory goes with the segments, which are the caller's */
  return status;
}

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double wp_pool_time(const wp_pool *pool, double thread_ms) {
  uint64_t stands = wp_atomic_load_acquire_u64(&pool->clock_stands); /* before the offset */
  if (stands) return double_of(stands);
  return thread_ms + double_of(wp_atomic_load_relaxed_u64(&pool->clock_offset)); /* ordered above */
}

/* No points: main only. */
void wp_pool_set_time(wp_pool *pool, double offset_ms, double stands_ms) {
  wp_atomic_store_relaxed_u64(&pool->clock_offset, bits_of(offset_ms)); /* published below */
  wp_atomic_store_release_u64(&pool->clock_stands, bits_of(stands_ms)); /* wp_pool_time */
}

void wp_pool_count_workers(const wp_pool *pool, uint32_t *free, uint32_t *busy) {
  *free = 0;
  for (uint32_t seat = 0; seat < pool->seat_count; seat++) {
    uint32_t number = wp_atomic_load_acquire_u32(&pool->seats[seat]);
    *free += number && !wp_atomic_load_acquire_u32(&pool->threads[number].running);
  }
  *busy = pool->seat_count - *free;
}

wp_status wp_name_intern(wp_pool *pool, const char *name, uint32_t bytes, uint32_t *id) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->names.capacity);
  for (uint32_t i = 0; i < capacity; i++) { /* names are few; JavaScript keeps a map in front */
    const wp_name *known = wp_table_at(&pool->names, i);
    if (!known->address || known->bytes != bytes) continue;
    if (memcmp((const void *)(uintptr_t)known->address, name, bytes) == 0) {
      *id = i;
      return WP_OK;
    }
  }
  wp_heap *heap = wp_pool_heap(pool, WP_MAIN);
  char *copy = wp_heap_alloc(heap, bytes ? bytes : 1, 0);
  if (!copy) return WP_E_NO_MEMORY;
  wp_status status = wp_table_take(&pool->names, heap, id);
  if (status) {
    wp_heap_free(heap, copy);
    return status;
  }
  memcpy(copy, name, bytes);
  wp_name *record = wp_table_at(&pool->names, *id);
  record->bytes = bytes;
  record->address = (uint64_t)(uintptr_t)copy;
  return WP_OK;
}

/* No points: main only. */
void wp_pause(wp_pool *pool) { wp_atomic_store_seq_u32(&pool->paused, 1); }

/* No points: main only. */
void wp_task_count_settled(wp_pool *pool, uint32_t settled, uint32_t failed) {
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.processed, settled);
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.errors, failed);
}

void wp_stats_read(wp_pool *pool, wp_stats *stats) {
  wp_pool_count_workers(pool, &stats->free_workers, &stats->busy_workers);
  stats->total_workers = pool->seat_count;
  stats->queued = wp_atomic_load_acquire_u32(&pool->queued);
  stats->processed =
      wp_atomic_load_relaxed_u64(&pool->counters.processed); /* gauges: nothing follows from them */
  stats->errors = wp_atomic_load_relaxed_u64(&pool->counters.errors);
  stats->boxes_in_use = wp_atomic_load_relaxed_u32(&pool->boxes.in_use);
  stats->tasks_in_use = wp_table_in_use(&pool->slots);
  stats->heap_bytes = wp_segments_big_bytes(pool->segments);
  for (uint32_t i = 0; i < pool->thread_count; i++) {
    stats->heap_bytes += wp_heap_small_bytes(&pool->memory[i].heap);
  }
}
