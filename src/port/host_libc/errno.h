/*
 * Purpose  The part of the C library's header that the core, and tasks without a C library, can use.
 * See      docs/host-abi.md
 */
#ifndef WP_HOST_ERRNO_H
#define WP_HOST_ERRNO_H
extern _Thread_local int errno;
enum { ENOMEM = 12 };
#endif
