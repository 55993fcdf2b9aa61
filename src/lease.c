#include "lease.h"
#include <math.h>

/* What main saw of a box. */
typedef struct look {
  uint64_t seen; /* the box's word and its holders' signs, mixed */
  double end_ms;
} look;

struct wp_lease_looks {
  uint32_t count;
  look at[];
};

/* The looks at all boxes that exist now; NULL: out of memory, so nothing ends yet. */
static struct wp_lease_looks *looks_at(wp_pool *pool) {
  uint32_t count = wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  struct wp_lease_looks *looks = pool->lease_looks;
  uint32_t before = looks ? looks->count : 0;
  if (count == before) return looks;
  looks =
      wp_heap_realloc(wp_pool_heap(pool, WP_MAIN), looks, sizeof *looks + count * sizeof(look), 0);
  if (!looks) return NULL;
  for (uint32_t i = before; i < count; i++) looks->at[i] = (look){0, 0};
  looks->count = count;
  pool->lease_looks = looks;
  return looks;
}

/* The constants of FNV-1a, 64 bits. */
#define MIX_START UINT64_C(0xcbf29ce484222325)
static uint64_t mix(uint64_t sum, uint64_t value) {
  return (sum ^ value) * UINT64_C(0x100000001b3);
}

static uint64_t mix_holder(const wp_pool *pool, uint64_t sum, uint32_t thread) {
  uint32_t touches = wp_atomic_load_relaxed_u32(&pool->threads[thread].touches); /* a counter */
  return mix(sum, (uint64_t)thread << 32 | touches);
}

/* A value that changes with each sign of a holder. */
WP_READS_STALE static uint64_t signs_of(const wp_pool *pool, const wp_box *box, uint64_t word) {
  uint64_t sum = mix(MIX_START, word);
  if (wp_word_state(word) == WP_BOX_WRITING) return mix_holder(pool, sum, box->owner);
  for (uint32_t i = 0; i < wp_thread_set_words(pool); i++) {
    uint32_t bits = wp_atomic_load_acquire_u32(&box->readers[i]);
    for (; bits; bits &= bits - 1)
      sum = mix_holder(pool, sum, i * 32 + (uint32_t)__builtin_ctz(bits));
  }
  return sum;
}

/* Takes the box out of the letters that were to hand it over. No points: main only. */
static void take_from_letters(wp_pool *pool, wp_handle box) {
  uint64_t handle = (uint64_t)box.generation << 32 | (box.index + 1);
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->letters.capacity); i++) {
    uint64_t share = handle;
    wp_letter *letter = wp_letter_at(&pool->letters, i);
    if (wp_atomic_load_acquire_u64(&letter->share) == handle &&
        wp_atomic_cas_acq_rel_u64(&letter->share, &share, 0))
      wp_box_drop(pool, WP_MAIN, box.index);
  }
}

/* The reference is held so that the box cannot be used again meanwhile. */
static void end_ready(wp_pool *pool, wp_handle box) {
  if (!wp_box_retain(pool, WP_MAIN, box.index, box.generation)) return;
  take_from_letters(pool, box);
  wp_box_take_away(pool, box.index);
  wp_box_drop(pool, WP_MAIN, box.index);
}

static uint32_t mailbox_of(const wp_pool *pool, uint32_t thread) {
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->mailboxes.capacity); i++) {
    if (wp_atomic_load_acquire_u32(&wp_mailbox_at(pool, i)->consumer) == thread + 1) return i + 1;
  }
  return 0;
}

WP_READS_STALE static bool end_writing(const wp_pool *pool, const wp_box *box, uint64_t word,
                                       wp_lease_over *over) {
  uint32_t thread = box->owner;
  uint32_t incarnation = wp_atomic_load_acquire_u32(&pool->threads[thread].incarnation);
  *over = (wp_lease_over){thread, incarnation, mailbox_of(pool, thread)};
  return wp_atomic_load_acquire_u64(&box->word) == word; /* else it was another one's by then */
}

uint32_t wp_lease_tick(wp_pool *pool, double now_ms, wp_lease_over *over, uint32_t limit) {
  uint32_t count = 0;
  struct wp_lease_looks *looks = looks_at(pool);
  for (uint32_t i = 0; looks && i < looks->count; i++) {
    const wp_box *box = wp_box_at(pool, i);
    uint64_t word = wp_atomic_load_acquire_u64(&box->word);
    uint32_t lease_ms = wp_atomic_load_acquire_u32(&box->lease_ms);
    if (wp_word_state(word) == WP_BOX_FREE || !lease_ms) continue;
    uint64_t signs = signs_of(pool, box, word);
    look *last = &looks->at[i];
    if (signs != last->seen) {
      *last = (look){signs, now_ms + lease_ms};
    } else if (now_ms >= last->end_ms && wp_word_state(word) == WP_BOX_READY) {
      end_ready(pool, (wp_handle){i, wp_word_generation(word)});
    } else if (now_ms >= last->end_ms && count < limit) {
      count += end_writing(pool, box, word, &over[count]);
      last->end_ms = INFINITY; /* until it gives a sign, so it is told of once */
    }
  }
  return count;
}
