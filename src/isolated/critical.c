#include "base/atomic.h"
#include "isolated/isolated.h"

/* Only this thread writes the word of the running task while it runs. */

static uint32_t depth;

void wp_isolated_no_sections(void) { depth = 0; }

typedef struct check_words {
  wp_atomic_u32 flag, stop;
  volatile uint32_t tag, inside;
} check_words;

static check_words *const words = (check_words *)WP_ISOLATED_FLAG;

void wp_critical_begin(void) {
  if (depth++ == 0) words->tag ^= WP_ISOLATED_HOLDS;
}

void wp_critical_end(void) {
  if (!depth || --depth) return;
  words->tag ^= WP_ISOLATED_HOLDS;
  uint32_t stop = wp_atomic_load_seq_u32(&words->stop);
  if (stop && (stop ^ words->tag) == WP_ISOLATED_STOP) __builtin_trap(); /* what was put off */
}
