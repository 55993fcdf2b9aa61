/* Locks of native tasks as critical sections (critical.h). A program that is linked with --wrap for the functions in wraps.txt calls these in
 * place of the C library's; others are linked without this file. Only the last wait for a lock is bounded, so that a task that waits may
 * be stopped: it is outside all sections for a moment then, unless it holds another lock. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_cond_clockwait: before any header */
#endif
#include "critical.h"
#include "embed/wrap.h"
#include "port/native_stop.h"
#include <errno.h>
#include <stdio.h>
#include <threads.h>

enum { LOOK_NS = 5000000, SECOND_NS = 1000000000 };

/* A moment from now. */
static struct timespec soon(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  at.tv_nsec += LOOK_NS;
  if (at.tv_nsec >= SECOND_NS) at = (struct timespec){at.tv_sec + 1, at.tv_nsec - SECOND_NS};
  return at;
}

/* Body of a function that takes a lock: `wait` waits for a moment. EOWNERDEAD: it was taken as well. */
#define TAKE(lock, attempt, busy, wait, late)                                                      \
  do {                                                                                             \
    if (!wp__self) break;                                                                          \
    for (;;) {                                                                                     \
      wp_critical_enter((void *)(uintptr_t)(lock), NULL);                                          \
      int got = attempt;                                                                           \
      if (got == (busy)) {                                                                         \
        struct timespec at = soon(CLOCK_REALTIME);                                                 \
        got = wait;                                                                                \
      }                                                                                            \
      if (!got || got == EOWNERDEAD) return got;                                                   \
      wp_critical_leave((const void *)(uintptr_t)(lock));                                          \
      if (got != (late)) return got;                                                               \
    }                                                                                              \
  } while (0)

/* Body of one that tries, and of one that gives back. */
#define TRY(lock, attempt)                                                                         \
  do {                                                                                             \
    if (wp__self) wp_critical_enter((void *)(uintptr_t)(lock), NULL);                              \
    int got = attempt;                                                                             \
    if (wp__self && got && got != EOWNERDEAD) wp_critical_leave((const void *)(uintptr_t)(lock));  \
    return got;                                                                                    \
  } while (0)
#define GIVE(lock, action)                                                                         \
  do {                                                                                             \
    int done = action;                                                                             \
    if (wp__self && !done) wp_critical_leave((const void *)(uintptr_t)(lock));                     \
    return done;                                                                                   \
  } while (0)

/* ---- pthread's mutexes ---- */

int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __real_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *at);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);

WRAP(int, pthread_mutex_lock, pthread_mutex_t *mutex) {
  TAKE(mutex, __real_pthread_mutex_trylock(mutex), EBUSY,
       __real_pthread_mutex_timedlock(mutex, &at), ETIMEDOUT);
  return __real_pthread_mutex_lock(mutex);
}
WRAP(int, pthread_mutex_trylock, pthread_mutex_t *mutex) {
  TRY(mutex, __real_pthread_mutex_trylock(mutex));
}
WRAP(int, pthread_mutex_timedlock, pthread_mutex_t *mutex, const struct timespec *at) {
  TRY(mutex, __real_pthread_mutex_timedlock(mutex, at));
}
WRAP(int, pthread_mutex_clocklock, pthread_mutex_t *mutex, clockid_t clock,
     const struct timespec *at) {
  TRY(mutex, __real_pthread_mutex_clocklock(mutex, clock, at));
}
WRAP(int, pthread_mutex_unlock, pthread_mutex_t *mutex) {
  GIVE(mutex, __real_pthread_mutex_unlock(mutex));
}

/* The wait gives the mutex back and takes it again, so a task that holds no other lock can be stopped there. */
WRAP(int, pthread_cond_wait, pthread_cond_t *condition, pthread_mutex_t *mutex) {
  if (!wp__self) return __real_pthread_cond_wait(condition, mutex);
  for (;;) {
    struct timespec at = soon(CLOCK_MONOTONIC);
    int woken = pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &at);
    if (woken != ETIMEDOUT) return woken;
    if (!wp__stop_wanted()) continue;
    __real_pthread_mutex_unlock(mutex);
    wp_critical_leave(mutex); /* it ends here */
    return __wrap_pthread_mutex_lock(mutex);
  }
}

/* ---- Read-write locks, spin locks, once ---- */

int __real_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *at);
int __real_pthread_rwlock_trywrlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *at);
int __real_pthread_spin_trylock(pthread_spinlock_t *lock);

WRAP(int, pthread_rwlock_rdlock, pthread_rwlock_t *lock) {
  TAKE(lock, __real_pthread_rwlock_tryrdlock(lock), EBUSY,
       __real_pthread_rwlock_timedrdlock(lock, &at), ETIMEDOUT);
  return __real_pthread_rwlock_rdlock(lock);
}
WRAP(int, pthread_rwlock_tryrdlock, pthread_rwlock_t *lock) {
  TRY(lock, __real_pthread_rwlock_tryrdlock(lock));
}
WRAP(int, pthread_rwlock_timedrdlock, pthread_rwlock_t *lock, const struct timespec *at) {
  TRY(lock, __real_pthread_rwlock_timedrdlock(lock, at));
}
WRAP(int, pthread_rwlock_wrlock, pthread_rwlock_t *lock) {
  TAKE(lock, __real_pthread_rwlock_trywrlock(lock), EBUSY,
       __real_pthread_rwlock_timedwrlock(lock, &at), ETIMEDOUT);
  return __real_pthread_rwlock_wrlock(lock);
}
WRAP(int, pthread_rwlock_trywrlock, pthread_rwlock_t *lock) {
  TRY(lock, __real_pthread_rwlock_trywrlock(lock));
}
WRAP(int, pthread_rwlock_timedwrlock, pthread_rwlock_t *lock, const struct timespec *at) {
  TRY(lock, __real_pthread_rwlock_timedwrlock(lock, at));
}
WRAP(int, pthread_rwlock_clockrdlock, pthread_rwlock_t *lock, clockid_t clock,
     const struct timespec *at) {
  TRY(lock, __real_pthread_rwlock_clockrdlock(lock, clock, at));
}
WRAP(int, pthread_rwlock_clockwrlock, pthread_rwlock_t *lock, clockid_t clock,
     const struct timespec *at) {
  TRY(lock, __real_pthread_rwlock_clockwrlock(lock, clock, at));
}
WRAP(int, pthread_rwlock_unlock, pthread_rwlock_t *lock) {
  GIVE(lock, __real_pthread_rwlock_unlock(lock));
}

static int spin_for_a_while(pthread_spinlock_t *lock) {
  int taken = EBUSY;
  for (int i = 0; i < 1000 && taken == EBUSY; i++) taken = __real_pthread_spin_trylock(lock);
  return taken;
}
WRAP(int, pthread_spin_lock, pthread_spinlock_t *lock) {
  TAKE(lock, spin_for_a_while(lock), EBUSY, ((void)at, EBUSY), EBUSY);
  return __real_pthread_spin_lock(lock);
}
WRAP(int, pthread_spin_trylock, pthread_spinlock_t *lock) {
  TRY(lock, __real_pthread_spin_trylock(lock));
}
WRAP(int, pthread_spin_unlock, pthread_spinlock_t *lock) {
  GIVE(lock, __real_pthread_spin_unlock(lock));
}

WRAP(int, pthread_once, pthread_once_t *control, void (*run)(void)) {
  if (wp__self) wp_critical_enter(control, NULL);
  int done = __real_pthread_once(control, run);
  if (wp__self) wp_critical_leave(control);
  return done;
}

/* ---- C11 ---- */

int __real_mtx_trylock(mtx_t *mutex);

WRAP(int, mtx_lock, mtx_t *mutex) {
  /* glibc's are pthread's mutexes. */
  TAKE(mutex, __real_mtx_trylock(mutex), thrd_busy,
       __real_pthread_mutex_timedlock((pthread_mutex_t *)mutex, &at), ETIMEDOUT);
  return __real_mtx_lock(mutex);
}
WRAP(int, mtx_trylock, mtx_t *mutex) { TRY(mutex, __real_mtx_trylock(mutex)); }
WRAP(int, mtx_timedlock, mtx_t *mutex, const struct timespec *at) {
  TRY(mutex, __real_mtx_timedlock(mutex, at));
}
WRAP(int, mtx_unlock, mtx_t *mutex) { GIVE(mutex, __real_mtx_unlock(mutex)); }

/* As above: glibc's are pthread's. */
WRAP(int, cnd_wait, cnd_t *condition, mtx_t *mutex) {
  int failed = __wrap_pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex);
  return failed ? thrd_error : thrd_success;
}

WRAP(void, call_once, once_flag *flag, void (*run)(void)) {
  if (wp__self) wp_critical_enter(flag, NULL);
  __real_call_once(flag, run);
  if (wp__self) wp_critical_leave(flag);
}

/* ---- Streams ---- */

WRAP(void, flockfile, FILE *stream) {
  if (wp__self) wp_critical_enter(stream, NULL);
  __real_flockfile(stream);
}
WRAP(int, ftrylockfile, FILE *stream) { TRY(stream, __real_ftrylockfile(stream)); }
WRAP(void, funlockfile, FILE *stream) {
  __real_funlockfile(stream);
  if (wp__self) wp_critical_leave(stream);
}
