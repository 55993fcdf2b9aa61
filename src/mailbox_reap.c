/* Deaths of senders and consumers; making lists anew; checking them. */
#include "base/point.h"
#include "mailbox_parts.h"

/* No points: main only. */
void wp_mailbox_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  (void)trusted; /* what else a death inside the gate leaves behind, the recount finds */
  uint32_t letters = wp_atomic_load_acquire_u32(&pool->letters.capacity);
  uint32_t mailboxes = wp_atomic_load_acquire_u32(&pool->mailboxes.capacity);
  for (uint32_t i = 0; i < letters; i++) {
    const wp_letter *letter = wp_letter_at(&pool->letters, i);
    uint32_t state = wp_letter_state_of(letter);
    bool held = state == WP_LETTER_FILLING || state == WP_LETTER_TAKEN;
    /* Relaxed: if it is this thread, which is dead, nobody changes the letter any more. */
    if (held && wp_atomic_load_relaxed_u32(&letter->owner) == thread)
      wp__letter_free(pool, WP_MAIN, i);
  }
  for (uint32_t i = 0; i < mailboxes; i++) {
    wp_mailbox *mailbox = wp_mailbox_at(pool, i);
    if (wp_atomic_load_acquire_u32(&mailbox->consumer) != thread + 1) continue;
    wp_atomic_store_seq_u32(&mailbox->sleeps, 0);
    wp_atomic_store_seq_u32(&mailbox->consumer, 0);
  }
}

/* ---- Counting anew ---- */

static bool is_free_letter(const void *letter) {
  return wp_letter_state_of(letter) == WP_LETTER_FREE;
}

static bool is_free_mailbox(const void *record) {
  const wp_mailbox *mailbox = record;
  return wp_word_state(wp_atomic_load_acquire_u64(&mailbox->word)) == WP_MAILBOX_FREE;
}

/* Lists are sorted where they are, through `next`, because a recount must not need memory. All here is main's alone, so relaxed. */

/* Newest first within a mailbox, so that each goes before those that were put on the mailbox's list already. */
static bool goes_first(const wp_letter *a, const wp_letter *b) {
  if (a->mailbox != b->mailbox) return a->mailbox < b->mailbox;
  return (int32_t)(a->sequence - b->sequence) >= 0;
}

/* Merges two sorted lists; each is an index + 1. No points: main only. */
static uint32_t merge(wp_pool *pool, uint32_t a, uint32_t b) {
  uint32_t first = 0;
  wp_letter *last = NULL;
  while (a && b) {
    wp_letter *left = wp_letter_at(&pool->letters, a - 1);
    wp_letter *right = wp_letter_at(&pool->letters, b - 1);
    bool is_left = goes_first(left, right);
    uint32_t at = is_left ? a : b;
    if (last)
      wp_atomic_store_relaxed_u32(&last->next, at);
    else
      first = at;
    last = is_left ? left : right;
    *(is_left ? &a : &b) = wp_atomic_load_relaxed_u32(&last->next);
  }
  if (!last) return a ? a : b;
  wp_atomic_store_relaxed_u32(&last->next, a ? a : b);
  return first;
}

/* All SENT letters as one sorted list. No points: main only. */
static uint32_t sort_sent(wp_pool *pool) {
  uint32_t runs[32] = {0}; /* runs[i] is empty or has 2^i letters */
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->letters.capacity), all = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    wp_letter *letter = wp_letter_at(&pool->letters, i);
    if (wp_letter_state_of(letter) != WP_LETTER_SENT) continue;
    wp_atomic_store_relaxed_u32(&letter->next, 0);
    uint32_t run = i + 1, size = 0;
    for (; runs[size]; size++) {
      run = merge(pool, runs[size], run);
      runs[size] = 0;
    }
    runs[size] = run;
  }
  for (uint32_t i = 0; i < 32; i++) all = merge(pool, runs[i], all);
  return all;
}

/* No points: main only. */
static void list_again(wp_pool *pool, wp_letter *letter, uint32_t index) {
  wp_handle to = {letter->mailbox, letter->mailbox_generation};
  wp_mailbox *mailbox = wp__mailbox_of(pool, to);
  if (!mailbox) { /* the mailbox was dropped while its sender was about to push it */
    wp__mailbox_count_dead(pool, NULL, 1);
    wp__letter_free(pool, WP_MAIN, index);
    return;
  }
  /* Relaxed here and below: nobody else uses the lists now. */
  wp_atomic_store_relaxed_u32(&letter->next, wp_atomic_load_relaxed_u32(&mailbox->first));
  wp_atomic_store_relaxed_u32(&mailbox->first, index + 1);
  wp_atomic_fetch_add_relaxed_u32(&mailbox->sent, 1);
}

/* No points: main only. */
static void empty_all(wp_pool *pool) {
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->mailboxes.capacity); i++) {
    wp_mailbox *mailbox = wp_mailbox_at(pool, i);
    uint64_t inbox = wp_atomic_load_seq_u64(&mailbox->inbox);
    wp_atomic_store_seq_u64(&mailbox->inbox, wp__inbox_empty(inbox));
    wp_atomic_store_relaxed_u32(&mailbox->first, 0); /* nobody else uses the lists now */
    wp_atomic_store_relaxed_u32(&mailbox->sent, wp_atomic_load_relaxed_u32(&mailbox->taken));
  }
}

/* No points: main only. */
static void wake_all(wp_pool *pool) {
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->mailboxes.capacity); i++) {
    wp_mailbox *mailbox = wp_mailbox_at(pool, i);
    if (!wp_atomic_load_acquire_u32(&mailbox->consumer)) continue;
    wp_atomic_store_seq_u32(&mailbox->sleeps, 1); /* the dead one may have cleared it already */
    wp__mailbox_wake(mailbox);
  }
}

/* No points: main only. */
void wp_mailbox_recount(wp_pool *pool) {
  wp_table_recount(&pool->mailboxes, is_free_mailbox);
  wp_table_recount(&pool->letters, is_free_letter);
  empty_all(pool);
  for (uint32_t at = sort_sent(pool); at;) {
    wp_letter *letter = wp_letter_at(&pool->letters, at - 1);
    uint32_t index = at - 1;
    at = wp_atomic_load_relaxed_u32(&letter->next);
    list_again(pool, letter, index);
  }
  wake_all(pool);
}

/* ---- Checking ---- */

/* How many letters of a list belong there; WP_NONE: one does not. */
static uint32_t count_list(const wp_pool *pool, uint32_t index, uint32_t at) {
  uint32_t generation = wp__inbox_generation(
      wp_atomic_load_relaxed_u64(&wp_mailbox_at(pool, index)->inbox)); /* while nobody is active */
  uint32_t capacity = wp_atomic_load_relaxed_u32(&pool->letters.capacity), count = 0;
  while (at) {
    if (at > capacity || ++count > capacity) return WP_NONE;
    const wp_letter *letter = wp_letter_at(&pool->letters, at - 1);
    if (wp_letter_state_of(letter) != WP_LETTER_SENT || letter->mailbox != index ||
        letter->mailbox_generation != generation)
      return WP_NONE;
    at = wp_atomic_load_relaxed_u32(&letter->next);
  }
  return count;
}

/* Every SENT letter is in the list of its mailbox once, and the mailbox has counted it. */
bool wp_mailbox_check(const wp_pool *pool) {
  uint32_t sent = 0, listed = 0;
  for (uint32_t i = 0; i < wp_atomic_load_relaxed_u32(&pool->letters.capacity); i++)
    sent += wp_letter_state_of(wp_letter_at(&pool->letters, i)) == WP_LETTER_SENT;
  for (uint32_t i = 0; i < wp_atomic_load_relaxed_u32(&pool->mailboxes.capacity); i++) {
    const wp_mailbox *mailbox = wp_mailbox_at(pool, i);
    uint32_t newest = wp__inbox_newest(wp_atomic_load_relaxed_u64(&mailbox->inbox));
    uint32_t first = wp_atomic_load_relaxed_u32(&mailbox->first);
    uint32_t in = count_list(pool, i, newest), out = count_list(pool, i, first);
    uint32_t held =
        wp_atomic_load_relaxed_u32(&mailbox->sent) - wp_atomic_load_relaxed_u32(&mailbox->taken);
    if (in == WP_NONE || out == WP_NONE || in + out != held) return false;
    listed += in + out;
  }
  return sent == listed && wp_table_check(&pool->letters, is_free_letter) &&
         wp_table_check(&pool->mailboxes, is_free_mailbox);
}
