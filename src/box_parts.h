/*
 * Purpose  What the sources of this room share: box.c (writing, references), box_memory.c (memory reserved for
 *          pooled boxes), box_line.c (the line for them), box_reap.c (leases,
 *          deaths, checks).
 * Owns     nothing of its own
 * Threads  any, inside the gate, unless noted
 * Kill     as in box.h
 * See      box.h
 */
#ifndef WP_BOX_PARTS_H
#define WP_BOX_PARTS_H

#include "box.h"
#include "lock.h"

static inline bool wp__box_has_state(uint64_t word, uint32_t state) {
  return wp_word_state(word) == state;
}

/* Size of a record of pool->boxes: the fields and the set of readers. */
static inline uint32_t wp__box_record_bytes(const wp_pool *pool) {
  size_t bytes = sizeof(wp_box) + wp_thread_set_words(pool) * sizeof(wp_atomic_u32);
  return (uint32_t)((bytes + _Alignof(wp_box) - 1) / _Alignof(wp_box) * _Alignof(wp_box));
}

static inline uint32_t wp__box_reader_bit(uint32_t reader) { return UINT32_C(1) << (reader & 31); }

static inline bool wp__box_exists(const wp_pool *pool, uint32_t index) {
  return index < wp_atomic_load_acquire_u32(&pool->boxes.capacity);
}

/* Makes a box in state WRITING; flags: enum wp_box_flags. */
wp_status wp__box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t flags,
                         uint32_t *index);

/* Drops `references` references; the last one frees the box. */
void wp__box_drop_references(wp_pool *pool, uint32_t self, uint32_t index, uint32_t references);
void wp__box_free(wp_pool *pool, uint32_t self, uint32_t index);

/* A grant or a pooled box is over: one more pooled box may be granted. */
void wp__box_give_back_place(wp_pool *pool);

/* Takes a place in reserved memory. NULL: `bytes` is too much for one, or none is free. */
void *wp__box_take_memory(wp_pool *pool, uint32_t self, uint64_t bytes);
/* Frees the place at this address. False: it is not in reserved memory. */
bool wp__box_put_memory(wp_pool *pool, uint64_t address);
wp_status wp__box_open_memory(wp_pool *pool, wp_heap *heap);
void wp__box_recount_memory(wp_pool *pool);
bool wp__box_check_memory(const wp_pool *pool);

/* Takes the thread out of the line, if it is in it. Under the lock. */
void wp__box_leave_line(wp_pool *pool, uint32_t number);
bool wp__box_check_line(const wp_pool *pool);

#endif
