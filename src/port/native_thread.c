/* Threads of native hosts: POSIX threads that can be stopped at any instruction while they say so. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before any header */
#endif
#include "base/fault.h"
#include "pool.h"
#include "port/port.h"
#include <pthread.h>
#include <stdlib.h>

struct wp_port_thread {
  pthread_t thread;
  void (*run)(void *);
  void *argument;
};

bool wp_port_thread_killable(bool killable) {
  int before = PTHREAD_CANCEL_DISABLE;
  pthread_setcancelstate(killable ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, &before);
  return before == PTHREAD_CANCEL_ENABLE;
}

static void *start(void *argument) {
  const wp_port_thread *self = argument;
  int before = 0;
  wp_port_thread_killable(false);
  /* At any instruction, once it is killable: a hung task has no cancellation point, and the gate sees to it that it holds
   * nothing then. */
  // NOLINTNEXTLINE(concurrency-thread-canceltype-asynchronous)
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
  self->run(self->argument);
  return NULL;
}

int wp_port_thread_start(wp_port_thread **thread, void (*run)(void *), void *argument) {
  wp_port_thread *record = malloc(sizeof *record);
  if (!record) return WP_E_NO_MEMORY;
  *record = (wp_port_thread){.run = run, .argument = argument};
  if (WP_FAULT("thread") || pthread_create(&record->thread, NULL, start, record)) {
    free(record);
    return WP_E_START_FAILED;
  }
  *thread = record;
  return WP_OK;
}

void wp_port_thread_kill(wp_port_thread *thread) {
  pthread_cancel(thread->thread);
  wp_port_thread_join(thread);
}

void wp_port_thread_join(wp_port_thread *thread) {
  pthread_join(thread->thread, NULL); /* the confirmation: the thread executes nothing any more */
  free(thread);
}

void wp_port_stack_probe(void) {} /* there is a guard page, and no task outlives it */
void wp_port_ring(struct wp_pool *pool) { wp_port_wake(&pool->bell, 1); }
