/* malloc and its relatives, which in wasm builds use the pool's heaps: memory of a C task is taken back if the task is killed or traps. */
#include "instance/instance.h"
#include "port/port.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* All threads of a wasm instance share one memory and so one allocator. The first malloc opens it, on the main thread, before there is
 * any other. */
static wp_segments process_segments;
static wp_thread_memory process_memory; /* main's; those of the workers belong to their pool */
static bool process_open;

static bool open_process_memory(void) {
  if (process_open) return true;
  if (wp_segments_open(&process_segments, UINT64_C(1) << 32)) return false;
  if (wp_heap_open(&process_memory.heap, &process_segments, WP_MAIN)) return false;
  process_open = true;
  return true;
}

wp_thread_memory *wp__process_memory(wp_segments **segments) {
  *segments = &process_segments;
  return open_process_memory() ? &process_memory : NULL;
}

/* Enters the calling thread's gate and returns its heap; NULL on a thread that belongs to no pool. */
static wp_heap *enter(void) {
  wp_thread *self = wp__self;
  if (self) {
    /* The gate: a planned kill never leaves a heap half-changed, neither the thread's own nor (in free) another's. */
    wp_gate_enter(self);
    return wp_pool_heap(wp__self_pool, self->index);
  }
  if (!wp_port_is_main() || !open_process_memory()) return NULL;
  return &process_memory.heap;
}

static void leave(void) {
  if (wp__self) wp_gate_leave(wp__self);
}

/* A C task's blocks carry its tag, by which they are freed if it is killed. */
static uint32_t current_tag(void) {
  uint32_t tag = wp__self ? wp_atomic_load_relaxed_u32(&wp__self->tag) : 0; /* own word */
  return tag ? tag : WP_TAG_PROGRAM;
}

/* A block that was kept stays the program's. */
static uint32_t tag_for(const void *block) {
  return block && wp_heap_tag(block) == WP_TAG_PROGRAM ? WP_TAG_PROGRAM : current_tag();
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
  return finish(heap, heap ? wp_heap_realloc(heap, block, bytes, tag_for(block)) : NULL);
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

/* The names under which the C library and Emscripten's runtime call the allocator. */
void *emscripten_builtin_malloc(size_t) __attribute__((alias("malloc")));
void emscripten_builtin_free(void *) __attribute__((alias("free")));
void *emscripten_builtin_calloc(size_t, size_t) __attribute__((alias("calloc")));
void *emscripten_builtin_realloc(void *, size_t) __attribute__((alias("realloc")));
void *emscripten_builtin_memalign(size_t, size_t) __attribute__((alias("memalign")));
void *__libc_malloc(size_t) __attribute__((alias("malloc")));
void __libc_free(void *) __attribute__((alias("free")));
void *__libc_calloc(size_t, size_t) __attribute__((alias("calloc")));
void *__libc_realloc(void *, size_t) __attribute__((alias("realloc")));

/* Behind the static data lies the pool's memory, so there is no break to move: allocators that ask for one use mmap or malloc instead. */
void *sbrk(intptr_t increment) {
  (void)increment;
  errno = ENOMEM;
  return (void *)-1;
}

int brk(void *end) {
  (void)end;
  errno = ENOMEM;
  return -1;
}

void *wp_malloc(size_t bytes) { return malloc(bytes); }
void *wp_calloc(size_t count, size_t bytes) { return calloc(count, bytes); }
void *wp_realloc(void *block, size_t bytes) { return realloc(block, bytes); }
void *wp_aligned_alloc(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
void wp_free(void *block) { free(block); }

void wp_keep(void *block) {
  if (block) wp_heap_retag(block, WP_TAG_PROGRAM);
}
