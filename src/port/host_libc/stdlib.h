/*
 * Purpose  The part of the C library's header that the core, and tasks without a C library, can use.
 * See      docs/host-abi.md
 */
#ifndef WP_HOST_STDLIB_H
#define WP_HOST_STDLIB_H
#include <stddef.h>
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *block, size_t bytes);
void *aligned_alloc(size_t alignment, size_t bytes);
void free(void *block);
void qsort(void *base, size_t count, size_t bytes, int (*compare)(const void *, const void *));
_Noreturn void abort(void);
#endif
