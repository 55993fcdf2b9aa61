#include "status.h"

static const struct {
  const char *code, *text;
} rows[] = {
#define X(name, number, code, text, action) [number] = {code, text},
#include "status.def"
#undef X
};

enum { ROW_COUNT = (int)(sizeof rows / sizeof rows[0]) };

bool wp_status_known(wp_status status) {
  return status <= 0 && status > -ROW_COUNT && rows[-status].code;
}

static int row_of(wp_status status) {
  return wp_status_known(status) ? -status : -WP_E_BROKEN_INVARIANT;
}

const char *wp_status_code(wp_status status) { return rows[row_of(status)].code; }
const char *wp_status_text(wp_status status) { return rows[row_of(status)].text; }
