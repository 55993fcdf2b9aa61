/*
 * Purpose  The pool's health over a window: a ring of samples, one for each tick, and a report with grades (REQUIREMENTS
 *          TW-42 to TW-53).
 * Owns     the ring; the peaks that the lanes count between two samples
 * Threads  main
 * Order    gauges are read without synchronisation: a report is a snapshot that nothing depends on
 * Kill     no worker touches the ring. Peaks are written under the lock; a death there loses one
 * See      tests/unit/telemetry_test.c, docs/telemetry.md
 *
 * While telemetry is off, pool->telemetry is NULL and these calls do nothing.
 */
#ifndef WP_TELEMETRY_H
#define WP_TELEMETRY_H

#include "pool.h"

enum {
  WP_TELEMETRY_RING = 600, /* samples by default: ten seconds of ticks at 60 a second */
};

/* Metrics of a report, in the order of wp_health.metrics. */
enum wp_metric {
  WP_METRIC_SLOTS = 0,   /* free descriptors of tasks */
  WP_METRIC_GROUPS = 1,  /* free descriptors of batches and bulk jobs */
  WP_METRIC_BUFFERS = 2, /* free buffers for results of bulk jobs; the embedder's */
  WP_METRIC_LIGHT = 3,   /* peak number of waiting light tasks; likewise up to PLAIN */
  WP_METRIC_HEAVY = 4,
  WP_METRIC_BULK_CRITICAL = 5, /* slices of bulk jobs */
  WP_METRIC_BULK_NORMAL = 6,   /* high and normal ones */
  WP_METRIC_BULK_BACKGROUND = 7,
  WP_METRIC_PLAIN = 8,         /* tasks without a weight; not those for one seat only */
  WP_METRIC_INTERVENTIONS = 9, /* workers recovered because they gave no sign of life */
  WP_METRIC_BUDGET = 10,       /* ms; no grade */
  WP_METRIC_OVER_BUDGET = 11,  /* share of the ticks that went over the budget, 0 … 1 */
  WP_METRIC_ACTIVE_BULKS = 12, /* peak */
  /* most consecutive ticks in which tasks of the lowest level waited while only others were taken */
  WP_METRIC_LOW_SKIPS = 13,
  /* most consecutive ticks in which heavy tasks waited for bulk jobs and none was taken */
  WP_METRIC_HEAVY_SKIPS = 14,
  WP_METRIC_COUNT = 15,
};

enum wp_grade { WP_HEALTHY = 0, WP_WARM = 1, WP_OVERLOADED = 2 };

/* Where "warm" and "overloaded" begin: at this value and above, or, for free descriptors, below this share. */
typedef struct wp_threshold {
  double warm, overloaded;
} wp_threshold;

typedef struct wp_thresholds {
  wp_threshold free_part, depth, exec_seconds, over_budget, active_bulks, low_skips, heavy_skips,
      interventions;
} wp_thresholds;

typedef struct wp_measure {
  double value, capacity; /* capacity: descriptors only */
  uint32_t grade;         /* enum wp_grade */
  uint32_t pad;
} wp_measure;

typedef struct wp_health {
  wp_measure metrics[WP_METRIC_COUNT];
  uint32_t total, free, busy; /* workers, in the latest sample */
  uint32_t samples;           /* number in the ring */
  double window_seconds;      /* since the previous report, or since the start */
  /* by seat, one for each seat of the pool: mean time of a task in seconds, and its grade */
  wp_measure exec[];
} wp_health;

/* Switches telemetry on, before the first worker is seated. `ring`: number of samples kept. WP_E_NO_MEMORY, WP_E_INVALID_ARGUMENT (0
 * samples, or on already). */
wp_status wp_telemetry_open(wp_pool *pool, uint32_t ring, double now_ms);

/* The thresholds in use, which may be changed in place; at first the defaults of TW-51. NULL while telemetry is off. */
wp_thresholds *wp_telemetry_thresholds(wp_pool *pool);

/* Takes one sample; called at each tick. The arguments are what only the embedder knows: interventions since the previous sample, buffers
 * for results of bulk jobs, and the tasks that it holds back itself. */
void wp_telemetry_sample(wp_pool *pool, uint32_t interventions, uint32_t buffers_free,
                         uint32_t buffers, uint32_t held_light, uint32_t held_heavy);

/* Summarises the window into `report`, which has room for wp_telemetry_report_bytes. Resets nothing but `window_seconds`. False: telemetry
 * is off, or there is no sample yet. */
size_t wp_telemetry_report_bytes(const wp_pool *pool);
bool wp_telemetry_report(wp_pool *pool, double now_ms, wp_health *report);

/* Grades a value by thresholds that it reaches or exceeds; _free: by thresholds that the free share falls below (REQUIREMENTS TW-51). */
enum wp_grade wp_telemetry_grade(wp_threshold threshold, double value);
enum wp_grade wp_telemetry_grade_free(wp_threshold threshold, double free, double capacity);

#endif
