/*
 * Purpose  The allocator of one thread: two-level segregated fit over segments of 256 KiB, O(1),
 *          and a segment of its own for each block above 128 KiB. Blocks carry the tag of the task
 *          they belong to.
 * Owns     its bins, and every segment that wp_segments records under its owner number (nothing else
 *          may acquire under that number: rebuild would release a segment without a heap's header).
 *          Must not move once it is open
 * Threads  its owner, except for wp_heap_free, wp_heap_usable, wp_heap_retag (any thread) and
 *          wp_heap_rebuild (the supervisor, after the owner's confirmed death)
 * Order    A block's word is stored with release after everything it reveals, and other threads load
 *          it with acquire. A thread frees a block of another heap by a CAS from LIVE to REMOTE, then
 *          pushes it (CAS) on that heap's `remote`; the owner takes the whole list by a CAS: acq_rel
 *          on both sides
 * Kill     Size, state and tag are one word, so every change of a segment is one store, and a walk
 *          from the first block to the END is valid at every instruction:
 *            alloc, split  the headers of the rest (and of an aligned block) are written inside the
 *                          free block; then the store of the front word, the last of the call,
 *                          makes all of them real
 *            free          one store (or, remote, one CAS); merging is one more store per neighbour
 *            new segment   its magic is stored last; without it rebuild releases the segment.
 *                          The segment of a big block is made BIG after that
 *          Everything else (bins, counters, previous sizes) is an index that rebuild recreates;
 *          the list of segments is the map of wp_segments. Taking the remote list marks every block
 *          TAKEN before the list is emptied, so a death in between leaves them recognisable.
 *          A block that was being freed or shrunk may have damaged bytes even if it is still live.
 *          A death just before the deciding store means that the call was not made, just after it
 *          that it was: an untagged block whose address its owner had not stored yet stays live, and
 *          so does the copy that a moving realloc has made, besides the old block. Use tags.
 *          If a thread dies inside wp_heap_free of another heap's block, after the CAS and before the
 *          push, its rebuild tells that heap, whose owner then finds the block. (Not if the thread
 *          passed no heap of its own: then the block is lost to its heap.)
 *          A block with a segment of its own is freed with the segment at once, by any thread; it
 *          never waits on a list. Walkers claim it in the same way, by the segment's word; after a
 *          death in the middle wp_segments_reclaim finishes the work.
 *
 *   block word: tag (bits 0-31), state (32-35), units of 16 bytes, header included (36-63)
 *   state   meaning                                         set by
 *   FREE    in a bin                                        the owner
 *   LIVE    the user's                                      the owner
 *   REMOTE  freed by another thread, which the tag names    that thread
 *   TAKEN   off the remote list, about to be FREE           the owner
 *   END     end of the segment, no block                    the owner
 *   tag of a REMOTE block: the freeing thread's owner number (bits 0-11) and generation (12-31)
 *
 * See      tests/unit/heap_test.c, tests/unit/heap_kill_test.c, REQUIREMENTS XP-01, XP-03
 */
#ifndef WP_HEAP_H
#define WP_HEAP_H

#include "base/atomic.h"
#include "segment.h"
#include <stddef.h>

#define WP_TAG_ARENA UINT32_C(0xffffffff) /* chunks of arenas; rebuild always frees them */
/* The program's own: allocated outside any task, or kept beyond its task. Like 0 it is never freed by tag, but wp_heap_keep looks into it. */
#define WP_TAG_PROGRAM UINT32_C(0xfffffffe)

enum {
  WP_HEAP_ALIGN = 16,
  WP_HEAP_SEGMENT_BYTES = 256 * 1024,
  /* a block above this, header included, has a segment of its own */
  WP_HEAP_BIG_BYTES = 128 * 1024,
  WP_HEAP_LEVELS = 12, /* of sizes: up to 2^14 units = one segment */
  WP_HEAP_STEPS = 8,   /* bins per level */
};

struct wp__block;
struct wp__chunk;

typedef struct wp_heap {
  /* Line 1: what other threads read and write. */
  wp_atomic_u64 remote; /* newest block freed by others, or 0; they push, the owner takes all */
  wp_atomic_u64 remote_target; /* heap whose block it is freeing now; the supervisor reads it */
  /* 1: the owner must look for REMOTE blocks that are not on the list; set by the supervisor */
  wp_atomic_u32 orphans;
  uint32_t owner;        /* constant */
  wp_segments *segments; /* constant */
  uint32_t pad[64 / 4 - 7 - (UINTPTR_MAX > UINT32_MAX)];
  /* The owner's alone. */
  /* in use, big blocks excluded; written by the owner, any thread may read */
  wp_atomic_u64 bytes, blocks;
  struct wp__chunk *spare;          /* the one entirely free segment that is kept, or NULL */
  uint32_t level_map;               /* bit per level with a free block */
  uint8_t step_map[WP_HEAP_LEVELS]; /* bit per bin with a free block */
  struct wp__block *bins[WP_HEAP_LEVELS][WP_HEAP_STEPS];
} wp_heap;

/* An empty heap; takes no memory yet. WP_OK or WP_E_INVALID_ARGUMENT. Before any other thread sees
 * it. */
int wp_heap_open(wp_heap *heap, wp_segments *segments, uint32_t owner);

/* A block of at least `bytes` (0 is legal: a distinct block), aligned to 16 or to `align` (a power
 * of two, 64 KiB at most), contents undefined. tag: the task it belongs to; 0: none, so that it is
 * never freed by tag. NULL when out of memory. Owner. O(1), except for a new segment. */
void *wp_heap_alloc(wp_heap *heap, size_t bytes, uint32_t tag);
void *wp_heap_alloc_aligned(wp_heap *heap, size_t align, size_t bytes, uint32_t tag);

/* The same, without a tag, all bytes zero. A big block in memory that nobody has used yet costs no more than its pages' first use. Owner. */
void *wp_heap_alloc_zeroed(wp_heap *heap, size_t align, size_t bytes);

/* Resizes p (NULL: allocates), which may belong to any heap, in place or by moving it to this heap.
 * The block then has the new tag and alignment 16. NULL when out of memory: p is unchanged. The
 * owner of `heap`, which holds p. */
void *wp_heap_realloc(wp_heap *heap, void *p, size_t bytes, uint32_t tag);

/* Frees p (NULL: no effect). self: the caller's own heap, or NULL if it has none. A block that is not
 * live, or whose header is damaged, is left alone. Any thread that holds p. O(1). */
void wp_heap_free(wp_heap *self, void *p);

/* Usable bytes at p; at least as many as were requested. Any thread that holds p. */
size_t wp_heap_usable(const void *p);

/* The tag of p. Any thread that holds p. */
uint32_t wp_heap_tag(const void *p);

/* Gives p another tag, in one store: e.g. 0 for a result that outlives its task. The only holder of
 * p. */
void wp_heap_retag(void *p, uint32_t tag);

/* Frees every live block with this tag (0: none). Owner. Walks the whole heap. */
void wp_heap_free_tagged(wp_heap *heap, uint32_t tag);

/* Where pointers to blocks may be, besides in blocks. */
typedef struct wp_heap_range {
  const void *start, *end;
  /* The first bytes of it as they were before any task: what has not changed since is no pointer to a task's block. May be NULL, 0 */
  const void *then;
  size_t then_bytes;
} wp_heap_range;

typedef struct wp_heap_roots {
  /* The program's variables: the range with this number; false behind the last one. */
  bool (*range)(const void *context, uint32_t number, wp_heap_range *range);
  const void *context;
  uint32_t owners; /* heaps with numbers below this are looked at as well */
} wp_heap_roots;

/* To be called before the blocks with this tag are freed: gives those a tag of the program's (WP_TAG_PROGRAM) to which anything points that
 * stays: the ranges, blocks with other tags except 0 and WP_TAG_ARENA, or other blocks that are kept. Whatever looks like a pointer to
 * the first 512 bytes of a block is taken for one. Returns the bytes that are kept. Nothing is kept when there is no memory for the search. The owner,
 * or the supervisor after its death; other threads may go on, and what they copy from place to place meanwhile may be missed. Cost: no
 * more than a walk if there is no such block, else one look at each word of the ranges and heaps. */
uint64_t wp_heap_keep(wp_heap *heap, uint32_t tag, const wp_heap_roots *roots);

/* Takes back the blocks that other threads freed. Every alloc does this; the call is for owners that only
 * free. Owner. */
void wp_heap_drain(wp_heap *heap);

/* Headers that a C task has overwritten are mended: what follows a damaged one in its segment is kept for ever as one block.
 *
 * After the owner's confirmed death: frees the blocks that have one of the tags (0 never matches) or
 * WP_TAG_ARENA, and those whose freeing had begun; rebuilds bins and counters and gives empty segments
 * back. All other blocks keep address and content. A new thread may then use the heap. May be
 * repeated. Supervisor. Walks the whole heap. */
void wp_heap_rebuild(wp_heap *heap, const uint32_t *tags, size_t tag_count);

/* Bytes in live blocks that have no segment of their own, headers included. Blocks that others freed
 * count until they are drained. Any thread. For the rest see wp_segments_big_bytes. */
uint64_t wp_heap_small_bytes(const wp_heap *heap);

/* Bytes in all live blocks, and the number of blocks. Owner, while no other thread frees its blocks.
 * Walks the map. */
uint64_t wp_heap_bytes_in_use(const wp_heap *heap);
uint64_t wp_heap_blocks_in_use(const wp_heap *heap);

/* WP_OK, or WP_E_BROKEN_INVARIANT. Owner, while no other thread frees its blocks. */
int wp_heap_check(const wp_heap *heap);

#endif
