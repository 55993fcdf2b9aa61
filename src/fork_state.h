/*
 * Purpose  What the sources of sub-tasks share: who belongs to a family, and taking a part.
 * Owns     as fork.h
 * Threads  the worker itself
 * Kill     as fork.h
 * See      fork.h
 */
#ifndef WP_FORK_STATE_H
#define WP_FORK_STATE_H

#include "fork.h"

/* What a helper's slot has as its argument. */
typedef struct wp_invitation {
  uint32_t family;
  uint32_t root;              /* the thread that runs the task */
  uint32_t index, generation; /* the task's slot */
} wp_invitation;

static inline uint64_t wp__fork_word(uint32_t family, uint32_t state) {
  return (uint64_t)family << 32 | state;
}

/* A thread's list, or NULL if it has never had one. Any thread. */
static inline wp_forks *wp__forks_of(const wp_pool *pool, uint32_t thread) {
  return (wp_forks *)(uintptr_t)wp_atomic_load_acquire_u64(&pool->forks[thread]);
}

/* The calling thread's list, made if need be. NULL: no memory. */
wp_forks *wp__forks_own(wp_pool *pool, uint32_t self);

/* Takes a part of the task's family from another worker and runs it. False: there was none. */
bool wp__fork_steal(wp_task *task);

/* Runs a part; waits for those that it has spawned and not awaited. A task that was given up runs no more parts: WP_E_CANCELLED. */
wp_status wp__fork_run(wp_task *task, wp_subtask_function function, void *context);

/* Takes back the parts from `bottom` on. */
void wp__fork_settle(wp_task *task, uint32_t bottom);

/* Answers calls of the family, because there is a new part. */
void wp__fork_answer(wp_task *task);

#endif
