/* Locks of one word: 0, or the number of the thread that holds it, with the highest bit set while others may wait. */
#define _GNU_SOURCE
#define hidden                                                                                     \
  __attribute__((__visibility__("hidden"))) /* as the C library defines them for its own sources */
#define weak __attribute__((__weak__))
#include "pthread_impl.h"

#include "bindings/locks.h"
#include "critical.h"
#include "port/emscripten_stdio.h"
#include <emscripten/threading.h>

enum { HOLDER = 0x3fffffff };

int wp__word_self(void) { return __pthread_self()->tid; }

bool wp__word_names(int word, int self) { return (word & HOLDER) == self; }

void wp__word_wait(volatile int *word, int seen) {
  int marked = seen | INT_MIN;
  if (seen != marked && a_cas(word, seen, marked) != seen) return;
  /* The library's: a browser's main thread must not block, and looks again and again. */
  emscripten_futex_wait(word, (uint32_t)marked, WP_LOCK_WAIT_MS);
}

void wp__word_leave(volatile int *word, int left, int count) {
  if (a_swap(word, left) < 0) emscripten_futex_wake(word, count);
}

bool wp__word_release(void *word, uint32_t thread) {
  volatile int *lock = word;
  if (!wp__word_names(*lock, WP_FIRST_TID + (int)thread)) return false;
  wp__word_leave(lock, 0, INT_MAX);
  return true;
}

void wp__word_lock(volatile int *word) {
  int self = wp__word_self(), mark = 0;
  for (;;) {
    wp_critical_enter((void *)word, wp__word_release);
    int holder = a_cas(word, 0, self | mark);
    if (!holder) return;
    /* It is not held yet, so the task may be stopped while it waits. */
    wp_critical_leave((void *)word);
    wp__word_wait(word, holder);
    mark = INT_MIN; /* others may wait as well; it is not known */
  }
}

void wp__word_unlock(volatile int *word) {
  wp__word_leave(word, 0, 1);
  wp_critical_leave((void *)word);
}

/* ---- The C library's own ---- */

void __lock(volatile int *word) {
  if (libc.need_locks) wp__word_lock(word);
}

void __unlock(volatile int *word) {
  if (wp__word_names(*word, wp__word_self())) wp__word_unlock(word);
}

/* ---- Spin locks: a holder may have no processor, so waiters sleep ---- */

int pthread_spin_lock(pthread_spinlock_t *lock) {
  wp__word_lock(lock);
  return 0;
}

int pthread_spin_trylock(pthread_spinlock_t *lock) {
  wp_critical_enter((void *)lock, wp__word_release);
  if (!a_cas(lock, 0, wp__word_self())) return 0;
  wp_critical_leave((void *)lock);
  return EBUSY;
}

int pthread_spin_unlock(pthread_spinlock_t *lock) {
  wp__word_unlock(lock);
  return 0;
}

/* ---- Once ---- */

enum { ONCE_DONE = 2 }; /* as the library has it; no thread has that number */

/* The function that was to run once is run again by the next caller, as after a cancellation. */
int __pthread_once(pthread_once_t *control, void (*init)(void)) {
  volatile int *word = control;
  int self = wp__word_self();
  for (;;) {
    int seen = *word;
    if (seen == ONCE_DONE) break;
    if (seen) {
      wp__word_wait(word, seen);
      continue;
    }
    wp_critical_enter((void *)word, wp__word_release);
    if (!a_cas(word, 0, self)) {
      init();
      wp__word_leave(word, ONCE_DONE, INT_MAX);
    }
    wp_critical_leave((void *)word);
  }
  a_barrier(); /* what init has written is seen from here on */
  return 0;
}

int pthread_once(pthread_once_t *control, void (*init)(void)) {
  return __pthread_once(control, init);
}

/* ---- Guards of C++'s static variables (Itanium C++ ABI 3.3.3) ---- */

typedef struct guard {
  wp_atomic_u32 done; /* compilers look at its first byte by themselves */
  volatile int word;  /* while the variable is being initialised */
} guard;

_Static_assert(sizeof(guard) == 8, "guards are 64-bit variables");

int __cxa_guard_acquire(guard *variable) {
  while (!wp_atomic_load_acquire_u32(&variable->done)) {
    int seen = variable->word;
    if (wp__word_names(seen, wp__word_self()))
      __builtin_trap(); /* its initialisation needs the variable itself */
    if (seen) {
      wp__word_wait(&variable->word, seen);
      continue;
    }
    wp_critical_enter((void *)&variable->word, wp__word_release);
    if (!a_cas(&variable->word, 0, wp__word_self())) {
      if (!wp_atomic_load_acquire_u32(&variable->done)) return 1;
      wp__word_leave(&variable->word, 0, INT_MAX);
    }
    wp_critical_leave((void *)&variable->word);
  }
  return 0;
}

void __cxa_guard_abort(guard *variable) {
  wp__word_leave(&variable->word, 0, INT_MAX);
  wp_critical_leave((void *)&variable->word);
}

void __cxa_guard_release(guard *variable) {
  wp_atomic_store_release_u32(&variable->done, 1); /* no point: there are none in wasm */
  __cxa_guard_abort(variable);
}
