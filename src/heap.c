#include "heap.h"
#include "base/fault.h"
#include "heap_block.h"
#include "status.h"
#include <string.h>

/* ---- Bins: Masmano, Ripoll, Crespo, Real, "TLSF: a new dynamic memory allocator for real-time
 * systems", 2004 ---- */

static uint32_t top_bit(uint32_t value) { return 31 - (uint32_t)__builtin_clz(value); }

void wp__heap_bin(uint32_t units, uint32_t *level, uint32_t *step) {
  if (units < WP_HEAP_STEPS) { /* level 0: one size per bin */
    *level = 0;
    *step = units;
    return;
  }
  uint32_t top = top_bit(units);
  *level = top - 2;
  *step = units >> (top - 3) & (WP_HEAP_STEPS - 1);
}

void wp__heap_insert(wp_heap *heap, wp__block *b, uint32_t units) {
  uint32_t level, step;
  wp__heap_bin(units, &level, &step);
  wp__block **bin = &heap->bins[level][step];
  WP_POINT("heap.insert");
  *wp__block_links(b) = (wp__links){wp__hide(*bin), wp__hide(NULL)};
  if (*bin) wp__block_links(*bin)->previous = wp__hide(b);
  WP_POINT("heap.bin");
  *bin = b;
  heap->level_map |= 1u << level;
  heap->step_map[level] = (uint8_t)(heap->step_map[level] | 1u << step);
}

static void remove_from_bin(wp_heap *heap, wp__block *b) {
  uint32_t level, step;
  wp__heap_bin(wp__block_units(b), &level, &step);
  wp__links *links = wp__block_links(b);
  WP_POINT("heap.remove");
  wp__block *next = wp__shown(links->next), *previous = wp__shown(links->previous);
  if (next) wp__block_links(next)->previous = links->previous;
  if (previous) {
    wp__block_links(previous)->next = links->next;
    return;
  }
  heap->bins[level][step] = next;
  if (next) return;
  heap->step_map[level] = (uint8_t)(heap->step_map[level] & ~(1u << step));
  if (!heap->step_map[level]) heap->level_map &= ~(1u << level);
}

/* Takes a free block of at least `units` out of its bin; NULL if there is none. Rounds up to a bin
 * in which every block is large enough. */
static wp__block *take_fit(wp_heap *heap, uint32_t units) {
  uint32_t level, step;
  if (units >= WP_HEAP_STEPS) units += (1u << (top_bit(units) - 3)) - 1;
  wp__heap_bin(units, &level, &step);
  uint32_t steps = heap->step_map[level] & ~0u << step;
  if (!steps) {
    uint32_t levels = heap->level_map & ~0u << (level + 1);
    if (!levels) return NULL;
    level = (uint32_t)__builtin_ctz(levels);
    steps = heap->step_map[level];
  }
  wp__block *b = heap->bins[level][__builtin_ctz(steps)];
  remove_from_bin(heap, b);
  return b;
}

/* ---- Blocks and segments ---- */

uint32_t wp__heap_units(size_t bytes) {
  if (bytes > (size_t)(WP__BLOCK_UNITS_MAX - 1) * WP__UNIT) return 0;
  uint32_t units = (uint32_t)((bytes + WP__UNIT - 1) / WP__UNIT) + 1;
  return units < WP__BLOCK_UNITS_MIN ? WP__BLOCK_UNITS_MIN : units;
}

void wp__heap_count(wp_heap *heap, int64_t units, int64_t blocks) {
  /* Relaxed: one writer, and gauges only. Negative arguments work by wrap-around. */
  uint64_t bytes = wp_atomic_load_relaxed_u64(&heap->bytes) + (uint64_t)units * WP__UNIT;
  WP_POINT("heap.bytes");
  wp_atomic_store_relaxed_u64(&heap->bytes, bytes);
  WP_POINT("heap.blocks");
  wp_atomic_store_relaxed_u64(&heap->blocks,
                              wp_atomic_load_relaxed_u64(&heap->blocks) + (uint64_t)blocks);
}

/* Writes the header of a block that no walk can reach yet. */
static void stamp(wp__chunk *c, wp__block *b, uint32_t prev_units, uint64_t word) {
  b->prev_units = prev_units;
  b->granule = (uint16_t)(((uintptr_t)b - (uintptr_t)c) >> WP_GRANULE_SHIFT);
  b->unused = 0;
  WP_POINT("heap.stamp");
  wp_atomic_store_release_u64(&b->word, word); /* revealed by a later store */
}

/* A new segment, without its magic: publish_chunk stores that. *zero: whether its blocks' bytes are all zero. NULL when out of memory. */
static wp__chunk *new_chunk(wp_heap *heap, uint64_t bytes, uint32_t first, uint32_t big,
                            bool *zero) {
  wp_segment segment;
  if (wp_segment_acquire(heap->segments, bytes, heap->owner, &segment)) return NULL;
  wp__chunk *c = segment.addr;
  *zero = segment.zero;
  c->heap = heap;
  c->bytes = segment.bytes;
  c->first = first;
  c->big = big;
  return c;
}

static void publish_chunk(wp__chunk *c) {
  WP_POINT("heap.magic");
  wp_atomic_store_release_u64(&c->magic, WP__CHUNK_MAGIC); /* pairs with wp__chunk_whole */
}

static bool grow(wp_heap *heap) {
  bool zero;
  wp__chunk *c = new_chunk(heap, WP_HEAP_SEGMENT_BYTES, WP_SEGMENT_CLEARED_BYTES, 0, &zero);
  if (!c) return false;
  wp__block *b = wp__chunk_first(c);
  uint32_t units = (uint32_t)((c->bytes - c->first) / WP__UNIT) - 1; /* END takes the last */
  stamp(c, b, 0, wp__word(units, WP__BLOCK_FREE, 0));
  stamp(c, wp__block_after(b, units), units, wp__word(0, WP__BLOCK_END, 0));
  publish_chunk(c);
  wp__heap_insert(heap, b, units);
  return true;
}

static void *alloc_big(wp_heap *heap, size_t align, uint32_t units, uint32_t tag, bool *zero) {
  /* The block's bytes begin at the first multiple of align that leaves room for both headers. */
  size_t start = (WP_SEGMENT_CLEARED_BYTES + WP__UNIT + align - 1) & ~(align - 1);
  uint32_t first = (uint32_t)(start - WP__UNIT);
  wp__chunk *c = new_chunk(heap, first + (uint64_t)units * WP__UNIT, first, 1, zero);
  if (!c) return NULL;
  /* the user gets the rest of the last granule as well */
  uint64_t room = (c->bytes - first) / WP__UNIT;
  units = room < WP__BLOCK_UNITS_MAX ? (uint32_t)room : WP__BLOCK_UNITS_MAX;
  wp__block *b = wp__chunk_first(c);
  stamp(c, b, 0, wp__word(units, WP__BLOCK_LIVE, 0));
  WP_POINT("heap.tag");
  wp_atomic_store_relaxed_u32(&c->tag, tag); /* published by the stores below */
  publish_chunk(c);
  wp_segment_set_big(heap->segments, c);
  return wp__block_bytes(b);
}

/* Merges a free block, which is in no bin, with its neighbours and puts the result into a bin.
 * Returns as wp__heap_free_own. */
static wp__block *merge(wp_heap *heap, wp__block *b) {
  wp__chunk *c = wp__chunk_of(b);
  uint32_t units = wp__block_units(b);
  wp__block *next = wp__block_after(b, units);
  if (wp__block_state(next) == WP__BLOCK_FREE) {
    remove_from_bin(heap, next);
    units += wp__block_units(next);
    wp__block_set(b, units, WP__BLOCK_FREE, 0);
    next = wp__block_after(b, units);
  }
  wp__block *previous = b - b->prev_units; /* a header is one unit; b itself if b is the first */
  if (b->prev_units && wp__block_state(previous) == WP__BLOCK_FREE) {
    remove_from_bin(heap, previous);
    units += b->prev_units;
    b = previous;
    wp__block_set(b, units, WP__BLOCK_FREE, 0);
  }
  WP_POINT("heap.previous");
  next->prev_units = units;
  if (!b->prev_units &&
      wp__block_state(next) == WP__BLOCK_END) { /* the segment is empty: keep one such */
    if (heap->spare) {
      wp_segment_release(heap->segments, c);
      return NULL;
    }
    heap->spare = c;
  }
  wp__heap_insert(heap, b, units);
  return b;
}

wp__block *wp__heap_free_own(wp_heap *heap, wp__block *b) {
  uint32_t units = wp__block_units(b);
  wp__heap_count(heap, -(int64_t)units, -1);
  wp__block_set(b, units, WP__BLOCK_FREE, 0);
  return merge(heap, b);
}

/* ---- Allocation ---- */

/* Units to leave free in b before an aligned block: none, or enough for a block of their own. */
static uint32_t lead_units(wp__block *b, size_t align) {
  uintptr_t bytes = (uintptr_t)wp__block_bytes(b);
  uintptr_t at = (bytes + align - 1) & ~(align - 1);
  while (at != bytes && at - bytes < WP__BLOCK_UNITS_MIN * WP__UNIT) at += align;
  return (uint32_t)((at - bytes) / WP__UNIT);
}

/* Allocates `units` of the free block b, which is in no bin, starting `lead` units into it. Every
 * header is written before the last store, which reveals all of them. */
static void *carve(wp_heap *heap, wp__block *b, uint32_t lead, uint32_t units, uint32_t tag) {
  wp__chunk *c = wp__chunk_of(b);
  uint32_t rest = wp__block_units(b) - lead - units;
  if (rest < WP__BLOCK_UNITS_MIN) {
    units += rest;
    rest = 0;
  }
  if (heap->spare == c) heap->spare = NULL;
  wp__block *taken = wp__block_after(b, lead);
  wp__block *last = wp__block_after(taken, units);
  if (rest) {
    stamp(c, last, units, wp__word(rest, WP__BLOCK_FREE, 0));
    wp__heap_insert(heap, last, rest);
    last = wp__block_after(last, rest);
  }
  WP_POINT("heap.previous");
  last->prev_units = rest ? rest : units;
  wp__heap_count(heap, units, 1);
  if (lead) {
    stamp(c, taken, lead, wp__word(units, WP__BLOCK_LIVE, tag));
    wp__heap_insert(heap, b, lead);
    wp__block_set(b, lead, WP__BLOCK_FREE, 0);
  } else {
    wp__block_set(b, units, WP__BLOCK_LIVE, tag);
  }
  return wp__block_bytes(taken);
}

int wp_heap_open(wp_heap *heap, wp_segments *segments, uint32_t owner) {
  if (owner >= WP_SEGMENT_OWNER_MAP) return WP_E_INVALID_ARGUMENT;
  memset(heap, 0, sizeof *heap);
  heap->segments = segments;
  heap->owner = owner;
  return WP_OK;
}

/* wp_heap_alloc_aligned; *zero: whether the block's bytes are known to be zero. */
static void *alloc(wp_heap *heap, size_t align, size_t bytes, uint32_t tag, bool *zero) {
  *zero = false;
  if (align < WP_HEAP_ALIGN) align = WP_HEAP_ALIGN;
  if ((align & (align - 1)) || align > WP_GRANULE_BYTES || WP_FAULT("heap")) return NULL;
  uint32_t units = wp__heap_units(bytes);
  if (!units) return NULL;
  wp_heap_drain(heap);
  /* the most that lead_units returns */
  uint32_t slack = align > WP_HEAP_ALIGN ? (uint32_t)(align / WP__UNIT) + 1 : 0;
  if (units + slack > WP_HEAP_BIG_BYTES / WP__UNIT) return alloc_big(heap, align, units, tag, zero);
  wp__block *b = take_fit(heap, units + slack);
  if (!b && grow(heap)) b = take_fit(heap, units + slack);
  return b ? carve(heap, b, lead_units(b, align), units, tag) : NULL;
}

void *wp_heap_alloc_aligned(wp_heap *heap, size_t align, size_t bytes, uint32_t tag) {
  bool zero;
  return alloc(heap, align, bytes, tag, &zero);
}

void *wp_heap_alloc_zeroed(wp_heap *heap, size_t align, size_t bytes) {
  bool zero;
  void *p = alloc(heap, align, bytes, 0, &zero);
  return !p || zero ? p : memset(p, 0, bytes);
}

void *wp_heap_alloc(wp_heap *heap, size_t bytes, uint32_t tag) {
  return wp_heap_alloc_aligned(heap, WP_HEAP_ALIGN, bytes, tag);
}

size_t wp_heap_usable(const void *p) {
  return (size_t)(wp__block_units(wp__block_of(p)) - 1) * WP__UNIT;
}

void wp_heap_retag(void *p, uint32_t tag) {
  wp__block *b = wp__block_of(p);
  wp__chunk *c = wp__chunk_of(b);
  if (!c->big) {
    wp__block_set(b, wp__block_units(b), WP__BLOCK_LIVE, tag);
    return;
  }
  WP_POINT("heap.retag");
  wp_atomic_store_release_u32(&c->tag, tag); /* pairs with the walkers' loads */
}

/* Resizes a live block of this heap's small segments in place; false if there is no room. */
static bool resize(wp_heap *heap, wp__block *b, uint32_t units, uint32_t tag) {
  uint32_t had = wp__block_units(b), room = had;
  wp__block *next = wp__block_after(b, had);
  if (units > had) {
    if (wp__block_state(next) != WP__BLOCK_FREE || had + wp__block_units(next) < units)
      return false;
    remove_from_bin(heap, next);
    room += wp__block_units(next);
  }
  uint32_t rest = room - units;
  if (rest < WP__BLOCK_UNITS_MIN) {
    units = room;
    rest = 0;
  }
  wp__block *last = wp__block_after(b, units);
  if (rest) stamp(wp__chunk_of(b), last, units, wp__word(rest, WP__BLOCK_FREE, 0));
  wp__heap_count(heap, (int64_t)units - had, 0);
  wp__block_set(b, units, WP__BLOCK_LIVE, tag);
  if (rest)
    merge(heap, last); /* never an empty segment: b is in it */
  else
    last->prev_units = units;
  return true;
}

void *wp_heap_realloc(wp_heap *heap, void *p, size_t bytes, uint32_t tag) {
  if (!p) return wp_heap_alloc(heap, bytes, tag);
  wp__block *b = wp__block_of(p);
  wp__chunk *c = wp__chunk_of(b);
  uint32_t units = wp__heap_units(bytes);
  if (!units) return NULL;
  if (c->heap == heap && !c->big) {
    if (units <= WP_HEAP_BIG_BYTES / WP__UNIT && resize(heap, b, units, tag)) return p;
  } else if (units <= wp__block_units(b) && units > wp__block_units(b) / 2) {
    wp_heap_retag(p, tag);
    return p;
  }
  void *moved = wp_heap_alloc(heap, bytes, tag);
  if (!moved) return NULL;
  size_t usable = wp_heap_usable(p);
  memcpy(moved, p, bytes < usable ? bytes : usable);
  wp_heap_free(heap, p);
  return moved;
}

/* ---- Free: own blocks and those of other heaps ---- */

static void push_remote(wp_heap *target, wp__block *b) {
  uint64_t head = wp_atomic_load_relaxed_u64(&target->remote); /* ordered by the CAS below */
  do {
    wp__block_remote(b)->next = ~head;
    WP_POINT("heap.push");
  } while (!wp_atomic_cas_acq_rel_u64(&target->remote, &head, (uint64_t)(uintptr_t)b));
}

static void free_remote(wp_heap *self, wp_heap *target, wp__block *b) {
  uint64_t word = wp__block_word(b);
  if (wp__word_state(word) != WP__BLOCK_LIVE) return;
  uint32_t who = wp__heap_who(target->segments, self ? self->owner : WP_SEGMENT_OWNER_MAP);
  if (self) {
    WP_POINT("heap.target");
    wp_atomic_store_release_u64(&self->remote_target, (uint64_t)(uintptr_t)target);
  }
  WP_POINT("heap.mark");
  /* A CAS, because the owner may free the block by its tag at the same time; for the same reason
   * nothing is written into the block before. */
  uint64_t freed = wp__word(wp__word_units(word), WP__BLOCK_REMOTE, who);
  if (wp_atomic_cas_acq_rel_u64(&b->word, &word, freed)) push_remote(target, b);
  WP_POINT("heap.pushed");
  if (self) wp_atomic_store_release_u64(&self->remote_target, 0);
}

void wp_heap_free(wp_heap *self, void *p) {
  if (!p) return;
  wp__block *b = wp__block_of(p);
  wp__chunk *c = wp__chunk_of(b);
  if (self && !wp__heap_is_sound(self, b, c)) return;
  wp_heap *target = c->heap;
  if (c->big) /* at once: it may be most of the memory, and its owner may be asleep */
    wp_segment_take_big(target->segments, c, target->owner,
                        self ? self->owner : WP_SEGMENT_OWNER_MAP);
  else if (target != self)
    free_remote(self, target, b);
  else if (wp__block_state(b) == WP__BLOCK_LIVE)
    wp__heap_free_own(self, b);
}

wp__block *wp__heap_take_remote(wp_heap *heap) {
  uint64_t head = wp_atomic_load_acquire_u64(&heap->remote), marked = 0;
  do {
    /* Only this thread takes blocks off the list, so the blocks marked in an earlier round are still
     * on it. */
    for (uint64_t at = head; at != marked;) {
      wp__block *b = (wp__block *)(uintptr_t)at;
      wp__block_set(b, wp__block_units(b), WP__BLOCK_TAKEN, 0);
      at = ~wp__block_remote(b)->next;
    }
    marked = head;
    WP_POINT("heap.take");
  } while (head &&
           !wp_atomic_cas_acq_rel_u64(&heap->remote, &head, 0)); /* pairs with push_remote */
  return (wp__block *)(uintptr_t)head;
}

void wp_heap_drain(wp_heap *heap) {
  /* Relaxed: only hints; the calls below load them again, with acquire. */
  if (wp_atomic_load_relaxed_u32(&heap->orphans)) wp__heap_adopt_orphans(heap);
  if (!wp_atomic_load_relaxed_u64(&heap->remote)) return;
  for (wp__block *b = wp__heap_take_remote(heap), *next; b; b = next) {
    next = (wp__block *)(uintptr_t)~wp__block_remote(b)->next;
    wp__heap_free_own(heap, b);
  }
}

uint64_t wp_heap_small_bytes(const wp_heap *heap) {
  return wp_atomic_load_relaxed_u64(&heap->bytes); /* a number only */
}
