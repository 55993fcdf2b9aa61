/*
 * The native library beside other pools of this kind, in one process, in turns: prints for each row the median and the best of the rounds, and
 * their ratios to wasmpool's (above 1: wasmpool is better). The best says what a pool can do where the machine has other work.
 *
 * usage: native [ROUNDS]
 *        native forks [ROUNDS]   only wasmpool's rows of bench/forks.c, as JSON: the task's name to the milliseconds of each round
 */
#include "wasmpool.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <glib.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <semaphore.h>
#include <string>
#include <uv.h>
#include <vector>

namespace {

constexpr int workers = 2, empty_tasks = 200000, fib_of = 30, fib_result = 832040, fib_cut = 16;
constexpr size_t elements = 10000000;
/* One task in a hundred takes some 10 ms, the others some 10 microseconds. */
constexpr int mixed_tasks = 2000, mixed_long_each = 100, short_turns = 10000, long_turns = 10000000;

void require(bool right, const char *what) {
  if (right) return;
  std::fprintf(stderr, "native: %s\n", what);
  std::exit(1);
}

double now_ms() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

double timed(const std::function<void()> &run) {
  double start = now_ms();
  run();
  return now_ms() - start;
}

int fib_plain(int n) { return n < 2 ? n : fib_plain(n - 1) + fib_plain(n - 2); }

std::vector<double> numbers;
void change(size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) numbers[i] = numbers[i] * 0.5 + 1;
}

/* Some nanoseconds a turn. */
void work(int turns) {
  volatile uint32_t state = 1;
  for (int i = 0; i < turns; i++) state = state * 1664525u + 1013904223u;
}
int no_turns(int) { return 0; }
bool is_long(int i) { return i % mixed_long_each == mixed_long_each / 2; }
int mixed_turns(int i) { return is_long(i) ? long_turns : short_turns; }

/* ---- wasmpool ---- */

wp_pool *pool, *pinned; /* the second one says on which processors its threads run */

wp_status nothing(wp_task *) { return WP_OK; }

/* Submits so many tasks, of which some 4,096 are under way, and waits for all. `which` gives the function of one. */
template <typename which_function> void wasmpool_all(wp_pool *on, int count, which_function which) {
  wp_completion done[256];
  int submitted = 0, ended = 0;
  while (ended < count) {
    for (; submitted < count && submitted - ended < 4096; submitted++)
      require(!wp_submit_function(on, which(submitted), 0, nullptr, 0, nullptr, nullptr), "submit");
    size_t found = wp_wait(on, done, 256, WP_NONE);
    for (size_t i = 0; i < found; i++) wp_completion_release(on, &done[i]);
    ended += static_cast<int>(found);
  }
}
void wasmpool_empty() {
  wasmpool_all(pool, empty_tasks, [](int) { return nothing; });
}

wp_status short_task(wp_task *) { return work(short_turns), WP_OK; }
wp_status long_task(wp_task *) { return work(long_turns), WP_OK; }
void wasmpool_mixed(wp_pool *on) {
  wasmpool_all(on, mixed_tasks, [](int i) { return is_long(i) ? long_task : short_task; });
}

/* One of bench/forks.c. */
void run_one(wp_pool *on, const char *name) {
  wp_completion done;
  require(!wp_submit(on, name, WP_TYPE_UNDEFINED, nullptr, 0, nullptr, nullptr), "submit");
  require(wp_wait(on, &done, 1, WP_NONE) == 1 && !done.status, "wrong result");
  wp_completion_release(on, &done);
}

/* ---- GLib, libuv: no fork and join ---- */

std::atomic<int> left;
sem_t all_done;
void count_down() {
  if (left.fetch_sub(1) == 1) sem_post(&all_done);
}

GThreadPool *glib_pool;
void glib_run(gpointer turns, gpointer) {
  work(GPOINTER_TO_INT(turns) - 1);
  count_down();
}
void glib_all(int count, int (*turns)(int)) {
  left = count;
  for (int i = 0; i < count; i++)
    g_thread_pool_push(glib_pool, GINT_TO_POINTER(turns(i) + 1), nullptr); /* NULL is no datum */
  sem_wait(&all_done);
}

std::vector<uv_work_t> works(empty_tasks);
void uv_all(int count, int (*turns)(int)) {
  for (int i = 0; i < count; i++) {
    uv_work_t *one = &works[static_cast<size_t>(i)];
    one->data = GINT_TO_POINTER(turns(i));
    uv_queue_work(
        uv_default_loop(), one, [](uv_work_t *self) { work(GPOINTER_TO_INT(self->data)); },
        [](uv_work_t *, int) {});
  }
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

/* ---- OpenMP ---- */

void omp_empty() {
#pragma omp parallel num_threads(workers)
#pragma omp single
  for (int i = 0; i < empty_tasks; i++) {
#pragma omp task
    {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  }
}
void omp_mixed() {
#pragma omp parallel num_threads(workers)
#pragma omp single
  for (int i = 0; i < mixed_tasks; i++) {
#pragma omp task
    work(mixed_turns(i));
  }
}
int omp_fib(int n, int cut) {
  if (n < cut || n < 2) return fib_plain(n);
  int a, b;
#pragma omp task shared(a)
  a = omp_fib(n - 1, cut);
  b = omp_fib(n - 2, cut);
#pragma omp taskwait
  return a + b;
}
void omp_fib_all(int cut) {
  int result = 0;
#pragma omp parallel num_threads(workers)
#pragma omp single
  result = omp_fib(fib_of, cut);
  require(result == fib_result, "wrong result");
}
void omp_for() {
#pragma omp parallel for num_threads(workers)
  for (size_t i = 0; i < elements; i++) numbers[i] = numbers[i] * 0.5 + 1;
}

/* ---- oneTBB ---- */

void tbb_empty() {
  tbb::task_group group;
  for (int i = 0; i < empty_tasks; i++) group.run([] {});
  group.wait();
}
void tbb_mixed() {
  tbb::task_group group;
  for (int i = 0; i < mixed_tasks; i++) group.run([=] { work(mixed_turns(i)); });
  group.wait();
}
int tbb_fib(int n, int cut) {
  if (n < cut || n < 2) return fib_plain(n);
  int a = 0, b = 0;
  tbb::task_group group;
  group.run([&] { a = tbb_fib(n - 1, cut); });
  b = tbb_fib(n - 2, cut);
  group.wait();
  return a + b;
}
void tbb_for() {
  tbb::parallel_for(tbb::blocked_range<size_t>(0, elements),
                    [](const auto &range) { change(range.begin(), range.end()); });
}

/* ---- Rows ---- */

struct entry {
  const char *pool;
  std::function<void()> run;
  std::vector<double> times;
};
struct row {
  const char *name;
  std::vector<entry> entries;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double least(const std::vector<double> &values) {
  return *std::min_element(values.begin(), values.end());
}

void print_forks(int rounds) {
  const char *before = "{";
  for (const char *name : {"emptyParts", "fibEach", "fibCut", "loop"}) {
    std::printf("%s\"%s\":[", before, name);
    before = ",";
    run_one(pool, name); /* warms up */
    for (int round = 0; round < rounds; round++)
      std::printf("%s%.4f", round ? "," : "", timed([=] { run_one(pool, name); }));
    std::printf("]");
  }
  std::printf("}\n");
}

} // namespace

int main(int count, char **arguments) {
  bool only_forks = count > 1 && std::string(arguments[1]) == "forks";
  const char *given = count > 1 + only_forks ? arguments[1 + only_forks] : "9";
  int rounds = std::atoi(given);
  require(rounds > 0, "usage: native [forks] [ROUNDS]");
  setenv("UV_THREADPOOL_SIZE", std::to_string(workers).c_str(), 1);
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
  numbers.resize(elements, 1);
  sem_init(&all_done, 0, 0);
  glib_pool = g_thread_pool_new(glib_run, nullptr, workers, TRUE, nullptr);
  wp_config config;
  wp_config_defaults(&config);
  config.workers = workers;
  require(!wp_pool_create(&config, &pool), "no pool");
  const uint32_t cpus[] = {0, 1};
  config.cpus = cpus;
  config.cpu_count = workers;
  require(!wp_pool_create(&config, &pinned), "no pool");
  if (only_forks) {
    print_forks(rounds);
    wp_pool_destroy(pinned);
    wp_pool_destroy(pool);
    return 0;
  }
  std::vector<row> rows = {
      {"200,000 empty tasks from outside",
       {{"wasmpool", wasmpool_empty, {}},
        {"libuv", [] { uv_all(empty_tasks, no_turns); }, {}},
        {"GLib", [] { glib_all(empty_tasks, no_turns); }, {}}}},
      {"200,000 empty parts of a task",
       {{"wasmpool", [] { run_one(pool, "emptyParts"); }, {}},
        {"wasmpool, pinned", [] { run_one(pinned, "emptyParts"); }, {}},
        {"OpenMP", omp_empty, {}},
        {"oneTBB", tbb_empty, {}}}},
      {"fib(30), a part for each call",
       {{"wasmpool", [] { run_one(pool, "fibEach"); }, {}},
        {"wasmpool, pinned", [] { run_one(pinned, "fibEach"); }, {}},
        {"OpenMP", [] { omp_fib_all(0); }, {}},
        {"oneTBB", [] { require(tbb_fib(fib_of, 0) == fib_result, "wrong result"); }, {}}}},
      {"fib(30), plain calls below 16",
       {{"wasmpool", [] { run_one(pool, "fibCut"); }, {}},
        {"wasmpool, pinned", [] { run_one(pinned, "fibCut"); }, {}},
        {"OpenMP", [] { omp_fib_all(fib_cut); }, {}},
        {"oneTBB", [] { require(tbb_fib(fib_of, fib_cut) == fib_result, "wrong result"); }, {}}}},
      {"loop over 10,000,000 numbers",
       {{"wasmpool", [] { run_one(pool, "loop"); }, {}},
        {"wasmpool, pinned", [] { run_one(pinned, "loop"); }, {}},
        {"OpenMP", omp_for, {}},
        {"oneTBB", tbb_for, {}}}},
      {"2,000 tasks, 1 % of them long",
       {{"wasmpool", [] { wasmpool_mixed(pool); }, {}},
        {"wasmpool, pinned", [] { wasmpool_mixed(pinned); }, {}},
        {"libuv", [] { uv_all(mixed_tasks, mixed_turns); }, {}},
        {"GLib", [] { glib_all(mixed_tasks, mixed_turns); }, {}},
        {"OpenMP", omp_mixed, {}},
        {"oneTBB", tbb_mixed, {}}}},
  };
  for (int round = -1; round < rounds; round++) /* the first one warms up */
    for (auto &row : rows)
      for (size_t i = 0; i < row.entries.size(); i++) {
        auto &entry = row.entries[(i + static_cast<size_t>(round + 1)) % row.entries.size()];
        double ms = timed(entry.run);
        if (round >= 0) entry.times.push_back(ms);
      }
  std::printf("| | pool | median, ms | to wasmpool | best, ms | to wasmpool |\n"
              "| --- | --- | ---: | ---: | ---: | ---: |\n");
  for (auto &row : rows)
    for (auto &entry : row.entries) {
      const auto &ours = row.entries[0].times;
      std::printf("| %s | %s | %.2f | %.2f | %.2f | %.2f |\n", row.name, entry.pool,
                  median(entry.times), median(entry.times) / median(ours), least(entry.times),
                  least(entry.times) / least(ours));
    }
  wp_pool_destroy(pinned);
  wp_pool_destroy(pool);
}
