/*
 * A native program around C tasks that runs one of them, once, on its only thread: for debuggers, sanitizers and valgrind, to which a pool's
 * threads and memory are in the way. Built by `cc -g tasks.c $(wasmpool-config --debug)`.
 */
#include "isolated/isolated.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: %s TASK [--text TEXT | --json TEXT | --number N]\n"
    "Without an argument for the task, its argument is what comes on standard input.\n"
    "Tasks:";

/* What a worker's JavaScript does otherwise. */
int wp_js_isolated_cancelled(void);
void wp_js_isolated_heartbeat(void);
wp_status wp_js_isolated_progress(uint32_t type, const void *data, size_t bytes);
void wp_js_isolated_end_lines(void);

int wp_js_isolated_cancelled(void) { return 0; }
void wp_js_isolated_heartbeat(void) {}
void wp_js_isolated_end_lines(void) {}
void wp_isolated_no_sections(void) {}
void wp_critical_begin(void) {}
void wp_critical_end(void) {}

static void print(FILE *file, uint32_t type, const void *data, size_t bytes) {
  double number;
  if (type == WP_TYPE_NUMBER) {
    memcpy(&number, data, sizeof number);
    fprintf(file, "%.17g", number);
  } else if (bytes) {
    fwrite(data, 1, bytes, file);
  }
  if (type != WP_TYPE_BINARY && type != WP_TYPE_CBOR && type != WP_TYPE_UNDEFINED)
    fputc('\n', file);
}

wp_status wp_js_isolated_progress(uint32_t type, const void *data, size_t bytes) {
  print(stderr, type, data, bytes);
  return WP_OK;
}

static void give(uint32_t type, const void *data, size_t bytes) {
  void *room = wp_isolated_argument(type, bytes);
  if (!room) {
    fputs("there is no memory for the argument\n", stderr);
    exit(2);
  }
  if (bytes) memcpy(room, data, bytes);
}

static void give_standard_input(void) {
  size_t bytes = 0, room = 1 << 16;
  char *data = malloc(room);
  while (data && !feof(stdin) && !ferror(stdin)) {
    if (bytes == room) {
      char *more = realloc(data, room *= 2);
      if (!more) free(data);
      data = more;
    }
    if (data) bytes += fread(data + bytes, 1, room - bytes, stdin);
  }
  give(WP_TYPE_BINARY, data, data ? bytes : 0);
  free(data);
}

/* False: the words are not understood. */
static bool give_argument(int count, char **words) {
  if (count == 2) {
    give_standard_input();
    return true;
  }
  if (count != 4) return false;
  if (strcmp(words[2], "--text") == 0) {
    give(WP_TYPE_STRING, words[3], strlen(words[3]));
  } else if (strcmp(words[2], "--json") == 0) {
    give(WP_TYPE_JSON, words[3], strlen(words[3]));
  } else if (strcmp(words[2], "--number") == 0) {
    double number = strtod(words[3], NULL);
    give(WP_TYPE_NUMBER, &number, sizeof number);
  } else {
    return false;
  }
  return true;
}

int main(int count, char **words) {
  uint32_t index = 0;
  const char *name;
  while ((name = wp_isolated_name(index)) && (count < 2 || strcmp(name, words[1]) != 0)) index++;
  if (!name || !give_argument(count, words)) {
    fprintf(stderr, usage, words[0]);
    for (index = 0; (name = wp_isolated_name(index)); index++) fprintf(stderr, " %s", name);
    fputc('\n', stderr);
    return 2;
  }
  wp_status status = wp_isolated_run(index);
  const wp_task *run = wp_isolated_task();
  if (!status) {
    print(stdout, run->result_type, run->result, run->result_bytes);
  } else {
    fprintf(stderr, "%s: ", wp_status_code(status));
    if (run->result)
      print(stderr, run->result_type, run->result, run->result_bytes);
    else
      fprintf(stderr, "%s\n", wp_status_text(status));
  }
  wp_isolated_end(); /* so that what a leak checker finds is the task's own */
  return status ? 1 : 0;
}
