/* Mutexes of pthread and C11. Their fields are used as the library's other functions (condition variables) expect. */
#define _GNU_SOURCE
#define hidden                                                                                     \
  __attribute__((__visibility__("hidden"))) /* as the C library defines them for its own sources */
#define weak __attribute__((__weak__))
#include "pthread_impl.h"

#include "bindings/locks.h"
#include "critical.h"
#include "port/emscripten_stdio.h"
#include <emscripten/threading.h>
#include <threads.h>
#include <time.h>

enum {
  TYPE = 3,            /* PTHREAD_MUTEX_NORMAL, _RECURSIVE, _ERRORCHECK */
  ROBUST = 4,          /* the next holder is told when the last one died */
  ORPHAN = 0x40000000, /* in a robust mutex's word: its holder died */
  HOLDER = 0x3fffffff,
  LOST = 0x7fffffff, /* a robust mutex that was given back without pthread_mutex_consistent */
};

/* A robust mutex is left as its holder's death has it. */
static bool release(void *mutex, uint32_t thread) {
  pthread_mutex_t *m = mutex;
  if (!wp__word_names(m->_m_lock, WP_FIRST_TID + (int)thread)) return false;
  m->_m_count = 0;
  wp__word_leave(&m->_m_lock, m->_m_type & ROBUST ? ORPHAN : 0, INT_MAX);
  return true;
}

/* One try. EBUSY: somebody else has it, and *seen is its word. */
static int take(pthread_mutex_t *m, int mark, int *seen) {
  int self = wp__word_self(), type = m->_m_type, word = *seen = m->_m_lock;
  if (wp__word_names(word, self) && (type & TYPE) == PTHREAD_MUTEX_RECURSIVE) {
    if (m->_m_count == INT_MAX) return EAGAIN;
    m->_m_count++;
    return 0;
  }
  if ((word & HOLDER) == HOLDER) return ENOTRECOVERABLE;
  if (word & HOLDER) return EBUSY;
  wp_critical_enter(m, release);
  *seen = a_cas(&m->_m_lock, word, self | mark | (word & ORPHAN));
  if (*seen == word) {
    if (word & ORPHAN) m->_m_count = 0;
    return word & ORPHAN ? EOWNERDEAD : 0;
  }
  wp_critical_leave(m);
  return EBUSY;
}

static bool is_over(const struct timespec *end) {
  struct timespec now;
  if (!end) return false;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

int __pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict end) {
  if (end && (end->tv_nsec < 0 || end->tv_nsec >= 1000000000)) return EINVAL;
  int seen = 0, mark = 0;
  for (;;) {
    int status = take(m, mark, &seen);
    if (status != EBUSY) return status;
    if (wp__word_names(seen, wp__word_self()) && (m->_m_type & TYPE) == PTHREAD_MUTEX_ERRORCHECK)
      return EDEADLK;
    if (is_over(end)) return ETIMEDOUT;
    if (seen & HOLDER) wp__word_wait(&m->_m_lock, seen);
    mark = INT_MIN; /* others may wait as well; it is not known */
  }
}

int __pthread_mutex_lock(pthread_mutex_t *m) { return __pthread_mutex_timedlock(m, NULL); }

int __pthread_mutex_trylock(pthread_mutex_t *m) {
  int seen = 0;
  return take(m, 0, &seen);
}

int __pthread_mutex_unlock(pthread_mutex_t *m) {
  int type = m->_m_type, word = m->_m_lock;
  bool own = wp__word_names(word, wp__word_self());
  if ((type & TYPE) != PTHREAD_MUTEX_NORMAL && !own) return EPERM;
  if (own && (type & TYPE) == PTHREAD_MUTEX_RECURSIVE && m->_m_count) {
    m->_m_count--;
    return 0;
  }
  wp__word_leave(&m->_m_lock, type & ROBUST && word & ORPHAN ? LOST : 0, 1);
  wp_critical_leave(m);
  return 0;
}

int pthread_mutex_lock(pthread_mutex_t *m) { return __pthread_mutex_lock(m); }
int pthread_mutex_trylock(pthread_mutex_t *m) { return __pthread_mutex_trylock(m); }
int pthread_mutex_unlock(pthread_mutex_t *m) { return __pthread_mutex_unlock(m); }
int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict end) {
  return __pthread_mutex_timedlock(m, end);
}

static int answer(int status) {
  if (status == EBUSY) return thrd_busy;
  return status ? thrd_error : thrd_success;
}

int mtx_lock(mtx_t *m) { return answer(__pthread_mutex_lock((pthread_mutex_t *)m)); }
int mtx_trylock(mtx_t *m) { return answer(__pthread_mutex_trylock((pthread_mutex_t *)m)); }

/* ---- Read-write locks: the number of readers, or WRITER; the highest bit is set while others may wait ---- */

enum { COUNT = 0x7fffffff, WRITER = 0x7fffffff };

static void give_back(pthread_rwlock_t *lock) {
  for (;;) {
    int word = lock->_rw_lock, count = word & COUNT;
    int left = count == WRITER || count <= 1 ? 0 : word - 1;
    if (count == WRITER) lock->_rw_wr_owner = 0;
    if (a_cas(&lock->_rw_lock, word, left) != word) continue;
    if (!left && word < 0) emscripten_futex_wake(&lock->_rw_lock, INT_MAX);
    return;
  }
}

/* Taken together with its entry inside the gate: what is in the list is held. */
static bool release_rw(void *lock, uint32_t thread) {
  (void)thread;
  give_back(lock);
  return true;
}

static void gate_enter(void) {
  if (wp__self) wp_gate_enter(wp__self);
}

static void gate_leave(void) {
  if (wp__self) wp_gate_leave(wp__self);
}

/* One try for a share, or for all. */
static int take_rw(pthread_rwlock_t *lock, bool all, int *seen) {
  int self = wp__word_self(), word = *seen = lock->_rw_lock, count = word & COUNT;
  if (count == WRITER && lock->_rw_wr_owner == self) return EDEADLK;
  if (all ? count != 0 : count == WRITER) return EBUSY;
  if (count == WRITER - 1) return EAGAIN;
  gate_enter();
  int next = all ? word | WRITER : word + 1;
  *seen = a_cas(&lock->_rw_lock, word, next);
  bool taken = *seen == word;
  if (taken) {
    if (all) lock->_rw_wr_owner = self;
    wp_critical_enter(lock, release_rw);
  }
  gate_leave();
  return taken ? 0 : EBUSY;
}

static int wait_rw(pthread_rwlock_t *lock, bool all, const struct timespec *end) {
  int seen = 0;
  for (;;) {
    int status = take_rw(lock, all, &seen);
    if (status != EBUSY) return status;
    if (is_over(end)) return ETIMEDOUT;
    if (all ? seen & COUNT : (seen & COUNT) == WRITER) wp__word_wait(&lock->_rw_lock, seen);
  }
}

int __pthread_rwlock_unlock(pthread_rwlock_t *lock) {
  gate_enter();
  give_back(lock);
  wp_critical_leave(lock);
  gate_leave();
  wp_critical_settle();
  return 0;
}

int __pthread_rwlock_tryrdlock(pthread_rwlock_t *lock) {
  int seen = 0;
  int status = take_rw(lock, false, &seen);
  return status == EDEADLK ? EBUSY : status;
}

int __pthread_rwlock_trywrlock(pthread_rwlock_t *lock) {
  int seen = 0;
  int status = take_rw(lock, true, &seen);
  return status == EDEADLK ? EBUSY : status;
}

int __pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock,
                                 const struct timespec *restrict end) {
  return wait_rw(lock, false, end);
}

int __pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock,
                                 const struct timespec *restrict end) {
  return wait_rw(lock, true, end);
}

int __pthread_rwlock_rdlock(pthread_rwlock_t *lock) { return wait_rw(lock, false, NULL); }
int __pthread_rwlock_wrlock(pthread_rwlock_t *lock) { return wait_rw(lock, true, NULL); }

int pthread_rwlock_rdlock(pthread_rwlock_t *) __attribute__((alias("__pthread_rwlock_rdlock")));
int pthread_rwlock_wrlock(pthread_rwlock_t *) __attribute__((alias("__pthread_rwlock_wrlock")));
int pthread_rwlock_tryrdlock(pthread_rwlock_t *)
    __attribute__((alias("__pthread_rwlock_tryrdlock")));
int pthread_rwlock_trywrlock(pthread_rwlock_t *)
    __attribute__((alias("__pthread_rwlock_trywrlock")));
int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict, const struct timespec *restrict)
    __attribute__((alias("__pthread_rwlock_timedrdlock")));
int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict, const struct timespec *restrict)
    __attribute__((alias("__pthread_rwlock_timedwrlock")));
int pthread_rwlock_unlock(pthread_rwlock_t *) __attribute__((alias("__pthread_rwlock_unlock")));
