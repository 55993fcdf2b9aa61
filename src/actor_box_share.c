/* Who belongs together, and letters to all of them. */
#include "actor_box.h"
#include "base/point.h"
#include <string.h>

enum { LINK_FREE = 0, LINK_SET = 1 };

wp_status wp_actor_box_open(wp_pool *pool, wp_heap *heap) {
  return wp_table_open(&pool->links, heap, sizeof(wp_link), 2 * WP_MAILBOX_RECORDS_MAX);
}

static wp_link *link_at(const wp_pool *pool, uint32_t index) {
  return (wp_link *)wp_table_at(&pool->links, index);
}

static uint32_t link_count(const wp_pool *pool) {
  return wp_atomic_load_acquire_u32(&pool->links.capacity);
}

static uint64_t pack(wp_handle actor) { return (uint64_t)actor.generation << 32 | actor.index; }
static wp_handle unpack(uint64_t packed) {
  return (wp_handle){(uint32_t)packed, (uint32_t)(packed >> 32)};
}

static wp_mailbox *mailbox_of(const wp_pool *pool, wp_handle actor) {
  if (actor.index >= wp_atomic_load_acquire_u32(&pool->mailboxes.capacity)) return NULL;
  wp_mailbox *mailbox = wp_mailbox_at(pool, actor.index);
  return wp_mailbox_generation(mailbox) == actor.generation ? mailbox : NULL;
}

/* ---- Main publishes ---- */

/* No points: main only. */
void wp_actor_set_group(wp_pool *pool, wp_handle actor, uint32_t group) {
  wp_mailbox *mailbox = mailbox_of(pool, actor);
  if (mailbox) wp_atomic_store_release_u32(&mailbox->group, group);
}

/* The actor at the other end of a link that exists; generation 0: it is not `actor`'s. */
static wp_handle other_end(const wp_link *link, wp_handle actor) {
  uint64_t word = wp_atomic_load_acquire_u64(&link->word), own = pack(actor);
  uint64_t a = wp_atomic_load_acquire_u64(&link->a), b = wp_atomic_load_acquire_u64(&link->b);
  bool is_set = wp_word_state(word) == LINK_SET && (a == own || b == own);
  /* Main changes a link only while it is not set, and each time it is set its generation is another one. */
  bool is_whole = is_set && wp_atomic_load_acquire_u64(&link->word) == word;
  return is_whole ? unpack(a == own ? b : a) : WP_NOBODY;
}

/* No points: main only. */
static void set_word(wp_link *link, uint32_t state) {
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&link->word));
  if (state == LINK_FREE) generation = wp_generation_after(generation);
  wp_atomic_store_seq_u64(&link->word, wp_word(generation, state));
}

/* Index + 1; 0: there is none. */
static uint32_t find_link(const wp_pool *pool, wp_handle a, wp_handle b) {
  for (uint32_t i = 0; i < link_count(pool); i++) {
    if (pack(other_end(link_at(pool, i), a)) == pack(b)) return i + 1;
  }
  return 0;
}

/* No points: main only. */
wp_status wp_actor_link(wp_pool *pool, wp_handle a, wp_handle b) {
  uint32_t index = 0;
  if (!mailbox_of(pool, a) || !mailbox_of(pool, b)) return WP_E_STALE_HANDLE;
  if (pack(a) == pack(b) || find_link(pool, a, b)) return WP_OK;
  wp_status status = wp_table_take(&pool->links, wp_pool_heap(pool, WP_MAIN), &index);
  if (status) return status;
  wp_link *link = link_at(pool, index);
  wp_atomic_store_release_u64(&link->a, pack(a));
  wp_atomic_store_release_u64(&link->b, pack(b));
  set_word(link, LINK_SET);
  return WP_OK;
}

static void end_link(wp_pool *pool, uint32_t index) {
  set_word(link_at(pool, index), LINK_FREE);
  wp_table_put(&pool->links, index);
}

void wp_actor_unlink(wp_pool *pool, wp_handle a, wp_handle b) {
  uint32_t found = find_link(pool, a, b);
  if (found && b.generation) end_link(pool, found - 1);
}

void wp_actor_unlink_all(wp_pool *pool, wp_handle actor) {
  for (uint32_t i = 0; i < link_count(pool); i++) {
    if (other_end(link_at(pool, i), actor).generation) end_link(pool, i);
  }
}

/* ---- Writers tell ---- */

/* Copies the content of a letter that the caller fills to another one. */
static wp_status copy_content(wp_pool *pool, uint32_t self, const wp_letter *from, uint32_t copy) {
  wp_letter *letter = wp_letter_at(&pool->letters, copy);
  uint32_t box = from->value.box;
  if (box) {
    uint64_t word = wp_atomic_load_acquire_u64(&wp_box_at(pool, box - 1)->word);
    if (!wp_box_retain(pool, self, box - 1, wp_word_generation(word))) return WP_E_STALE_HANDLE;
  }
  letter->value = from->value;
  memcpy(letter->value_inline, from->value_inline, sizeof letter->value_inline);
  wp_handle shared = {(from->box & ~WP_LETTER_MENTIONS) - 1, from->box_generation};
  return from->box ? wp_letter_share(pool, self, copy, shared) : WP_OK;
}

wp_status wp_letter_copy(wp_pool *pool, uint32_t self, uint32_t index, wp_handle to) {
  uint32_t copy = 0;
  if (index >= wp_atomic_load_acquire_u32(&pool->letters.capacity)) return WP_E_STALE_HANDLE;
  const wp_letter *letter = wp_letter_at(&pool->letters, index);
  wp_handle from = {letter->from, letter->from_generation};
  wp_gate_enter(&pool->threads[self]);
  bool is_own = wp_letter_state_of(letter) == WP_LETTER_FILLING &&
                wp_atomic_load_relaxed_u32(&letter->owner) == self; /* if so, nobody else's */
  wp_status status = is_own ? wp_letter_reserve(pool, self, from, to, &copy) : WP_E_STALE_HANDLE;
  if (!status) {
    status = copy_content(pool, self, letter, copy);
    if (status)
      wp_letter_drop(pool, self, copy);
    else
      status = wp_letter_send(pool, self, copy);
  }
  wp_gate_leave(&pool->threads[self]);
  return status;
}

static bool tell(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle to) {
  wp_status status = wp_letter_copy(pool, self, letter, to);
  if (status == WP_E_QUEUE_FULL) wp_mailbox_miss(pool, self, to);
  return !status;
}

static uint32_t tell_group(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle writer) {
  const wp_mailbox *own = mailbox_of(pool, writer);
  uint32_t group = own ? wp_atomic_load_acquire_u32(&own->group) : 0, told = 0;
  uint32_t end = group ? wp_atomic_load_acquire_u32(&pool->mailboxes.capacity) : 0;
  for (uint32_t i = 0; i < end; i++) {
    const wp_mailbox *mailbox = wp_mailbox_at(pool, i);
    uint64_t word = wp_atomic_load_acquire_u64(&mailbox->word);
    if (i == writer.index || wp_word_state(word) != WP_MAILBOX_OPEN ||
        wp_atomic_load_acquire_u32(&mailbox->group) != group)
      continue;
    told += tell(pool, self, letter, (wp_handle){i, wp_word_generation(word)});
  }
  return told;
}

static uint32_t tell_linked(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle writer) {
  uint32_t told = 0;
  for (uint32_t i = 0; i < link_count(pool); i++) {
    wp_handle to = other_end(link_at(pool, i), writer);
    if (to.generation) told += tell(pool, self, letter, to);
  }
  return told;
}

uint32_t wp_letter_publish(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle writer,
                           uint32_t share) {
  if (share == WP_SHARE_GROUP) return tell_group(pool, self, letter, writer);
  if (share == WP_SHARE_LINKED) return tell_linked(pool, self, letter, writer);
  return 0;
}

static bool is_free(const void *record) {
  const wp_link *link = record;
  return wp_word_state(wp_atomic_load_acquire_u64(&link->word)) == LINK_FREE;
}

bool wp_actor_box_check(const wp_pool *pool) { return wp_table_check(&pool->links, is_free); }
