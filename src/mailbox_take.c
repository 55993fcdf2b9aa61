/* The consumer's side of a mailbox. */
#include "base/point.h"
#include "box.h"
#include "mailbox_parts.h"
#include "port/port.h"

wp_status wp_mailbox_attach(wp_pool *pool, uint32_t self, wp_handle handle) {
  wp_mailbox *mailbox = wp__mailbox_of(pool, handle);
  if (!mailbox) return WP_E_STALE_HANDLE;
  uint32_t nobody = 0;
  wp_gate_enter(&pool->threads[self]);
  WP_POINT("mailbox.attach");
  bool attached = wp_atomic_cas_seq_u32(&mailbox->consumer, &nobody, self + 1);
  if (attached) {
    mailbox->looks = 1;
    mailbox->look_every = 1;
    mailbox->short_sleeps = 0;
    WP_POINT("mailbox.awake");
    wp_atomic_store_seq_u32(&mailbox->sleeps, 0);
  }
  wp_gate_leave(&pool->threads[self]);
  return attached || nobody == self + 1 ? WP_OK : WP_E_DENIED;
}

static bool is_consumer(const wp_mailbox *mailbox, uint32_t self) {
  return wp_atomic_load_relaxed_u32(&mailbox->consumer) == self + 1; /* its own entry */
}

void wp_mailbox_detach(wp_pool *pool, uint32_t self, wp_handle handle) {
  wp_mailbox *mailbox = wp__mailbox_of(pool, handle);
  if (!mailbox || !is_consumer(mailbox, self)) return;
  wp_gate_enter(&pool->threads[self]);
  WP_POINT("mailbox.detach");
  wp_atomic_store_seq_u32(&mailbox->consumer, 0); /* after its last use of `first` */
  wp_gate_leave(&pool->threads[self]);
}

/* Moves the inbox to the list of the consumer, oldest first. */
static void fetch(wp_pool *pool, wp_mailbox *mailbox) {
  uint64_t inbox = wp_atomic_load_acquire_u64(&mailbox->inbox);
  do {
    if (!wp__inbox_newest(inbox)) return;
    WP_POINT("mailbox.fetch");
  } while (!wp_atomic_cas_seq_u64(&mailbox->inbox, &inbox, wp__inbox_empty(inbox)));
  uint32_t newest = wp__inbox_newest(inbox), oldest = 0;
  while (newest) {
    wp_letter *letter = wp_letter_at(&pool->letters, newest - 1);
    uint32_t before = wp_atomic_load_relaxed_u32(&letter->next); /* the list is this thread's */
    WP_POINT("mailbox.turn");
    wp_atomic_store_relaxed_u32(&letter->next, oldest); /* likewise */
    oldest = newest;
    newest = before;
  }
  WP_POINT("mailbox.first");
  wp_atomic_store_relaxed_u32(&mailbox->first, oldest); /* the consumer's own, as below */
}

/* Makes the caller a reader of the box that the letter hands over. False: the box's lease is over. */
static bool open_box(wp_pool *pool, uint32_t self, wp_letter *letter) {
  if (!letter->box || letter->box & WP_LETTER_MENTIONS) return true;
  if (self == WP_MAIN) return wp_atomic_load_acquire_u64(&letter->share) != 0;
  WP_POINT("letter.open");
  /* The reference is this thread's from here on; main, which ends leases, finds it in the letter or as a reader's bit. */
  uint64_t share = wp_atomic_exchange_acq_rel_u64(&letter->share, 0);
  if (!share) return false;
  wp_box_grant(pool, (uint32_t)share - 1, self);
  wp_box_drop(pool, self, (uint32_t)share - 1);
  return true;
}

/* The oldest letter, which is TAKEN then; 0: there is none. */
static uint32_t take_first(wp_pool *pool, uint32_t self, wp_mailbox *mailbox) {
  if (!wp_atomic_load_relaxed_u32(&mailbox->first)) fetch(pool, mailbox);
  uint32_t first = wp_atomic_load_relaxed_u32(&mailbox->first);
  if (!first) return 0;
  wp_letter *letter = wp_letter_at(&pool->letters, first - 1);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&letter->word));
  uint32_t rest = wp_atomic_load_relaxed_u32(&letter->next); /* the list is this thread's */
  WP_POINT("mailbox.rest");
  wp_atomic_store_relaxed_u32(&mailbox->first, rest);
  WP_POINT("letter.own");
  wp_atomic_store_relaxed_u32(&letter->owner, self); /* published by the move */
  WP_POINT("letter.take");
  wp_atomic_store_release_u64(&letter->word, wp_word(generation, WP_LETTER_TAKEN));
  uint32_t taken = wp_atomic_load_relaxed_u32(&mailbox->taken); /* only this thread writes it */
  WP_POINT("mailbox.taken");
  wp_atomic_store_relaxed_u32(&mailbox->taken, taken + 1); /* the bound's; orders nothing */
  return first;
}

uint32_t wp_mailbox_take(wp_pool *pool, uint32_t self, uint32_t index, uint32_t done) {
  wp_thread *thread = &pool->threads[self];
  wp_mailbox *mailbox = wp_mailbox_at(pool, index);
  if (!is_consumer(mailbox, self)) return 0;
  wp_gate_enter(thread);
  wp_thread_beat(thread);
  if (done) wp_letter_drop(pool, self, done - 1);
  uint32_t letter = take_first(pool, self, mailbox);
  while (letter && !open_box(pool, self, wp_letter_at(&pool->letters, letter - 1))) {
    wp__letter_free(pool, self, letter - 1); /* the box is gone, and with it the delivery */
    letter = take_first(pool, self, mailbox);
  }
  wp_gate_leave(thread);
  return letter;
}

/* ---- Waiting ---- */

static bool has_letters(const wp_mailbox *mailbox) {
  return wp_atomic_load_relaxed_u32(&mailbox->first) ||
         wp__inbox_newest(wp_atomic_load_seq_u64(&mailbox->inbox));
}

/* How long a consumer looks before it sleeps, if it looks: as long as waking its partner takes. Two that answer each other would otherwise
 * never find each other awake again, once both have slept. */
#define LOOK_MS 0.06F
/* It looks as long as looking pays. When it has not, the next look comes after twice as many short sleeps as the last one, up to so many:
 * where the two share a core, each look keeps the other one from it. */
enum { LOOK_EVERY_MOST = 128 };

/* As wp_worker_wait does it. */
static bool spin(const wp_mailbox *mailbox) {
  enum { LOOKS = 8 };
  double end = wp_port_now_ms() + (double)LOOK_MS;
  do {
    for (uint32_t look = 0; look < LOOKS; look++) {
      if (has_letters(mailbox)) return true;
      wp_port_pause();
    }
  } while (wp_port_now_ms() < end);
  return false;
}

/* Whether a letter came while it looked. */
static bool look(const wp_pool *pool, wp_mailbox *mailbox) {
  if (!mailbox->looks || pool->config.cores == 1) return false;
  if (spin(mailbox)) {
    mailbox->look_every = 1;
    return true;
  }
  mailbox->looks = 0;
  if (mailbox->look_every < LOOK_EVERY_MOST) mailbox->look_every *= 2;
  return false;
}

static void note_sleep(wp_mailbox *mailbox, bool shortly) {
  if (!shortly || ++mailbox->short_sleeps < mailbox->look_every) return;
  mailbox->short_sleeps = 0;
  mailbox->looks = 1;
}

bool wp_mailbox_arm(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_mailbox *mailbox = wp_mailbox_at(pool, index);
  if (!is_consumer(mailbox, self) || has_letters(mailbox)) return false;
  WP_POINT("mailbox.arm");
  wp_atomic_store_seq_u32(&mailbox->sleeps, 1); /* ARM: pairs with WAKE */
  return !has_letters(mailbox); /* if there are, the word costs the next sender a needless wake */
}

bool wp_mailbox_wait(wp_pool *pool, uint32_t self, uint32_t index, uint32_t timeout_ms) {
  wp_mailbox *mailbox = wp_mailbox_at(pool, index);
  if (!is_consumer(mailbox, self)) return false;
  if (has_letters(mailbox) || look(pool, mailbox)) return true;
  uint32_t seen = wp_atomic_load_seq_u32(&mailbox->wake);
  if (!wp_mailbox_arm(pool, self, index)) return true;
  double start = wp_port_now_ms();
  wp_port_wait(&mailbox->wake, seen, timeout_ms);
  WP_POINT("mailbox.up");
  wp_atomic_store_seq_u32(&mailbox->sleeps, 0);
  note_sleep(mailbox, wp_port_now_ms() - start < WP_SLEPT_SHORTLY_MS);
  return has_letters(mailbox);
}
