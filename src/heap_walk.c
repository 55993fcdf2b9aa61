/* The parts of heap.h that walk all segments of a heap. */
#include "heap.h"
#include "heap_block.h"
#include "status.h"
#include <string.h>

typedef struct tag_set {
  const uint32_t *tags;
  size_t count;
  uint32_t also; /* one more, or 0 */
} tag_set;

static bool has_tag(const tag_set *set, uint32_t tag) {
  if (!tag) return false;
  if (tag == set->also) return true;
  for (size_t i = 0; i < set->count; i++) {
    if (set->tags[i] == tag) return true;
  }
  return false;
}

/* True if the walker must free the block: it was TAKEN, or it was LIVE with one of the tags and no
 * other thread was faster to free it. */
static bool claim_for_free(wp__block *b, const tag_set *set) {
  uint64_t word = wp__block_word(b);
  if (wp__word_state(word) == WP__BLOCK_TAKEN) return true;
  if (wp__word_state(word) != WP__BLOCK_LIVE || !has_tag(set, wp__word_tag(word))) return false;
  WP_POINT("heap.claim");
  /* Competes with the CAS in free_remote: one of the two frees the block. */
  return wp_atomic_cas_acq_rel_u64(&b->word, &word,
                                   wp__word(wp__word_units(word), WP__BLOCK_TAKEN, 0));
}

static bool at_end(wp__block *b) { return wp__block_state(b) == WP__BLOCK_END; }

static wp__chunk *next_big(const wp_heap *heap, const wp__chunk *after) {
  return (wp__chunk *)wp_segments_next_big(heap->segments, heap->owner, after);
}

static void free_big_tagged(wp_heap *heap, const tag_set *set) {
  for (wp__chunk *c = next_big(heap, NULL); c; c = next_big(heap, c)) {
    /* Acquire: pairs with wp_heap_retag. If the segment has just become another thread's, this reads garbage, and the take below fails. */
    if (has_tag(set, wp_atomic_load_acquire_u32(&c->tag)))
      wp_segment_take_big(heap->segments, c, heap->owner, heap->owner);
  }
}

static void free_claimed(wp_heap *heap, const tag_set *set) {
  for (wp__chunk *c = wp__heap_next_chunk(heap, NULL), *next; c; c = next) {
    wp__block *b = wp__chunk_first(c);
    while (b) {
      if (claim_for_free(b, set))
        b = wp__heap_free_own(heap, b); /* the merged block; NULL: its segment is gone */
      if (b) b = wp__chunk_next(c, b);
    }
    next = wp__heap_next_chunk(heap, c);
  }
  free_big_tagged(heap, set);
}

void wp_heap_free_tagged(wp_heap *heap, uint32_t tag) {
  if (!tag) return;
  wp_heap_drain(heap);
  free_claimed(heap, &(tag_set){NULL, 0, tag});
}

/* ---- Orphans ---- */

/* True if the thread that freed the block is known to be dead: its generation has ended, and it
 * pushes nothing any more. */
static bool is_orphan(const wp_heap *heap, const wp__block *b) {
  uint64_t word = wp__block_word(b);
  uint32_t who = wp__word_tag(word);
  return wp__word_state(word) == WP__BLOCK_REMOTE &&
         who != wp__heap_who(heap->segments, who & (WP_SEGMENT_OWNERS - 1));
}

/* Marks the orphans TAKEN. Some of them may have been pushed after all; the next
 * wp__heap_take_remote takes those off the list. Those that are still TAKEN afterwards were never
 * pushed. */
static void mark_orphans(wp_heap *heap) {
  for (wp__chunk *c = wp__heap_next_chunk(heap, NULL); c; c = wp__heap_next_chunk(heap, c)) {
    if (!wp__chunk_whole(c)) continue; /* only in a rebuild */
    for (wp__block *b = wp__chunk_first(c); b; b = wp__chunk_next(c, b)) {
      if (is_orphan(heap, b)) wp__block_set(b, wp__block_units(b), WP__BLOCK_TAKEN, 0);
    }
  }
}

void wp__heap_adopt_orphans(wp_heap *heap) {
  WP_POINT("heap.orphans");
  if (!wp_atomic_exchange_acq_rel_u32(&heap->orphans, 0)) return; /* pairs with report_orphan */
  mark_orphans(heap);
  for (wp__block *b = wp__heap_take_remote(heap), *next; b; b = next) {
    next = (wp__block *)(uintptr_t)~wp__block_remote(b)->next;
    wp__heap_free_own(heap, b);
  }
  free_claimed(heap, &(tag_set){NULL, 0, 0});
}

/* ---- Rebuild ---- */

/* The dead thread may have been freeing a block of another heap: tells that heap to look for it.
 * After the dead thread's generation has ended. */
static void report_orphan(wp_heap *heap) {
  wp_heap *target = (wp_heap *)(uintptr_t)wp_atomic_load_acquire_u64(&heap->remote_target);
  WP_POINT("heap.orphan");
  if (target)
    wp_atomic_store_release_u32(&target->orphans, 1); /* pairs with wp__heap_adopt_orphans */
  WP_POINT("heap.target");
  wp_atomic_store_release_u64(&heap->remote_target, 0);
}

/* No points: main only. */
static void forget_indexes(wp_heap *heap) {
  memset(heap->bins, 0, sizeof heap->bins);
  memset(heap->step_map, 0, sizeof heap->step_map);
  heap->level_map = 0;
  heap->spare = NULL;
  wp_atomic_store_relaxed_u64(&heap->bytes, 0); /* numbers only */
  wp_atomic_store_relaxed_u64(&heap->blocks, 0);
}

/* Enters a run of free blocks, merged into one. An empty segment is kept as the spare, or given back
 * if there is a spare already. */
static void enter_run(wp_heap *heap, wp__chunk *c, wp__block *run, wp__block *after) {
  if (run == wp__chunk_first(c) && at_end(after)) {
    if (heap->spare) {
      wp_segment_release(heap->segments, c);
      return;
    }
    heap->spare = c;
  }
  wp__heap_insert(heap, run, wp__block_units(run));
}

static void rebuild_small(wp_heap *heap, wp__chunk *c, const tag_set *set) {
  wp__block *run = NULL; /* the free block that ends before b */
  uint32_t prev_units = 0;
  for (wp__block *b = wp__chunk_first(c);; b = wp__block_after(b, prev_units)) {
    wp__heap_mend_block(c, b);
    bool end = at_end(b);
    uint32_t units = wp__block_units(b);
    if (!end && (wp__block_state(b) == WP__BLOCK_FREE || claim_for_free(b, set))) {
      if (run)
        units += wp__block_units(run);
      else
        run = b;
      run->prev_units = run == b ? prev_units : run->prev_units;
      wp__block_set(run, units, WP__BLOCK_FREE, 0);
      b = run; /* the loop steps over the whole run */
    } else {
      b->prev_units = prev_units;
      if (run) enter_run(heap, c, run, b);
      run = NULL;
      if (end) return;
      wp__heap_count(heap, units, 1);
    }
    prev_units = units;
  }
}

void wp_heap_rebuild(wp_heap *heap, const uint32_t *tags, size_t tag_count) {
  const tag_set set = {tags, tag_count, WP_TAG_ARENA};
  wp_segments_reclaim(heap->segments, heap->owner);
  report_orphan(heap);
  forget_indexes(heap);
  for (wp__chunk *c = wp__heap_next_chunk(heap, NULL); c; c = wp__heap_next_chunk(heap, c))
    wp__heap_mend_chunk(heap, c);
  mark_orphans(heap);
  wp__heap_take_remote(heap); /* its blocks are TAKEN now, so the walk frees them */
  for (wp__chunk *c = wp__heap_next_chunk(heap, NULL), *next; c; c = next) {
    next = wp__heap_next_chunk(heap, c);
    if (!wp__chunk_whole(c) || c->big) /* big, but not BIG yet: its block was never handed out */
      wp_segment_release(heap->segments, c);
    else
      rebuild_small(heap, c, &set);
  }
  free_big_tagged(heap, &set);
}

/* ---- Numbers ---- */

static uint32_t big_units(wp__chunk *c) { return wp__block_units(wp__chunk_first(c)); }

uint64_t wp_heap_bytes_in_use(const wp_heap *heap) {
  uint64_t bytes = wp_heap_small_bytes(heap);
  for (wp__chunk *c = next_big(heap, NULL); c; c = next_big(heap, c))
    bytes += (uint64_t)big_units(c) * WP__UNIT;
  return bytes;
}

uint64_t wp_heap_blocks_in_use(const wp_heap *heap) {
  uint64_t blocks = wp_atomic_load_relaxed_u64(&heap->blocks); /* a number only */
  for (wp__chunk *c = next_big(heap, NULL); c; c = next_big(heap, c)) blocks++;
  return blocks;
}

/* ---- Check ---- */

typedef struct totals {
  uint64_t bytes, blocks, free, empty;
} totals;

static bool is_in_bin(const wp_heap *heap, const wp__block *b) {
  uint32_t level, step;
  wp__heap_bin(wp__block_units(b), &level, &step);
  wp__block *at = heap->bins[level][step];
  while (at && at != b) at = wp__shown(wp__block_links(at)->next);
  return at != NULL;
}

static bool check_block(const wp_heap *heap, wp__chunk *c, wp__block *b, totals *sum) {
  uint32_t units = wp__block_units(b);
  uint64_t left = c->bytes - (uint64_t)((uint8_t *)b - (uint8_t *)c);
  if (units < WP__BLOCK_UNITS_MIN || (uint64_t)units * WP__UNIT > left) return false;
  if (wp__chunk_of(b) != c) return false;
  switch (wp__block_state(b)) {
  case WP__BLOCK_LIVE:
  case WP__BLOCK_REMOTE:
    sum->bytes += (uint64_t)units * WP__UNIT;
    sum->blocks++;
    return true;
  case WP__BLOCK_FREE:
    sum->free++;
    return !c->big && is_in_bin(heap, b);
  default:
    return false;
  }
}

static bool check_chunk(const wp_heap *heap, wp__chunk *c, totals *sum) {
  if (!wp__chunk_whole(c) || c->heap != heap) return false;
  if (c->bytes != wp_segment_bytes(heap->segments, c)) return false;
  wp__block *b = wp__chunk_first(c);
  if (c->big) return check_block(heap, c, b, sum);
  uint32_t prev_units = 0, previous = WP__BLOCK_END;
  for (; !at_end(b); b = wp__block_next(b)) {
    if (b->prev_units != prev_units || !check_block(heap, c, b, sum)) return false;
    uint32_t state = wp__block_state(b);
    if (state == WP__BLOCK_FREE && previous == WP__BLOCK_FREE) return false;
    previous = state;
    prev_units = wp__block_units(b);
  }
  bool empty = previous == WP__BLOCK_FREE && prev_units + 1 == (c->bytes - c->first) / WP__UNIT;
  sum->empty += empty;
  return b->prev_units == prev_units && (uint8_t *)(b + 1) == (uint8_t *)c + c->bytes &&
         empty == (heap->spare == c);
}

/* Every bin holds blocks of its size, and its bit is right. */
static bool check_bins(const wp_heap *heap, uint64_t *entries) {
  for (uint32_t level = 0; level < WP_HEAP_LEVELS; level++) {
    for (uint32_t step = 0; step < WP_HEAP_STEPS; step++) {
      wp__block *before = NULL;
      for (wp__block *b = heap->bins[level][step]; b;
           b = wp__shown(wp__block_links(b)->next), ++*entries) {
        uint32_t own_level, own_step;
        wp__heap_bin(wp__block_units(b), &own_level, &own_step);
        if (own_level != level || own_step != step) return false;
        if (wp__shown(wp__block_links(b)->previous) != before) return false;
        before = b;
      }
      if (!before != !(heap->step_map[level] >> step & 1)) return false;
    }
    if (!heap->step_map[level] != !(heap->level_map >> level & 1)) return false;
  }
  return true;
}

int wp_heap_check(const wp_heap *heap) {
  totals sum = {0, 0, 0, 0};
  uint64_t entries = 0;
  for (wp__chunk *c = wp__heap_next_chunk(heap, NULL); c; c = wp__heap_next_chunk(heap, c)) {
    if (c->big || !check_chunk(heap, c, &sum)) return WP_E_BROKEN_INVARIANT;
  }
  for (wp__chunk *c = next_big(heap, NULL); c; c = next_big(heap, c)) {
    totals big = {0, 0, 0, 0};
    if (!c->big || !check_chunk(heap, c, &big)) return WP_E_BROKEN_INVARIANT;
  }
  bool good = check_bins(heap, &entries) && entries == sum.free &&
              sum.empty == (heap->spare != NULL) && sum.bytes == wp_heap_small_bytes(heap) &&
              sum.blocks == wp_atomic_load_relaxed_u64(&heap->blocks); /* a number only */
  return good ? WP_OK : WP_E_BROKEN_INVARIANT;
}
