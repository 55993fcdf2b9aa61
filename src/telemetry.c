#include "telemetry.h"
#include "lock.h"
#include <string.h>

enum { DEPTHS = WP_METRIC_PLAIN - WP_METRIC_LIGHT + 1 };

/* Bits of wp_lanes.filled and wp_lanes.left. */
#define LIST(level, class) (UINT32_C(1) << ((uint32_t)(level) * WP_CLASS_COUNT + (uint32_t)(class)))
static const uint32_t LOWEST = UINT32_C(15) << ((uint32_t)WP_LEVEL_LOW * WP_CLASS_COUNT);
static const uint32_t HEAVY =
    LIST(WP_LEVEL_HIGH, WP_CLASS_HEAVY) | LIST(WP_LEVEL_NORMAL, WP_CLASS_HEAVY) |
    LIST(WP_LEVEL_LOW, WP_CLASS_HEAVY); /* not the critical ones: they ignore the gate */

typedef struct sample {
  uint32_t slots_free, slots, groups_free, groups, buffers_free, buffers;
  uint32_t depths[DEPTHS]; /* from WP_METRIC_LIGHT on */
  uint32_t total, free, busy;
  uint32_t interventions, bulks, low_skips, heavy_skips;
  bool over_budget;
  uint32_t exec_us[]; /* by seat */
} sample;

struct wp_telemetry {
  wp_thresholds thresholds;
  double read_ms;                  /* time of the last report, or of the opening */
  uint32_t ring, next, count;      /* samples: capacity, index of the next one, number */
  size_t stride;                   /* size of a sample in bytes */
  uint32_t depths[DEPTHS];         /* of the previous sample */
  uint32_t low_skips, heavy_skips; /* consecutive ticks up to now */
  uint8_t *samples;
};

/* REQUIREMENTS TW-51 */
static const wp_thresholds DEFAULTS = {
    .free_part = {0.50, 0.20},
    .depth = {10, 25},
    .exec_seconds = {0.016, 0.030},
    .over_budget = {0.05, 0.20},
    .active_bulks = {1, 3},
    .low_skips = {20, 45},
    .heavy_skips = {5, 8},
    .interventions = {1, 3},
};

static sample *sample_at(const struct wp_telemetry *telemetry, uint32_t index) {
  return (sample *)(void *)(telemetry->samples + index * telemetry->stride);
}

wp_status wp_telemetry_open(wp_pool *pool, uint32_t ring, double now_ms) {
  if (!ring || pool->telemetry) return WP_E_INVALID_ARGUMENT;
  wp_heap *heap = wp_pool_heap(pool, WP_MAIN);
  size_t stride = (sizeof(sample) + pool->seat_count * sizeof(uint32_t) + 7) & ~(size_t)7;
  struct wp_telemetry *telemetry = wp_heap_alloc(heap, sizeof *telemetry, 0);
  uint8_t *samples = telemetry ? wp_heap_alloc(heap, stride * ring, 0) : NULL;
  if (!samples) {
    if (telemetry) wp_heap_free(heap, telemetry);
    return WP_E_NO_MEMORY;
  }
  *telemetry = (struct wp_telemetry){.thresholds = DEFAULTS,
                                     .read_ms = now_ms,
                                     .ring = ring,
                                     .stride = stride,
                                     .samples = samples};
  pool->telemetry = telemetry;
  return WP_OK;
}

wp_thresholds *wp_telemetry_thresholds(wp_pool *pool) {
  return pool->telemetry ? &pool->telemetry->thresholds : NULL;
}

/* ---- Sampling ---- */

/* Sums the peaks of a class over some levels since the last look, and resets each to the present count. */
static uint32_t take_peak(wp_lanes *lanes, enum wp_class class, uint32_t first, uint32_t last) {
  uint32_t sum = 0;
  for (uint32_t level = first; level <= last; level++) {
    sum += lanes->peaks[level][class];
    lanes->peaks[level][class] = lanes->counts[level][class];
  }
  return sum;
}

/* Counts consecutive ticks in which tasks of other levels were taken and none of the lowest level; and in which heavy tasks waited for
 * bulk jobs (TW-50). */
static void count_skips(wp_pool *pool) {
  struct wp_telemetry *telemetry = pool->telemetry;
  uint32_t filled = pool->lanes.filled, left = pool->lanes.left;
  pool->lanes.left = 0;
  if (!(filled & LOWEST) || left & LOWEST)
    telemetry->low_skips = 0;
  else if (left)
    telemetry->low_skips++; /* a tick in which no task was taken neither counts nor resets */
  bool held = filled & HEAVY && !(left & HEAVY) && wp_atomic_load_acquire_u32(&pool->bulks);
  telemetry->heavy_skips = held ? telemetry->heavy_skips + 1 : 0;
}

/* Copies what the lanes have counted. If the lock is taken, the old values stay and the next sample gets the new ones. */
static void read_lanes(wp_pool *pool, sample *now) {
  struct wp_telemetry *telemetry = pool->telemetry;
  wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX); /* tasks in the inbox wait as well */
  if (wp_lock_try(pool, WP_MAIN)) {
    wp_lanes *lanes = &pool->lanes;
    uint32_t *depths = telemetry->depths;
    depths[0] = take_peak(lanes, WP_CLASS_LIGHT, WP_LEVEL_CRITICAL, WP_LEVEL_LOW);
    depths[1] = take_peak(lanes, WP_CLASS_HEAVY, WP_LEVEL_CRITICAL, WP_LEVEL_LOW);
    depths[2] = take_peak(lanes, WP_CLASS_SLICE, WP_LEVEL_CRITICAL, WP_LEVEL_CRITICAL);
    depths[3] = take_peak(lanes, WP_CLASS_SLICE, WP_LEVEL_HIGH, WP_LEVEL_NORMAL);
    depths[4] = take_peak(lanes, WP_CLASS_SLICE, WP_LEVEL_LOW, WP_LEVEL_LOW);
    depths[5] = take_peak(lanes, WP_CLASS_PLAIN, WP_LEVEL_CRITICAL, WP_LEVEL_LOW);
    count_skips(pool);
    wp_lock_release(pool, WP_MAIN);
  }
  now->low_skips = telemetry->low_skips;
  now->heavy_skips = telemetry->heavy_skips;
  memcpy(now->depths, telemetry->depths, sizeof now->depths);
}

static void read_workers(const wp_pool *pool, sample *now) {
  now->total = wp_atomic_load_relaxed_u32(&pool->seats_open); /* a gauge */
  wp_pool_count_workers(pool, &now->free, &now->busy);
  for (uint32_t seat = 0; seat < pool->seat_count; seat++) {
    uint32_t thread = wp_atomic_load_acquire_u32(&pool->seats[seat]);
    now->exec_us[seat] =
        thread ? wp_atomic_load_relaxed_u32(&pool->threads[thread].exec_us) : 0; /* a gauge */
  }
}

static void read_tables(const wp_pool *pool, sample *now) {
  now->slots = wp_atomic_load_acquire_u32(&pool->slots.capacity);
  now->slots_free = now->slots - wp_table_in_use(&pool->slots);
  now->groups = wp_atomic_load_acquire_u32(&pool->groups.capacity);
  now->groups_free = now->groups - wp_table_in_use(&pool->groups);
}

void wp_telemetry_sample(wp_pool *pool, uint32_t interventions, uint32_t buffers_free,
                         uint32_t buffers, uint32_t held_light, uint32_t held_heavy) {
  struct wp_telemetry *telemetry = pool->telemetry;
  if (!telemetry) return;
  sample *now = sample_at(telemetry, telemetry->next);
  *now = (sample){.interventions = interventions,
                  .buffers_free = buffers_free,
                  .buffers = buffers,
                  .over_budget = pool->governor.was_over};
  read_tables(pool, now);
  read_lanes(pool, now);
  now->depths[0] += held_light;
  now->depths[1] += held_heavy;
  read_workers(pool, now);
  now->bulks = pool->bulks_peak;
  pool->bulks_peak = wp_atomic_load_acquire_u32(&pool->bulks);
  telemetry->next = (telemetry->next + 1) % telemetry->ring;
  if (telemetry->count < telemetry->ring) telemetry->count++;
}

/* ---- Report ---- */

enum wp_grade wp_telemetry_grade(wp_threshold threshold, double value) {
  if (value >= threshold.overloaded) return WP_OVERLOADED;
  return value >= threshold.warm ? WP_WARM : WP_HEALTHY;
}

enum wp_grade wp_telemetry_grade_free(wp_threshold threshold, double free, double capacity) {
  double part =
      capacity > 0 ? free / capacity : 1; /* capacity 0: the table has not been used yet */
  if (part < threshold.overloaded) return WP_OVERLOADED;
  return part < threshold.warm ? WP_WARM : WP_HEALTHY;
}

static void raise_to(wp_health *report, enum wp_metric metric, double value) {
  if (value > report->metrics[metric].value) report->metrics[metric].value = value;
}

/* Adds a sample to the peaks and sums of the window; the caller divides sums to get means. */
static void add(wp_health *report, const sample *one, uint32_t seats) {
  for (uint32_t i = 0; i < DEPTHS; i++)
    raise_to(report, (enum wp_metric)(WP_METRIC_LIGHT + i), one->depths[i]);
  raise_to(report, WP_METRIC_ACTIVE_BULKS, one->bulks);
  raise_to(report, WP_METRIC_LOW_SKIPS, one->low_skips);
  raise_to(report, WP_METRIC_HEAVY_SKIPS, one->heavy_skips);
  report->metrics[WP_METRIC_INTERVENTIONS].value += one->interventions;
  report->metrics[WP_METRIC_OVER_BUDGET].value += one->over_budget;
  for (uint32_t seat = 0; seat < seats; seat++)
    report->exec[seat].value += one->exec_us[seat] * 1e-6;
}

static void add_latest(wp_health *report, const sample *latest) {
  report->metrics[WP_METRIC_SLOTS] = (wp_measure){latest->slots_free, latest->slots, 0, 0};
  report->metrics[WP_METRIC_GROUPS] = (wp_measure){latest->groups_free, latest->groups, 0, 0};
  report->metrics[WP_METRIC_BUFFERS] = (wp_measure){latest->buffers_free, latest->buffers, 0, 0};
  report->total = latest->total;
  report->free = latest->free;
  report->busy = latest->busy;
}

static wp_threshold threshold_of(const wp_thresholds *thresholds, uint32_t metric) {
  if (metric >= WP_METRIC_LIGHT && metric < WP_METRIC_LIGHT + DEPTHS) return thresholds->depth;
  if (metric == WP_METRIC_INTERVENTIONS) return thresholds->interventions;
  if (metric == WP_METRIC_OVER_BUDGET) return thresholds->over_budget;
  if (metric == WP_METRIC_ACTIVE_BULKS) return thresholds->active_bulks;
  return metric == WP_METRIC_LOW_SKIPS ? thresholds->low_skips : thresholds->heavy_skips;
}

static void grade(wp_health *report, const wp_thresholds *thresholds, uint32_t seats) {
  for (uint32_t metric = 0; metric < WP_METRIC_COUNT; metric++) {
    wp_measure *measure = &report->metrics[metric];
    if (metric == WP_METRIC_BUDGET) continue;
    measure->grade =
        metric <= WP_METRIC_BUFFERS
            ? wp_telemetry_grade_free(thresholds->free_part, measure->value, measure->capacity)
            : wp_telemetry_grade(threshold_of(thresholds, metric), measure->value);
  }
  for (uint32_t seat = 0; seat < seats; seat++)
    report->exec[seat].grade =
        wp_telemetry_grade(thresholds->exec_seconds, report->exec[seat].value);
}

size_t wp_telemetry_report_bytes(const wp_pool *pool) {
  return sizeof(wp_health) + pool->seat_count * sizeof(wp_measure);
}

bool wp_telemetry_report(wp_pool *pool, double now_ms, wp_health *report) {
  struct wp_telemetry *telemetry = pool->telemetry;
  if (!telemetry || !telemetry->count) return false;
  memset(report, 0, wp_telemetry_report_bytes(pool));
  for (uint32_t i = 0; i < telemetry->count; i++)
    add(report, sample_at(telemetry, i), pool->seat_count);
  add_latest(report,
             sample_at(telemetry, (telemetry->next + telemetry->ring - 1) % telemetry->ring));
  report->metrics[WP_METRIC_OVER_BUDGET].value /= telemetry->count;
  for (uint32_t seat = 0; seat < pool->seat_count; seat++)
    report->exec[seat].value /= telemetry->count;
  report->metrics[WP_METRIC_BUDGET].value = pool->config.dispatch_budget_ms;
  report->samples = telemetry->count;
  report->window_seconds = (now_ms - telemetry->read_ms) / 1000;
  telemetry->read_ms = now_ms;
  grade(report, &telemetry->thresholds, pool->seat_count);
  return true;
}
