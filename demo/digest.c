/*
 * The demo's C tasks. Build: emcc -O2 digest.c sha256.c $(wasmpool-config --emscripten) -o x.mjs
 *
 * Purpose: what a user's own C tasks look like: real work (digest), and one that never ends (spin).
 * Owns:    nothing; scratch memory is the task's. Threads: the worker that runs the task.
 * Kill:    the pool takes everything back. See: demo/run.mjs, tests/js/demo.test.js
 */
#include "sha256.h"
#include <string.h>
#include <wasmpool.h>

enum { BYTE_VALUES = 256, DECIMAL_BYTES = 20 };

/* The longest result: names and digest, and per number its digits and a comma. */
#define RESULT_BYTES (128 + 2 * SHA256_DIGEST_BYTES + (1 + BYTE_VALUES) * (DECIMAL_BYTES + 1))

static char *put_text(char *at, const char *text) {
  size_t length = strlen(text);
  memcpy(at, text, length);
  return at + length;
}

static char *put_number(char *at, uint64_t value) {
  char digits[DECIMAL_BYTES];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  while (count) *at++ = digits[--count];
  return at;
}

static char *put_hex(char *at, const uint8_t *bytes, size_t length) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < length; i++) {
    *at++ = digits[bytes[i] >> 4];
    *at++ = digits[bytes[i] & 15];
  }
  return at;
}

/* Bytes in; JSON out: { "bytes": …, "sha256": "…", "histogram": [count of each byte value] } */
WP_TASK(digest) {
  size_t length;
  const uint8_t *bytes = wp_task_input(task, &length, NULL);

  uint8_t hash[SHA256_DIGEST_BYTES];
  sha256(bytes, length, hash);
  uint64_t histogram[BYTE_VALUES] = {0};
  for (size_t i = 0; i < length; i++) histogram[bytes[i]]++;

  char *text = wp_task_alloc(task, RESULT_BYTES);
  if (!text) return WP_E_NO_MEMORY;
  char *end = put_number(put_text(text, "{\"bytes\":"), length);
  end = put_hex(put_text(end, ",\"sha256\":\""), hash, sizeof hash);
  end = put_text(end, "\",\"histogram\":");
  for (size_t i = 0; i < BYTE_VALUES; i++) {
    *end++ = i ? ',' : '[';
    end = put_number(end, histogram[i]);
  }
  end = put_text(end, "]}");
  return wp_task_result(task, WP_TYPE_JSON, text, (size_t)(end - text));
}

/* Hangs as only C can: no call, no wait, no look at the flag that asks it to stop. */
WP_TASK(spin) {
  (void)task;
  volatile bool forever = true;
  while (forever) {
  }
  return WP_OK;
}
