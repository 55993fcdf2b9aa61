/* ReDoS-proof regular expressions: `grep` answers with the lines that match a pattern. PCRE2's own limits, which make a
 * match fail by counting its steps, are lifted: the time limit of the task is the limit. The arguments are the pattern and
 * the text, by packArguments. */
#include <pcre2.h>
#include <stdint.h>
#include <string.h>
#include <wasmpool.h>

static wp_status fail_with_code(wp_task *task, int code) {
  char text[256];
  pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
  return wp_task_fail(task, text);
}

/* Copies each line of the text that matches; there is room for all of them. */
static int copy_matches(const pcre2_code *pattern, const char *text, const char *end, char *to,
                        size_t *copied) {
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(pattern, NULL);
  pcre2_match_context *limits = pcre2_match_context_create(NULL);
  if (!match || !limits) return PCRE2_ERROR_NOMEMORY;
  pcre2_set_match_limit(limits, UINT32_MAX);
  pcre2_set_depth_limit(limits, UINT32_MAX);
  pcre2_set_heap_limit(limits, UINT32_MAX);
  int code = 0;
  while (text < end) {
    const char *line_end = memchr(text, '\n', (size_t)(end - text));
    size_t bytes = (size_t)((line_end ? line_end : end) - text);
    code = pcre2_match(pattern, (PCRE2_SPTR)text, bytes, 0, 0, match, limits);
    if (code < PCRE2_ERROR_NOMATCH) break;
    if (code > 0) {
      memcpy(to + *copied, text, bytes);
      *copied += bytes;
      to[(*copied)++] = '\n';
    }
    text += bytes + 1;
  }
  pcre2_match_context_free(limits);
  pcre2_match_data_free(match);
  return code < PCRE2_ERROR_NOMATCH ? code : 0;
}

WP_TASK(grep) {
  size_t source_bytes, bytes, place, copied = 0;
  const char *source = wp_task_argument(task, 0, &source_bytes, NULL);
  const char *text = wp_task_argument(task, 1, &bytes, NULL);
  if (!source || !text) return wp_task_fail(task, "the arguments are a pattern and a text");
  int code;
  pcre2_code *pattern =
      pcre2_compile((PCRE2_SPTR)source, source_bytes, PCRE2_UTF, &code, &place, NULL);
  if (!pattern) return fail_with_code(task, code);
  char *matches = wp_task_alloc(task, bytes + 1);
  if (!matches) return WP_E_NO_MEMORY;
  code = copy_matches(pattern, text, text + bytes, matches, &copied);
  pcre2_code_free(pattern);
  return code ? fail_with_code(task, code) : wp_task_result(task, WP_TYPE_STRING, matches, copied);
}
