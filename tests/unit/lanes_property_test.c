/*
 * Random submissions, takes, ends, cancels, deaths and steps of time, beside a model of the rules in src/lanes.h that knows no
 * lists but goes through all tasks each time. Every take must give what the model says; no worker may sleep while there is
 * something to take, nor be woken for nothing; in the end every task has been answered once, or was given up.
 */
#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum {
  WORKERS = 3,
  PLACES = 2,      /* tasks at once on one worker, at most */
  LIVE_MAX = 60,   /* tasks at most, so that some steps find none and others many */
  TASKS_MAX = 512, /* slots that are ever used */
  BULKS_MAX = 512,
  SLICES_MAX = 6,
  STEPS = 500,
};

enum state {
  GONE = 0,
  WAITING = 1,
  RUNNING = 2,
  GIVEN_UP = 3, /* it runs, but nobody wants its answer */
  ANSWERED = 4,
};

enum weight { PLAIN = 0, LIGHT = 1, HEAVY = 2, SLICE = 3 };

typedef struct task {
  enum state state;
  enum weight weight;
  uint32_t level, generation, worker, redeliveries;
  uint32_t bulk; /* + 1, or 0 */
  bool requeue, aged;
  wp_status status; /* what its answer must say */
  uint64_t order;
  double due_ms;
} task;

typedef struct worker {
  uint32_t thread, running;
  uint32_t seen; /* its wake word before it fell asleep */
  bool asleep;
} worker;

typedef struct world {
  fixture f;
  wp_config config;
  uint64_t random;
  double now_ms, wait_ms;
  bool is_quiet; /* little is submitted, so workers sleep most of the time */
  task tasks[TASKS_MAX];
  uint32_t members[BULKS_MAX]; /* tasks of each bulk job that are not GONE */
  uint32_t bulks, active, live;
  worker workers[WORKERS];
  uint64_t orders, low_skips, heavy_skips;
  uint64_t answers, cancels;
} world;

static world all;

static uint32_t below(world *o, uint32_t limit) {
  return (uint32_t)(wp_test_random(&o->random) >> 32) % limit;
}

/* ---- The model: which task goes next ---- */

static bool is_before(const task *a, const task *b) {
  return a->level != b->level ? a->level < b->level : a->order < b->order;
}

static const task *first_slice(const world *o) {
  const task *first = NULL;
  for (const task *t = o->tasks; t < o->tasks + TASKS_MAX; t++) {
    if (t->state == WAITING && t->weight == SLICE && (!first || is_before(t, first))) first = t;
  }
  return first;
}

static bool waits(const world *o, uint32_t level, enum weight weight) {
  for (const task *t = o->tasks; t < o->tasks + TASKS_MAX; t++) {
    if (t->state == WAITING && t->level == level && t->weight == weight) return true;
  }
  return false;
}

/* How long a worker's tasks take is decided elsewhere, so it is read instead of modelled. */
static bool some_worker_is_slow(const world *o) {
  for (const worker *w = o->workers; w < o->workers + WORKERS; w++) {
    uint32_t exec_us = wp_atomic_load_relaxed_u32(&o->f.pool->threads[w->thread].exec_us);
    if (w->running && exec_us >= 1000 * o->config.slow_ms) return true;
  }
  return false;
}

static bool may_go(const world *o, const task *t, bool forced) {
  if (t->state != WAITING) return false;
  bool is_gated = !forced && o->active && t->level != WP_LEVEL_CRITICAL && !t->aged;
  if (t->weight == LIGHT && is_gated) {
    const task *slice = first_slice(o);
    return !slice || o->now_ms >= slice->due_ms || some_worker_is_slow(o);
  }
  return t->weight != HEAVY || (!is_gated && (t->aged || !waits(o, t->level, LIGHT)));
}

static uint32_t rank(const world *o, const task *t) {
  if (t->aged) return 0;
  return t->weight == SLICE && o->now_ms >= t->due_ms ? 1 : 2;
}

static task *next_of_level(world *o, uint32_t level, bool forced) {
  task *best = NULL;
  for (task *t = o->tasks; t < o->tasks + TASKS_MAX; t++) {
    if (t->level != level || !may_go(o, t, forced)) continue;
    if (!best || rank(o, t) < rank(o, best) ||
        (rank(o, t) == rank(o, best) && t->order < best->order))
      best = t;
  }
  return best;
}

static task *next_task(world *o) {
  task *next = NULL;
  if (o->low_skips >= o->config.low_skips) next = next_of_level(o, WP_LEVEL_LOW, true);
  for (uint32_t level = 0; !next && level < WP_LEVEL_COUNT; level++)
    next = next_of_level(o, level, false);
  return next;
}

static task *first_held(world *o) {
  task *first = NULL;
  for (task *t = o->tasks; t < o->tasks + TASKS_MAX; t++) {
    bool held = t->state == WAITING && t->weight == HEAVY && !t->aged && o->active &&
                t->level != WP_LEVEL_CRITICAL;
    if (held && (!first || is_before(t, first))) first = t;
  }
  return first;
}

static bool some_wait_on(const world *o, uint32_t level) {
  bool found = false;
  for (enum weight weight = PLAIN; weight <= SLICE; weight++)
    found = found || waits(o, level, weight);
  return found;
}

static void count_skips(world *o, uint32_t level) {
  task *held = first_held(o);
  o->heavy_skips = held ? o->heavy_skips + 1 : 0;
  if (held && o->heavy_skips >= o->config.heavy_skips) {
    held->aged = true;
    o->heavy_skips = 0;
  }
  bool passed = level != WP_LEVEL_LOW && some_wait_on(o, WP_LEVEL_LOW);
  o->low_skips = passed ? o->low_skips + 1 : 0;
}

static void forget(world *o, task *t) {
  t->state = GONE;
  o->live--;
  if (t->bulk && --o->members[t->bulk - 1] == 0) o->active--;
}

/* ---- Steps: each true if the pool did what the model says ---- */

static uint32_t index_of(const world *o, const task *t) { return (uint32_t)(t - o->tasks); }

static bool submit_task(world *o, task what, uint32_t flags, uint32_t group) {
  wp_pool *pool = o->f.pool;
  uint32_t index = reserve(pool, what.level, 0);
  if (index >= TASKS_MAX || o->tasks[index].state != GONE) return false;
  wp_slot *slot = slot_of(pool, index);
  slot->flags = flags | (what.requeue ? WP_SLOT_REQUEUE : 0U);
  slot->group = group;
  slot->due_ms = what.due_ms;
  what.state = WAITING;
  what.order = o->orders++;
  what.generation = generation_of(pool, index);
  o->tasks[index] = what;
  o->live++;
  wp_task_submit(pool, index);
  return true;
}

static bool submit_single(world *o) {
  static const uint32_t flags[] = {0, WP_SLOT_LIGHT, WP_SLOT_HEAVY};
  if (o->live >= LIVE_MAX) return true;
  task what = {.weight = (enum weight)below(o, 3), .level = below(o, WP_LEVEL_COUNT)};
  what.requeue = below(o, 2);
  return submit_task(o, what, flags[what.weight], 0);
}

static bool submit_bulk(world *o) {
  uint32_t count = 1 + below(o, SLICES_MAX), group = 0;
  if (o->live + count > LIVE_MAX || o->bulks == BULKS_MAX) return true;
  if (wp_group_create(o->f.pool, count, WP_GROUP_BULK, &group)) return false;
  task what = {.weight = SLICE, .level = below(o, WP_LEVEL_COUNT)};
  what.due_ms = o->now_ms + o->wait_ms;
  what.bulk = ++o->bulks;
  o->members[what.bulk - 1] = count;
  o->active++;
  for (uint32_t i = 0; i < count; i++) {
    what.requeue = below(o, 4) > 0;
    if (!submit_task(o, what, WP_SLOT_SLICE, group + 1)) return false;
  }
  return true;
}

static uint32_t wakes(const world *o) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < WORKERS; i++) sum += wake_of(o->f.pool, o->workers[i].thread);
  return sum;
}

static bool take_task(world *o, uint32_t number) {
  worker *w = &o->workers[number];
  if (w->running == o->config.concurrency) return true;
  uint32_t seen = wake_of(o->f.pool, w->thread), before = wakes(o);
  uint32_t taken = take(o->f.pool, w->thread, o->now_ms);
  task *t = next_task(o); /* after the pool has noted how slow the worker is */
  w->asleep = taken == WP_NONE;
  w->seen = seen;
  if (!t) return taken == WP_NONE && wakes(o) == before;
  if (taken != index_of(o, t)) return false;
  t->state = RUNNING;
  t->worker = number;
  w->running++;
  count_skips(o, t->level);
  return true;
}

/* Some task that the worker runs, or that any worker runs; NULL: there is none. */
static task *any_task(world *o, uint32_t number) {
  uint32_t start = below(o, TASKS_MAX);
  for (uint32_t i = 0; i < TASKS_MAX; i++) {
    task *t = &o->tasks[(start + i) % TASKS_MAX];
    bool runs = t->state == RUNNING || t->state == GIVEN_UP;
    if (number == WP_NONE ? t->state != GONE : runs && t->worker == number) return t;
  }
  return NULL;
}

static bool finish_task(world *o, uint32_t number) {
  worker *w = &o->workers[number];
  task *t = any_task(o, number);
  if (!t) return true;
  w->running--;
  w->asleep = false;
  bool wanted = t->state == RUNNING;
  t->state = ANSWERED;
  t->status = below(o, 4) ? WP_OK : WP_E_TASK_FAILED;
  wp_task_finish(o->f.pool, w->thread, index_of(o, t), t->status);
  if (!wanted) forget(o, t);
  return true;
}

static bool deliver_task(world *o) {
  wp_status status = WP_OK;
  uint32_t index = deliver(o->f.pool, &status);
  if (index == WP_NONE) return true;
  task *t = &o->tasks[index];
  if (t->state != ANSWERED || t->status != status) return false;
  o->answers++;
  forget(o, t);
  return true;
}

static bool cancel_task(world *o, task *t) {
  static const enum wp_cancel_result results[] = {[WAITING] = WP_CANCEL_QUEUED,
                                                  [RUNNING] = WP_CANCEL_RUNNING,
                                                  [GIVEN_UP] = WP_CANCEL_STALE,
                                                  [ANSWERED] = WP_CANCEL_STALE};
  enum wp_cancel_result result = wp_task_cancel(o->f.pool, index_of(o, t), t->generation);
  if (result != results[t->state]) return false;
  o->cancels += result != WP_CANCEL_STALE;
  if (result == WP_CANCEL_QUEUED)
    forget(o, t);
  else if (result == WP_CANCEL_RUNNING)
    t->state = GIVEN_UP;
  return true;
}

/* Cancels one task, or all of its bulk job. */
static bool cancel_some(world *o) {
  task *t = any_task(o, WP_NONE);
  if (!t) return true;
  if (!t->bulk || below(o, 2)) return cancel_task(o, t);
  uint32_t bulk = t->bulk;
  for (task *slice = o->tasks; slice < o->tasks + TASKS_MAX; slice++) {
    if (slice->state != GONE && slice->bulk == bulk && !cancel_task(o, slice)) return false;
  }
  return true;
}

static void lose(world *o, task *t) {
  if (t->state == GIVEN_UP) {
    forget(o, t);
  } else if (t->requeue && t->redeliveries < o->config.max_redeliveries) {
    t->state = WAITING;
    t->redeliveries++;
  } else {
    t->state = ANSWERED;
    t->status = t->requeue ? WP_E_POISON_JOB : WP_E_WORKER_LOST;
  }
}

static bool kill_one(world *o, uint32_t number) {
  worker *w = &o->workers[number];
  for (task *t = any_task(o, number); t; t = any_task(o, number)) lose(o, t);
  if (kill_worker(o->f.pool, w->thread)) return false;
  *w = (worker){.thread = start_worker(o->f.pool, number)};
  return w->thread != 0;
}

/* False if a task can be taken, but all workers that have room for it sleep. */
static bool nobody_oversleeps(world *o) {
  bool has_room = false;
  for (worker *w = o->workers; w < o->workers + WORKERS; w++) {
    if (w->running == o->config.concurrency) continue;
    has_room = true;
    if (!w->asleep || wake_of(o->f.pool, w->thread) != w->seen) return true;
  }
  return !has_room || !next_task(o);
}

static bool step(world *o) {
  uint32_t number = below(o, WORKERS), what = below(o, 32);
  if (what < 8 && o->is_quiet && below(o, 5)) return true;
  if (what < 6) return submit_single(o);
  if (what < 8) return submit_bulk(o);
  if (what < 18) return take_task(o, number);
  if (what < 24) return finish_task(o, number);
  if (what < 28) return deliver_task(o);
  if (what < 30) return cancel_some(o);
  if (what < 31 && below(o, 4) == 0) return kill_one(o, number);
  o->now_ms += below(o, 30);
  return true;
}

/* ---- The property ---- */

static bool start_world(world *o, uint64_t seed) {
  static const uint32_t skips[] = {1, 3, 10, WP_NONE}, waits_ms[] = {0, 20, 200, 1000000};
  memset(o, 0, sizeof *o);
  o->random = seed;
  o->now_ms = 1;
  o->is_quiet = below(o, 2);
  o->wait_ms = waits_ms[below(o, 4)];
  o->config = fixture_config(WORKERS);
  o->config.concurrency = 1 + below(o, PLACES);
  o->config.max_redeliveries = below(o, 3);
  o->config.low_skips = skips[below(o, 4)];
  o->config.heavy_skips = skips[below(o, 4)];
  o->config.slow_ms = below(o, 2) ? 16 : 1000;
  if (fixture_open(&o->f, &o->config)) return false;
  for (uint32_t i = 0; i < WORKERS; i++) o->workers[i].thread = start_worker(o->f.pool, i);
  return true;
}

static bool end_world(world *o) {
  for (uint32_t idle_rounds = 0; o->live && idle_rounds < 1000; idle_rounds++) {
    uint32_t live = o->live, number = below(o, WORKERS);
    if (!take_task(o, number) || !nobody_oversleeps(o) || !finish_task(o, number) ||
        !deliver_task(o))
      return false;
    if (o->live < live) idle_rounds = 0;
  }
  return true;
}

static bool is_empty(world *o) {
  const wp_pool *pool = o->f.pool;
  return !o->live && !o->active && wp_pool_check(o->f.pool) == WP_OK &&
         !wp_table_in_use(&pool->slots) && !wp_table_in_use(&pool->groups) &&
         !wp_atomic_load_seq_u32(&pool->bulks) && !wp_atomic_load_seq_u32(&pool->held) &&
         !queued_of(pool);
}

static bool holds(world *o, uint64_t seed) {
  if (!start_world(o, seed)) return false;
  bool fine = true;
  for (uint32_t i = 0; fine && i < STEPS; i++) fine = step(o) && nobody_oversleeps(o);
  fine = fine && wp_pool_check(o->f.pool) == WP_OK && end_world(o) && is_empty(o) &&
         o->answers + o->cancels == o->orders;
  fixture_close(&o->f);
  return fine;
}

TEST(order_of_leaving, "to TW-10, TW-13, TW-26 to TW-30, TW-58, C-01 to C-03, XP-16: "
                       "whatever comes, each take gives what the rules say [TW-07]") {
  uint64_t seed = wp_test_env("SEED", 1), worlds = 300 * wp_test_env("SCALE", 1);
  for (uint64_t i = 0; i < worlds; i++) {
    if (holds(&all, seed * 1000003 + i + 1)) continue;
    printf("# SEED=%llu, world %llu\n", (unsigned long long)seed, (unsigned long long)i);
    CHECK(false);
  }
}
