/* Actors without threads: worker n takes the letters of actor n. Main has a mailbox as well: actors[0]. */
#ifndef WP_TEST_ACTORS_FIXTURE_H
#define WP_TEST_ACTORS_FIXTURE_H

#include "actor_box.h"
#include "lease.h"
#include "pool_fixture.h"
#include <string.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { ACTORS_MAX = 8, BOX_SIZE = 64, LEASE_MS = 1000 };

static fixture f;
static wp_handle actors[ACTORS_MAX]; /* by thread */

static int start(uint32_t workers, uint32_t boxes) {
  wp_config config = fixture_config(workers);
  config.box_count = boxes;
  config.box_bytes = BOX_SIZE;
  wp_status status = fixture_open(&f, &config);
  for (uint32_t seat = 0; !status && seat < workers; seat++) start_worker(f.pool, seat);
  for (uint32_t thread = 0; !status && thread <= workers; thread++) {
    status = wp_mailbox_open(f.pool, 100, &actors[thread]);
    if (!status) status = wp_mailbox_attach(f.pool, thread, actors[thread]);
  }
  return status;
}

static wp_handle handle_of(uint32_t box) {
  uint64_t word = wp_atomic_load_acquire_u64(&wp_box_at(f.pool, box)->word);
  return (wp_handle){box, wp_word_generation(word)};
}

static uint32_t box_state(wp_handle box) {
  uint64_t word = wp_atomic_load_acquire_u64(&wp_box_at(f.pool, box.index)->word);
  return wp_word_generation(word) == box.generation ? wp_word_state(word) : WP_BOX_FREE;
}

static inline uint32_t boxes_in_use(void) {
  return wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use);
}

static inline uint32_t letters_in_use(void) {
  return wp_atomic_load_relaxed_u32(&f.pool->letters.in_use);
}

/* A box that the actor writes; it must have been granted one. */
static inline wp_status begin(uint32_t self, uint32_t lease_ms, wp_handle *box) {
  uint32_t index = 0;
  wp_status status = wp_box_request(f.pool, self);
  if (!status) status = wp_actor_box_create(f.pool, self, BOX_SIZE, lease_ms, &index);
  if (!status) *box = handle_of(index);
  return status;
}

static inline wp_status commit(uint32_t self, wp_handle box, uint64_t bytes) {
  return wp_actor_box_commit(f.pool, self, box.index, WP_TYPE_BINARY, 0, bytes);
}

/* Tells whom `share` names and `listed` (or WP_NOBODY), then main. Returns how many actors got it. */
static inline uint32_t tell_all(uint32_t self, wp_handle box, uint32_t share, wp_handle listed) {
  uint32_t letter = 0;
  if (wp_letter_reserve(f.pool, self, actors[self], actors[0], &letter)) return WP_NONE;
  if (wp_letter_mention(f.pool, self, letter, box)) return WP_NONE;
  uint32_t told = wp_letter_publish(f.pool, self, letter, actors[self], share);
  if (listed.generation) told += !wp_letter_copy(f.pool, self, letter, listed);
  wp_actor_box_told(f.pool, self, box, told);
  return wp_letter_send(f.pool, self, letter) ? WP_NONE : told;
}

/* Writes a box with a byte and tells of it. */
static inline wp_status write_one(uint32_t self, uint8_t byte, uint32_t share, wp_handle *box) {
  wp_status status = begin(self, LEASE_MS, box);
  if (status) return status;
  memset((void *)(uintptr_t)wp_box_at(f.pool, box->index)->address, byte, BOX_SIZE);
  status = commit(self, *box, BOX_SIZE);
  if (!status) tell_all(self, *box, share, WP_NOBODY);
  return status;
}

/* Takes a letter and gives the box that it hands over; generation 0: there is no letter. */
static inline wp_handle hear(uint32_t self) {
  uint32_t letter = wp_mailbox_take(f.pool, self, actors[self].index, 0);
  if (!letter) return WP_NOBODY;
  const wp_letter *got = wp_letter_at(&f.pool->letters, letter - 1);
  wp_handle box = {(got->box & ~WP_LETTER_MENTIONS) - 1, got->box_generation};
  wp_letter_drop(f.pool, self, letter - 1);
  return box;
}

static inline wp_status read_box(uint32_t self, wp_handle box) {
  return wp_actor_box_read(f.pool, self, box);
}

static inline bool release(uint32_t self, wp_handle box) {
  return wp_actor_box_release(f.pool, self, box);
}

static inline bool same(wp_handle a, wp_handle b) {
  return a.index == b.index && a.generation == b.generation;
}

#endif
