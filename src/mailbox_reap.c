/* Deaths of senders and consumers; making lists anew; checking them. */
#include "base/point.h"
#include "mailbox_parts.h"
#include <stdlib.h>

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

/* Newest first, so that each goes before those that were put on the list already. */
static int by_sequence(const void *a, const void *b) {
  const wp_letter *left = *(wp_letter *const *)a, *right = *(wp_letter *const *)b;
  int32_t difference = (int32_t)(right->sequence - left->sequence);
  return (difference > 0) - (difference < 0);
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

/* If there is no memory to sort, letters keep the order of the table. No points: main only. */
void wp_mailbox_recount(wp_pool *pool) {
  wp_table_recount(&pool->mailboxes, is_free_mailbox);
  wp_table_recount(&pool->letters, is_free_letter);
  empty_all(pool);
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->letters.capacity), count = 0;
  if (!capacity) return;
  wp_heap *heap = wp_pool_heap(pool, WP_MAIN);
  wp_letter **sent = wp_heap_alloc(heap, sizeof(wp_letter *) * capacity, 0);
  for (uint32_t i = capacity; i--;) {
    wp_letter *letter = wp_letter_at(&pool->letters, i);
    if (wp_letter_state_of(letter) != WP_LETTER_SENT) continue;
    if (!sent) {
      list_again(pool, letter, i);
      continue;
    }
    wp_atomic_store_relaxed_u32(&letter->owner, i); /* scratch, for the loop below */
    sent[count++] = letter;
  }
  if (sent) qsort(sent, count, sizeof *sent, by_sequence);
  for (uint32_t i = 0; i < count; i++)
    list_again(pool, sent[i], wp_atomic_load_relaxed_u32(&sent[i]->owner)); /* nobody else's now */
  wp_heap_free(heap, sent);
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
