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
  WP_RESTARTS_MAX = 4096, /* a log keeps at most as many times; a larger limit is none */
  WP_DOUBLINGS_MAX =
      64, /* times that a log without a limit keeps: by then every delay is at its most */
};

enum wp_restart_kind {
  WP_RESTART_ALWAYS = 0,
  WP_RESTART_ON_FAILURE = 1, /* not after an end without an error */
  WP_RESTART_NEVER = 2,
};

typedef struct wp_restart_policy {
  uint32_t kind;    /* enum wp_restart_kind */
  uint32_t max;     /* restarts within the window; above WP_RESTARTS_MAX: no limit */
  double window_ms; /* 0: a restart is never forgotten */
  double min_ms,
      max_ms;    /* the delay: min_ms, doubled for each restart within the window, at most max_ms */
  double jitter; /* 0 … 1: the part of a delay that chance may add or take away */
} wp_restart_policy;

typedef struct wp_restart_log {
  double *times_ms; /* a ring of wp_restart_capacity() times, the caller's */
  uint32_t count;   /* restarts so far; only the last ones are kept */
  bool spent;       /* there will be no further restart */
} wp_restart_log;

/* Whether every field is within its bounds. */
bool wp_restart_valid(const wp_restart_policy *policy);

/* How many times a log of this policy must hold; never 0. */
uint32_t wp_restart_capacity(const wp_restart_policy *policy);

/* Takes one restart. `clean`: it ended by itself, without an error. `chance`: a random number, 0 … 1. Returns the delay in
 * milliseconds, or a negative number: no further restart, and the log is spent. */
double wp_restart_take(const wp_restart_policy *policy, wp_restart_log *log, double now_ms,
                       bool clean, double chance);

#endif
