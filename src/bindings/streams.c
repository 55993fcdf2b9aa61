/* The locks of stdio's streams, as critical sections. The C library's waits are unbounded, and its putc and getc do not record the holder. */
#define _GNU_SOURCE
#define hidden                                                                                     \
  __attribute__((__visibility__("hidden"))) /* as the C library defines them for its own sources */
#define weak __attribute__((__weak__))
#include "pthread_impl.h"
#include "stdio_impl.h"

#include "bindings/locks.h"
#include "critical.h"
#include "port/emscripten_stdio.h"
#include <emscripten/threading.h>

int __lockfile(FILE *file) {
  int self = wp__word_self();
  if (file->lock == self) return 0;
  for (;;) {
    wp_critical_enter(file, wp_port_stream_release);
    int owner = a_cas(&file->lock, 0, self);
    if (!owner) return 1;
    wp_critical_leave(file);
    /* The library's: a browser's main thread must not block. Unlocking always wakes. */
    emscripten_futex_wait(&file->lock, (uint32_t)owner, WP_LOCK_WAIT_MS);
  }
}

void __unlockfile(FILE *file) {
  wp_port_stream_unlock(file);
  wp_critical_leave(file);
}

int fputc(int character, FILE *file) {
  FLOCK(file);
  int put = putc_unlocked(character, file);
  FUNLOCK(file);
  return put;
}

int putc(int character, FILE *file) { return fputc(character, file); }

int putchar(int character) { return fputc(character, stdout); }

int fgetc(FILE *file) {
  FLOCK(file);
  int got = getc_unlocked(file);
  FUNLOCK(file);
  return got;
}

int getc(FILE *file) { return fgetc(file); }

int getchar(void) { return fgetc(stdin); }
