/*
 * Purpose  What the sources of this room share: mailbox.c (life, sending), mailbox_take.c (the consumer), mailbox_reap.c (deaths, checks).
 * Owns     nothing of its own
 * Threads  any, inside the gate, unless noted
 * Kill     as in mailbox.h
 * See      mailbox.h
 */
#ifndef WP_MAILBOX_PARTS_H
#define WP_MAILBOX_PARTS_H

#include "mailbox.h"

static inline uint32_t wp__inbox_newest(uint64_t inbox) {
  return (uint32_t)inbox & ~(uint32_t)WP_INBOX_CLOSED;
}
static inline uint32_t wp__inbox_generation(uint64_t inbox) { return (uint32_t)(inbox >> 32); }
/* The same without letters. */
static inline uint64_t wp__inbox_empty(uint64_t inbox) {
  return inbox & ~(uint64_t)(UINT32_MAX & ~WP_INBOX_CLOSED);
}

/* The mailbox of this handle; NULL: there is none. Any thread. */
wp_mailbox *wp__mailbox_of(const wp_pool *pool, wp_handle mailbox);

/* Drops all that a letter refers to, and the letter. The thread whose it is. */
void wp__letter_free(wp_pool *pool, uint32_t self, uint32_t letter);

/* Frees a list of letters, from `at` (index + 1) on, and returns how many there were. The thread whose list it is. */
uint32_t wp__letter_free_all(wp_pool *pool, uint32_t self, uint32_t at);

/* Counts letters that nobody will get. */
void wp__mailbox_count_dead(wp_pool *pool, wp_mailbox *mailbox, uint32_t letters);

/* Wakes the consumer if it waits. */
void wp__mailbox_wake(wp_mailbox *mailbox);

#endif
