#include "mailbox.h"
#include "pool_fixture.h"
#include "recount.h"
#include <pthread.h>
#include <string.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static int start(uint32_t workers) {
  wp_config config = fixture_config(workers);
  wp_status status = fixture_open(&f, &config);
  for (uint32_t seat = 0; !status && seat < workers; seat++) start_worker(f.pool, seat);
  return status;
}

static wp_letter *letter_at(uint32_t index) { return wp_letter_at(&f.pool->letters, index); }

/* Sends one number. */
static wp_status tell(uint32_t self, wp_handle from, wp_handle to, uint32_t number) {
  uint32_t index = 0;
  wp_status status = wp_letter_reserve(f.pool, self, from, to, &index);
  if (status) return status;
  letter_at(index)->value = (wp_value){WP_TYPE_BINARY, number, sizeof number, 0};
  memcpy(letter_at(index)->value_inline, &number, sizeof number);
  return wp_letter_send(f.pool, self, index);
}

/* Takes a letter, drops it, and returns its number; WP_NONE: there is none. */
static uint32_t hear(uint32_t self, wp_handle mailbox) {
  uint32_t number = WP_NONE;
  uint32_t letter = wp_mailbox_take(f.pool, self, mailbox.index, 0);
  if (!letter) return WP_NONE;
  memcpy(&number, letter_at(letter - 1)->value_inline, sizeof number);
  wp_letter_drop(f.pool, self, letter - 1);
  return number;
}

static uint32_t letters_in_use(void) { return wp_atomic_load_relaxed_u32(&f.pool->letters.in_use); }

TEST(order, "letters arrive in the order in which they were sent, also those from before the "
            "consumer") {
  wp_handle mailbox;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 100, &mailbox), WP_OK);
  for (uint32_t i = 0; i < 3; i++) CHECK_EQ(tell(WP_MAIN, WP_NOBODY, mailbox, i), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(hear(1, mailbox), 0);
  for (uint32_t i = 3; i < 6; i++) CHECK_EQ(tell(2, WP_NOBODY, mailbox, i), WP_OK);
  for (uint32_t i = 1; i < 6; i++) CHECK_EQ(hear(1, mailbox), i);
  CHECK_EQ(hear(1, mailbox), WP_NONE);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(consumer, "a mailbox has one consumer, and nobody else takes from it") {
  wp_handle mailbox;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 100, &mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 2, mailbox), WP_E_DENIED);
  CHECK_EQ(tell(WP_MAIN, WP_NOBODY, mailbox, 1), WP_OK);
  CHECK_EQ(hear(2, mailbox), WP_NONE);
  CHECK(!wp_mailbox_wait(f.pool, 2, mailbox.index, 0));
  CHECK(wp_mailbox_wait(f.pool, 1, mailbox.index, 0));
  wp_mailbox_detach(f.pool, 2, mailbox);
  CHECK_EQ(hear(1, mailbox), 1);
  wp_mailbox_detach(f.pool, 1, mailbox);
  CHECK_EQ(wp_mailbox_attach(f.pool, 2, mailbox), WP_OK);
  fixture_close(&f);
}

TEST(from, "the sender is the mailbox of the sending thread, and no other can be named [NF-13]") {
  wp_handle mine, yours;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 100, &mine), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 100, &yours), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mine), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 2, yours), WP_OK);
  CHECK_EQ(tell(1, yours, mine, 1), WP_E_DENIED);
  CHECK_EQ(tell(WP_MAIN, yours, mine, 1), WP_E_DENIED);
  CHECK_EQ(tell(1, (wp_handle){mine.index, mine.generation + 1}, yours, 1), WP_E_DENIED);
  CHECK_EQ(tell(1, mine, yours, 1), WP_OK);
  uint32_t letter = wp_mailbox_take(f.pool, 2, yours.index, 0);
  CHECK(letter);
  CHECK_EQ(letter_at(letter - 1)->from, mine.index);
  CHECK_EQ(letter_at(letter - 1)->from_generation, mine.generation);
  CHECK_EQ(tell(1, WP_NOBODY, yours, 1), WP_OK);
  letter = wp_mailbox_take(f.pool, 2, yours.index, letter);
  CHECK_EQ(letter_at(letter - 1)->from_generation, 0);
  CHECK_EQ(letters_in_use(), 1);
  fixture_close(&f);
}

TEST(full, "a full mailbox refuses letters, and drops none") {
  wp_handle mailbox;
  uint32_t early = 0;
  CHECK_EQ(start(1), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 2, &mailbox), WP_OK);
  CHECK_EQ(wp_letter_reserve(f.pool, 1, WP_NOBODY, mailbox, &early), WP_OK);
  CHECK_EQ(tell(1, WP_NOBODY, mailbox, 1), WP_OK);
  CHECK_EQ(tell(1, WP_NOBODY, mailbox, 2), WP_OK);
  CHECK_EQ(tell(1, WP_NOBODY, mailbox, 3), WP_E_QUEUE_FULL);
  CHECK_EQ(wp_letter_send(f.pool, 1, early), WP_E_QUEUE_FULL);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(hear(1, mailbox), 1);
  CHECK_EQ(tell(1, WP_NOBODY, mailbox, 4), WP_OK);
  CHECK_EQ(hear(1, mailbox), 2);
  CHECK_EQ(hear(1, mailbox), 4);
  CHECK_EQ(wp_mailbox_dead_letters(f.pool), 0);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(closed,
     "a closed mailbox takes no letters and counts them; what it had is still read [NF-10]") {
  wp_handle mailbox;
  uint32_t early = 0;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 10, &mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(tell(2, WP_NOBODY, mailbox, 1), WP_OK);
  CHECK_EQ(wp_letter_reserve(f.pool, 2, WP_NOBODY, mailbox, &early), WP_OK);
  CHECK_EQ(wp_mailbox_close(f.pool, mailbox), WP_OK);
  CHECK_EQ(tell(2, WP_NOBODY, mailbox, 2), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_letter_send(f.pool, 2, early), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_mailbox_dead_letters(f.pool), 2);
  CHECK_EQ(wp_mailbox_drop(f.pool, mailbox), WP_E_DENIED);
  CHECK_EQ(hear(1, mailbox), 1);
  CHECK_EQ(hear(1, mailbox), WP_NONE);
  wp_mailbox_detach(f.pool, 1, mailbox);
  CHECK_EQ(wp_mailbox_drop(f.pool, mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_drop(f.pool, mailbox), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_mailbox_close(f.pool, mailbox), WP_E_STALE_HANDLE);
  CHECK_EQ(tell(2, WP_NOBODY, mailbox, 3), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_mailbox_dead_letters(f.pool), 3);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(successor, "a letter for a mailbox that has ended does not reach the next one on its record") {
  wp_handle old, next;
  uint32_t late = 0;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 10, &old), WP_OK);
  CHECK_EQ(wp_letter_reserve(f.pool, 2, WP_NOBODY, old, &late), WP_OK);
  CHECK_EQ(tell(2, WP_NOBODY, old, 1), WP_OK);
  CHECK_EQ(wp_mailbox_drop(f.pool, old), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 10, &next), WP_OK);
  CHECK_EQ(next.index, old.index);
  CHECK_EQ(wp_letter_send(f.pool, 2, late), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, old), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, next), WP_OK);
  CHECK_EQ(hear(1, next), WP_NONE);
  CHECK_EQ(wp_mailbox_dead_letters(f.pool), 2);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(restart, "after the consumer's death its letters stay, or are dropped and counted; the one "
              "that it was reading is gone [NF-58]") {
  wp_handle mailbox;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 10, &mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  for (uint32_t i = 0; i < 4; i++) CHECK_EQ(tell(2, WP_NOBODY, mailbox, i), WP_OK);
  CHECK(wp_mailbox_take(f.pool, 1, mailbox.index, 0));
  CHECK_EQ(wp_mailbox_clear(f.pool, mailbox), 0);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(letters_in_use(), 3);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  CHECK_EQ(start_worker(f.pool, 0), 1);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(hear(1, mailbox), 1);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(tell(2, WP_NOBODY, mailbox, 4), WP_OK);
  CHECK_EQ(wp_mailbox_clear(f.pool, mailbox), 3);
  CHECK_EQ(wp_mailbox_dead_letters(f.pool), 3);
  CHECK_EQ(tell(2, WP_NOBODY, mailbox, 5), WP_OK);
  CHECK_EQ(start_worker(f.pool, 0), 1);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(hear(1, mailbox), 5);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* A letter with a box of its own for its value. */
static uint32_t fill_boxed(uint32_t self, wp_handle to, uint64_t bytes) {
  uint32_t index = 0, box = 0;
  if (wp_letter_reserve(f.pool, self, WP_NOBODY, to, &index)) return WP_NONE;
  if (wp_box_create(f.pool, self, bytes, &box)) return WP_NONE;
  letter_at(index)->value = (wp_value){WP_TYPE_BINARY, 0, (uint32_t)bytes, box + 1};
  wp_box_commit(f.pool, self, box, WP_TYPE_BINARY, 0, bytes);
  return index;
}

TEST(boxed, "a large value lives as long as its letter, whatever becomes of its sender") {
  wp_handle mailbox;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 10, &mailbox), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, mailbox), WP_OK);
  CHECK_EQ(wp_letter_send(f.pool, 2, fill_boxed(2, mailbox, 3000)), WP_OK);
  CHECK(fill_boxed(2, mailbox, 100) != WP_NONE);
  CHECK_EQ(kill_worker(f.pool, 2), WP_OK);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 1);
  uint32_t letter = wp_mailbox_take(f.pool, 1, mailbox.index, 0);
  CHECK(letter);
  CHECK_EQ(wp_box_at(f.pool, letter_at(letter - 1)->value.box - 1)->bytes, 3000);
  CHECK_EQ(wp_mailbox_take(f.pool, 1, mailbox.index, letter), 0);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(own, "a letter that is not the caller's can be neither sent nor dropped") {
  wp_handle mailbox;
  uint32_t letter = 0;
  CHECK_EQ(start(2), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 10, &mailbox), WP_OK);
  CHECK_EQ(wp_letter_reserve(f.pool, 2, WP_NOBODY, mailbox, &letter), WP_OK);
  CHECK_EQ(wp_letter_send(f.pool, 1, letter), WP_E_STALE_HANDLE);
  wp_letter_drop(f.pool, 1, letter);
  CHECK_EQ(letters_in_use(), 1);
  CHECK_EQ(wp_letter_send(f.pool, 1, 1u << 20), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_letter_send(f.pool, 2, letter), WP_OK);
  wp_letter_drop(f.pool, 2, letter); /* not the sender's any more */
  CHECK_EQ(wp_letter_send(f.pool, 2, letter), WP_E_STALE_HANDLE);
  CHECK_EQ(letters_in_use(), 1);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- With threads ---- */

enum { SENDERS = 3, ROUNDS = 100000 / SENDERS };
static wp_handle target;

static void *send_rounds(void *number) {
  uint32_t self = *(const uint32_t *)number;
  for (uint32_t i = 0; i < ROUNDS; i++) {
    while (tell(self, WP_NOBODY, target, self << 24 | i) == WP_E_QUEUE_FULL) wp_port_pause();
  }
  return NULL;
}

static uint32_t wrong;

static void *hear_rounds(void *unused) {
  (void)unused;
  uint32_t next[SENDERS + 2] = {0};
  for (uint32_t i = 0; i < SENDERS * ROUNDS;) {
    uint32_t number = hear(1, target);
    if (number == WP_NONE) {
      wp_mailbox_wait(f.pool, 1, target.index, 10000);
      continue;
    }
    if (next[number >> 24]++ != (number & 0xffffff)) wrong++;
    i++;
  }
  return NULL;
}

TEST(threads, "three threads send 100,000 letters to one that sleeps when it has none: each "
              "sender's arrive in order, whole [NF-17]") {
  pthread_t consumer, senders[SENDERS];
  static const uint32_t numbers[SENDERS] = {2, 3, 4};
  wrong = 0;
  CHECK_EQ(start(SENDERS + 1), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 1000, &target), WP_OK);
  CHECK_EQ(wp_mailbox_attach(f.pool, 1, target), WP_OK);
  pthread_create(&consumer, NULL, hear_rounds, NULL);
  for (int i = 0; i < SENDERS; i++)
    pthread_create(&senders[i], NULL, send_rounds, (void *)(uintptr_t)&numbers[i]);
  for (int i = 0; i < SENDERS; i++) pthread_join(senders[i], NULL);
  pthread_join(consumer, NULL);
  CHECK_EQ(wrong, 0);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}
