/* Operations of the kill matrix for mailboxes: the victim is an actor that gets and sends letters, and OTHER is another one. */
#ifndef WP_TEST_MATRIX_MAIL_H
#define WP_TEST_MATRIX_MAIL_H

#include "actor_box.h"
#include "mailbox.h"
#include "matrix.h"

/* The victim's, the other's, one that holds no letter, one that is closed. */
static wp_handle mail_victim, mail_other, mail_full, mail_closed;

/* Sends a letter with a value of so many bytes, if there is memory for it. */
static void post(uint32_t self, wp_handle from, wp_handle to, uint32_t bytes) {
  uint32_t index = 0;
  if (wp_letter_reserve(s.f.pool, self, from, to, &index)) return;
  wp_value *value = &wp_letter_at(&s.f.pool->letters, index)->value;
  if (bytes <= WP_INLINE_BYTES) *value = (wp_value){WP_TYPE_BINARY, 0, bytes, 0};
  if (bytes <= WP_INLINE_BYTES || write_box(self, value, bytes) != WP_NONE)
    wp_letter_send(s.f.pool, self, index);
  else
    wp_letter_drop(s.f.pool, self, index);
}

/* Hands a box over, which the sender may read: the one that it has written, or has got. */
static void hand_over(uint32_t self, wp_handle from, wp_handle to, uint32_t box) {
  uint32_t index = 0;
  if (box == WP_NONE || wp_letter_reserve(s.f.pool, self, from, to, &index)) return;
  if (wp_letter_share(s.f.pool, self, index, (wp_handle){box, epoch_of(box)}))
    complain("not shared");
  if (wp_letter_send(s.f.pool, self, index)) complain("not sent");
}

/* A box that this thread has written and may read. */
static uint32_t write_readable(uint32_t self) {
  uint32_t box = 0;
  wp_gate_enter(&s.f.pool->threads[self]);
  if (wp_box_create(s.f.pool, self, BOX_BYTES, &box)) box = WP_NONE;
  if (box != WP_NONE) {
    wp_box_grant(s.f.pool, box, self);
    wp_box_drop(s.f.pool, self, box);
    wp_box_commit(s.f.pool, self, box, WP_TYPE_BINARY, 0, BOX_BYTES);
  }
  wp_gate_leave(&s.f.pool->threads[self]);
  return box;
}

static void prepare_mail(void) {
  wp_pool *pool = s.f.pool;
  wp_handle *all[] = {&mail_victim, &mail_other, &mail_full, &mail_closed};
  for (int i = 0; i < 4; i++) {
    if (wp_mailbox_open(pool, i == 2 ? 0 : 100, all[i])) complain("no mailbox");
  }
  wp_mailbox_attach(pool, OTHER, mail_other);
  for (int i = 0; i < 3; i++) post(WP_MAIN, WP_NOBODY, mail_victim, i % 2 ? BOX_BYTES : 8);
  post(OTHER, mail_other, mail_victim, BOX_BYTES);
  uint32_t box = write_readable(OTHER);
  hand_over(OTHER, mail_other, mail_victim, box);
  hand_over(OTHER, mail_other, mail_victim, box);
  wp_box_release(pool, OTHER, box, epoch_of(box), OTHER);
  s.boxes[0] = box;
  if (!wp_mailbox_arm(pool, OTHER, mail_other.index)) complain("it has letters");
}

static void run_mail(void) {
  wp_pool *pool = s.f.pool;
  uint32_t late = 0, letter = 0;
  if (wp_mailbox_attach(pool, VICTIM, mail_victim)) complain("not attached");
  for (int i = 0; i < 3; i++) letter = wp_mailbox_take(pool, VICTIM, mail_victim.index, letter);
  post(VICTIM, mail_victim, mail_other, 8);
  post(VICTIM, mail_victim, mail_other, BOX_BYTES);
  post(VICTIM, mail_victim, mail_full, 8);
  post(VICTIM, mail_victim, mail_victim, 8);
  bool reserved = !wp_letter_reserve(pool, VICTIM, mail_victim, mail_closed, &late);
  wp_gate_enter(&pool->threads[VICTIM]); /* main's part, where it cannot be interrupted */
  wp_atomic_fetch_or_seq_u64(&wp_mailbox_at(pool, mail_closed.index)->inbox, WP_INBOX_CLOSED);
  wp_gate_leave(&pool->threads[VICTIM]);
  if (reserved) wp_letter_send(pool, VICTIM, late);
  post(VICTIM, mail_victim, mail_closed, 8);
  while ((letter = wp_mailbox_take(pool, VICTIM, mail_victim.index, letter))) {
  }
  wp_box_release(pool, VICTIM, s.boxes[0], epoch_of(s.boxes[0]), VICTIM);
  uint32_t box = write_readable(VICTIM);
  hand_over(VICTIM, mail_victim, mail_other, box);
  if (box != WP_NONE) wp_box_release(pool, VICTIM, box, epoch_of(box), VICTIM);
  wp_mailbox_wait(pool, VICTIM, mail_victim.index, 0);
  wp_mailbox_detach(pool, VICTIM, mail_victim);
}

/* The other reads what the victim has sent, in order; nothing is left. */
static void end_mail(void) {
  wp_pool *pool = s.f.pool;
  uint32_t letter = 0, before = 0;
  while ((letter = wp_mailbox_take(pool, OTHER, mail_other.index, letter))) {
    const wp_letter *got = wp_letter_at(&pool->letters, letter - 1);
    if (got->from != mail_victim.index || got->from_generation != mail_victim.generation)
      complain("a letter from nobody");
    if (got->box && !wp_box_release(pool, OTHER, got->box - 1, got->box_generation, OTHER))
      complain("a box that cannot be released");
    if (got->box) continue;
    if (got->value.bytes < before) complain("letters overtake each other");
    before = got->value.bytes;
  }
  wp_mailbox_detach(pool, OTHER, mail_other);
  if (wp_mailbox_drop(pool, mail_victim) || wp_mailbox_drop(pool, mail_other) ||
      wp_mailbox_drop(pool, mail_full) || wp_mailbox_drop(pool, mail_closed))
    complain("a mailbox cannot be dropped");
}

/* ---- share: the victim writes a box in place, tells its group, those it is linked with, one more, and main ---- */

static wp_handle mail_main;

static void prepare_share(void) {
  wp_pool *pool = s.f.pool;
  wp_handle *all[] = {&mail_victim, &mail_other, &mail_main};
  for (int i = 0; i < 3; i++) {
    if (wp_mailbox_open(pool, 100, all[i])) complain("no mailbox");
    wp_actor_set_group(pool, *all[i], 1);
  }
  wp_mailbox_attach(pool, OTHER, mail_other);
  wp_mailbox_attach(pool, WP_MAIN, mail_main);
  if (wp_actor_link(pool, mail_victim, mail_other)) complain("no link");
  wp_mailbox_arm(pool, OTHER, mail_other.index);
}

static void share_one(bool to_others) {
  wp_pool *pool = s.f.pool;
  uint32_t index = 0, letter = 0, told = 0;
  if (wp_box_request(pool, VICTIM) ||
      wp_actor_box_create(pool, VICTIM, BOX_BYTES, LATER_MS, &index))
    return;
  wp_handle box = {index, epoch_of(index)};
  if (wp_actor_box_commit(pool, VICTIM, index, WP_TYPE_BINARY, 0, BOX_BYTES)) return;
  if (wp_letter_reserve(pool, VICTIM, mail_victim, mail_main, &letter)) return;
  write_box(VICTIM, &wp_letter_at(&pool->letters, letter)->value, BOX_BYTES);
  wp_letter_mention(pool, VICTIM, letter, box);
  if (to_others) {
    told += wp_letter_publish(pool, VICTIM, letter, mail_victim, WP_SHARE_GROUP);
    told += wp_letter_publish(pool, VICTIM, letter, mail_victim, WP_SHARE_LINKED);
    told += !wp_letter_copy(pool, VICTIM, letter, mail_other);
  }
  wp_actor_box_told(pool, VICTIM, box, told);
  wp_letter_send(pool, VICTIM, letter);
  wp_actor_box_read(pool, VICTIM, box);
  if (!to_others) wp_actor_box_release(pool, VICTIM, box);
  wp_actor_box_read(pool, VICTIM, (wp_handle){index, box.generation + 9});
}

static void run_share(void) {
  if (wp_mailbox_attach(s.f.pool, VICTIM, mail_victim)) complain("not attached");
  share_one(false);
  share_one(true);
}

/* This actor reads and releases whatever it has been told of. */
static void read_all(uint32_t self, wp_handle mailbox) {
  wp_pool *pool = s.f.pool;
  for (uint32_t letter = 0; (letter = wp_mailbox_take(pool, self, mailbox.index, letter));) {
    const wp_letter *got = wp_letter_at(&pool->letters, letter - 1);
    wp_handle box = {(got->box & ~WP_LETTER_MENTIONS) - 1, got->box_generation};
    if (got->box && !wp_actor_box_read(pool, self, box)) wp_actor_box_release(pool, self, box);
  }
}

static void end_share(void) {
  wp_pool *pool = s.f.pool;
  read_all(OTHER, mail_other);
  read_all(WP_MAIN, mail_main);
  wp_mailbox_detach(pool, OTHER, mail_other);
  wp_mailbox_detach(pool, WP_MAIN, mail_main);
  wp_mailbox_detach(pool, VICTIM, mail_victim); /* if it has lived on */
  wp_actor_unlink_all(pool, mail_other);
  if (wp_mailbox_drop(pool, mail_victim) || wp_mailbox_drop(pool, mail_other) ||
      wp_mailbox_drop(pool, mail_main))
    complain("a mailbox cannot be dropped");
}

#endif
