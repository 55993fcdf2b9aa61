/*
 * Purpose  Memory for one task at a time: a pointer that moves on, and one reset at the task's end
 * Owns     chunks of its heap, all with WP_TAG_ARENA
 * Threads  the heap's owner; wp_arena_abandon: the supervisor, after the owner's confirmed death
 * Order    none: nothing here is shared
 * Kill     wp_heap_rebuild frees every block with WP_TAG_ARENA, at whatever instruction the owner
 *          died; then wp_arena_abandon makes the arena forget them. So nobody but an arena may use
 *          that tag
 * See      tests/unit/arena_test.c
 */
#ifndef WP_ARENA_H
#define WP_ARENA_H

#include "heap.h"

enum {
  WP_ARENA_CHUNK_BYTES = 32 * 1024, /* of the chunk that a reset keeps, its header included */
};

typedef struct wp_arena {
  wp_heap *heap;              /* constant */
  struct wp_arena_chunk *top; /* the chunk in use; NULL before the first; the others follow */
  size_t used;                /* bytes of top, its header included */
} wp_arena;

/* An empty arena; takes no memory yet. */
void wp_arena_open(wp_arena *arena, wp_heap *heap);

/* Bytes that live until the next reset, aligned to `align` (a power of two, 64 KiB at most; 0 and
 * below 16 mean 16), contents undefined. NULL when out of memory. O(1), but for a new chunk. */
void *wp_arena_alloc(wp_arena *arena, size_t bytes, size_t align);

/* Ends the life of all that was allocated; keeps one chunk, frees the others. */
void wp_arena_reset(wp_arena *arena);

/* Forgets everything, without touching it. After wp_heap_rebuild of its heap. */
void wp_arena_abandon(wp_arena *arena);

#endif
