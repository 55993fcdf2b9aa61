#include "status.h"

static const struct {
  const char *code, *text;
} rows[] = {
#define X(name, number, code, text, action) [number] = {code, text},
#include "status.def"
#undef X
};

enum { ROW_COUNT = (int)(sizeof rows / sizeof rows[0]) };

static int row_of(wp_status status) {
  bool known = status <= 0 && status > -ROW_COUNT && rows[-status].code;
  return known ? -status : -WP_E_BROKEN_INVARIANT;
}

/* What the task side of wasmpool.h returns, and what a task may say of its argument and its result. */
bool wp_status_is_tasks(wp_status status) {
  switch (status) {
  case WP_OK:
  case WP_E_INVALID_ARGUMENT:
  case WP_E_QUEUE_FULL:
  case WP_E_TASK_FAILED:
  case WP_E_CANCELLED:
  case WP_E_NOT_SERIALIZABLE:
  case WP_E_TOO_LARGE:
  case WP_E_ALREADY_HOLDS:
  case WP_E_REGISTRY_FULL:
  case WP_E_UNSUPPORTED:
  case WP_E_NO_MEMORY:
  case WP_E_TABLE_FULL:
  case WP_E_LOCK_BUSY:
  case WP_E_NOT_GRANTED:
    return true;
  default:
    return false;
  }
}

const char *wp_status_code(wp_status status) { return rows[row_of(status)].code; }
const char *wp_status_text(wp_status status) { return rows[row_of(status)].text; }
