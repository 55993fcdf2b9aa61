/*
 * A worker as a thread of Emscripten's C library, made without pthread_create: the control block is ours, so killing the
 * worker needs no repair of the library's lists and frees no memory. For the fields see musl's pthread_impl.h as
 * shipped with Emscripten (checked with 3.1.69).
 */
#define _GNU_SOURCE
#define hidden                                                                                     \
  __attribute__((__visibility__("hidden"))) /* as the C library defines them for its own sources */
#define weak __attribute__((__weak__))
#include "pthread_impl.h"

#include "bindings/bindings.h"
#include "port/emscripten_stdio.h"
#include <emscripten/emscripten.h>
#include <string.h>

enum {
  STACK_BYTES = 512 * 1024,
};

typedef struct thread_argument {
  wp_pool *pool;
  uint32_t thread;
} thread_argument;

/* Followed by the program's thread-local variables, at their own alignment. */
typedef struct thread_block {
  struct pthread control;
  thread_argument argument;
  const void *specific[PTHREAD_KEYS_MAX]; /* values of pthread_setspecific */
  _Alignas(16) char stack[STACK_BYTES];
} thread_block;

/* wasm/library.js */
extern void wp_js_thread_start(wp_pool *pool, uint32_t thread, wp_thread *record);
extern _Noreturn void wp_js_thread_exit(void);
extern void wp_js_mailbox_close(struct pthread *self);

static size_t aligned(size_t bytes, size_t align) { return (bytes + align - 1) / align * align; }

void *wp_js_thread_block(wp_pool *pool, uint32_t thread) {
  size_t align = __builtin_wasm_tls_align();
  if (align < _Alignof(thread_block)) align = _Alignof(thread_block);
  size_t tls = aligned(sizeof(thread_block), align);
  thread_block *block = wp_pool_memory(pool, thread)->block;
  if (!block) {
    size_t bytes = tls + __builtin_wasm_tls_size();
    block = wp_heap_alloc_aligned(wp_pool_heap(pool, WP_MAIN), align, bytes, 0);
  }
  if (!block) return NULL;
  wp_pool_memory(pool, thread)->block = block;
  memset(&block->control, 0, sizeof block->control);
  memset(block->specific, 0, sizeof block->specific);
  struct pthread *control = &block->control;
  control->self = control->next = control->prev = control;
  control->tid = WP_FIRST_TID + (int)thread;
  control->robust_list.head = &control->robust_list.head;
  control->tsd = (void **)block->specific;
  control->locale = &libc.global_locale;
  control->detach_state = DT_DETACHED;
  control->stack = block->stack + STACK_BYTES;
  control->stack_size = STACK_BYTES;
  control->tls_base = (char *)block + tls;
  wp_pool_memory(pool, thread)->locals = control->tls_base;
  wp_pool_memory(pool, thread)->locals_end = (char *)control->tls_base + __builtin_wasm_tls_size();
  libc.need_locks =
      1; /* the library must lock from now on, although its list has one thread only */
  wp_port_streams_open();
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
  thread_block *block = wp_pool_memory(pool, thread)->block;
  block->argument = (thread_argument){pool, thread};
  return &block->argument;
}

void wp_js_close(void) { wp_js_mailbox_close(__pthread_self()); }

/* Replaces the C library's: a task must not end its worker. */
_Noreturn void pthread_exit(void *result) {
  (void)result;
  wp_js_thread_exit();
}
