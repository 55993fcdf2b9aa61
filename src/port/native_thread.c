/* Threads of native hosts: POSIX threads that can be stopped while they say so (native_stop.h). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before any header */
#endif
#include "base/fault.h"
#include "port/native_stop.h"
#include "port/port.h"
#include "status.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

struct wp_port_thread {
  pthread_t thread;
  wp_stopper stopper;
  void (*run)(void *);
  void (*ended)(void *); /* may be NULL */
  void *argument;
  /* main, until it has joined or detached the thread, and the thread itself; the last one frees the record */
  wp_atomic_u32 users;
};

/* No points: main, or a thread that ends. */
static void leave(wp_port_thread *thread) {
  if (wp_atomic_fetch_sub_acq_rel_u32(&thread->users, 1) == 1) free(thread);
}

static _Thread_local wp_stopper *stopper; /* NULL: not a thread of a pool */

/* Runs in the thread, whether it has left its task or was cancelled in a wait. */
static void ended(void *argument) {
  wp_port_thread *self = argument;
  wp_port_thread_killable(false);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* a cancellation has enabled it */
  wp__stopper_end(&self->stopper);
  if (self->ended) self->ended(self->argument);
  leave(self);
}

bool wp_port_thread_killable(bool killable) {
  if (stopper) {
    bool before = stopper->killable;
    wp__stopper_killable(stopper, killable);
    return before;
  }
  int before = PTHREAD_CANCEL_DISABLE;
  pthread_setcancelstate(killable ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, &before);
  return before == PTHREAD_CANCEL_ENABLE;
}

static void *start(void *argument) {
  wp_port_thread *self = argument;
  wp_port_thread_killable(
      false); /* not yet a thread of the pool: from now on it is cancelled by the signal handler only */
  stopper = &self->stopper;
  wp__stopper_begin(stopper);
  pthread_cleanup_push(ended, self);
  if (!sigsetjmp(self->stopper.start, 1)) self->run(self->argument);
  pthread_cleanup_pop(1);
  return NULL;
}

void wp_port_thread_introduce(const char *name, uint32_t number, uint32_t cpu) {
  enum { NAME_BYTES = 16 }; /* as much as Linux keeps */
  char full[NAME_BYTES];
  snprintf(full, sizeof full, "%.10s-%u", name, (unsigned)number);
  if (*name) pthread_setname_np(pthread_self(), full);
  if (cpu >= CPU_SETSIZE) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static int create(wp_port_thread *record, size_t stack_bytes) {
  pthread_attr_t attributes;
  int failed = pthread_attr_init(&attributes);
  if (failed) return failed;
  if (stack_bytes) failed = pthread_attr_setstacksize(&attributes, stack_bytes);
  if (!failed) failed = pthread_create(&record->thread, &attributes, start, record);
  pthread_attr_destroy(&attributes);
  return failed;
}

int wp_port_thread_start(wp_port_thread **thread, const wp_port_start *start) {
  if (!wp__stopper_open()) return WP_E_START_FAILED;
  wp_port_thread *record = malloc(sizeof *record);
  if (!record) return WP_E_NO_MEMORY;
  *record =
      (wp_port_thread){.run = start->run, .ended = start->on_end, .argument = start->argument};
  wp_atomic_store_relaxed_u32(&record->users, 2); /* no point: pthread_create publishes it */
  if (WP_FAULT("thread") || create(record, start->stack_bytes)) {
    free(record);
    return WP_E_START_FAILED;
  }
  *thread = record;
  return WP_OK;
}

void wp_port_thread_cancel(wp_port_thread *thread) {
  wp__stopper_ask(&thread->stopper, thread->thread);
}

bool wp_port_thread_gone(wp_port_thread *thread) {
  if (pthread_tryjoin_np(thread->thread, NULL)) return false;
  leave(thread); /* the confirmation: the thread executes nothing any more */
  return true;
}

bool wp_port_thread_left(const wp_port_thread *thread) {
  (void)thread;
  return false;
}

void wp_port_thread_detach(wp_port_thread *thread) {
  pthread_detach(thread->thread);
  leave(thread);
}

void wp_port_stack_probe(void) {} /* the stack has a guard page; hitting it ends the process */
void wp_port_trap(void) {}
