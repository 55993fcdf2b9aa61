/* Headers of blocks and segments that a C task has overwritten: see heap.h. */
#include "heap.h"
#include "heap_block.h"
#include "port/port.h"

/* Whether the header of a small segment is as its heap wrote it. */
static bool is_small(const wp_heap *heap, const wp__chunk *c) {
  return c->heap == heap && c->bytes == WP_HEAP_SEGMENT_BYTES &&
         c->first == WP_SEGMENT_CLEARED_BYTES && !c->big;
}

bool wp__heap_is_sound(const wp_heap *self, const wp__block *b, const wp__chunk *c) {
  uint32_t owner = wp_segment_owner(self->segments, c, b);
  if (owner == WP_SEGMENT_OWNER_MAP || !wp__chunk_whole(c)) return false;
  if (c->heap == self) return owner == self->owner;
  return wp_port_holds(c->heap, sizeof *c->heap) && c->heap->segments == self->segments &&
         c->heap->owner == owner;
}

static wp__block *end_of(wp__chunk *c) { return wp__block_at(c, (size_t)c->bytes - WP__UNIT); }

/* QUARANTINE: b's header is damaged, and so may be all that follows in the segment. It becomes one block that is never freed. No
 * points: main only. */
static void quarantine(wp__chunk *c, wp__block *b) {
  wp__block *end = end_of(c);
  uint32_t units = (uint32_t)(end - b);
  b->granule = (uint16_t)(((uintptr_t)b - (uintptr_t)c) >> WP_GRANULE_SHIFT);
  wp_atomic_store_release_u64(&b->word, wp__word(units, WP__BLOCK_LIVE, 0));
  end->granule = (uint16_t)(((uintptr_t)end - (uintptr_t)c) >> WP_GRANULE_SHIFT);
  wp_atomic_store_release_u64(&end->word, wp__word(0, WP__BLOCK_END, 0));
}

static bool is_known(const wp__block *b) {
  uint32_t state = wp__block_state(b);
  return state >= WP__BLOCK_FREE && state <= WP__BLOCK_TAKEN;
}

/* No points: main only. */
void wp__heap_mend_block(wp__chunk *c, wp__block *b) {
  wp__block *end = end_of(c);
  bool right = b == end ? wp__block_state(b) == WP__BLOCK_END : is_known(b) && wp__block_fits(c, b);
  if (right) return;
  if (end - b < WP__BLOCK_UNITS_MIN) /* no room for a block */
    wp_atomic_store_release_u64(&b->word, wp__word(0, WP__BLOCK_END, 0));
  else
    quarantine(c, b);
}

/* No points: main only. */
void wp__heap_mend_chunk(wp_heap *heap, wp__chunk *c) {
  bool is_big = c->big == 1 && c->heap == heap;
  if (wp__chunk_whole(c) && (is_big || is_small(heap, c))) return;
  if (!wp_atomic_load_acquire_u64(&c->magic)) return; /* not set up yet */
  c->heap = heap;
  c->bytes = wp_segment_bytes(heap->segments, c);
  c->first = WP_SEGMENT_CLEARED_BYTES;
  c->big = 0;
  wp_atomic_store_release_u64(&c->magic, WP__CHUNK_MAGIC);
}
