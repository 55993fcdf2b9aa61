/*
 * The port for wasm in JavaScript hosts: threads are workers that JavaScript starts and ends, so this file has time, waiting,
 * memory, malloc, and the block of memory that makes a worker a pthread of the C library.
 */
#include "port/emscripten.h"
#include "box.h"
#include "port/port.h"
#include "status.h"
#include "task.h"
#include "task_side.h"
#include "worker.h"
#include <emscripten/emscripten.h>
#include <emscripten/stack.h>
#include <emscripten/threading.h>
#include <errno.h>
#include <string.h>

enum { PAGE_BYTES = 65536 };

/* wasm/library.js */
extern double wp_js_now(void);
extern void wp_js_ring(void);
extern void wp_js_stack_overflow(void);

double wp_port_now_ms(void) { return wp_js_now(); }

void wp_port_wait(wp_atomic_u32 *word, uint32_t expected, uint32_t timeout_ms) {
  __builtin_wasm_memory_atomic_wait32((int *)word, (int)expected, (int64_t)timeout_ms * 1000000);
}

void wp_port_wake(wp_atomic_u32 *word, uint32_t count) {
  __builtin_wasm_memory_atomic_notify((int *)word, count);
}

/* wasm has no instruction for it. A chain of slow operations, about 50 ns, leaves the core to its other hardware thread, which
 * may be main's. */
void wp_port_pause(void) {
  enum { DIVISIONS = 10 };
  double value = 3;
  for (int i = 0; i < DIVISIONS; i++) {
    value = 7 / value;
    __asm__ volatile("" : "+r"(value));
  }
}

void wp_port_stack_probe(void) {
  enum { RESERVE_BYTES = 4096 }; /* a multiple of what the core's deepest call takes */
  if (emscripten_stack_get_free() < RESERVE_BYTES) wp_js_stack_overflow();
}

void wp_port_ring(wp_pool *pool) {
  (void)pool; /* a worker has one main */
  wp_js_ring();
}

bool wp_port_thread_killable(bool killable) { return killable; }

/* ---- Memory: all that lies behind the static data ---- */

extern unsigned char __heap_base;

int wp_port_region_open(wp_region *region, uint64_t limit_bytes) {
  uintptr_t base = ((uintptr_t)&__heap_base + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
  uint64_t most =
      (UINT64_C(1) << 32) - PAGE_BYTES - base; /* the last page stays out: no address wraps to 0 */
  region->base = (uint8_t *)base;
  region->limit_bytes = limit_bytes < most ? limit_bytes : most;
  return WP_OK;
}

int wp_port_region_extend(const wp_region *region, uint64_t used_bytes) {
  uint64_t end = (uintptr_t)region->base + used_bytes;
  for (;;) {
    uint64_t pages = __builtin_wasm_memory_size(0);
    if (end <= pages * PAGE_BYTES) return WP_OK;
    uint64_t missing = (end + PAGE_BYTES - 1) / PAGE_BYTES - pages;
    /* Growing is atomic; two threads that grow at once get more than they need, which the next one uses. */
    if (__builtin_wasm_memory_grow(0, (size_t)missing) == (size_t)-1) return WP_E_NO_MEMORY;
  }
}

void wp_port_region_close(wp_region *region) { (void)region; }

/* ---- malloc ---- */

/* One memory, one allocator: a wasm instance's threads share both. Opened by the first malloc, on the main thread, before
 * there is any other; constant afterwards but for what segments and heaps do themselves. */
static wp_segments process_segments;
static wp_thread_memory process_memory[WP_THREADS_MAX];
static bool process_open;

static bool open_process_memory(void) {
  if (process_open) return true;
  if (wp_segments_open(&process_segments, UINT64_C(1) << 32)) return false;
  if (wp_heap_open(&process_memory[WP_MAIN].heap, &process_segments, WP_MAIN)) return false;
  process_open = true;
  return true;
}

/* The calling thread's heap, inside its gate; NULL on a thread that is no pool's. */
static wp_heap *enter(void) {
  wp_thread *self = wp__self;
  if (self) {
    /* A planned kill never finds a heap half-changed, its own or (free) another's. */
    wp_gate_enter(self);
    return &process_memory[self->index].heap;
  }
  if (!emscripten_is_main_runtime_thread() || !open_process_memory()) return NULL;
  return &process_memory[WP_MAIN].heap;
}

static void leave(void) {
  if (wp__self) wp_gate_leave(wp__self);
}

/* A C task's blocks carry its tag, so that killing it frees them. */
static uint32_t current_tag(void) {
  return wp__self ? wp_atomic_load_relaxed_u32(&wp__self->tag) : 0; /* own word */
}

static void *finish(wp_heap *heap, void *block) {
  if (heap) leave();
  if (!block) errno = ENOMEM;
  return block;
}

void *malloc(size_t bytes) {
  wp_heap *heap = enter();
  return finish(heap, heap ? wp_heap_alloc(heap, bytes, current_tag()) : NULL);
}

void free(void *block) {
  if (!block) return;
  wp_heap *heap = enter();
  if (!heap) return;
  wp_heap_free(heap, block);
  leave();
}

void *calloc(size_t count, size_t bytes) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) return finish(NULL, NULL);
  void *block = malloc(total);
  return block ? memset(block, 0, total) : NULL;
}

void *realloc(void *block, size_t bytes) {
  wp_heap *heap = enter();
  return finish(heap, heap ? wp_heap_realloc(heap, block, bytes, current_tag()) : NULL);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  wp_heap *heap = enter();
  return finish(heap, heap ? wp_heap_alloc_aligned(heap, alignment, bytes, current_tag()) : NULL);
}

void *memalign(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }

int posix_memalign(void **block, size_t alignment, size_t bytes) {
  void *found = aligned_alloc(alignment, bytes);
  if (!found) return ENOMEM;
  *block = found;
  return 0;
}

size_t malloc_usable_size(void *block) { return block ? wp_heap_usable(block) : 0; }

/* The names under which the C library and the runtime call their own allocator. */
void *emscripten_builtin_malloc(size_t) __attribute__((alias("malloc")));
void emscripten_builtin_free(void *) __attribute__((alias("free")));
void *emscripten_builtin_calloc(size_t, size_t) __attribute__((alias("calloc")));
void *emscripten_builtin_realloc(void *, size_t) __attribute__((alias("realloc")));
void *emscripten_builtin_memalign(size_t, size_t) __attribute__((alias("memalign")));
void *__libc_malloc(size_t) __attribute__((alias("malloc")));
void __libc_free(void *) __attribute__((alias("free")));
void *__libc_calloc(size_t, size_t) __attribute__((alias("calloc")));
void *__libc_realloc(void *, size_t) __attribute__((alias("realloc")));

void *wp_malloc(size_t bytes) { return malloc(bytes); }
void *wp_calloc(size_t count, size_t bytes) { return calloc(count, bytes); }
void *wp_realloc(void *block, size_t bytes) { return realloc(block, bytes); }
void *wp_aligned_alloc(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
void wp_free(void *block) { free(block); }

/* ---- The pool of this instance ---- */

wp_pool *wp_js_pool_create(const wp_config *config, int32_t *status) {
  wp_pool *pool = NULL;
  *status = open_process_memory()
                ? wp_pool_lay_out(config, &process_segments, process_memory, &pool)
                : WP_E_NO_MEMORY;
  return *status ? NULL : pool;
}

const char *wp_js_task_name(const wp_pool *pool, uint32_t index) {
  return index < pool->task_count ? pool->tasks[index]->name : NULL;
}

/* ---- Loop checks ---- */

extern unsigned char __global_base;

static wp_atomic_u32 *stop_flag(void) {
  bool free = (uintptr_t)&__global_base >= WP_STOP_FLAG + sizeof(wp_atomic_u32) &&
              emscripten_stack_get_end() >= WP_STOP_FLAG + sizeof(wp_atomic_u32);
  return free ? (wp_atomic_u32 *)WP_STOP_FLAG : NULL;
}

/* No points: main only. */
enum wp_stop wp_js_worker_stop(wp_pool *pool, uint32_t thread, bool any) {
  wp_atomic_u32 *flag = stop_flag();
  enum wp_stop answer = flag ? wp_worker_stop(pool, thread, any) : WP_STOP_NONE;
  /* STOP: after the thread's own word, which the checks read next. */
  if (answer == WP_STOP_ASKED) wp_atomic_fetch_add_seq_u32(flag, 1);
  return answer;
}

/* No points: main only. */
void wp_js_worker_stop_end(wp_pool *pool, uint32_t thread) {
  wp_atomic_fetch_sub_seq_u32(stop_flag(), 1);
  wp_worker_stop_end(pool, thread);
}

/* ---- For JavaScript: an index or a negative status, and no 64-bit integers ---- */

static int32_t index_or(wp_status status, uint32_t index) {
  return status ? status : (int32_t)index;
}

int32_t wp_js_box_create(wp_pool *pool, uint32_t self, uint32_t bytes, uint32_t granted) {
  uint32_t index = 0;
  wp_status status = granted ? wp_box_create_granted(pool, self, bytes, &index)
                             : wp_box_create(pool, self, bytes, &index);
  return index_or(status, index);
}

wp_status wp_js_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                           uint32_t aux, uint32_t bytes) {
  return wp_box_commit(pool, self, index, type, aux, bytes);
}

int32_t wp_js_task_reserve(wp_pool *pool) {
  uint32_t index = 0;
  wp_status status = wp_task_reserve(pool, WP_MAIN, &index);
  return index_or(status, index);
}

int32_t wp_js_task_event(wp_pool *pool, uint32_t self, uint32_t parent) {
  uint32_t index = 0;
  wp_status status = wp_task_event(pool, self, parent, &index);
  return index_or(status, index);
}

int32_t wp_js_group_create(wp_pool *pool, uint32_t members, uint32_t kind) {
  uint32_t index = 0;
  wp_status status = wp_group_create(pool, members, kind, &index);
  return index_or(status, index);
}

int32_t wp_js_name_intern(wp_pool *pool, const char *name, uint32_t bytes) {
  uint32_t id = 0;
  wp_status status = wp_name_intern(pool, name, bytes, &id);
  return index_or(status, id);
}
