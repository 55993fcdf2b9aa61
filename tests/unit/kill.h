/*
 * Dies at the n-th kill point: kill_run(n, script, context) runs the script, which is left for ever
 * at its n-th WP_POINT. For programs built with WP_KILL_POINTS, in which one thread plays all
 * parts.
 */
#ifndef WP_TEST_KILL_H
#define WP_TEST_KILL_H

#include "base/point.h"
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef WP_KILL_POINTS
static jmp_buf kill_exit;
static uint64_t kill_points_left; /* 0: not armed */
static const char *kill_name;     /* of the point where it died */

static inline void kill_now(const char *name) {
  kill_points_left = 0;
  kill_name = name;
  longjmp(kill_exit, 1);
}

static inline void kill_hook(const char *name) {
  if (!kill_points_left) return;
  kill_points_left--;
  if (!kill_points_left) kill_now(name);
}

/* The same with a hook from the caller, which ends the script with kill_now. */
static inline bool kill_run_with(void (*hook)(const char *name), uint64_t n, void (*script)(void *),
                                 void *context) {
  wp__point_hook = hook;
  if (setjmp(kill_exit)) {
    wp__point_hook = NULL;
    return true;
  }
  kill_points_left = n;
  script(context);
  kill_points_left = 0;
  wp__point_hook = NULL;
  return false;
}

/* Runs the script up to its nth point. True if it died there, false if it came to its end. */
static inline bool kill_run(uint64_t n, void (*script)(void *), void *context) {
  return kill_run_with(kill_hook, n, script, context);
}

/* The names of all points of this program; some occur several times. */
extern const char *__start_wp_points[], *__stop_wp_points[];
#endif

#endif
