#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall(), MAP_NORESERVE: before any header */
#endif
#include "base/fault.h"
#include "port/native_stop.h"
#include "port/port.h"
#include "status.h"
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef WP_KILL_POINTS
bool (*wp__fault_hook)(const char *name);
#endif

enum { GRANULE_BYTES = 65536 }; /* port.h promises that the base is aligned to this */

double wp_port_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

void wp_port_wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms) {
  int64_t ns = (int64_t)(timeout_ms * 1e6);
  struct timespec timeout = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  /* Every result means the same to the caller: look at the word again. */
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &timeout, NULL, 0);
  wp__stop_check(); /* where a thread is parked, the signal meets it in the C library each time */
}

void wp_port_wake(wp_atomic_u32 *word, uint32_t count) {
  uint32_t most = count < INT32_MAX ? count : INT32_MAX; /* the kernel takes an int */
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

void wp_port_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#else
  __asm__ volatile("");
#endif
}

int wp_port_region_open(wp_region *region, uint64_t limit_bytes) {
  if (!limit_bytes || limit_bytes > (uint64_t)PTRDIFF_MAX - 2 * GRANULE_BYTES)
    return WP_E_NO_MEMORY;
  if (WP_FAULT("region")) return WP_E_NO_MEMORY;
  size_t limit = ((size_t)limit_bytes + GRANULE_BYTES - 1) & ~(size_t)(GRANULE_BYTES - 1);
  uint8_t *got = mmap(NULL, limit + GRANULE_BYTES, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED) return WP_E_NO_MEMORY;
  size_t lead = (size_t)(-(uintptr_t)got & (GRANULE_BYTES - 1));
  if (lead) munmap(got, lead);
  munmap(got + lead + limit, GRANULE_BYTES - lead); /* lead < GRANULE_BYTES */
  region->base = got + lead;
  region->limit_bytes = limit;
  return WP_OK;
}

int wp_port_region_extend(const wp_region *region, uint64_t used_bytes) {
  if (used_bytes > region->limit_bytes || WP_FAULT("growth")) return WP_E_NO_MEMORY;
  if (!used_bytes) return WP_OK;
  /* mprotect only adds rights here, so concurrent calls for more and for less do no harm. */
  int failed = mprotect(region->base, (size_t)used_bytes, PROT_READ | PROT_WRITE);
  return failed ? WP_E_NO_MEMORY : WP_OK;
}

void wp_port_thread_reset(uint32_t thread) { (void)thread; }

void wp_port_flush(void) {}

/* Those of all libraries are not known to each other. */
bool wp_port_statics(const void **start, const void **end) {
  *start = *end = NULL;
  return false;
}

wp_port_powers wp_port_can(void) { return (wp_port_powers){.ends = true}; }

bool wp_port_stops_possible(void) { return true; }

void wp_port_count_stops(int32_t by) { (void)by; }

void wp_port_region_close(wp_region *region) {
  if (region->base) munmap(region->base, (size_t)region->limit_bytes);
  region->base = NULL;
  region->limit_bytes = 0;
}

bool wp_port_holds(const void *at, size_t bytes) {
  (void)bytes;
  return at;
}
