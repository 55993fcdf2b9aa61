/*
 * Purpose  Functions that take the place of the C library's where a program is linked with --wrap for them (wraps.txt).
 * Owns     nothing
 * Threads  any
 * See      src/embed/locks.c, docs/decisions/0030-native-kills.md
 */
#ifndef WP_EMBED_WRAP_H
#define WP_EMBED_WRAP_H

/* Declares what the linker makes of a wrapped function: the real one, and the one that takes its place. */
#define WRAP(result, name, ...)                                                                    \
  result __real_##name(__VA_ARGS__);                                                               \
  result __wrap_##name(__VA_ARGS__);                                                               \
  result __wrap_##name(__VA_ARGS__)

#endif
