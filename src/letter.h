/*
 * Purpose  A message on its way to an actor: a small value in place, a larger one in a box of its own, and perhaps a box that it hands over.
 *          The letter is the truth; the lists of mailboxes are indexes over letters that can be rebuilt from them.
 * Owns     the table of letters
 * Threads  the state decides which thread may write, as the table below says
 * Order    every move is one store of `word` (release): a thread that reads the new state sees all earlier writes
 * Kill     each state names the thread whose death matters there, and what mailbox.h does then
 *
 *   state    written by                  if that thread dies
 *   FREE     nobody                      –
 *   FILLING  its sender                  freed
 *   SENT     nobody (in a mailbox)       – (if its sender dies inside the gate, the mailbox's list is made anew)
 *   TAKEN    the consumer                freed: a message that was being handled is not handled again (NF-58)
 *
 * See      mailbox.h
 */
#ifndef WP_LETTER_H
#define WP_LETTER_H

#include "slot.h"

enum wp_letter_state {
  WP_LETTER_FREE = 0,
  WP_LETTER_FILLING = 1,
  WP_LETTER_SENT = 2,
  WP_LETTER_TAKEN = 3,
};

#define WP_LETTER_MENTIONS UINT32_C(0x80000000) /* in wp_letter.box */

typedef struct wp_letter {
  wp_atomic_u64 word;  /* wp_record: generation << 8 | state */
  wp_atomic_u32 next;  /* wp_record: link in the one list that the letter is in */
  wp_atomic_u32 owner; /* the thread that fills or reads it */
  uint16_t mailbox;    /* whom it is for: index of the mailbox */
  uint16_t from;       /* index of the sender's mailbox */
  uint32_t mailbox_generation;
  uint32_t from_generation; /* 0: it comes from no actor */
  uint32_t sequence;        /* order within its mailbox; exact among the letters of one sender */
  /* The box that it is about, index + 1, or 0, and that box's generation; constant once it is sent. WP_LETTER_MENTIONS: it does not hand the
   * box over, so it is delivered even when the box is gone. */
  uint32_t box, box_generation;
  wp_value value; /* the message itself */
  /* The reference to that box which the letter holds: generation << 32 | index + 1, or 0. Exchanged for 0 by the one thread that takes
   * the reference over: the consumer, the thread that frees the letter, or main at the end of the box's lease. */
  wp_atomic_u64 share;
  uint8_t value_inline[WP_INLINE_BYTES];
} wp_letter;

_Static_assert(sizeof(wp_letter) == 128, "two cache lines; the layout is shared with JavaScript");
_Static_assert(offsetof(wp_letter, next) == offsetof(wp_record, next),
               "a letter is a table record");

static inline wp_letter *wp_letter_at(const wp_table *letters, uint32_t index) {
  return (wp_letter *)wp_table_at(letters, index);
}

static inline uint32_t wp_letter_state_of(const wp_letter *letter) {
  return wp_word_state(wp_atomic_load_acquire_u64(&letter->word));
}

#endif
