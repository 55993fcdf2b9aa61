/*
 * The native library beside other pools of this kind, in one process, in turns: prints for each row the median of the rounds, and the ratio to
 * wasmpool's (above 1: wasmpool is better).
 *
 * usage: native [ROUNDS]
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

/* ---- wasmpool ---- */

wp_pool *pool;

wp_status nothing(wp_task *) { return WP_OK; }

void wasmpool_empty() {
  wp_completion done[256];
  int submitted = 0, ended = 0;
  while (ended < empty_tasks) {
    for (; submitted < empty_tasks && submitted - ended < 4096; submitted++)
      require(!wp_submit_function(pool, nothing, 0, nullptr, 0, nullptr, nullptr), "submit");
    size_t count = wp_wait(pool, done, 256, WP_NONE);
    for (size_t i = 0; i < count; i++) wp_completion_release(pool, &done[i]);
    ended += static_cast<int>(count);
  }
}

struct fib_part {
  int n, result, cut;
};
wp_status fib_run(wp_task *task, void *context) {
  auto *part = static_cast<fib_part *>(context);
  if (part->n < part->cut || part->n < 2) {
    part->result = fib_plain(part->n);
    return WP_OK;
  }
  fib_part a = {part->n - 1, 0, part->cut}, b = {part->n - 2, 0, part->cut};
  wp_subtask child;
  wp_task_spawn(task, &child, fib_run, &a);
  fib_run(task, &b);
  wp_status status = wp_task_await(task, &child);
  part->result = a.result + b.result;
  return status;
}
wp_status fib_task(wp_task *task) {
  fib_part all = {fib_of, 0, *static_cast<const int *>(wp_task_input(task, nullptr, nullptr))};
  wp_status status = fib_run(task, &all);
  return all.result == fib_result ? status : WP_E_TASK_FAILED;
}
wp_status change_range(wp_task *, void *, size_t begin, size_t end, void *) {
  change(begin, end);
  return WP_OK;
}
wp_status for_task(wp_task *task) {
  return wp_parallel_for(task, 0, elements, 0, change_range, nullptr);
}
void run_one(wp_task_function function, int number) {
  wp_completion done;
  require(!wp_submit_function(pool, function, WP_TYPE_BINARY, &number, sizeof number, nullptr,
                              nullptr),
          "submit");
  require(wp_wait(pool, &done, 1, WP_NONE) == 1 && !done.status, "wrong result");
  wp_completion_release(pool, &done);
}

/* ---- GLib, libuv: no fork and join ---- */

std::atomic<int> left;
sem_t all_done;
void count_down() {
  if (left.fetch_sub(1) == 1) sem_post(&all_done);
}

GThreadPool *glib_pool;
void glib_run(gpointer, gpointer) { count_down(); }
void glib_empty() {
  left = empty_tasks;
  for (int i = 0; i < empty_tasks; i++) g_thread_pool_push(glib_pool, GINT_TO_POINTER(1), nullptr);
  sem_wait(&all_done);
}

std::vector<uv_work_t> works(empty_tasks);
void uv_empty() {
  for (auto &work : works)
    uv_queue_work(uv_default_loop(), &work, [](uv_work_t *) {}, [](uv_work_t *, int) {});
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

/* ---- OpenMP ---- */

void omp_empty() {
#pragma omp parallel num_threads(workers)
#pragma omp single
  for (int i = 0; i < empty_tasks; i++) {
#pragma omp task
    { std::atomic_signal_fence(std::memory_order_seq_cst); }
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

} // namespace

int main(int count, char **arguments) {
  int rounds = count > 1 ? std::atoi(arguments[1]) : 9;
  require(rounds > 0, "usage: native [ROUNDS]");
  setenv("UV_THREADPOOL_SIZE", std::to_string(workers).c_str(), 1);
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
  numbers.resize(elements, 1);
  sem_init(&all_done, 0, 0);
  glib_pool = g_thread_pool_new(glib_run, nullptr, workers, TRUE, nullptr);
  wp_config config;
  wp_config_defaults(&config);
  config.workers = workers;
  require(!wp_pool_create(&config, &pool), "no pool");
  std::vector<row> rows = {
      {"200,000 empty tasks",
       {{"wasmpool", wasmpool_empty, {}},
        {"libuv", uv_empty, {}},
        {"GLib", glib_empty, {}},
        {"OpenMP", omp_empty, {}},
        {"oneTBB", tbb_empty, {}}}},
      {"fib(30), a task for each call",
       {{"wasmpool", [] { run_one(fib_task, 0); }, {}},
        {"OpenMP", [] { omp_fib_all(0); }, {}},
        {"oneTBB", [] { require(tbb_fib(fib_of, 0) == fib_result, "wrong result"); }, {}}}},
      {"fib(30), plain calls below 16",
       {{"wasmpool", [] { run_one(fib_task, fib_cut); }, {}},
        {"OpenMP", [] { omp_fib_all(fib_cut); }, {}},
        {"oneTBB", [] { require(tbb_fib(fib_of, fib_cut) == fib_result, "wrong result"); }, {}}}},
      {"loop over 10,000,000 numbers",
       {{"wasmpool", [] { run_one(for_task, 0); }, {}},
        {"OpenMP", omp_for, {}},
        {"oneTBB", tbb_for, {}}}},
  };
  for (int round = -1; round < rounds; round++) /* the first one warms up */
    for (auto &row : rows)
      for (size_t i = 0; i < row.entries.size(); i++) {
        auto &entry = row.entries[(i + static_cast<size_t>(round + 1)) % row.entries.size()];
        double ms = timed(entry.run);
        if (round >= 0) entry.times.push_back(ms);
      }
  std::printf("| | pool | median, ms | to wasmpool |\n| --- | --- | ---: | ---: |\n");
  for (auto &row : rows)
    for (auto &entry : row.entries)
      std::printf("| %s | %s | %.2f | %.2f |\n", row.name, entry.pool, median(entry.times),
                  median(entry.times) / median(row.entries[0].times));
  wp_pool_destroy(pool);
}
