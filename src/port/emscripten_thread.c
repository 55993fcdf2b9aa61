/*
 * A worker as a thread of Emscripten's C library without pthread_create: the control block is ours, so that killing the
 * worker needs no repair of the library's lists and frees no memory. Names and meaning of the fields: musl's pthread_impl.h as
 * shipped with Emscripten (checked with 3.1.69).
 */
#define _GNU_SOURCE
#define hidden                                                                                     \
  __attribute__((__visibility__("hidden"))) /* as the C library defines them for its own sources */
#define weak __attribute__((__weak__))
#include "pthread_impl.h"

#include "port/emscripten.h"
#include "task_side.h"
#include <emscripten/emscripten.h>
#include <string.h>

enum {
  STACK_BYTES = 512 * 1024,
  TLS_BYTES = 4096,       /* thread-local variables of the whole program; checked at start */
  FIRST_TID = 0x20000000, /* out of the way of the runtime's own ids */
};

typedef struct thread_block {
  struct pthread control;
  _Alignas(16) char tls[TLS_BYTES];
  _Alignas(16) char stack[STACK_BYTES];
} thread_block;

typedef struct thread_argument {
  wp_pool *pool;
  uint32_t thread;
} thread_argument;

static thread_block *blocks[WP_THREADS_MAX];
static thread_argument arguments[WP_THREADS_MAX];

/* wasm/library.js */
extern void wp_js_thread_start(wp_pool *pool, uint32_t thread, wp_thread *record);

void *wp_js_thread_block(wp_pool *pool, uint32_t thread) {
  if (__builtin_wasm_tls_size() > TLS_BYTES) return NULL;
  thread_block *block = blocks[thread];
  if (!block) block = wp_heap_alloc_aligned(wp_pool_heap(pool, WP_MAIN), 16, sizeof *block, 0);
  if (!block) return NULL;
  blocks[thread] = block;
  memset(&block->control, 0, sizeof block->control);
  struct pthread *control = &block->control;
  control->self = control->next = control->prev = control;
  control->tid = FIRST_TID + (int)thread;
  control->robust_list.head = &control->robust_list.head;
  control->locale = &libc.global_locale;
  control->detach_state = DT_DETACHED;
  control->stack = block->stack + STACK_BYTES;
  control->stack_size = STACK_BYTES;
  control->tls_base = block->tls;
  libc.need_locks =
      1; /* the library's own locks are used from now on, although its list has one thread */
  return control;
}

static void *thread_main(void *argument) {
  const thread_argument *self = argument;
  wp__self_pool = self->pool;
  wp__self = &self->pool->threads[self->thread];
  wp_js_thread_start(self->pool, self->thread, wp__self);
  emscripten_exit_with_live_runtime(); /* the worker's event loop goes on; this never returns */
}

void *wp_js_thread_routine(void) { return (void *)thread_main; }

void *wp_js_thread_argument(wp_pool *pool, uint32_t thread) {
  arguments[thread] = (thread_argument){pool, thread};
  return &arguments[thread];
}
