/* Memory natively: the pool's, and that of C tasks, which comes from the thread's heap and is taken back if the task is killed. */
#include "embed/embed.h"
#include <stdlib.h>
#include <string.h>

/* ---- The pool's memory: each pool has its own ---- */

typedef struct own_memory {
  wp_segments segments;
  wp_thread_memory memory;
} own_memory;

wp_status wp__embed_memory_open(wp_embedder *embedder, uint64_t limit_bytes) {
  own_memory *own = calloc(1, sizeof *own);
  if (!own) return WP_E_NO_MEMORY;
  wp_status status = wp_segments_open(&own->segments, limit_bytes);
  if (!status) {
    status = wp_heap_open(&own->memory.heap, &own->segments, WP_MAIN);
    if (status) wp_segments_close(&own->segments);
  }
  if (status) {
    free(own);
    return status;
  }
  embedder->segments = &own->segments;
  embedder->memory = &own->memory;
  return WP_OK;
}

void wp__embed_memory_close(wp_embedder *embedder) {
  wp_segments_close(embedder->segments);
  free((own_memory *)(void *)embedder->segments); /* its first member */
}

/* ---- That of tasks ---- */

static bool is_pools(const void *block) {
  const wp_region *region = wp__self_pool ? &wp__self_pool->segments->region : NULL;
  return region && (const uint8_t *)block >= region->base &&
         (const uint8_t *)block < region->base + region->limit_bytes;
}

static wp_heap *enter(void) {
  wp_gate_enter(wp__self);
  return wp_pool_heap(wp__self_pool, wp__self->index);
}

static uint32_t own_tag(void) { return wp_atomic_load_relaxed_u32(&wp__self->tag); /* own word */ }

void *wp_aligned_alloc(size_t alignment, size_t bytes) {
  if (!wp__self) return aligned_alloc(alignment, bytes);
  void *block = wp_heap_alloc_aligned(enter(), alignment, bytes, own_tag());
  wp_gate_leave(wp__self);
  return block;
}

void *wp_malloc(size_t bytes) {
  return wp__self ? wp_aligned_alloc(WP_HEAP_ALIGN, bytes) : malloc(bytes);
}

void *wp_calloc(size_t count, size_t bytes) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) return NULL;
  void *block = wp_malloc(total);
  return block ? memset(block, 0, total) : NULL;
}

void *wp_realloc(void *block, size_t bytes) {
  if (!wp__self || (block && !is_pools(block))) return realloc(block, bytes);
  void *moved = wp_heap_realloc(enter(), block, bytes, own_tag());
  wp_gate_leave(wp__self);
  return moved;
}

void wp_free(void *block) {
  if (!is_pools(block)) {
    free(block);
    return;
  }
  wp_heap_free(enter(), block);
  wp_gate_leave(wp__self);
}

void wp_keep(void *block) {
  if (is_pools(block)) wp_heap_retag(block, WP_TAG_PROGRAM);
}
