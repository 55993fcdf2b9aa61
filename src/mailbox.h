/*
 * Purpose  Mailboxes: messages from any thread to one actor, without main. An actor is known by its mailbox's handle, which stays the same
 *          when the actor is restarted.
 * Owns     the tables of mailboxes and letters (letter.h), the count of dead letters
 * Threads  as noted; `self` is the calling thread's number. Many senders, main among them; one consumer: the thread that attached itself
 * Order    A sender pushes a letter on `inbox` (CAS, acq_rel and seq), the consumer takes the whole list and turns it round: letters of one
 *          sender arrive in their order, with everything that the sender wrote before (NF-17).
 *          The consumer stores `sleeps`, then looks at `inbox` again; a sender pushes, then reads `sleeps`: one of the two sees the other
 *          (both seq). It is the protocol of the bell (tests/model/bell.pml): whoever wakes the consumer clears the word first, so that a
 *          sleeper is woken once
 * Kill     Every call runs inside the gate, except the wait, which holds nothing. A letter is found by its state and owner: reap frees what
 *          a dead thread was filling or reading, and detaches it from its mailbox, whose letters stay. All letters come from one table, not
 *          from the heaps of their senders, so a sender's death takes none of them along; only a value that has a box lies elsewhere, and
 *          boxes survive their writer.
 *          An unplanned death inside the gate may leave a letter that is SENT and in no list, half a list, a count that is wrong, or a
 *          consumer that was to be woken: wp_mailbox_recount makes all lists anew from the letters, in their order, and wakes every consumer.
 *          A list's head carries the mailbox's generation, so a sender that is late cannot push on the list of a successor
 * See      tests/unit/mailbox_test.c, tests/unit/matrix_mail.h, docs/decisions/0032-mailboxes.md
 */
#ifndef WP_MAILBOX_H
#define WP_MAILBOX_H

#include "letter.h"
#include "pool.h"

enum {
  WP_MAILBOX_RECORDS_MAX = 1 << 16, /* an index has 16 bits, in JavaScript and in letters */
  WP_LETTER_RECORDS_MAX = 1 << 22,
};

/* Legal moves: FREE > OPEN > CLOSED > FREE. Written by main. */
enum wp_mailbox_state { WP_MAILBOX_FREE = 0, WP_MAILBOX_OPEN = 1, WP_MAILBOX_CLOSED = 2 };

typedef struct wp_mailbox {
  /* Line 1: what senders write. */
  wp_atomic_u64 word; /* wp_record: generation << 8 | state */
  wp_atomic_u32 next; /* wp_record: free list */
  /* letters that were pushed, of all generations; raised by their senders after the push. sent - taken is how many it holds, except for
   * those that are just being pushed */
  wp_atomic_u32 sent;
  /* generation << 32 | WP_INBOX_CLOSED | the newest letter, index + 1. Pushed by senders, taken as a whole by the consumer */
  wp_atomic_u64 inbox;
  wp_atomic_u32
      sleeps; /* 1: the consumer waits for a change of `wake`; set by it, cleared by whoever wakes it */
  wp_atomic_u32 wake;  /* raised by whoever wakes the consumer */
  wp_atomic_u32 limit; /* most letters at once; written by main when it opens */
  wp_atomic_u32 dead;  /* letters that this actor has not got; senders and main */
  /* which actors belong together (share modes); 0: none. Written by main */
  wp_atomic_u32 group;
  uint32_t pad[5];
  /* Line 2: the consumer's. */
  wp_atomic_u32
      consumer; /* thread + 1, or 0; written by the consumer, cleared by main after its death */
  wp_atomic_u32
      taken; /* letters that were taken or dropped, of all generations; the consumer; main when there is none */
  wp_atomic_u32 first; /* letters that left the inbox, oldest first, index + 1; as `taken` */
  /* 1: it looks for a moment before it sleeps next time; how many short sleeps since the last look, and after how many it looks again. The
   * consumer */
  uint32_t looks, short_sleeps, look_every;
  uint32_t pad_consumer[10];
} wp_mailbox;

_Static_assert(sizeof(wp_mailbox) == 128, "two cache lines; the layout is shared with JavaScript");
_Static_assert(offsetof(wp_mailbox, next) == offsetof(wp_record, next),
               "a mailbox is a table record");

#define WP_INBOX_CLOSED UINT64_C(0x80000000)

/* "No mailbox": a message from no actor. */
#define WP_NOBODY ((wp_handle){0, 0})

static inline wp_mailbox *wp_mailbox_at(const wp_pool *pool, uint32_t index) {
  return (wp_mailbox *)wp_table_at(&pool->mailboxes, index);
}

/* The generation of the mailbox on this record; 0: it has ended, and no other has begun. Any thread. */
static inline uint32_t wp_mailbox_generation(const wp_mailbox *mailbox) {
  return (uint32_t)(wp_atomic_load_acquire_u64(&mailbox->inbox) >> 32);
}

/* ---- An actor's life. main ---- */

/* A new mailbox that holds at most `limit` letters (a little more while several threads send at once). Letters that are sent before a
 * thread attaches itself are kept. WP_E_NO_MEMORY, WP_E_TABLE_FULL. */
wp_status wp_mailbox_open(wp_pool *pool, uint32_t limit, wp_handle *out);

/* Takes no more letters: those that are sent from now on are dead. The consumer may still take those that it has. WP_E_STALE_HANDLE. */
wp_status wp_mailbox_close(wp_pool *pool, wp_handle mailbox);

/* Drops all letters that nobody has taken: they are dead. Returns their number; 0 also if a thread is attached, whose death must be
 * confirmed first. For a restart, which keeps the mailbox. */
uint32_t wp_mailbox_clear(wp_pool *pool, wp_handle mailbox);

/* Ends a mailbox, open or closed: clears it; its handle is stale from now on. WP_E_STALE_HANDLE; WP_E_DENIED while a thread is attached. */
wp_status wp_mailbox_drop(wp_pool *pool, wp_handle mailbox);

/* Dead letters of all mailboxes so far. Any thread. */
uint64_t wp_mailbox_dead_letters(const wp_pool *pool);

/* ---- Sending. Any thread ---- */

/* A letter in state FILLING, for `mailbox`, from the caller's own mailbox or WP_NOBODY. The caller fills `value` and value_inline, then sends
 * or drops it. WP_E_STALE_HANDLE (a dead letter is counted), WP_E_QUEUE_FULL, WP_E_DENIED (`from` is not the caller's), WP_E_NO_MEMORY,
 * WP_E_TABLE_FULL. */
wp_status wp_letter_reserve(wp_pool *pool, uint32_t self, wp_handle from, wp_handle mailbox,
                            uint32_t *letter);

/* Has a letter that the caller fills hand over a READY box which the caller may read: whoever takes the letter may read the box from then on
 * (wp_box_read), until he releases it (wp_box_release). The letter holds a reference meanwhile. WP_E_STALE_HANDLE, WP_E_DENIED (and it is
 * counted), WP_E_INVALID_ARGUMENT (it hands over another one already). */
wp_status wp_letter_share(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle box);

/* The same without handing it over: for main, which may read any box that still exists, and must not hold one up by being late. */
wp_status wp_letter_mention(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle box);

/* FILLING > SENT. After an error the letter is gone as well: WP_E_STALE_HANDLE (the mailbox closed meanwhile: a dead letter, or this is no
 * letter of the caller's), WP_E_QUEUE_FULL. */
wp_status wp_letter_send(wp_pool *pool, uint32_t self, uint32_t letter);

/* Gives up a letter that the caller fills or has taken. No effect on others. */
void wp_letter_drop(wp_pool *pool, uint32_t self, uint32_t letter);

/* Counts a letter that an actor does not get, as its mailbox is full and the sender does not try again. */
void wp_mailbox_miss(wp_pool *pool, uint32_t self, wp_handle mailbox);

/* ---- The consumer ---- */

/* The calling thread takes this mailbox's letters from now on, until it detaches itself or dies. WP_E_STALE_HANDLE; WP_E_DENIED: another
 * thread does. */
wp_status wp_mailbox_attach(wp_pool *pool, uint32_t self, wp_handle mailbox);
void wp_mailbox_detach(wp_pool *pool, uint32_t self, wp_handle mailbox);

/* Drops the letter `done` (index + 1; 0: none), which the caller has read, and takes the oldest one: index + 1, or 0. A box that the letter
 * hands over may then be read by the caller (wp_box_read), main excepted, for whom the letter keeps it. Its consumer. */
uint32_t wp_mailbox_take(wp_pool *pool, uint32_t self, uint32_t mailbox, uint32_t done);

/* Announces that the consumer is going to wait for a change of `wake`, which it has read before. False: there are letters. Its consumer. */
bool wp_mailbox_arm(wp_pool *pool, uint32_t self, uint32_t mailbox);

/* Waits for letters: looks for some microseconds, if that has paid, then sleeps for at most timeout_ms. Whether there are any. Its consumer, not on a thread
 * that must not block. */
bool wp_mailbox_wait(wp_pool *pool, uint32_t self, uint32_t mailbox, uint32_t timeout_ms);

/* ---- Hooks of rooms.h ---- */
wp_status wp_mailbox_open_room(wp_pool *pool, wp_heap *heap);
void wp_mailbox_reap(wp_pool *pool, uint32_t thread, bool trusted);
void wp_mailbox_recount(wp_pool *pool);
bool wp_mailbox_check(const wp_pool *pool);

#endif
