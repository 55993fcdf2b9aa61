/* The initialisation of C++'s static variables as a critical section: see locks.c. A file of its own, as C programs have no such functions. */
#include "critical.h"
#include "embed/wrap.h"

/* The shared library serves programs in C as well. */
#if defined(__PIC__) && !defined(__PIE__)
#pragma weak __real___cxa_guard_acquire
#pragma weak __real___cxa_guard_release
#pragma weak __real___cxa_guard_abort
#endif

WRAP(int, __cxa_guard_acquire, uint64_t *guard) {
  if (wp__self) wp_critical_enter(guard, NULL);
  int mine = __real___cxa_guard_acquire(guard);
  if (wp__self && !mine) wp_critical_leave(guard);
  return mine;
}
WRAP(void, __cxa_guard_release, uint64_t *guard) {
  __real___cxa_guard_release(guard);
  if (wp__self) wp_critical_leave(guard);
}
WRAP(void, __cxa_guard_abort, uint64_t *guard) {
  __real___cxa_guard_abort(guard);
  if (wp__self) wp_critical_leave(guard);
}
