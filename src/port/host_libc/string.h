/*
 * Purpose  The part of the C library's header that the core, and tasks without a C library, can use.
 * See      docs/host-abi.md
 */
#ifndef WP_HOST_STRING_H
#define WP_HOST_STRING_H
#include <stddef.h>
void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *at, int byte, size_t bytes);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
char *strncpy(char *restrict to, const char *restrict from, size_t bytes);
#endif
