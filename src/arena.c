#include "arena.h"

typedef struct wp_arena_chunk {
  struct wp_arena_chunk *next;
} wp_arena_chunk;

enum {
  HEADER_BYTES = WP_HEAP_ALIGN, /* of a chunk */
  CHUNK_BYTES_MAX = 1024 * 1024,
};

_Static_assert(sizeof(wp_arena_chunk) <= HEADER_BYTES, "room for the link");

void wp_arena_open(wp_arena *arena, wp_heap *heap) { *arena = (wp_arena){heap, NULL, 0}; }

/* Takes `bytes` at the alignment from the top chunk, or NULL. */
static void *bump(wp_arena *arena, size_t bytes, size_t align) {
  if (!arena->top) return NULL;
  uintptr_t base = (uintptr_t)arena->top;
  size_t start = (size_t)(((base + arena->used + align - 1) & ~(uintptr_t)(align - 1)) - base);
  size_t room = wp_heap_usable(arena->top);
  if (start > room || bytes > room - start) return NULL;
  arena->used = start + bytes;
  return (uint8_t *)arena->top + start;
}

/* Makes room for the next `bytes`. Each chunk is twice the size of the last one, so that there are few. */
static bool add_chunk(wp_arena *arena, size_t bytes, size_t align) {
  size_t wanted =
      arena->top ? 2 * wp_heap_usable(arena->top) : WP_ARENA_CHUNK_BYTES - WP_HEAP_ALIGN;
  if (wanted > CHUNK_BYTES_MAX) wanted = CHUNK_BYTES_MAX;
  size_t needed = HEADER_BYTES + bytes + align;
  if (needed < bytes) return false;
  if (wanted < needed) wanted = needed;
  wp_arena_chunk *chunk = wp_heap_alloc(arena->heap, wanted, WP_TAG_ARENA);
  if (!chunk && wanted > needed) chunk = wp_heap_alloc(arena->heap, needed, WP_TAG_ARENA);
  if (!chunk) return false;
  chunk->next = arena->top;
  arena->top = chunk;
  arena->used = HEADER_BYTES;
  return true;
}

void *wp_arena_alloc(wp_arena *arena, size_t bytes, size_t align) {
  if (align < WP_HEAP_ALIGN) align = WP_HEAP_ALIGN;
  if ((align & (align - 1)) || align > WP_GRANULE_BYTES) return NULL;
  void *p = bump(arena, bytes, align);
  return p || !add_chunk(arena, bytes, align) ? p : bump(arena, bytes, align);
}

void wp_arena_reset(wp_arena *arena) {
  wp_arena_chunk *chunk = arena->top;
  while (chunk && chunk->next) { /* keep the oldest: it is the smallest */
    wp_arena_chunk *next = chunk->next;
    wp_heap_free(arena->heap, chunk);
    chunk = next;
  }
  /* Unless it was made for one large request. */
  if (chunk && wp_heap_usable(chunk) >= 2 * WP_ARENA_CHUNK_BYTES) {
    wp_heap_free(arena->heap, chunk);
    chunk = NULL;
  }
  arena->top = chunk;
  arena->used = chunk ? HEADER_BYTES : 0;
}

void wp_arena_abandon(wp_arena *arena) {
  arena->top = NULL;
  arena->used = 0;
}
