/* Ends of leases and deaths of threads; counting boxes anew; checking them. */
#include "base/point.h"
#include "box_parts.h"
#include "letter.h"

/* No points: main only. */
static uint32_t clear_readers(const wp_pool *pool, wp_box *box) {
  uint32_t references = 0;
  for (uint32_t i = 0; i < wp_thread_set_words(pool); i++) {
    references += (uint32_t)__builtin_popcount(wp_atomic_exchange_acq_rel_u32(&box->readers[i], 0));
  }
  return references;
}

void wp_box_take_away(wp_pool *pool, uint32_t index) {
  uint32_t references = clear_readers(pool, wp_box_at(pool, index));
  if (references) wp__box_drop_references(pool, WP_MAIN, index, references);
}

double wp_box_expire(wp_pool *pool, double now_ms) {
  double next_ms = 0;
  if (!pool->leases) return 0;
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  pool->leases = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    wp_box *box = wp_box_at(pool, i);
    if (!wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_READY) ||
        box->lease_end_ms <= 0 || wp_atomic_load_relaxed_u32(&box->lease_ms))
      continue; /* those of actors: lease.h */
    if (now_ms < box->lease_end_ms) {
      pool->leases++;
      if (next_ms == 0 || box->lease_end_ms < next_ms) next_ms = box->lease_end_ms;
      continue;
    }
    box->lease_end_ms = 0;
    uint32_t references = clear_readers(pool, box);
    if (references) wp__box_drop_references(pool, WP_MAIN, i, references);
  }
  /* If all workers wait in line for a box that is free now, nobody else takes care of the line. */
  if (wp_atomic_load_relaxed_u32(&pool->chores)) wp_lock_help(pool, WP_MAIN, 0);
  return next_ms;
}

/* No points: main only. */
void wp_box_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  (void)trusted;
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  for (uint32_t i = 0; i < capacity; i++) {
    wp_box *box = wp_box_at(pool, i);
    uint64_t word = wp_atomic_load_acquire_u64(&box->word);
    if (wp__box_has_state(word, WP_BOX_WRITING) && box->owner == thread) {
      wp__box_free(pool, WP_MAIN, i);
    } else if (wp__box_has_state(word, WP_BOX_READY)) {
      uint32_t bit = wp__box_reader_bit(thread);
      if (wp_atomic_fetch_and_acq_rel_u32(&box->readers[thread >> 5], ~bit) & bit)
        wp__box_drop_references(pool, WP_MAIN, i, 1);
    }
  }
  wp__box_leave_line(pool, thread);
  if (wp_atomic_exchange_seq_u32(&pool->threads[thread].box_granted, 0))
    wp__box_give_back_place(pool);
}

/* Counts READY boxes only: a slot that names a WRITING box holds its writer's reference. No points: main only. */
static void count_name(wp_pool *pool, const wp_value *value) {
  wp_box *box =
      value->box && wp__box_exists(pool, value->box - 1) ? wp_box_at(pool, value->box - 1) : NULL;
  if (!box || !wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_READY)) return;
  wp_atomic_fetch_add_relaxed_u32(&box->count, 1); /* nobody else counts now */
}

/* What letters hold: their values, and boxes that they hand over. No points: main only. */
static void count_letters(wp_pool *pool) {
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->letters.capacity); i++) {
    const wp_letter *letter = wp_letter_at(&pool->letters, i);
    uint32_t shared = (uint32_t)wp_atomic_load_acquire_u64(&letter->share);
    if (wp_letter_state_of(letter) == WP_LETTER_FREE) continue;
    count_name(pool, &letter->value);
    count_name(pool, &(wp_value){0, 0, 0, shared});
  }
}

static bool is_free(const void *record) {
  const wp_box *box = record;
  return wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE);
}

/* No points: main only. */
void wp_box_recount(wp_pool *pool) {
  wp_table_recount(&pool->boxes, is_free);
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->boxes.capacity), taken = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    wp_box *box = wp_box_at(pool, i);
    uint32_t count = wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_WRITING);
    for (uint32_t word = 0; word < wp_thread_set_words(pool); word++)
      count += (uint32_t)__builtin_popcount(wp_atomic_load_acquire_u32(&box->readers[word]));
    wp_atomic_store_relaxed_u32(&box->count, count); /* nobody else counts now */
  }
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    if (wp_slot_state_of(slot) == WP_SLOT_FREE) continue;
    count_name(pool, &slot->argument);
    count_name(pool, &slot->result);
  }
  count_letters(pool);
  for (uint32_t i = 0; i < capacity; i++) {
    const wp_box *box = wp_box_at(pool, i);
    if (wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE)) continue;
    if (wp_atomic_load_relaxed_u32(&box->count) == 0) /* nobody else counts now */
      wp__box_free(pool, WP_MAIN, i);
    else
      taken += (box->flags & WP_BOX_POOLED) != 0;
  }
  wp__box_recount_memory(pool);
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) taken += wp_box_granted(pool, i);
  wp_atomic_store_seq_u32(&pool->boxes_taken, taken);
  /* Pairs with the load in wp_lock_release. */
  wp_atomic_fetch_or_seq_u32(&pool->chores, WP_CHORE_BOXES);
}

static bool boxes_agree(const wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_relaxed_u32(&pool->boxes.capacity), taken = 0, pooled = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    const wp_box *box = wp_box_at(pool, i);
    uint32_t readers = 0;
    if (wp_word_state(wp_atomic_load_relaxed_u64(&box->word)) == WP_BOX_FREE) continue;
    taken++;
    pooled += (box->flags & WP_BOX_POOLED) != 0;
    for (uint32_t word = 0; word < wp_thread_set_words(pool); word++) {
      readers += (uint32_t)__builtin_popcount(wp_atomic_load_relaxed_u32(&box->readers[word]));
    }
    if (wp_atomic_load_relaxed_u32(&box->count) < readers) return false;
  }
  for (uint32_t i = 0; i < wp_pool_threads_end(pool); i++) {
    pooled += wp_atomic_load_relaxed_u32(&pool->threads[i].box_granted) != 0;
  }
  return taken == wp_atomic_load_relaxed_u32(&pool->boxes.in_use) &&
         pooled == wp_atomic_load_relaxed_u32(&pool->boxes_taken);
}

bool wp_box_check(const wp_pool *pool) {
  return wp_table_check(&pool->boxes, is_free) && boxes_agree(pool) && wp__box_check_line(pool) &&
         wp__box_check_memory(pool);
}
