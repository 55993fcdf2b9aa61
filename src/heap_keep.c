/* Which blocks of a killed task something still points to: see heap.h. */
#include "heap.h"
#include "heap_block.h"
#include <string.h>

/* A block of the task, and whether anything points to it. */
typedef struct candidate {
  uintptr_t start; /* of its header */
  uint32_t units;
  uint32_t kept;
} candidate;

typedef struct search {
  wp_heap *heap;
  uint32_t tag;
  candidate *found; /* by rising addresses */
  size_t count;
  uintptr_t low, span; /* of all of them */
  uint32_t *open;      /* kept ones whose bytes have not been looked at */
  size_t open_count;
} search;

static bool has_pointers(const search *s, uint32_t tag) {
  return tag != 0 && tag != WP_TAG_ARENA && tag != s->tag;
}

/* How far into a block a pointer may point. Whatever lies further in is not taken for one: in a large memory each number would be. */
enum { INSIDE_BYTES = 512 };

/* The candidate that this points into, or NULL. */
static candidate *candidate_at(const search *s, uintptr_t address) {
  size_t low = 0, high = s->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (s->found[middle].start + sizeof(wp__block) <= address)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return NULL;
  candidate *c = &s->found[low - 1];
  uintptr_t offset = address - c->start - sizeof(wp__block);
  uintptr_t bytes = (uintptr_t)(c->units - 1) * WP__UNIT;
  return offset < bytes && offset < INSIDE_BYTES ? c : NULL;
}

static void visit(search *s, uintptr_t address) {
  candidate *c = candidate_at(s, address);
  if (!c || c->kept) return;
  c->kept = 1;
  s->open[s->open_count++] = (uint32_t)(c - s->found);
}

/* Looks at each word from `start` on that differs from what it was (then; NULL: at all of them). Other threads may write there meanwhile. */
__attribute__((no_sanitize("address", "thread"))) static void
scan(search *s, const void *start, const void *end, const void *then, size_t then_bytes) {
  const uintptr_t *at =
      (const uintptr_t *)(((uintptr_t)start + sizeof *at - 1) & ~(sizeof *at - 1));
  const uintptr_t *was = then;
  uintptr_t low = s->low, span = s->span;
  size_t count = (const char *)end > (const char *)at
                     ? (size_t)((const char *)end - (const char *)at) / sizeof *at
                     : 0;
  size_t known = then_bytes / sizeof *at;
  for (size_t i = 0; i < count; i++)
    if (at[i] - low <= span && (i >= known || at[i] != was[i])) visit(s, at[i]);
}

static void scan_block(search *s, wp__block *b) {
  scan(s, wp__block_bytes(b), wp__block_next(b), NULL, 0);
}

/* Another thread may free the segment meanwhile, and its size may be anything: what is read stays within the memory that there is. */
static void scan_segment(search *s, const uint8_t *start) {
  const wp_segments *segments = s->heap->segments;
  const uint8_t *end = start + wp_segment_bytes(segments, start);
  const uint8_t *most = segments->region.base + wp_segments_extended_bytes(segments);
  scan(s, start, end < most ? end : most, NULL, 0);
}

uint32_t wp_heap_tag(const void *p) {
  wp__block *b = wp__block_of(p);
  wp__chunk *c = wp__chunk_of(b);
  return c->big ? wp_atomic_load_acquire_u32(&c->tag) : wp__word_tag(wp__block_word(b));
}

/* ---- All blocks of this heap with the tag ---- */

static void note(search *s, wp__block *b) {
  if (s->found) s->found[s->count] = (candidate){(uintptr_t)b, wp__block_units(b), 0};
  s->count++;
}

/* Calls `look` for each live block in the small segments of this heap. Where a C task has written over a header, the rest of that segment is
 * left out. */
static void each_small(search *s, void (*look)(search *s, wp__block *b, uint32_t tag)) {
  for (wp__chunk *c = wp__heap_next_chunk(s->heap, NULL); c; c = wp__heap_next_chunk(s->heap, c)) {
    if (!wp__chunk_whole(c) || c->big) continue;
    for (wp__block *b = wp__chunk_first(c); b; b = wp__chunk_next(c, b)) {
      uint64_t word = wp__block_word(b);
      if (wp__word_state(word) == WP__BLOCK_LIVE && wp__block_fits(c, b))
        look(s, b, wp__word_tag(word));
    }
  }
}

static void note_small(search *s, wp__block *b, uint32_t tag) {
  if (tag == s->tag) note(s, b);
}

/* Small blocks come before or between big ones, so the list is not in order yet. */
static void find(search *s) {
  const wp_heap *heap = s->heap;
  s->count = 0;
  each_small(s, note_small);
  for (wp__chunk *c = wp_segments_next_big(heap->segments, heap->owner, NULL); c;
       c = wp_segments_next_big(heap->segments, heap->owner, c))
    if (wp_atomic_load_acquire_u32(&c->tag) == s->tag) note(s, wp__chunk_first(c));
}

static void sift(candidate *list, size_t at, size_t count) {
  for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
    if (child + 1 < count && list[child + 1].start > list[child].start) child++;
    if (list[at].start >= list[child].start) return;
    candidate held = list[at];
    list[at] = list[child];
    list[child] = held;
  }
}

/* Heapsort: in place, and never slow. */
static void sort(candidate *list, size_t count) {
  bool sorted = true;
  for (size_t i = 1; i < count; i++) sorted = sorted && list[i - 1].start < list[i].start;
  if (sorted) return;
  for (size_t i = count / 2; i-- > 0;) sift(list, i, count);
  for (size_t end = count; end-- > 1;) {
    candidate held = list[0];
    list[0] = list[end];
    list[end] = held;
    sift(list, 0, end);
  }
}

/* ---- What may point to them ---- */

static void scan_big(search *s, uint32_t owner) {
  const wp_segments *segments = s->heap->segments;
  for (wp__chunk *c = wp_segments_next_big(segments, owner, NULL); c;
       c = wp_segments_next_big(segments, owner, c))
    if (has_pointers(s, wp_atomic_load_acquire_u32(&c->tag))) scan_segment(s, (uint8_t *)c);
}

/* This heap stands still, so its free blocks, which are full of old pointers, can be left out. */
static void scan_small(search *s, wp__block *b, uint32_t tag) {
  if (has_pointers(s, tag)) scan_block(s, b);
}

/* Another thread's heap may change at any moment: all of a segment is looked at, whatever blocks it has. */
static void scan_other(search *s, uint32_t owner) {
  const wp_segments *segments = s->heap->segments;
  for (uint8_t *at = wp_segments_next(segments, owner, NULL); at;
       at = wp_segments_next(segments, owner, at))
    scan_segment(s, at);
}

static void scan_all(search *s, const wp_heap_roots *roots) {
  wp_heap_range range;
  for (uint32_t i = 0; roots->range(roots->context, i, &range); i++)
    scan(s, range.start, range.end, range.then, range.then_bytes);
  for (uint32_t owner = 0; owner < roots->owners; owner++) {
    if (owner != s->heap->owner) scan_other(s, owner);
    scan_big(s, owner);
  }
  each_small(s, scan_small);
  while (s->open_count) scan_block(s, (wp__block *)s->found[s->open[--s->open_count]].start);
}

/* Takes the block off its task. Another thread may free it at the same time: then there is nothing to keep. */
static uint64_t keep(const search *s, const candidate *kept) {
  wp__block *b = (wp__block *)kept->start;
  wp__chunk *c = wp__chunk_of(b);
  uint64_t word = wp__block_word(b);
  uint32_t tag = s->tag;
  bool done = false;
  WP_POINT("heap.keep");
  if (c->big)
    done = wp_atomic_cas_acq_rel_u32(&c->tag, &tag, WP_TAG_PROGRAM);
  else if (wp__word_state(word) == WP__BLOCK_LIVE && wp__word_tag(word) == s->tag) {
    uint64_t next = wp__word(wp__word_units(word), WP__BLOCK_LIVE, WP_TAG_PROGRAM);
    WP_POINT("heap.keep");
    done = wp_atomic_cas_acq_rel_u64(&b->word, &word, next);
  }
  return done ? (uint64_t)kept->units * WP__UNIT : 0;
}

uint64_t wp_heap_keep(wp_heap *heap, uint32_t tag, const wp_heap_roots *roots) {
  search s = {.heap = heap, .tag = tag};
  uint64_t bytes = 0;
  if (!tag) return 0;
  find(&s);
  if (!s.count) return 0;
  wp_segment room;
  uint64_t needed =
      WP_SEGMENT_CLEARED_BYTES + (uint64_t)s.count * (sizeof *s.found + sizeof *s.open);
  /* Without memory for the search nothing is kept: whoever is short of memory needs the task's. */
  if (wp_segment_acquire(heap->segments, needed, heap->owner, &room)) return 0;
  /* A death in here leaves a segment without a heap's header, which the rebuild gives back. */
  s.found = (candidate *)(void *)((uint8_t *)room.addr + WP_SEGMENT_CLEARED_BYTES);
  find(&s);
  s.open = (uint32_t *)(void *)(s.found + s.count);
  sort(s.found, s.count);
  s.low = s.found[0].start;
  const candidate *last = &s.found[s.count - 1];
  s.span = last->start + (uintptr_t)last->units * WP__UNIT - s.low;
  scan_all(&s, roots);
  for (size_t i = 0; i < s.count; i++)
    if (s.found[i].kept) bytes += keep(&s, &s.found[i]);
  memset(room.addr, 0,
         (size_t)needed); /* these addresses would look like pointers in the next search */
  wp_segment_release(heap->segments, room.addr);
  return bytes;
}
