#include "idle.h"
#include "base/point.h"

wp_status wp_idle_open(wp_pool *pool, wp_heap *heap) {
  pool->idle = wp_pool_alloc(heap, wp_thread_set_words(pool), sizeof *pool->idle);
  return pool->idle ? WP_OK : WP_E_NO_MEMORY;
}

static bool is_idle(const wp_pool *pool, uint32_t thread) {
  return wp_atomic_load_seq_u32(&pool->idle[thread >> 5]) >> (thread & 31) & 1;
}

static bool clear(wp_pool *pool, uint32_t thread) {
  uint32_t bit = UINT32_C(1) << (thread & 31);
  WP_POINT("idle.clear");
  return wp_atomic_fetch_and_seq_u32(&pool->idle[thread >> 5], ~bit) & bit;
}

void wp_idle_enter(wp_pool *pool, uint32_t self) {
  WP_POINT("idle.set");
  /* IDLE: pairs with the load in choose. The worker read its wake word before it looked for work. */
  wp_atomic_fetch_or_seq_u32(&pool->idle[self >> 5], UINT32_C(1) << (self & 31));
}

void wp_idle_leave(wp_pool *pool, uint32_t self) {
  /* Load first: a write would take the cache line from the threads that share the word. Only `self` sets its own bit. */
  if (is_idle(pool, self)) clear(pool, self);
}

void wp_idle_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  (void)trusted;
  wp_idle_leave(pool, thread);
}

/* PASS OVER: skip workers that cannot take work. A doomed worker is woken by its pardon; a poisoned one looks for work after its late
 * answer. Pairs with DOOM and with the poisoning in tick.c, after which main wakes others. */
static bool would_take(const wp_thread *thread) {
  return !wp_gate_doomed(thread) && !wp_atomic_load_seq_u32(&thread->poisoned);
}

static bool wake_if_idle(wp_pool *pool, uint32_t thread) {
  wp_thread *record = &pool->threads[thread];
  if (!clear(pool, thread) || !would_take(record)) return false;
  WP_POINT("idle.woken");
  wp_atomic_store_relaxed_u32(&pool->woken, thread); /* a hint: it orders nothing */
  wp_thread_wake(record);
  return true;
}

enum {
  WAKE_SPINNING = 1, /* only workers that are spinning: waking them takes no call of the host */
  WAKE_BUSY = 2,     /* also workers that run something */
  WAKE_SHORT = 4,    /* only workers in a short wait, which need not be woken at all */
};

/* Whether this worker may be chosen. One that is leaving is woken only for its seat's tasks, by wp_idle_wake_for. */
static bool is_meant(const wp_thread *thread, uint32_t how) {
  if (wp_atomic_load_seq_u32(&thread->leaving)) return false; /* pairs with wp_worker_leave */
  uint32_t sleeps = wp_atomic_load_seq_u32(&thread->sleeps);
  if (how & WAKE_SPINNING && sleeps != WP_SLEEP_NOT) return false;
  if (how & WAKE_SHORT && (sleeps != WP_SLEEP_SHORT || !would_take(thread))) return false;
  return how & WAKE_BUSY || !wp_atomic_load_acquire_u32(&thread->running);
}

/* CHOOSE: the waiting worker with the shortest mean task time (REQUIREMENTS TW-06). Times are compared in whole milliseconds, because
 * smaller differences are noise; of equals, the lowest seat wins. Returns its number, or WP_MAIN for none. */
static uint32_t choose(const wp_pool *pool, uint32_t how) {
  uint32_t best = WP_MAIN, best_ms = WP_NONE, best_seat = WP_NONE;
  uint32_t end = wp_pool_threads_end(pool); /* before the bits; pairs with wp_worker_open */
  for (uint32_t word = 0; word * 32 < end; word++) {
    uint32_t bits = wp_atomic_load_seq_u32(&pool->idle[word]); /* pairs with IDLE */
    for (; bits; bits &= bits - 1) {
      uint32_t thread = word * 32 + (uint32_t)__builtin_ctz(bits);
      const wp_thread *record = &pool->threads[thread];
      uint32_t mean_ms = wp_atomic_load_relaxed_u32(&record->exec_us) / 1000; /* a hint */
      uint32_t seat = wp_atomic_load_relaxed_u32(&record->seat); /* constant while it is LIVE */
      bool is_better = mean_ms < best_ms || (mean_ms == best_ms && seat < best_seat);
      if (!is_better || !is_meant(record, how)) continue;
      best = thread;
      best_ms = mean_ms;
      best_seat = seat;
    }
  }
  return best;
}

static bool wake_one(wp_pool *pool, uint32_t how) {
  /* The chosen worker may have been woken by another thread, or be doomed; its bit is then clear. */
  for (uint32_t tries = 0; tries < pool->thread_count; tries++) {
    uint32_t thread = choose(pool, how);
    if (thread == WP_MAIN) return false;
    if (how & WAKE_SHORT || wake_if_idle(pool, thread)) return true;
  }
  return false;
}

uint32_t wp_idle_count(const wp_pool *pool) {
  uint32_t count = 0;
  for (uint32_t word = 0, end = wp_pool_threads_end(pool); word * 32 < end; word++)
    count += (uint32_t)__builtin_popcount(wp_atomic_load_seq_u32(&pool->idle[word]));
  return count;
}

void wp_idle_wake_free(wp_pool *pool) { wake_one(pool, 0); }

bool wp_idle_wake_any(wp_pool *pool, bool patiently) {
  if (wake_one(pool, WAKE_SPINNING)) return true;
  /* PATIENCE: a worker in a short wait will look by itself. Pairs with the end of wp_thread_sleep: a worker that was seen waiting
   * sees what was pushed before. */
  if (patiently && wake_one(pool, WAKE_SHORT)) return true;
  return wake_one(pool, 0) || (pool->config.concurrency > 1 && wake_one(pool, WAKE_BUSY));
}

void wp_idle_wake_for(wp_pool *pool, const wp_slot *slot, bool patiently) {
  if (!slot->seat) {
    wp_idle_wake_any(pool, patiently);
    return;
  }
  uint32_t thread = wp_atomic_load_seq_u32(&pool->seats[slot->seat - 1]);
  if (thread) wake_if_idle(pool, thread);
}

void wp_idle_wake_next(wp_pool *pool) {
  if (wp_pool_ready(pool)) wp_idle_wake_any(pool, false);
}

void wp_idle_wake(wp_pool *pool) {
  uint32_t count = wp_pool_ready(pool);
  while (count-- && wp_idle_wake_any(pool, false)) {
  }
}

void wp_idle_wake_all(wp_pool *pool) {
  for (uint32_t thread = 1, end = wp_pool_threads_end(pool); thread < end; thread++)
    wake_if_idle(pool, thread);
}

void wp_idle_note_take(wp_pool *pool, uint32_t self) {
  WP_POINT("idle.taker");
  wp_atomic_store_relaxed_u32(&pool->taker, self); /* a hint: it orders nothing */
}

/* Whether the thread will look for work by itself. Pairs with IDLE: a worker that is not idle yet looks once more after it has set its
 * bit. */
static bool will_look(const wp_pool *pool, uint32_t thread) {
  const wp_thread *record = &pool->threads[thread];
  return thread && wp_atomic_load_acquire_u32(&record->state) == WP_THREAD_LIVE &&
         would_take(record) && !wp_atomic_load_seq_u32(&record->leaving) && !is_idle(pool, thread);
}

bool wp_idle_can_wait(const wp_pool *pool) {
  /* Relaxed here and below: hints. */
  uint32_t taker = wp_atomic_load_relaxed_u32(&pool->taker);
  uint32_t pace_ns = wp_atomic_load_relaxed_u32(&pool->threads[taker].pace_ns);
  double left_ns = (double)wp_atomic_load_relaxed_u32(&pool->queued) * pace_ns;
  if (pace_ns > WP_QUICK_NS || left_ns > WP_WAKE_NS) return false;
  return will_look(pool, taker) ||
         will_look(pool, wp_atomic_load_relaxed_u32(&pool->woken)); /* a hint */
}
