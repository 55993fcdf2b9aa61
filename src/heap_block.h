/*
 * Purpose  What heap.c (allocate and free), heap_walk.c (tags, rebuild, check), heap_keep.c and heap_mend.c share: the layout of a segment
 * Owns     nothing; see heap.h for Owns, Threads, Order, Kill
 * Threads  the heap's owner; any thread may read a block's word
 * See      heap.h
 */
#ifndef WP_HEAP_BLOCK_H
#define WP_HEAP_BLOCK_H

#include "base/point.h"
#include "heap.h"

enum {
  WP__UNIT = 16,
  WP__BLOCK_UNITS_MIN = 2, /* a header, and room for the links of a free block */
  WP__BLOCK_UNITS_MAX = (1 << 28) - 1,
  WP__CHUNK_MAGIC = 0x68656170,
};

enum wp__block_state {
  WP__BLOCK_FREE = 1,
  WP__BLOCK_LIVE = 2,
  WP__BLOCK_REMOTE = 3,
  WP__BLOCK_TAKEN = 4,
  WP__BLOCK_END = 5,
};

/* The header of a block; its bytes follow. */
typedef struct wp__block {
  wp_atomic_u64 word;  /* see heap.h */
  uint32_t prev_units; /* of the block before it, 0 for the first; an index. Owner */
  uint16_t granule;    /* of its segment, in which the header lies; constant, any thread may read */
  uint16_t unused;
} wp__block;

/* Links in the bytes of blocks are hidden: what is left of them in a block's bytes must not look like a pointer (wp_heap_keep). */
static inline uintptr_t wp__hide(const struct wp__block *b) { return ~(uintptr_t)b; }
static inline struct wp__block *wp__shown(uintptr_t link) { return (struct wp__block *)~link; }

/* In the bytes of a free block. */
typedef struct wp__links {
  uintptr_t next, previous; /* in its bin; hidden */
} wp__links;

/* In the bytes of a REMOTE block, written by the thread that frees it. */
typedef struct wp__remote {
  uint64_t next; /* on the remote list; hidden */
} wp__remote;

/* The start of a segment. */
typedef struct wp__chunk {
  /* 0 until all below, the first block and the END are written; release / acquire */
  wp_atomic_u64 magic;
  uint64_t bytes;
  wp_heap *heap;
  uint32_t first; /* offset of the first block */
  uint32_t big;   /* 1: the segment holds one block and is freed with it, by any thread */
  /* Tag of the block of a BIG segment; the tag in the block's word is unused. Written by the block's holder. A walker may read it after
   * the segment has become another thread's; the walker's wp_segment_take_big then fails. */
  wp_atomic_u32 tag;
} wp__chunk;

_Static_assert(sizeof(wp__block) == WP__UNIT, "payloads stay aligned");
_Static_assert(sizeof(wp__links) <= WP__UNIT && sizeof(wp__remote) <= WP__UNIT,
               "fits the smallest block");
_Static_assert(sizeof(wp__chunk) <= WP_SEGMENT_CLEARED_BYTES, "a new one is all zero");

static inline uint64_t wp__word(uint32_t units, uint32_t state, uint32_t tag) {
  return (uint64_t)units << 36 | (uint64_t)state << 32 | tag;
}

static inline uint32_t wp__word_units(uint64_t word) { return (uint32_t)(word >> 36); }
static inline uint32_t wp__word_state(uint64_t word) { return (uint32_t)(word >> 32) & 15; }
static inline uint32_t wp__word_tag(uint64_t word) { return (uint32_t)word; }

/* Acquire: pairs with the release store that made the block, or the CAS that freed it. */
static inline uint64_t wp__block_word(const wp__block *b) {
  return wp_atomic_load_acquire_u64(&b->word);
}

static inline uint32_t wp__block_units(const wp__block *b) {
  return wp__word_units(wp__block_word(b));
}
static inline uint32_t wp__block_state(const wp__block *b) {
  return wp__word_state(wp__block_word(b));
}

/* Release: everything that the word reveals has been written before. */
static inline void wp__block_set(wp__block *b, uint32_t units, uint32_t state, uint32_t tag) {
  WP_POINT("heap.word");
  wp_atomic_store_release_u64(&b->word, wp__word(units, state, tag));
}

static inline wp__block *wp__block_at(void *base, size_t offset) {
  return (wp__block *)(void *)((uint8_t *)base + offset);
}

static inline wp__block *wp__block_after(wp__block *b, uint32_t units) {
  return wp__block_at(b, (size_t)units * WP__UNIT);
}

static inline wp__block *wp__block_next(wp__block *b) {
  return wp__block_after(b, wp__block_units(b));
}
static inline void *wp__block_bytes(wp__block *b) { return b + 1; }
static inline wp__block *wp__block_of(const void *p) { return (wp__block *)(uintptr_t)p - 1; }
static inline wp__links *wp__block_links(wp__block *b) { return (wp__links *)(void *)(b + 1); }
static inline wp__remote *wp__block_remote(wp__block *b) { return (wp__remote *)(void *)(b + 1); }

static inline wp__chunk *wp__chunk_of(const wp__block *b) {
  uintptr_t granule = (uintptr_t)b & ~(uintptr_t)(WP_GRANULE_BYTES - 1);
  return (wp__chunk *)(granule - ((uintptr_t)b->granule << WP_GRANULE_SHIFT));
}

static inline wp__block *wp__chunk_first(wp__chunk *c) { return wp__block_at(c, c->first); }

/* Whether the block's size leaves it inside its small segment, END included. */
static inline bool wp__block_fits(const wp__chunk *c, const wp__block *b) {
  uint64_t left = c->bytes - (uint64_t)((const uint8_t *)b - (const uint8_t *)c);
  uint32_t units = wp__block_units(b);
  return units >= WP__BLOCK_UNITS_MIN && (uint64_t)units * WP__UNIT + WP__UNIT <= left;
}

/* The block after b. NULL: there is none, or b's header is damaged, so that the rest of the segment cannot be found. */
static inline wp__block *wp__chunk_next(const wp__chunk *c, wp__block *b) {
  if (c->big || !wp__block_fits(c, b)) return NULL;
  wp__block *next = wp__block_next(b);
  return wp__block_state(next) == WP__BLOCK_END ? NULL : next;
}

/* The tag of a block while it is REMOTE: which thread freed it, in which generation. */
static inline uint32_t wp__heap_who(const wp_segments *segments, uint32_t owner) {
  return wp_segments_generation(segments, owner) * WP_SEGMENT_OWNERS | owner;
}

/* True if the segment is completely set up. Acquire: pairs with publish_chunk in heap.c. */
static inline bool wp__chunk_whole(const wp__chunk *c) {
  return wp_atomic_load_acquire_u64(&c->magic) == WP__CHUNK_MAGIC;
}

static inline wp__chunk *wp__heap_next_chunk(const wp_heap *heap, const wp__chunk *after) {
  return (wp__chunk *)wp_segments_next(heap->segments, heap->owner, after);
}

/* Units that a request needs, header included; 0 if no block can be that large. */
uint32_t wp__heap_units(size_t bytes);

/* The bin of free blocks of this size. */
void wp__heap_bin(uint32_t units, uint32_t *level, uint32_t *step);

/* Puts a free block into its bin. */
void wp__heap_insert(wp_heap *heap, wp__block *b, uint32_t units);

/* Frees a block that is counted as in use, and merges it with free neighbours. Returns the resulting
 * free block, or NULL if its segment was given back. */
wp__block *wp__heap_free_own(wp_heap *heap, wp__block *b);

/* Adds to the numbers of bytes and blocks in use. */
void wp__heap_count(wp_heap *heap, int64_t units, int64_t blocks);

/* Marks every block on the remote list TAKEN, then empties the list. Returns the first block; the
 * others follow by wp__remote.next. */
wp__block *wp__heap_take_remote(wp_heap *heap);

/* Frees the blocks of threads that died between freeing and pushing them. */
void wp__heap_adopt_orphans(wp_heap *heap);

/* ---- Damage: a C task may have written over headers (heap_mend.c) ---- */

/* Whether the way from a block to its heap is as the heap made it. Any thread that holds the block. */
bool wp__heap_is_sound(const wp_heap *self, const wp__block *b, const wp__chunk *c);

/* Mends the header of a segment, or, if it is damaged, of a block in a small one: what follows it there becomes one block that is never
 * freed. In a rebuild. */
void wp__heap_mend_chunk(wp_heap *heap, wp__chunk *c);
void wp__heap_mend_block(wp__chunk *c, wp__block *b);

#endif
