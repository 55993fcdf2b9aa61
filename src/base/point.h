/*
 * Purpose  Kill points: in a test build (WP_KILL_POINTS) a thread can be stopped for ever at any of them. Nothing in the product.
 *          One stands right before every atomic write, and before the plain stores to shared records that others rely on
 *          after a death. Excepted is what only main executes, whose end is the program's, and what nobody else can see
 *          yet: `no point: REASON` in a comment on the line or the line before it, or `No points: REASON.` in the comment
 *          above a function. scripts/lint-points.mjs looks that none is missing.
 * Owns     wp__point_hook and the section wp_points, which lists the points of a program (test builds only)
 * Threads  any
 * See      tests/unit/matrix_test.c, tests/unit/kill.h, scripts/lint-points.mjs
 */
#ifndef WP_BASE_POINT_H
#define WP_BASE_POINT_H

#ifdef WP_KILL_POINTS
extern void (*wp__point_hook)(const char *name); /* set by the test before it starts threads */
#define WP_POINT(name)                                                                             \
  do {                                                                                             \
    static const char *wp__point_name __attribute__((section("wp_points"), used)) = name;          \
    if (wp__point_hook) wp__point_hook(wp__point_name);                                            \
  } while (0)
#else
#define WP_POINT(name) ((void)0)
#endif

#endif
