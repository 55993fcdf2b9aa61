/* What the core uses of a C library, for builds without one. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

_Thread_local int errno;

/* Compilers call these by themselves. With bulk memory each is one instruction. */
void *memset(void *to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  return __builtin_memcpy(to, from, bytes);
}
void *memmove(void *to, const void *from, size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const uint8_t *left = a, *right = b;
  for (size_t i = 0; i < bytes; i++)
    if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
  return 0;
}

void *memchr(const void *at, int byte, size_t bytes) {
  const uint8_t *from = at;
  for (size_t i = 0; i < bytes; i++)
    if (from[i] == (uint8_t)byte) return (void *)(uintptr_t)(from + i);
  return NULL;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end) end++;
  return (size_t)(end - text);
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (uint8_t)*a - (uint8_t)*b;
}

char *strncpy(char *restrict to, const char *restrict from, size_t bytes) {
  size_t i = 0;
  for (; i < bytes && from[i]; i++) to[i] = from[i];
  for (; i < bytes; i++) to[i] = 0;
  return to;
}

_Noreturn void abort(void) { __builtin_trap(); }

static void swap(uint8_t *a, uint8_t *b, size_t bytes) {
  for (; bytes; bytes--, a++, b++) {
    uint8_t kept = *a;
    *a = *b;
    *b = kept;
  }
}

/* Lets the element at `root` sink to its place in a heap of `count` elements. */
static void sink(uint8_t *at, size_t root, size_t count, size_t bytes,
                 int (*compare)(const void *, const void *)) {
  for (size_t child = 2 * root + 1; child < count; root = child, child = 2 * root + 1) {
    if (child + 1 < count && compare(at + child * bytes, at + (child + 1) * bytes) < 0) child++;
    if (compare(at + root * bytes, at + child * bytes) >= 0) return;
    swap(at + root * bytes, at + child * bytes, bytes);
  }
}

/* Heap sort: neither recursion nor memory. */
void qsort(void *base, size_t count, size_t bytes, int (*compare)(const void *, const void *)) {
  uint8_t *at = base;
  for (size_t root = count / 2; root--;) sink(at, root, count, bytes, compare);
  for (size_t end = count; end > 1;) {
    end--;
    swap(at, at + end * bytes, bytes);
    sink(at, 0, end, bytes, compare);
  }
}
