/*
 * Purpose  Memory for one task at a time: a bump allocator with one reset at the task's end
 * Owns     chunks of its heap, all with WP_TAG_ARENA
 * Threads  the heap's owner; wp_arena_abandon: the supervisor, after the owner's confirmed death
 * Order    none: nothing here is shared
 * Kill     wp_heap_rebuild frees every block with WP_TAG_ARENA, at whatever instruction the owner
 *          died; then wp_arena_abandon makes the arena forget them. So a block has this tag only if
 *          it is to go with its thread: those of arenas, and of boxes that are being made (box.c)
 * See      tests/unit/arena_test.c
 */
#ifndef WP_ARENA_H
#define WP_ARENA_H

#include "heap.h"

enum {
  WP_ARENA_CHUNK_BYTES = 32 * 1024, /* size of the chunk that a reset keeps, header included */
};

typedef struct wp_arena {
  wp_heap *heap;              /* constant */
  struct wp_arena_chunk *top; /* the chunk in use, linked to older ones; NULL: none yet */
  size_t used;                /* bytes of top that are in use, header included */
} wp_arena;

/* An empty arena; takes no memory yet. */
void wp_arena_open(wp_arena *arena, wp_heap *heap);

/* Bytes that live until the next reset, aligned to `align` (a power of two, at most 64 KiB; below 16
 * means 16), contents undefined. NULL when out of memory. O(1), except for a new chunk. */
void *wp_arena_alloc(wp_arena *arena, size_t bytes, size_t align);

/* Frees everything that was allocated; keeps one chunk for the next task. */
void wp_arena_reset(wp_arena *arena);

/* Forgets all chunks without touching them. After wp_heap_rebuild of its heap, which freed them. */
void wp_arena_abandon(wp_arena *arena);

#endif
