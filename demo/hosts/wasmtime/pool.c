#define _GNU_SOURCE
#include "pool.h"
#include "instance.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* docs/host-abi.md */
enum {
  ABI = 1,
  CAN_END_THREADS = 1,
  THREADS_MAX = 2049,
  BATCH = 64,
  COMPLETION_WORDS = 9,
  OPTIONS_BYTES = 28,
  STATS_BYTES = 88,
  ROOM_BYTES = OPTIONS_BYTES + 12 + STATS_BYTES + BATCH * COMPLETION_WORDS * 4,
};

typedef struct member {
  wt_pool *pool;
  uint32_t number, start;
  _Atomic bool stop;
} member;

struct wt_pool {
  wasm_engine_t *engine;
  wasmtime_module_t *module;
  wasmtime_sharedmemory_t *memory;
  uint8_t *base;
  wt_options options;
  instance main;
  uint32_t at;                  /* the core's pool */
  uint32_t room;                /* options, a handle, stats, completions */
  int ends[2];                  /* a pipe: numbers of threads that have ended; 0: the bell rang */
  member *members[THREADS_MAX]; /* main's */
};

/* ---- Calls ---- */

/* A call by main, which never traps unless the core is broken. */
static uint32_t call_main(wt_pool *pool, const char *name, const uint32_t *arguments,
                          size_t count) {
  uint32_t result = 0, kind = 0;
  if (call(&pool->main, name, arguments, count, &result, &kind)) return result;
  fprintf(stderr, "%s trapped\n", name);
  abort();
}
#define WITH(...) (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static uint32_t word_at(const wt_pool *pool, uint32_t at) {
  uint32_t value;
  memcpy(&value, pool->base + at, sizeof value);
  return value;
}

static void set_word(const wt_pool *pool, uint32_t at, uint32_t value) {
  memcpy(pool->base + at, &value, sizeof value);
}

/* ---- Imports ---- */

static wasm_trap_t *now(void *pool, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n) {
  struct timespec time;
  (void)pool, (void)caller, (void)n;
  clock_gettime(CLOCK_MONOTONIC, &time);
  v[0].f64 = (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
  return NULL;
}

static void tell(wt_pool *pool, uint32_t number) {
  ssize_t written = write(pool->ends[1], &number, sizeof number);
  (void)
      written; /* the bell into a full pipe: main will wake anyway; numbers always fit (see wt_open) */
}

static wasm_trap_t *ring(void *pool, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n) {
  (void)caller, (void)v, (void)n;
  tell(pool, 0);
  return NULL;
}

static void *worker(void *argument);

static wasm_trap_t *start(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n) {
  wt_pool *pool = env;
  pthread_t thread;
  member *m = malloc(sizeof *m);
  (void)caller, (void)n;
  bool made = false;
  if (m) {
    *m = (member){pool, (uint32_t)v[1].i32, (uint32_t)v[0].i32, false};
    made = pthread_create(&thread, NULL, worker, m) == 0;
  }
  if (made) {
    pthread_detach(thread);
    pool->members[m->number] = m;
  } else {
    free(m);
  }
  v[0].i32 = made;
  return NULL;
}

static wasm_trap_t *stop(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n) {
  wt_pool *pool = env;
  member *m = pool->members[v[0].i32];
  (void)caller, (void)n;
  if (m) atomic_store(&m->stop, true);
  if (m && pool->options.epochs) wasmtime_engine_increment_epoch(pool->engine);
  return NULL;
}

/* ---- Instances ---- */

static wasmtime_error_t *at_epoch(const wasmtime_context_t *context, void *m, uint64_t *delta,
                                  wasmtime_update_deadline_kind_t *kind) {
  (void)context;
  if (m && atomic_load(&((member *)m)->stop)) return wasmtime_error_new("the thread has to end");
  *delta = 1;
  *kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
  return NULL;
}

static bool define(wasmtime_linker_t *linker, wt_pool *pool, const char *name, const char *type,
                   wasmtime_func_unchecked_callback_t function) {
  wasm_valtype_t *values[ARGUMENTS_MAX];
  wasm_valtype_vec_t parameters, results;
  size_t count = 0;
  for (; *type == 'i'; type++) values[count++] = wasm_valtype_new(WASM_I32);
  wasm_valtype_vec_new(&parameters, count, values);
  values[0] = *++type ? wasm_valtype_new(*type == 'i' ? WASM_I32 : WASM_F64) : NULL; /* behind > */
  wasm_valtype_vec_new(&results, values[0] ? 1 : 0, values);
  wasm_functype_t *whole = wasm_functype_new(&parameters, &results);
  wasmtime_error_t *error = wasmtime_linker_define_func_unchecked(
      linker, "wasmpool", 8, name, strlen(name), whole, function, pool, NULL);
  wasm_functype_delete(whole);
  if (error) wasmtime_error_delete(error);
  return !error;
}

/* An instance for the calling thread; m is NULL for main. False: there is none, or its thread had to end. */
static bool instantiate(wt_pool *pool, member *m, instance *i) {
  i->store = wasmtime_store_new(pool->engine, NULL, NULL);
  i->context = wasmtime_store_context(i->store);
  if (pool->options.epochs) {
    wasmtime_store_epoch_deadline_callback(i->store, at_epoch, m, NULL);
    wasmtime_context_set_epoch_deadline(i->context, 1);
  }
  wasmtime_linker_t *linker = wasmtime_linker_new(pool->engine);
  wasmtime_extern_t memory = {.kind = WASMTIME_EXTERN_SHAREDMEMORY,
                              .of.sharedmemory = pool->memory};
  wasm_trap_t *trap = NULL;
  wasmtime_error_t *error =
      wasmtime_linker_define(linker, i->context, "env", 3, "memory", 6, &memory);
  bool good =
      !error && define(linker, pool, "now", ">f", now) && define(linker, pool, "ring", ">", ring) &&
      define(linker, pool, "start", "iii>i", start) && define(linker, pool, "stop", "ii>", stop);
  if (good) error = wasmtime_linker_instantiate(linker, i->context, pool->module, &i->wasm, &trap);
  good = good && !error && !trap;
  kind_of(error, trap);
  wasmtime_linker_delete(linker);
  return good;
}

/* ---- Workers ---- */

static void serve(instance *i, uint32_t start_at) {
  uint32_t kind = 0, none = 0, stopped = 0, goes_on = 1;
  if (!call(i, "wp_host_attach", WITH(start_at), &none, &kind)) return;
  while (goes_on && !call(i, "wp_host_run", WITH(start_at), &none, &kind)) {
    uint32_t why = kind;
    goes_on = call(i, "wp_host_unstop", WITH(start_at), &stopped, &kind) &&
              call(i, "wp_host_trapped", WITH(start_at, why, stopped), &goes_on, &kind) && goes_on;
  }
}

static void *worker(void *argument) {
  member *m = argument;
  wt_pool *pool = m->pool;
  uint32_t number = m->number;
  instance i;
  if (instantiate(pool, m, &i)) serve(&i, m->start);
  wasmtime_store_delete(i.store);
  tell(pool, number); /* main frees the member */
  return NULL;
}

/* ---- The pool ---- */

static char *text_of(wasmtime_error_t *error) {
  wasm_byte_vec_t text;
  wasmtime_error_message(error, &text);
  char *copy = strndup(text.data, text.size);
  wasmtime_error_delete(error);
  return copy;
}

static wasmtime_error_t *prepare(wt_pool *pool, const uint8_t *module, size_t bytes) {
  enum { FIRST_PAGES = 16, PAGE_LOG2 = 16 };
  wasm_config_t *config = wasm_config_new();
  wasm_memorytype_t *type = NULL;
  wasmtime_config_wasm_threads_set(config, true);
  wasmtime_config_shared_memory_set(config, true);
  wasmtime_config_epoch_interruption_set(config, pool->options.epochs);
  pool->engine = wasm_engine_new_with_config(config);
  wasmtime_error_t *error = wasmtime_module_new(pool->engine, module, bytes, &pool->module);
  if (!error)
    error = wasmtime_memorytype_new(FIRST_PAGES, true, pool->options.pages, false, true, PAGE_LOG2,
                                    &type);
  if (!error) error = wasmtime_sharedmemory_new(pool->engine, type, &pool->memory);
  if (type) wasm_memorytype_delete(type);
  return error;
}

/* Opens the core's pool. Returns its status. */
static int32_t open_core(wt_pool *pool) {
  const wt_options *options = &pool->options;
  if (call_main(pool, "wp_host_init", NULL, 0) != ABI) return -21;
  uint32_t config = call_main(pool, "wp_host_config", NULL, 0);
  set_word(pool, config, options->workers);
  set_word(pool, config + 4, options->spares);
  set_word(pool, config + 100, options->restart_max);
  memcpy(pool->base + config + 112, &options->restart_min_ms, sizeof(double));
  pool->room = call_main(pool, "wp_malloc", WITH(ROOM_BYTES));
  pool->at =
      call_main(pool, "wp_host_open", WITH(options->epochs ? CAN_END_THREADS : 0, pool->room));
  return (int32_t)word_at(pool, pool->room);
}

static void destroy(wt_pool *pool) {
  if (pool->main.store) wasmtime_store_delete(pool->main.store);
  if (pool->memory) wasmtime_sharedmemory_delete(pool->memory);
  if (pool->module) wasmtime_module_delete(pool->module);
  wasm_engine_delete(pool->engine);
  close(pool->ends[0]);
  close(pool->ends[1]);
  free(pool);
}

wt_pool *wt_open(const uint8_t *module, size_t bytes, const wt_options *options, char **error) {
  wt_pool *pool = calloc(1, sizeof *pool);
  pool->options = *options;
  /* Its 64 KiB hold the ends of all threads; the bell rings once for each time that main arms it. */
  if (pipe2(pool->ends, O_CLOEXEC | O_NONBLOCK)) abort();
  wasmtime_error_t *failed = prepare(pool, module, bytes);
  if (failed) {
    *error = text_of(failed);
    destroy(pool);
    return NULL;
  }
  pool->base = wasmtime_sharedmemory_data(pool->memory);
  int32_t status = -20;
  if (instantiate(pool, NULL, &pool->main)) status = open_core(pool);
  if (!status) return pool;
  if (asprintf(error, "the pool did not open: status %d", (int)status) < 0) *error = NULL;
  destroy(pool);
  return NULL;
}

enum wt_state wt_state_of(wt_pool *pool) {
  return call_main(pool, "wp_host_state", WITH(pool->at));
}

int32_t wt_submit(wt_pool *pool, const wt_task *task, wt_handle *handle) {
  uint32_t name_bytes = (uint32_t)strlen(task->name) + 1;
  uint32_t at = call_main(pool, "wp_malloc", WITH(name_bytes + task->bytes));
  if (!at) return -22;
  uint32_t data = task->bytes ? at + name_bytes : 0, handle_at = pool->room + OPTIONS_BYTES;
  memcpy(pool->base + at, task->name, name_bytes);
  if (data) memcpy(pool->base + data, task->data, task->bytes);
  memset(pool->base + pool->room, 0, OPTIONS_BYTES);
  set_word(pool, pool->room, task->priority);
  set_word(pool, pool->room + 8, task->timeout_ms);
  set_word(pool, pool->room + 20, task->user);
  int32_t status = (int32_t)call_main(
      pool, "wp_submit", WITH(pool->at, at, task->type, data, task->bytes, pool->room, handle_at));
  if (!status) memcpy(handle, pool->base + handle_at, sizeof *handle);
  call_main(pool, "wp_free", WITH(at));
  return status;
}

bool wt_give_up(wt_pool *pool, wt_handle handle, bool kill) {
  uint32_t at = pool->room + OPTIONS_BYTES;
  memcpy(pool->base + at, &handle, sizeof handle);
  return call_main(pool, kill ? "wp_terminate" : "wp_cancel", WITH(pool->at, at));
}

/* Empties the pipe, and reports the threads that have ended. */
static void take_ends(wt_pool *pool) {
  uint32_t number;
  while (read(pool->ends[0], &number, sizeof number) == sizeof number) {
    member *m = pool->members[number];
    if (!m) continue; /* the bell */
    pool->members[number] = NULL;
    call_main(pool, "wp_host_ended", WITH(m->start));
    free(m);
  }
}

void wt_poll(wt_pool *pool, void (*deliver)(void *, const wt_end *), void *context) {
  const uint32_t completions = pool->room + OPTIONS_BYTES + 12 + STATS_BYTES;
  take_ends(pool);
  for (uint32_t count = BATCH; count == BATCH;) {
    count = call_main(pool, "wp_poll", WITH(pool->at, completions, BATCH));
    for (uint32_t i = 0; i < count; i++) {
      uint32_t at = completions + i * COMPLETION_WORDS * 4;
      deliver(context, &(wt_end){.user = word_at(pool, at + 32),
                                 .status = (int32_t)word_at(pool, at + 8),
                                 .type = word_at(pool, at + 12),
                                 .data = pool->base + word_at(pool, at + 16),
                                 .bytes = word_at(pool, at + 20),
                                 .progress = pool->base[at + 24]});
      call_main(pool, "wp_completion_release", WITH(pool->at, at));
    }
  }
}

int wt_descriptor(const wt_pool *pool) { return pool->ends[0]; }

double wt_rest(wt_pool *pool) {
  wasmtime_val_raw_t values[ARGUMENTS_MAX] = {{.i32 = (int32_t)pool->at}};
  uint32_t kind;
  return call_raw(&pool->main, "wp_host_rest", values, &kind) ? values[0].f64 : 0;
}

void wt_pause(wt_pool *pool, bool paused) {
  call_main(pool, paused ? "wp_pause" : "wp_resume", WITH(pool->at));
}

wt_stats wt_stats_of(wt_pool *pool) {
  uint32_t at = pool->room + OPTIONS_BYTES + 12;
  wt_stats stats = {0};
  call_main(pool, "wp_stats_read", WITH(pool->at, at));
  stats.free = word_at(pool, at);
  stats.total = word_at(pool, at + 8);
  stats.queued = word_at(pool, at + 12);
  stats.tasks = word_at(pool, at + 36);
  memcpy(&stats.heap_bytes, pool->base + at + 64, sizeof stats.heap_bytes);
  return stats;
}

wt_counts wt_counts_of(wt_pool *pool) {
  wt_counts counts;
  memcpy(&counts, pool->base + call_main(pool, "wp_host_counts", WITH(pool->at)), sizeof counts);
  return counts;
}

int32_t wt_check(wt_pool *pool) {
  return (int32_t)call_main(pool, "wp_host_check", WITH(pool->at));
}

bool wt_close(wt_pool *pool) {
  take_ends(pool);
  if (!call_main(pool, "wp_host_close", WITH(pool->at))) return false;
  destroy(pool);
  return true;
}
