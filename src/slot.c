#include "slot.h"
#include "base/point.h"

bool wp_slot_move(wp_slot *slot, uint32_t from, uint32_t to) {
  uint64_t word = wp_atomic_load_acquire_u64(&slot->word);
  return wp_slot_move_generation(slot, wp_word_generation(word), from, to);
}

bool wp_slot_move_generation(wp_slot *slot, uint32_t generation, uint32_t from, uint32_t to) {
  uint64_t expected = wp_word(generation, from);
  WP_POINT("slot.move");
  return wp_atomic_cas_acq_rel_u64(&slot->word, &expected, wp_word(generation, to));
}

void wp_slot_set(wp_slot *slot, uint32_t to) {
  uint64_t word = wp_atomic_load_acquire_u64(&slot->word);
  WP_POINT("slot.set");
  wp_atomic_store_release_u64(&slot->word, wp_word(wp_word_generation(word), to));
}
