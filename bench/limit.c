/*
 * What the core alone can do: the same rows as bench/rows/, on the native build, through wasmpool.h; no JavaScript, no promises, no
 * encoding. Prints what bench/child.mjs prints: one line of JSON.
 *
 * usage: limit ROW [quick]
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, nanosleep */
#include "wasmpool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 2, POLL_LIMIT = 256, WAIT_MS = 60000, SAMPLES = 1 << 20 };

static bool quick;

/* ---- Tools ---- */

static void die(const char *why) {
  printf("{\"reason\":\"%s\"}\n", why);
  exit(0);
}

static void require(bool right, const char *why) {
  if (!right) die(why);
}

static double read_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double now_ms(void) { return read_ms(CLOCK_MONOTONIC); }

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double quantile(double *values, size_t count, double share) {
  qsort(values, count, sizeof *values, by_size);
  size_t place = (size_t)((double)count * share);
  return values[place < count ? place : count - 1];
}

static wp_handle submit(wp_pool *pool, const char *task, uint32_t type, const void *data,
                        size_t bytes) {
  wp_handle handle;
  require(wp_submit(pool, task, type, data, bytes, NULL, &handle) == WP_OK, "a task was refused");
  return handle;
}

static wp_handle submit_number(wp_pool *pool, const char *task, double number) {
  return submit(pool, task, WP_TYPE_NUMBER, &number, sizeof number);
}

static wp_completion wait_one(wp_pool *pool) {
  wp_completion completion;
  require(wp_wait(pool, &completion, 1, WAIT_MS) == 1, "a task never ended");
  return completion;
}

static double number_of(const wp_completion *completion) {
  double number = 0;
  require(completion->status == WP_OK && completion->bytes == sizeof number, "wrong result");
  memcpy(&number, completion->data, sizeof number);
  return number;
}

static double run_number(wp_pool *pool, const char *task, double number) {
  submit_number(pool, task, number);
  wp_completion completion = wait_one(pool);
  double result = number_of(&completion);
  wp_completion_release(pool, &completion);
  return result;
}

/* As many tasks as there are workers, each waiting for all others. */
static void meet(wp_pool *pool, uint32_t workers) {
  for (uint32_t i = 0; i < workers; i++) submit_number(pool, "meet", workers);
  for (uint32_t i = 0; i < workers; i++) {
    wp_completion completion = wait_one(pool);
    require(number_of(&completion) == workers, "wrong result");
    wp_completion_release(pool, &completion);
  }
}

static wp_pool *open_pool(uint32_t workers, uint32_t spares) {
  wp_config config;
  wp_pool *pool = NULL;
  wp_config_defaults(&config);
  config.workers = workers;
  config.spares = spares;
  config.memory_bytes = UINT64_C(8) << 30;
  require(wp_pool_create(&config, &pool) == WP_OK, "no pool");
  meet(pool, workers);
  return pool;
}

/* ---- Small tasks ---- */

struct kind {
  const char *name, *task;
  uint32_t type;
  const char *text; /* NULL: the value is a number */
};

static char kilobyte[1025];
static const struct kind kinds[] = {
    {"number", "inc", WP_TYPE_NUMBER, NULL},
    {"object", "echo", WP_TYPE_JSON, "{\"a\":1,\"b\":2}"},
    {"string", "echo", WP_TYPE_STRING, kilobyte},
};

struct flow {
  wp_pool *pool;
  const struct kind *kind;
  uint64_t submitted, done;
  double in, out; /* sums: what every number came back as */
};

static void feed(struct flow *flow, uint64_t count) {
  const struct kind *kind = flow->kind;
  for (uint64_t i = 0; i < count; i++) {
    double number = (double)flow->submitted++;
    flow->in += number;
    if (kind->text)
      submit(flow->pool, kind->task, kind->type, kind->text, strlen(kind->text));
    else
      submit_number(flow->pool, kind->task, number);
  }
}

/* Takes what has finished; returns how many there were. */
static size_t take(struct flow *flow) {
  wp_completion completions[POLL_LIMIT];
  size_t count = wp_wait(flow->pool, completions, POLL_LIMIT, WAIT_MS);
  require(count > 0, "a task never ended");
  for (size_t i = 0; i < count; i++) {
    const char *text = flow->kind->text;
    if (!text)
      flow->out += number_of(&completions[i]);
    else
      require(completions[i].bytes == strlen(text) &&
                  memcmp(completions[i].data, text, completions[i].bytes) == 0,
              "wrong result");
    wp_completion_release(flow->pool, &completions[i]);
  }
  flow->done += count;
  return count;
}

static void finish(struct flow *flow) {
  while (flow->done < flow->submitted) take(flow);
  require(flow->kind->text || flow->out == flow->in + (double)flow->done, "wrong result");
}

/* Tasks a second with so many in flight. */
static double stream(wp_pool *pool, const struct kind *kind, uint64_t depth, double ms) {
  struct flow flow = {.pool = pool, .kind = kind};
  double start = now_ms();
  feed(&flow, depth);
  while (now_ms() - start < ms) feed(&flow, take(&flow));
  finish(&flow);
  return (double)flow.done / (now_ms() - start) * 1e3;
}

static void throughput(const char *row) {
  char name[16];
  uint64_t depth = 0;
  if (sscanf(row, "throughput-%15[a-z]-%lu", name, &depth) != 2) die("no such row");
  const struct kind *kind = kinds;
  while (strcmp(kind->name, name) != 0) kind++;
  wp_pool *pool = open_pool(WORKERS, 0);
  stream(pool, kind, depth, quick ? 100 : 300);
  printf("{\"figures\":{\"rate\":%.0f}}\n", stream(pool, kind, depth, quick ? 250 : 1000));
}

static void round_trip(const char *row) {
  (void)row;
  static double samples[SAMPLES];
  wp_pool *pool = open_pool(WORKERS, 0);
  size_t count = 0;
  double end = now_ms() + (quick ? 300 : 1500);
  for (double now = 0; now < end && count < SAMPLES;) {
    double start = now_ms();
    require(run_number(pool, "inc", (double)count) == (double)count + 1, "wrong result");
    now = now_ms();
    samples[count++] = (now - start) * 1e3;
  }
  double median = quantile(samples, count, 0.5);
  printf("{\"figures\":{\"median\":%g,\"p99\":%g}}\n", median, quantile(samples, count, 0.99));
}

/* ---- Many at once ---- */

static double flood_ms(wp_pool *pool, uint64_t count) {
  struct flow flow = {.pool = pool, .kind = &kinds[0]};
  double start = now_ms();
  feed(&flow, count);
  finish(&flow);
  return now_ms() - start;
}

static void flood(const char *row) {
  (void)row;
  wp_pool *pool = open_pool(WORKERS, 0);
  double times[5];
  for (size_t i = 0; i < 5; i++) times[i] = flood_ms(pool, 100000);
  printf("{\"figures\":{\"ms\":%g}}\n", quantile(times, 5, 0.5));
}

static void queued(const char *row) {
  (void)row;
  wp_pool *pool = open_pool(WORKERS, 0);
  double ms = flood_ms(pool, 1000000);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double peak_gb = (double)usage.ru_maxrss / (1 << 20);
  printf("{\"figures\":{\"seconds\":%g,\"peakGb\":%g}}\n", ms / 1e3, peak_gb);
}

/* ---- Payloads: an argument is copied by wp_submit, a result lies in place ---- */

enum { PAYLOAD_RUNS_MAX = 64, MARK = 0xa5 };

static double payload_ms(wp_pool *pool, const char *task, uint32_t type, const void *data,
                         size_t bytes, size_t wanted) {
  double times[PAYLOAD_RUNS_MAX];
  size_t runs = quick ? PAYLOAD_RUNS_MAX / 4 : PAYLOAD_RUNS_MAX;
  for (size_t i = 0; i < runs; i++) {
    double start = now_ms();
    submit(pool, task, type, data, bytes);
    wp_completion completion = wait_one(pool);
    if (completion.type == WP_TYPE_BINARY)
      require(completion.bytes == wanted && ((const uint8_t *)completion.data)[wanted - 1] == MARK,
              "wrong result");
    else
      require(number_of(&completion) == (double)wanted, "wrong result");
    times[i] = now_ms() - start;
    wp_completion_release(pool, &completion);
  }
  return quantile(times, runs, 0.5);
}

static uint8_t *marked(size_t bytes) {
  uint8_t *data = calloc(1, bytes);
  require(data != NULL, "no memory");
  data[0] = data[bytes - 1] = MARK;
  return data;
}

static void payload(const char *row) {
  size_t bytes = strncmp(row, "payload-64mb", 12) == 0 ? 64 << 20 : 1 << 20;
  wp_pool *pool = open_pool(WORKERS, 0);
  double length = (double)bytes;
  if (strstr(row, "-share")) {
    double out = payload_ms(pool, "make", WP_TYPE_NUMBER, &length, sizeof length, bytes);
    printf("{\"figures\":{\"in\":\"arguments are copied\",\"out\":%g,"
           "\"both\":\"arguments are copied\"}}\n",
           out);
    return;
  }
  const uint8_t *data = marked(bytes);
  double in = payload_ms(pool, "inspect", WP_TYPE_BINARY, data, bytes, bytes);
  double both = payload_ms(pool, "remake", WP_TYPE_BINARY, data, bytes, bytes);
  printf("{\"figures\":{\"in\":%g,\"out\":\"read in place\",\"both\":%g}}\n", in, both);
}

/* ---- Work, start, memory ---- */

/* *expected: what each task gives; 0 before the first one. */
static double work_ms(wp_pool *pool, uint32_t tasks, double units, double *expected) {
  double start = now_ms();
  for (uint32_t i = 0; i < tasks; i++) submit_number(pool, "work", units);
  for (uint32_t i = 0; i < tasks; i++) {
    wp_completion completion = wait_one(pool);
    double result = number_of(&completion);
    if (*expected == 0) *expected = result;
    require(result != 0 && result == *expected, "wrong result");
    wp_completion_release(pool, &completion);
  }
  return now_ms() - start;
}

static void cpu(const char *row) {
  (void)row;
  enum { TASKS = 64, UNITS = 20 };
  wp_pool *pool = open_pool(WORKERS, 0);
  double alone[3], shared[3], whole = 0, part = 0;
  for (size_t i = 0; i < 3; i++) {
    alone[i] = work_ms(pool, 1, TASKS * UNITS, &whole);
    shared[i] = work_ms(pool, TASKS, UNITS, &part);
  }
  double efficiency = quantile(alone, 3, 0.5) / ((double)WORKERS * quantile(shared, 3, 0.5));
  printf("{\"figures\":{\"efficiency\":%g}}\n", efficiency);
}

static void start(const char *row) {
  (void)row;
  double begin = now_ms();
  open_pool(WORKERS, 0);
  printf("{\"figures\":{\"ms\":%g}}\n", now_ms() - begin);
}

static double resident_mb(void) {
  long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  require(file && fscanf(file, "%ld %ld", &total, &resident) == 2, "no /proc here");
  fclose(file);
  return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void memory(const char *row) {
  (void)row;
  enum { MANY = 8 };
  double before = resident_mb();
  open_pool(MANY, 0);
  printf("{\"figures\":{\"mb\":%g}}\n", (resident_mb() - before) / (double)MANY);
}

/* ---- When something goes wrong ---- */

static void kill_hung(const char *row) {
  enum { KILLS = 12 };
  double rejected[KILLS], serving[KILLS];
  wp_pool *pool = open_pool(WORKERS, strstr(row, "spare") ? 1 : 0);
  for (size_t i = 0; i < KILLS; i++) {
    wp_handle hung = submit(pool, "hang", WP_TYPE_UNDEFINED, NULL, 0);
    wp_completion completion = wait_one(pool);
    require(completion.progress, "wrong result");
    wp_completion_release(pool, &completion);
    double begin = now_ms();
    require(wp_terminate(pool, hung), "the task was gone");
    completion = wait_one(pool);
    require(completion.status == WP_E_CANCELLED, "wrong result");
    rejected[i] = now_ms() - begin;
    wp_completion_release(pool, &completion);
    meet(pool, WORKERS);
    serving[i] = now_ms() - begin;
  }
  double until_rejected = quantile(rejected, KILLS, 0.5);
  printf("{\"figures\":{\"rejected\":%g,\"serving\":%g}}\n", until_rejected,
         quantile(serving, KILLS, 0.5));
}

static void blocked(const char *row) {
  (void)row;
  enum { TASKS = 2000 };
  wp_pool *pool = open_pool(WORKERS, 0);
  for (size_t i = 0; i < TASKS; i++) submit_number(pool, "burn", 1);
  double end = read_ms(CLOCK_REALTIME) + 500;
  while (read_ms(CLOCK_REALTIME) < end) {
  }
  uint32_t done = 0;
  for (size_t i = 0; i < TASKS; i++) {
    wp_completion completion = wait_one(pool);
    done += number_of(&completion) <= end;
    wp_completion_release(pool, &completion);
  }
  printf("{\"figures\":{\"done\":%u}}\n", done);
}

static const struct {
  const char *prefix;
  void (*measure)(const char *row);
} rows[] = {
    {"roundtrip", round_trip},
    {"throughput-", throughput},
    {"flood", flood},
    {"queued", queued},
    {"payload-1mb", payload},
    {"payload-64mb", payload},
    {"cpu", cpu},
    {"start", start},
    {"memory", memory},
    {"kill", kill_hung},
    {"blocked", blocked},
};

int main(int count, char **words) {
  if (count < 2) die("usage: limit ROW [quick]");
  const char *row = words[1];
  quick = count > 2 && strcmp(words[2], "quick") == 0;
  memset(kilobyte, 'x', sizeof kilobyte - 1);
  if (strcmp(row, "crash") == 0) die("a crash of native code ends its process");
  if (strstr(row, "-move")) die("nothing moves: results lie in place");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (strncmp(row, rows[i].prefix, strlen(rows[i].prefix)) != 0) continue;
    rows[i].measure(row);
    fflush(stdout);
    _exit(0); /* the pool goes with its process */
  }
  die("wasmpool.h has nothing for it");
}
