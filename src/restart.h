/*
 * Purpose  How soon, and how often, something that failed is started again: a policy as data, and the restarts that one thing
 *          (a seat, an actor, a task) has used of it.
 * Owns     nothing: policy, log and its times are the caller's
 * Threads  whichever owns the log, one at a time
 * Kill     plain memory of main's: no worker writes here
 * See      tests/unit/restart_test.c. The rule is OTP's restart intensity: at most `max` restarts within `window_ms`
 *          (https://www.erlang.org/doc/system/sup_princ.html, "Maximum Restart Intensity")
 */
#ifndef WP_RESTART_H
#define WP_RESTART_H

#include "wasmpool.h"

enum {
  WP_RESTARTS_MAX = 4096, /* most times that a log keeps; a larger limit means no limit */
  /* times that a log without a limit keeps, so its delays grow no further: after so many doublings every one has reached max_ms */
  WP_DOUBLINGS_MAX = 64,
};

enum wp_restart_kind {
  WP_RESTART_ALWAYS = 0,
  WP_RESTART_ON_FAILURE = 1, /* not if it ended without an error */
  WP_RESTART_NEVER = 2,
};

enum wp_restart_growth {
  WP_RESTART_DOUBLES = 0, /* min_ms times 1, 2, 4, 8 … */
  WP_RESTART_ADDS = 1,    /* min_ms times 1, 2, 3, 4 … */
  WP_RESTART_KEEPS = 2,   /* always min_ms */
};

typedef struct wp_restart_policy {
  uint32_t kind;    /* enum wp_restart_kind */
  uint32_t max;     /* restarts within the window; above WP_RESTARTS_MAX: no limit */
  double window_ms; /* 0: restarts are never forgotten */
  /* the delay: min_ms, growing by `growth` with each restart within the window, at most max_ms */
  double min_ms, max_ms;
  double jitter;   /* 0 … 1: the share of a delay that chance may add or subtract */
  uint32_t growth; /* enum wp_restart_growth */
  uint32_t reserved;
} wp_restart_policy;

typedef struct wp_restart_log {
  double *times_ms; /* a ring of wp_restart_capacity() times, owned by the caller */
  uint32_t count;   /* restarts so far, modulo the ring; only the last ones are kept */
  bool spent;       /* no further restart is allowed */
} wp_restart_log;

/* Whether every field is within its bounds. */
bool wp_restart_valid(const wp_restart_policy *policy);

/* Number of times that a log of this policy must hold; never 0. */
uint32_t wp_restart_capacity(const wp_restart_policy *policy);

/* Gives the log its whole budget back, as if nothing had been restarted yet. */
void wp_restart_renew(wp_restart_log *log);

/* Takes one restart from the budget. `clean`: it ended by itself, without an error. `chance`: a random number, 0 … 1. Returns the delay
 * in milliseconds; or a negative number: no further restart is allowed, and the log is spent. */
double wp_restart_take(const wp_restart_policy *policy, wp_restart_log *log, double now_ms,
                       bool clean, double chance);

/* The delay in milliseconds after `restarts` restarts, for those who count for themselves. `chance` as above. */
double wp_restart_delay(const wp_restart_policy *policy, uint32_t restarts, double chance);

#endif
