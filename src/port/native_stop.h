/*
 * Purpose  Ends a native thread at any instruction, except within the C library and its relatives, which keep locks and heaps of the whole
 *          process: there it is ended where it returns to other code, or in a wait that POSIX lets threads be cancelled in.
 * Owns     wp_stopper, one for each thread of a pool; a signal of the process; a list of the libraries' code
 * Threads  as noted per function
 * Order    `wanted` is written by main before it sends the signal, and read by the thread when it becomes killable, and after each wait: so a
 *          thread that is asked while it is not killable ends as soon as it is
 * Kill     a thread leaves its task by a jump to where it began, or by a cancellation that unwinds the C library's frames only. No destructor
 *          of the task runs
 * See      docs/decisions/0030-native-kills.md, tests/unit/native_kill_test.c
 */
#ifndef WP_NATIVE_STOP_H
#define WP_NATIVE_STOP_H

#include "base/atomic.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

typedef struct wp_stopper {
  sigjmp_buf start;     /* where the thread goes to end */
  wp_atomic_u32 wanted; /* 1: it is to end; written by main */
  /* Used by the thread and its signal handler only. */
  volatile sig_atomic_t killable;
  volatile sig_atomic_t ending; /* it has jumped */
  /* The timer that repeats the signal. */
  wp_atomic_u32 timed; /* enum wp_stopper_timed; main makes the timer, the thread deletes it */
  timer_t timer;
  long delay_ns;               /* until the next signal; the handler's */
  wp_atomic_u32 system_number; /* as the kernel counts threads; 0: it has not begun */
} wp_stopper;

/* Chooses the signal, once. False: none is free. Any thread. */
bool wp__stopper_open(void);

/* The calling thread is this stopper's from now on, and killable when it says so. `start` is set after that. */
void wp__stopper_begin(wp_stopper *stopper);

/* It ends: no signal does anything to it any more. The thread itself. */
void wp__stopper_end(wp_stopper *stopper);

/* Sets whether it may be ended; jumps if it is to end and now may. The thread itself. */
void wp__stopper_killable(wp_stopper *stopper, bool killable);

/* Whether the calling thread is to end. */
bool wp__stop_wanted(void);

/* Jumps if the calling thread is to end and may. */
void wp__stop_check(void);

/* Asks a thread to end. main. */
void wp__stopper_ask(wp_stopper *stopper, pthread_t thread);

#endif
