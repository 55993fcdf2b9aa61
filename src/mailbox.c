#include "mailbox.h"
#include "base/point.h"
#include "box.h"
#include "mailbox_parts.h"
#include "port/port.h"

wp_status wp_mailbox_open_room(wp_pool *pool, wp_heap *heap) {
  wp_status status =
      wp_table_open(&pool->mailboxes, heap, sizeof(wp_mailbox), WP_MAILBOX_RECORDS_MAX);
  return status ? status
                : wp_table_open(&pool->letters, heap, sizeof(wp_letter), WP_LETTER_RECORDS_MAX);
}

wp_mailbox *wp__mailbox_of(const wp_pool *pool, wp_handle handle) {
  if (handle.index >= wp_atomic_load_acquire_u32(&pool->mailboxes.capacity)) return NULL;
  wp_mailbox *mailbox = wp_mailbox_at(pool, handle.index);
  uint64_t inbox = wp_atomic_load_acquire_u64(&mailbox->inbox);
  return handle.generation && wp__inbox_generation(inbox) == handle.generation ? mailbox : NULL;
}

/* ---- An actor's life ---- */

/* No points: main only. */
wp_status wp_mailbox_open(wp_pool *pool, uint32_t limit, wp_handle *out) {
  uint32_t index = 0;
  wp_status status = wp_table_take(&pool->mailboxes, wp_pool_heap(pool, WP_MAIN), &index);
  if (status) return status;
  wp_mailbox *mailbox = wp_mailbox_at(pool, index);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&mailbox->word));
  /* Relaxed, as the next two: published by the stores that follow. */
  wp_atomic_store_relaxed_u32(&mailbox->limit, limit < INT32_MAX ? limit : INT32_MAX);
  wp_atomic_store_relaxed_u32(&mailbox->dead, 0);
  wp_atomic_store_relaxed_u32(&mailbox->group, 0);
  wp_atomic_store_release_u64(&mailbox->word, wp_word(generation, WP_MAILBOX_OPEN));
  wp_atomic_store_seq_u64(&mailbox->inbox, (uint64_t)generation << 32);
  *out = (wp_handle){index, generation};
  return WP_OK;
}

/* No points: main only. */
wp_status wp_mailbox_close(wp_pool *pool, wp_handle handle) {
  wp_mailbox *mailbox = wp__mailbox_of(pool, handle);
  if (!mailbox) return WP_E_STALE_HANDLE;
  wp_atomic_store_release_u64(&mailbox->word, wp_word(handle.generation, WP_MAILBOX_CLOSED));
  wp_atomic_fetch_or_seq_u64(&mailbox->inbox, WP_INBOX_CLOSED); /* pairs with the CAS in push */
  return WP_OK;
}

/* Takes all letters out, while nobody else does; the mailbox then has the inbox `after`. No points: main only. */
static uint32_t empty(wp_pool *pool, wp_mailbox *mailbox, uint64_t after) {
  uint64_t inbox = wp_atomic_exchange_seq_u64(&mailbox->inbox, after);
  uint32_t first = wp_atomic_exchange_acq_rel_u32(&mailbox->first, 0);
  uint32_t count = wp__letter_free_all(pool, WP_MAIN, first) +
                   wp__letter_free_all(pool, WP_MAIN, wp__inbox_newest(inbox));
  wp_atomic_fetch_add_relaxed_u32(&mailbox->taken, count); /* pairs with the bound's load */
  wp__mailbox_count_dead(pool, mailbox, count);
  return count;
}

/* No points: main only. */
uint32_t wp_mailbox_clear(wp_pool *pool, wp_handle handle) {
  wp_mailbox *mailbox = wp__mailbox_of(pool, handle);
  if (!mailbox || wp_atomic_load_acquire_u32(&mailbox->consumer)) return 0;
  uint64_t inbox = wp_atomic_load_acquire_u64(&mailbox->inbox);
  return empty(pool, mailbox, wp__inbox_empty(inbox)); /* only main closes, so the bit stays */
}

/* No points: main only. */
wp_status wp_mailbox_drop(wp_pool *pool, wp_handle handle) {
  wp_mailbox *mailbox = wp__mailbox_of(pool, handle);
  if (!mailbox) return WP_E_STALE_HANDLE;
  if (wp_atomic_load_acquire_u32(&mailbox->consumer)) return WP_E_DENIED;
  uint32_t after = wp_generation_after(handle.generation);
  empty(pool, mailbox, WP_INBOX_CLOSED); /* generation 0: no handle has that */
  wp_atomic_store_release_u64(&mailbox->word, wp_word(after, WP_MAILBOX_FREE));
  wp_table_put(&pool->mailboxes, handle.index);
  return WP_OK;
}

void wp__mailbox_count_dead(wp_pool *pool, wp_mailbox *mailbox, uint32_t letters) {
  if (!letters) return;
  WP_POINT("letter.dead");
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.dead_letters, letters); /* gauges */
  WP_POINT("letter.dead_of");
  if (mailbox) wp_atomic_fetch_add_relaxed_u32(&mailbox->dead, letters);
}

void wp_mailbox_miss(wp_pool *pool, uint32_t self, wp_handle handle) {
  wp_gate_enter(&pool->threads[self]);
  wp__mailbox_count_dead(pool, wp__mailbox_of(pool, handle), 1);
  wp_gate_leave(&pool->threads[self]);
}

uint64_t wp_mailbox_dead_letters(const wp_pool *pool) {
  return wp_atomic_load_relaxed_u64(&pool->counters.dead_letters); /* a gauge */
}

/* ---- Letters ---- */

void wp__letter_free(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_letter *letter = wp_letter_at(&pool->letters, index);
  WP_POINT("letter.unshare");
  uint64_t share = wp_atomic_exchange_acq_rel_u64(&letter->share, 0);
  if (share) wp_box_drop(pool, self, (uint32_t)share - 1);
  uint32_t box = letter->value.box;
  letter->value.box = 0; /* before the drop: a death in between leaves a count too high, no more */
  if (box) wp_box_drop(pool, self, box - 1);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&letter->word));
  WP_POINT("letter.free");
  wp_atomic_store_release_u64(&letter->word,
                              wp_word(wp_generation_after(generation), WP_LETTER_FREE));
  wp_table_put(&pool->letters, index);
}

uint32_t wp__letter_free_all(wp_pool *pool, uint32_t self, uint32_t at) {
  uint32_t count = 0;
  while (at) {
    uint32_t index = at - 1;
    at = wp_atomic_load_relaxed_u32(&wp_letter_at(&pool->letters, index)->next); /* its own list */
    wp__letter_free(pool, self, index);
    count++;
  }
  return count;
}

static void move(wp_letter *letter, uint32_t state) {
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&letter->word));
  WP_POINT("letter.move");
  wp_atomic_store_release_u64(&letter->word, wp_word(generation, state));
}

/* Whether the letter is the caller's, in one of the states that a caller may leave. */
static bool is_own(const wp_pool *pool, uint32_t self, uint32_t index, uint32_t state) {
  if (index >= wp_atomic_load_acquire_u32(&pool->letters.capacity)) return false;
  const wp_letter *letter = wp_letter_at(&pool->letters, index);
  return wp_letter_state_of(letter) == state &&
         wp_atomic_load_relaxed_u32(&letter->owner) == self; /* if it is, only `self` changes it */
}

static bool is_full(const wp_mailbox *mailbox) {
  /* Relaxed: a bound. A letter may be taken before its sender has counted it, so the difference has a sign. */
  uint32_t held =
      wp_atomic_load_relaxed_u32(&mailbox->sent) - wp_atomic_load_relaxed_u32(&mailbox->taken);
  return (int32_t)held >= (int32_t)wp_atomic_load_relaxed_u32(&mailbox->limit);
}

/* Whether the mailbox is the calling thread's own. */
static bool is_mine(const wp_pool *pool, uint32_t self, wp_handle handle) {
  const wp_mailbox *mailbox = wp__mailbox_of(pool, handle);
  return mailbox && wp_atomic_load_acquire_u32(&mailbox->consumer) == self + 1;
}

static wp_status reserve(wp_pool *pool, uint32_t self, wp_handle from, wp_handle to,
                         uint32_t *index) {
  wp_mailbox *mailbox = wp__mailbox_of(pool, to);
  bool is_closed = !mailbox || wp_atomic_load_acquire_u64(&mailbox->inbox) & WP_INBOX_CLOSED;
  if (from.generation && !is_mine(pool, self, from)) return WP_E_DENIED;
  if (is_closed) {
    wp__mailbox_count_dead(pool, mailbox, 1);
    return WP_E_STALE_HANDLE;
  }
  if (is_full(mailbox)) return WP_E_QUEUE_FULL;
  wp_status status = wp_table_take(&pool->letters, wp_pool_heap(pool, self), index);
  if (status) return status;
  wp_letter *letter = wp_letter_at(&pool->letters, *index);
  WP_POINT("letter.reserve");
  wp_atomic_store_relaxed_u32(&letter->owner, self); /* published by the move */
  letter->mailbox = (uint16_t)to.index;
  letter->mailbox_generation = to.generation;
  letter->from = (uint16_t)from.index;
  letter->from_generation = from.generation;
  letter->box = letter->box_generation = 0;
  letter->value = (wp_value){0, 0, 0, 0};
  move(letter, WP_LETTER_FILLING);
  return WP_OK;
}

wp_status wp_letter_reserve(wp_pool *pool, uint32_t self, wp_handle from, wp_handle to,
                            uint32_t *index) {
  wp_gate_enter(&pool->threads[self]);
  wp_thread_beat(&pool->threads[self]);
  wp_status status = reserve(pool, self, from, to, index);
  wp_gate_leave(&pool->threads[self]);
  return status;
}

/* Names a box that the caller may read. */
static wp_status mention(wp_pool *pool, uint32_t self, wp_letter *letter, wp_handle box) {
  wp_completion content;
  if (letter->box) return WP_E_INVALID_ARGUMENT;
  wp_status status = wp_box_read(pool, box.index, box.generation, self, &content);
  if (status) return status;
  letter->box = (box.index + 1) | WP_LETTER_MENTIONS;
  letter->box_generation = box.generation;
  return WP_OK;
}

static wp_status share(wp_pool *pool, uint32_t self, wp_letter *letter, wp_handle box) {
  wp_status status = mention(pool, self, letter, box);
  if (status) return status;
  if (!wp_box_retain(pool, self, box.index, box.generation)) return WP_E_STALE_HANDLE;
  letter->box = box.index + 1;
  WP_POINT("letter.share");
  wp_atomic_store_release_u64(&letter->share, (uint64_t)box.generation << 32 | (box.index + 1));
  return WP_OK;
}

wp_status wp_letter_share(wp_pool *pool, uint32_t self, uint32_t index, wp_handle box) {
  wp_gate_enter(&pool->threads[self]);
  bool is_filled = is_own(pool, self, index, WP_LETTER_FILLING);
  wp_status status =
      is_filled ? share(pool, self, wp_letter_at(&pool->letters, index), box) : WP_E_STALE_HANDLE;
  wp_gate_leave(&pool->threads[self]);
  return status;
}

wp_status wp_letter_mention(wp_pool *pool, uint32_t self, uint32_t index, wp_handle box) {
  wp_gate_enter(&pool->threads[self]);
  bool is_filled = is_own(pool, self, index, WP_LETTER_FILLING);
  wp_status status =
      is_filled ? mention(pool, self, wp_letter_at(&pool->letters, index), box) : WP_E_STALE_HANDLE;
  wp_gate_leave(&pool->threads[self]);
  return status;
}

/* ---- Sending ---- */

void wp__mailbox_wake(wp_mailbox *mailbox) {
  /* WAKE: pairs with the store in wp_mailbox_arm. Load first: while the consumer is awake, its line stays shared. */
  if (!wp_atomic_load_seq_u32(&mailbox->sleeps)) return;
  WP_POINT("mailbox.rouse");
  if (!wp_atomic_exchange_seq_u32(&mailbox->sleeps, 0)) return;
  WP_POINT("mailbox.wake");
  wp_atomic_fetch_add_seq_u32(&mailbox->wake, 1);
  wp_port_wake(&mailbox->wake, UINT32_MAX);
}

/* Puts a SENT letter on its mailbox's list. False: the mailbox is closed or gone. */
static bool push(wp_pool *pool, wp_mailbox *mailbox, uint32_t index) {
  wp_letter *letter = wp_letter_at(&pool->letters, index);
  uint64_t inbox = wp_atomic_load_relaxed_u64(&mailbox->inbox); /* ordered by the CAS */
  do {
    if (wp__inbox_generation(inbox) != letter->mailbox_generation || inbox & WP_INBOX_CLOSED)
      return false;
    WP_POINT("letter.link");
    wp_atomic_store_relaxed_u32(&letter->next, wp__inbox_newest(inbox)); /* published by the CAS */
    WP_POINT("letter.push");
  } while (!wp_atomic_cas_seq_u64(&mailbox->inbox, &inbox, wp__inbox_empty(inbox) | (index + 1)));
  WP_POINT("mailbox.count");
  wp_atomic_fetch_add_relaxed_u32(&mailbox->sent, 1); /* the bound's; orders nothing */
  return true;
}

static wp_status send(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_letter *letter = wp_letter_at(&pool->letters, index);
  wp_mailbox *mailbox = wp_mailbox_at(pool, letter->mailbox);
  wp_status status = is_full(mailbox) ? WP_E_QUEUE_FULL : WP_OK;
  if (!status) {
    /* Each sender raises `sent` after its push, so its own letters have rising numbers. */
    letter->sequence = wp_atomic_load_relaxed_u32(&mailbox->sent);
    move(letter, WP_LETTER_SENT);
    if (push(pool, mailbox, index)) {
      wp__mailbox_wake(mailbox);
      return WP_OK;
    }
    status = WP_E_STALE_HANDLE;
    wp_handle to = {letter->mailbox, letter->mailbox_generation};
    wp__mailbox_count_dead(pool, wp__mailbox_of(pool, to), 1);
  }
  wp__letter_free(pool, self, index);
  return status;
}

wp_status wp_letter_send(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_gate_enter(&pool->threads[self]);
  wp_thread_touch(&pool->threads[self]);
  bool is_filled = is_own(pool, self, index, WP_LETTER_FILLING);
  wp_status status = is_filled ? send(pool, self, index) : WP_E_STALE_HANDLE;
  wp_gate_leave(&pool->threads[self]);
  return status;
}

void wp_letter_drop(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_gate_enter(&pool->threads[self]);
  if (is_own(pool, self, index, WP_LETTER_FILLING) || is_own(pool, self, index, WP_LETTER_TAKEN))
    wp__letter_free(pool, self, index);
  wp_gate_leave(&pool->threads[self]);
}
