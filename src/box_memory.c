/* The memory that is reserved for pooled boxes: config.box_count places of config.box_bytes each, side by side, one record for each in
 * pool->places. No more boxes are granted than there are places, so a thread with a grant finds a free one.
 *
 * A death at any instruction inside the gate may leave a place that is neither free nor named by a box, until wp_box_recount goes through
 * the boxes. Until then a thread with a grant may find no place; its box then takes memory from the thread's heap. */
#include "base/point.h"
#include "box_parts.h"

enum { PLACE_FREE = 0, PLACE_TAKEN = 1, ALIGN = 64 };

static wp_record *place_at(const wp_pool *pool, uint32_t place) {
  return wp_table_at(&pool->places, place);
}

static bool is_free(const void *record) {
  const wp_record *place = record;
  return wp__box_has_state(wp_atomic_load_acquire_u64(&place->word), PLACE_FREE);
}

static uint64_t stride_of(const wp_config *config) {
  return (config->box_bytes + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

/* Makes all places free except those from box_count on: tables grow by whole chunks, and these places have no memory. No points: main
 * only. */
static void free_all(wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->places.capacity);
  for (uint32_t place = 0; place < capacity; place++) {
    uint32_t state = place < pool->config.box_count ? PLACE_FREE : PLACE_TAKEN;
    /* Relaxed: nobody else uses the table now. */
    wp_atomic_store_relaxed_u64(&place_at(pool, place)->word, wp_word(1, state));
  }
}

wp_status wp__box_open_memory(wp_pool *pool, wp_heap *heap) {
  const wp_config *config = &pool->config;
  if (!config->box_bytes) return WP_OK;
  uint64_t stride = stride_of(config);
  if (stride < config->box_bytes || stride > (SIZE_MAX - WP_GRANULE_BYTES) / config->box_count)
    return WP_E_INVALID_ARGUMENT;
  wp_status status = wp_table_open(&pool->places, heap, sizeof(wp_record), config->box_count);
  while (!status && wp_atomic_load_acquire_u32(&pool->places.capacity) < config->box_count)
    status = wp_table_reserve(&pool->places, heap);
  if (status) return status;
  pool->box_memory = wp_heap_alloc_aligned(heap, ALIGN, (size_t)(stride * config->box_count), 0);
  if (!pool->box_memory) return WP_E_NO_MEMORY;
  free_all(pool);
  wp_table_recount(&pool->places, is_free);
  return WP_OK;
}

/* The place in which a box's bytes lie; WP_NONE: elsewhere. */
static uint32_t place_of(const wp_pool *pool, uint64_t address) {
  uint64_t base = (uint64_t)(uintptr_t)pool->box_memory, stride = stride_of(&pool->config);
  bool inside = base && address >= base && address < base + stride * pool->config.box_count;
  return inside ? (uint32_t)((address - base) / stride) : WP_NONE;
}

void *wp__box_take_memory(wp_pool *pool, uint32_t self, uint64_t bytes) {
  uint32_t place = 0;
  if (!pool->box_memory || bytes > pool->config.box_bytes ||
      wp_table_take(&pool->places, wp_pool_heap(pool, self), &place))
    return NULL;
  WP_POINT("place.take");
  wp_atomic_store_release_u64(&place_at(pool, place)->word, wp_word(1, PLACE_TAKEN));
  return pool->box_memory + stride_of(&pool->config) * place;
}

bool wp__box_put_memory(wp_pool *pool, uint64_t address) {
  uint32_t place = place_of(pool, address);
  if (place == WP_NONE) return false;
  WP_POINT("place.put");
  wp_atomic_store_release_u64(&place_at(pool, place)->word, wp_word(1, PLACE_FREE));
  wp_table_put(&pool->places, place);
  return true;
}

uint32_t wp_box_reserved_in_use(const wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->places.capacity);
  uint32_t in_use = wp_table_in_use(&pool->places); /* includes the places without memory */
  return pool->box_memory ? in_use - (capacity - pool->config.box_count) : 0;
}

/* ---- After a death ---- */

/* No points: main only. */
void wp__box_recount_memory(wp_pool *pool) {
  if (!pool->box_memory) return;
  free_all(pool);
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->boxes.capacity); i++) {
    const wp_box *box = wp_box_at(pool, i);
    bool is_used = !wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE);
    uint32_t place = is_used ? place_of(pool, box->address) : WP_NONE;
    if (place == WP_NONE) continue;
    wp_atomic_store_relaxed_u64(&place_at(pool, place)->word, wp_word(1, PLACE_TAKEN));
  }
  wp_table_recount(&pool->places, is_free);
}

/* Every place that is taken belongs to one box, which begins where the place begins. */
bool wp__box_check_memory(const wp_pool *pool) {
  uint64_t base = (uint64_t)(uintptr_t)pool->box_memory;
  uint32_t used = 0, taken = 0;
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->boxes.capacity); i++) {
    const wp_box *box = wp_box_at(pool, i);
    if (wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE)) continue;
    uint32_t place = place_of(pool, box->address);
    if (place == WP_NONE) continue;
    used++;
    if (is_free(place_at(pool, place)) || !(box->flags & WP_BOX_POOLED) ||
        box->address != base + stride_of(&pool->config) * place)
      return false;
  }
  for (uint32_t place = 0; pool->box_memory && place < pool->config.box_count; place++)
    taken += !is_free(place_at(pool, place));
  return used == taken && used == wp_box_reserved_in_use(pool) &&
         wp_table_check(&pool->places, is_free);
}
