/*
 * Purpose  The results that every call of the core returns: 0 or a negative number from one table.
 * Threads  any
 * See      src/status.def
 */
#ifndef WP_STATUS_H
#define WP_STATUS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int wp_status;

enum {
#define X(name, number, code, text, action) WP_E_##name = -(number),
#include "status.def"
#undef X
  WP_OK = WP_E_OK,
};

/* The row of a status (0 or negative): its stable code, as in PoolError.code, and its text. Never NULL. */
const char *wp_status_code(wp_status status);
const char *wp_status_text(wp_status status);

/* Whether a task may end with this status. The others say what only the pool can know, such as that a task's time is up. */
bool wp_status_is_tasks(wp_status status);

#ifdef __cplusplus
}
#endif
#endif
