#include "pool.h"
#include "base/point.h"
#include "port/port.h"
#include <string.h>

void wp_config_defaults_sized(wp_config *config, size_t bytes) {
  const wp_config defaults = {
      .workers = 2,
      .spares = 0,
      .concurrency = 1,
      .max_queue = WP_NONE,
      .max_tasks = WP_TABLE_RECORDS_MAX,
      .recycle_ms = 0,
      .box_count = 64,      /* docs/api.md, boxes.count */
      .box_bytes = 1 << 20, /* docs/api.md, boxes.size */
      .lease_ms = 5000,     /* docs/api.md, leaseMs */
      .liveness_ms = WP_NONE,
      .scan_ms = 1000,       /* REQUIREMENTS TW-54 */
      .max_redeliveries = 3, /* REQUIREMENTS TW-57 */
      .liveness_all = 1,
      .low_skips = 50,         /* REQUIREMENTS TW-27 */
      .heavy_skips = 10,       /* REQUIREMENTS TW-09 */
      .slow_ms = 16,           /* REQUIREMENTS TW-08 */
      .dispatch_budget_ms = 8, /* REQUIREMENTS TW-31 */
      .memory_bytes = UINT64_C(1) << 32,
      .restart_max = 10, /* docs/api.md, restart */
      .restart_window_ms = 60000,
      .restart_min_ms = 200,
      .restart_max_ms = 10000,
      .restart_jitter = 0.2,
      .ready_ms = 10000, /* docs/api.md, readyTimeoutMs */
      .idle_ms = 10000,  /* docs/api.md, workers.idleMs */
  };
  memcpy(config, &defaults, bytes < sizeof defaults ? bytes : sizeof defaults);
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
    const wp_thread *thread = &pool->threads[number];
    *free += number && !wp_atomic_load_acquire_u32(&thread->running) &&
             !wp_atomic_load_acquire_u32(&thread->leaving);
  }
  uint32_t open = wp_atomic_load_relaxed_u32(&pool->seats_open); /* exact on main, else a hint */
  *busy = open > *free ? open - *free : 0;
}

void wp_pool_ring(wp_pool *pool) {
  wp_port_ring(&pool->bell, wp_atomic_load_acquire_u32(&pool->bell_descriptor));
}

/* For a death after the first store see pool->leavers. */
void wp_pool_want_leave(wp_pool *pool, uint32_t self) {
  wp_thread *thread = &pool->threads[self];
  if (wp_atomic_load_relaxed_u32(&thread->wants_leave)) return; /* own word */
  WP_POINT("leave.want");
  wp_atomic_store_release_u32(&thread->wants_leave, 1); /* pairs with the load in fleet_leave.c */
  WP_POINT("leave.tell");
  wp_atomic_fetch_add_seq_u32(&pool->leavers, 1);
}

/* No points: main only. */
void wp_pause(wp_pool *pool) { wp_atomic_store_seq_u32(&pool->paused, 1); }

/* ---- The thread records and their heaps ---- */

_Static_assert((int)WP_THREADS_MAX <= (int)WP_SEGMENT_OWNER_MAP, "each thread owns a heap");

void *wp_pool_alloc(wp_heap *heap, size_t count, size_t bytes) {
  size_t lines = (count * bytes + WP_LINE_BYTES - 1) / WP_LINE_BYTES;
  void *block = wp_heap_alloc_aligned(heap, WP_LINE_BYTES, lines * WP_LINE_BYTES, 0);
  return block ? memset(block, 0, lines * WP_LINE_BYTES) : NULL;
}

/* Before any task: constants among the statics look like pointers, too. */
static wp_status note_statics(wp_pool *pool, wp_heap *heap) {
  const void *start = NULL, *end = NULL;
  if (!wp_port_statics(&start, &end)) return WP_OK;
  const uint8_t *last = end;
  while (last > (const uint8_t *)start && !last[-1]) last--;
  size_t bytes = (size_t)(last - (const uint8_t *)start);
  void *copy = wp_heap_alloc(heap, bytes, 0);
  if (!copy) return WP_E_NO_MEMORY;
  memcpy(copy, start, bytes);
  pool->statics_then = copy;
  pool->statics_bytes = bytes;
  return WP_OK;
}

/* No points: there are no other threads yet. */
wp_status wp_pool_open(wp_pool *pool, wp_heap *main_heap) {
  wp_atomic_store_relaxed_u32(&pool->threads_end, 1); /* main's record; no other thread yet */
  pool->threads = wp_pool_alloc(main_heap, pool->thread_count, sizeof *pool->threads);
  pool->worker_memory =
      wp_pool_alloc(main_heap, pool->thread_count - 1, sizeof *pool->worker_memory);
  pool->seats = wp_pool_alloc(main_heap, pool->seat_count, sizeof *pool->seats);
  if (!pool->threads || !pool->worker_memory || !pool->seats) return WP_E_NO_MEMORY;
  for (uint32_t i = 0; i < pool->thread_count; i++) {
    wp_thread_memory *memory = wp_pool_memory(pool, i);
    pool->threads[i].index = i;
    /* Until the thread has measured its own. */
    wp_atomic_store_relaxed_u32(&pool->threads[i].pace_ns, WP_SHORT_WAIT_MS * 1000000);
    int status = i == WP_MAIN ? WP_OK : wp_heap_open(&memory->heap, pool->segments, i);
    wp_arena_open(&memory->arena, &memory->heap);
    if (status) return status;
  }
  return note_statics(pool, main_heap);
}

/* No points: main only. */
static void reset_record(wp_thread *record) {
  for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
    wp_atomic_store_relaxed_u32(&record->slots[place], 0); /* published by the store of the state */
  }
  wp_atomic_store_relaxed_u32(&record->running, 0);
  wp_atomic_store_relaxed_u32(&record->exclusive, 0);
  wp_atomic_store_relaxed_u32(&record->poisoned, 0);
  wp_atomic_store_relaxed_u32(&record->seat, 0);
  wp_atomic_store_relaxed_u32(&record->tag, 0);
  wp_atomic_store_relaxed_u32(&record->stop, 0);
  record->mark = 0;
  wp_atomic_store_relaxed_u32(&record->looked, 0);
  wp_atomic_store_relaxed_u32(&record->leaving, 0);
  wp_atomic_store_relaxed_u32(&record->wants_leave, 0);
  wp_atomic_store_relaxed_u32(&record->finished, 0);
  record->ring = 0;
  wp_atomic_store_relaxed_u32(&record->pace_ns, WP_SHORT_WAIT_MS * 1000000);
  wp_atomic_store_relaxed_u32(&record->exec_us, 0);
  record->taken_ms = 0;
  wp_atomic_store_seq_u32(&record->inside, 0);
  wp_atomic_store_seq_u32(&record->doomed, 0);
  wp_atomic_store_release_u32(&record->state, WP_THREAD_EMPTY);
}

typedef struct variables {
  const wp_pool *pool;
  uint32_t dead; /* a thread whose variables are gone; WP_MAIN: none */
} variables;

/* The statics before main's memory record, or those behind it: that one is a static in wasm, and the lists of its heap lead to memory that
 * may be a task's by now. */
static bool statics_of(const wp_pool *pool, bool behind, wp_heap_range *range) {
  const void *start = NULL, *end = NULL;
  if (!wp_port_statics(&start, &end)) return false;
  uintptr_t first = (uintptr_t)start, last = (uintptr_t)end, own = (uintptr_t)pool->main_memory;
  bool within = own >= first && own < last;
  size_t skipped = !behind ? 0 : within ? own + sizeof *pool->main_memory - first : last - first;
  *range = (wp_heap_range){.start = (const uint8_t *)start + skipped,
                           .end = !behind && within ? pool->main_memory : end};
  if (skipped >= pool->statics_bytes) return true;
  range->then = (const uint8_t *)pool->statics_then + skipped;
  range->then_bytes = pool->statics_bytes - skipped;
  return true;
}

/* First the statics, then the thread-local variables of each thread, then the other statics. */
static bool range_of(const void *context, uint32_t number, wp_heap_range *range) {
  const variables *all = context;
  const wp_pool *pool = all->pool;
  uint32_t end = wp_pool_threads_end(pool);
  if (number == 0 || number == end) return statics_of(pool, number == end, range);
  if (number > end) return false;
  const wp_thread_memory *memory = wp_pool_memory(pool, number);
  *range = (wp_heap_range){0};
  if (number != all->dead)
    *range = (wp_heap_range){.start = memory->locals, .end = memory->locals_end};
  return true;
}

void wp_pool_keep(wp_pool *pool, uint32_t thread, uint32_t tag, bool dead) {
  wp_heap_range statics;
  variables all = {pool, dead ? thread : WP_MAIN};
  wp_heap_roots roots = {range_of, &all, wp_pool_threads_end(pool)};
  if (!range_of(&all, 0, &statics)) return;
  uint64_t bytes = wp_heap_keep(wp_pool_heap(pool, thread), tag, &roots);
  WP_POINT("pool.keep");
  if (bytes) wp_atomic_fetch_add_relaxed_u64(&pool->counters.kept, bytes); /* a number only */
}

void wp_pool_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  wp_thread *record = &pool->threads[thread];
  uint32_t tag = wp_atomic_load_relaxed_u32(&record->tag); /* its writer is dead */
  (void)trusted;
  wp_pool_keep(pool, thread, tag, true);
  wp_heap_rebuild(wp_pool_heap(pool, thread), &tag, tag ? 1 : 0);
  wp_arena_abandon(&wp_pool_memory(pool, thread)->arena);
  wp_port_thread_reset(thread);
  reset_record(record);
}

void wp_pool_recount_segments(wp_pool *pool) { wp_segments_recount(pool->segments); }

bool wp_pool_check_threads(const wp_pool *pool) {
  for (uint32_t i = 0; i < pool->thread_count; i++)
    if (wp_heap_check(wp_pool_heap(pool, i))) return false;
  for (uint32_t i = 1; i < pool->thread_count; i++) {
    const wp_thread *thread = &pool->threads[i];
    uint32_t entries = 0;
    for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
      uint32_t index = wp_atomic_load_relaxed_u32(&thread->slots[place]);
      if (!index) continue;
      entries++;
      if (wp_atomic_load_relaxed_u32(&wp_slot_at(&pool->slots, index - 1)->owner) != i)
        return false;
    }
    if (entries != wp_atomic_load_relaxed_u32(&thread->running)) return false;
    bool idle = wp_atomic_load_relaxed_u32(&pool->idle[i >> 5]) >> (i & 31) & 1;
    uint32_t state = wp_atomic_load_relaxed_u32(&thread->state);
    if (idle && state != WP_THREAD_LIVE) return false;
    if (state != WP_THREAD_EMPTY && i >= wp_pool_threads_end(pool)) return false;
  }
  return true;
}
