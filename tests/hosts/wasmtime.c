/* The host program (program.mjs) for Wasmtime. wasmtime MODULE.wasm checks|epochs */
#define _GNU_SOURCE
#include "pool.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDS_MAX = 1 << 16 };

static wt_pool *pool;
static wt_handle handles[IDS_MAX];
static wt_options options = {.pages = 4096, .restart_min_ms = 0};
static uint8_t *module;
static size_t module_bytes;

static void print_value(uint32_t type, const uint8_t *data, uint32_t bytes) {
  printf("%u ", type);
  for (uint32_t i = 0; i < bytes; i++) printf("%02x", data[i]);
  puts(bytes ? "" : "-");
}

static void deliver(void *context, const wt_end *end) {
  (void)context;
  if (end->progress)
    printf("value %u ", end->user);
  else
    printf("end %u %d ", end->user, (int)end->status);
  print_value(end->type, end->data, end->bytes);
}

static void nothing(void *context, const wt_end *end) { (void)context, (void)end; }

/* Sleeps until the pool, or standard input, has something. */
static bool wait_for_input(double ms) {
  struct pollfd fds[] = {{.fd = wt_descriptor(pool), .events = POLLIN},
                         {.fd = 0, .events = POLLIN}};
  int most = ms > 1e9 ? -1 : (int)(ms + 0.999);
  poll(fds, 2, most);
  return fds[1].revents;
}

static void open_pool(const char *words) {
  int restarts = -1;
  char *error = NULL;
  sscanf(words, "%u %u %d", &options.workers, &options.spares, &restarts);
  options.restart_max = (uint32_t)restarts;
  pool = wt_open(module, module_bytes, &options, &error);
  if (pool) wt_poll(pool, nothing, NULL);
  while (pool && wt_state_of(pool) == WT_OPENING) {
    struct pollfd fd = {.fd = wt_descriptor(pool), .events = POLLIN};
    double rest = wt_rest(pool);
    if (rest > 0) poll(&fd, 1, rest > 1e9 ? -1 : (int)rest + 1);
    wt_poll(pool, nothing, NULL);
  }
  if (pool)
    puts("opened");
  else
    printf("refused %s\n", error);
}

static uint32_t unhex(const char *hex, uint8_t *bytes) {
  uint32_t count = 0;
  if (*hex == '-') return 0;
  for (; hex[0] && hex[1]; hex += 2, count++) {
    char pair[3] = {hex[0], hex[1], 0};
    bytes[count] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return count;
}

static void run(char *words) {
  wt_task task = {0};
  task.user = (uint32_t)strtoul(strtok(words, " "), NULL, 10);
  task.name = strtok(NULL, " ");
  task.type = (uint32_t)strtoul(strtok(NULL, " "), NULL, 10);
  const char *hex = strtok(NULL, " ");
  uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
  task.bytes = unhex(hex, bytes);
  task.data = bytes;
  task.priority = (uint32_t)strtoul(strtok(NULL, " "), NULL, 10);
  task.timeout_ms = (uint32_t)strtoul(strtok(NULL, " "), NULL, 10);
  int32_t status = wt_submit(pool, &task, &handles[task.user % IDS_MAX]);
  if (status) printf("end %u %d 0 -\n", task.user, (int)status);
  free(bytes);
}

static void give_up(const char *id, bool kill) {
  unsigned long number = strtoul(id, NULL, 10);
  printf("gave %lu %d\n", number, wt_give_up(pool, handles[number % IDS_MAX], kill));
}

static void close_pool(void) {
  while (!wt_close(pool)) {
    struct pollfd fd = {.fd = wt_descriptor(pool), .events = POLLIN};
    poll(&fd, 1, 5); /* `stop` has to be repeated */
  }
  puts("closed");
}

static void obey(char *line) {
  char *rest = strchrnul(line, ' ');
  if (*rest) *rest++ = 0;
  if (!strcmp(line, "open")) {
    open_pool(rest);
  } else if (!strcmp(line, "run")) {
    run(rest);
  } else if (!strcmp(line, "cancel")) {
    give_up(rest, false);
  } else if (!strcmp(line, "terminate")) {
    give_up(rest, true);
  } else if (!strcmp(line, "pause") || !strcmp(line, "resume")) {
    wt_pause(pool, *line == 'p');
    puts("done");
  } else if (!strcmp(line, "stats")) {
    wt_stats s = wt_stats_of(pool);
    printf("stats %u %u %u %u %llu\n", s.free, s.total, s.queued, s.tasks,
           (unsigned long long)s.heap_bytes);
  } else if (!strcmp(line, "counts")) {
    wt_counts c = wt_counts_of(pool);
    printf("counts %u %u %u %u %u\n", c.starts, c.kills, c.losses, c.retired, c.reaped);
  } else if (!strcmp(line, "check")) {
    printf("check %d\n", (int)wt_check(pool));
  } else if (!strcmp(line, "close")) {
    close_pool();
    exit(0);
  }
}

static void read_module(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  fseek(file, 0, SEEK_END);
  module_bytes = (size_t)ftell(file);
  rewind(file);
  module = malloc(module_bytes);
  if (fread(module, 1, module_bytes, file) != module_bytes) exit(2);
  fclose(file);
}

/* Reads what there is of standard input, and obeys each whole line. False: it has ended. */
static bool take_lines(void) {
  static char *text;
  static size_t length, capacity;
  if (capacity - length < 65536) text = realloc(text, capacity = 2 * capacity + 131072);
  ssize_t got = read(0, text + length, capacity - length);
  if (got <= 0) return false;
  length += (size_t)got;
  char *from = text, *end;
  while ((end = memchr(from, '\n', length - (size_t)(from - text)))) {
    *end = 0;
    obey(from);
    from = end + 1;
  }
  length -= (size_t)(from - text);
  memmove(text, from, length);
  return true;
}

int main(int count, char **arguments) {
  options.epochs = count > 2 && !strcmp(arguments[2], "epochs");
  read_module(arguments[1]);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  printf("host wasmtime threads %s\n", options.epochs ? "ends" : "checks");
  for (bool more = true; more;) {
    fflush(stdout);
    if (!pool) {
      more = take_lines();
      continue;
    }
    wt_poll(pool, deliver, NULL);
    fflush(stdout);
    double rest = wt_rest(pool);
    if (wait_for_input(rest)) more = take_lines();
  }
}
