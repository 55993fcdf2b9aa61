/*
 * Purpose  Helpers for a task's argument: a number, text with its terminator, several values. Part of include/wasmpool.h.
 * Threads  the one that runs the task
 * Kill     they read the argument and use scratch memory, both of which end with the task
 * See      js/codec/arguments.js, which packs several values, and its tests there
 */
#ifndef WP_ARGUMENTS_H
#define WP_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What `packArguments` of the JavaScript package makes, in words of 32 bits, little-endian: this mark, the number of values, and for each its
 * type, where it begins (a multiple of 8, from the argument's start) and its bytes. Behind each value there is a NUL. */
#define WP_ARGUMENTS_MARK UINT32_C(0x31617077)

/* The argument as text with a NUL behind it, in scratch memory. NULL: out of memory, a number, no argument, or a NUL inside it. */
static inline const char *wp_task_text(wp_task *task) {
  size_t bytes;
  uint32_t type;
  const void *input = wp_task_input(task, &bytes, &type);
  if (type == WP_TYPE_UNDEFINED || type == WP_TYPE_NUMBER || memchr(input, 0, bytes)) return NULL;
  char *text = (char *)wp_task_alloc(task, bytes + 1);
  if (!text) return NULL;
  if (bytes) memcpy(text, input, bytes);
  text[bytes] = 0;
  return text;
}

/* Whether the argument is a number; then it is stored. */
static inline bool wp_task_number(const wp_task *task, double *number) {
  size_t bytes;
  uint32_t type;
  const void *input = wp_task_input(task, &bytes, &type);
  if (type != WP_TYPE_NUMBER || bytes != sizeof *number) return false;
  memcpy(number, input, sizeof *number);
  return true;
}

/* The value number `index` of an argument that was made by packArguments, in place, as wp_task_input gives the whole; a NUL follows its bytes.
 * `bytes` and `type` may be NULL. NULL: there is no such value, or the argument was made in another way. */
static inline const void *wp_task_argument(const wp_task *task, uint32_t index, size_t *bytes,
                                           uint32_t *type) {
  size_t whole;
  uint32_t kind, head[2], entry[3];
  const uint8_t *input = (const uint8_t *)wp_task_input(task, &whole, &kind);
  if (kind != WP_TYPE_BINARY || whole < sizeof head) return NULL;
  memcpy(head, input, sizeof head);
  if (head[0] != WP_ARGUMENTS_MARK || index >= head[1] ||
      (whole - sizeof head) / sizeof entry <= index)
    return NULL;
  memcpy(entry, input + sizeof head + index * sizeof entry, sizeof entry);
  if (entry[1] >= whole || entry[2] >= whole - entry[1] || input[entry[1] + entry[2]] != 0)
    return NULL;
  if (type) *type = entry[0];
  if (bytes) *bytes = entry[2];
  return input + entry[1];
}

/* The same for a value that is text (or JSON), and for one that is a number. */
static inline const char *wp_task_argument_text(const wp_task *task, uint32_t index) {
  uint32_t type;
  const void *text = wp_task_argument(task, index, NULL, &type);
  return text && (type == WP_TYPE_STRING || type == WP_TYPE_JSON) ? (const char *)text : NULL;
}
static inline bool wp_task_argument_number(const wp_task *task, uint32_t index, double *number) {
  uint32_t type;
  size_t bytes;
  const void *value = wp_task_argument(task, index, &bytes, &type);
  if (!value || type != WP_TYPE_NUMBER || bytes != sizeof *number) return false;
  memcpy(number, value, sizeof *number);
  return true;
}

#endif
