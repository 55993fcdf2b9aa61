/*
 * Purpose  Fault injection: in a test build (WP_KILL_POINTS) what may fail for want of memory or threads can be made to.
 * Owns     wp__fault_hook (test builds only)
 * Threads  any
 * Kill     nothing is held here
 * See      tests/unit/fault_test.c
 */
#ifndef WP_BASE_FAULT_H
#define WP_BASE_FAULT_H

#include <stdbool.h>

#ifdef WP_KILL_POINTS
extern bool (*wp__fault_hook)(const char *name); /* set by the test; true: fail here */
#define WP_FAULT(name) (wp__fault_hook && wp__fault_hook(name))
#else
#define WP_FAULT(name) false
#endif

#endif
