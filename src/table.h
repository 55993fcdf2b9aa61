/*
 * Purpose  A growing array of fixed-size records with a free list: task slots, boxes and groups live in tables.
 * Owns     its chunks (never moved, never freed before the pool) and the free list
 * Threads  take and put: any; _kept: main. Records are addressed by index; an index stays valid for the table's life
 * Order    the free list's head (acq_rel) publishes a record's content to its next taker
 * Kill     take, put and grow happen inside the gate. An unplanned death there leaves the one record in hand, or those of
 *          one new chunk, off the free list until wp_table_recount; a chunk that was not entered in `chunks` yet is lost
 * See      tests/unit/table_test.c
 */
#ifndef WP_TABLE_H
#define WP_TABLE_H

#include "base/atomic.h"
#include "heap.h"

enum {
  WP_TABLE_CHUNK_SHIFT = 10, /* 1,024 records a chunk */
  WP_TABLE_CHUNK = 1 << WP_TABLE_CHUNK_SHIFT,
  WP_TABLE_RECORDS_MAX = 1 << 24, /* 16.8 million: more than fit into a 32-bit address space */
};

/* The first words of every record. */
typedef struct wp_record {
  /* generation << 8 | state; state 0 is "free". Written by the room that owns the table */
  wp_atomic_u64 word;
  wp_atomic_u32 next; /* index + 1 of the next record in whatever list it is in; 0 ends a list */
} wp_record;

typedef struct wp_table {
  wp_atomic_u64 free;     /* tag << 32 | index + 1; every take changes the tag, against ABA */
  wp_atomic_u32 capacity; /* records that exist */
  wp_atomic_u32 in_use;   /* records taken and not put back; includes those on main's own list */
  uint32_t record_bytes;
  uint32_t ceiling;                     /* most records, a multiple of a chunk's */
  uint32_t kept_first, kept_last, kept; /* main's own list of free records, and its length */
  wp_atomic_u64 *chunks; /* addresses of all chunks up to the ceiling; 0: not allocated yet */
} wp_table;

/* In all calls `heap` is the calling thread's. WP_E_NO_MEMORY. */
int wp_table_open(wp_table *table, wp_heap *heap, uint32_t record_bytes, uint32_t ceiling);

/* Makes room for one more chunk of records, before they are needed. WP_E_TABLE_FULL at the ceiling, WP_E_NO_MEMORY. */
int wp_table_reserve(wp_table *table, wp_heap *heap);

/* Takes a free record, growing the table when there is none. WP_E_TABLE_FULL at the ceiling, WP_E_NO_MEMORY. */
int wp_table_take(wp_table *table, wp_heap *heap, uint32_t *index);

/* Gives a record back; its state must already be 0. */
void wp_table_put(wp_table *table, uint32_t index);

/* The same for main, which takes and puts most: from a list of its own, without atomic read-modify-writes. */
int wp_table_take_kept(wp_table *table, wp_heap *heap, uint32_t *index);
void wp_table_put_kept(wp_table *table, uint32_t index);

/* Records in use, without those on main's own free list. main. */
uint32_t wp_table_in_use(const wp_table *table);

/* Rebuilds the free list and the gauge from the records themselves: every record for which `is_free` holds is free. Also enters a chunk
 * that a dead thread was adding. While no other thread uses the table. */
void wp_table_recount(wp_table *table, bool (*is_free)(const void *record));

/* Whether each record is either in use or on the free list once, and whether those on the list are free (is_free NULL: not checked).
 * While no other thread uses the table. */
bool wp_table_check(const wp_table *table, bool (*is_free)(const void *record));

static inline void *wp_table_at(const wp_table *table, uint32_t index) {
  /* Acquire: pairs with the release in grow(), so that the chunk's content is visible. */
  uint64_t chunk = wp_atomic_load_acquire_u64(&table->chunks[index >> WP_TABLE_CHUNK_SHIFT]);
  return (uint8_t *)(uintptr_t)chunk + (size_t)(index & (WP_TABLE_CHUNK - 1)) * table->record_bytes;
}

/* A record's word. Generations are 32 bits, never 0, compared for equality only (XP-11). */
static inline uint64_t wp_word(uint32_t generation, uint32_t state) {
  return (uint64_t)generation << 8 | state;
}
static inline uint32_t wp_word_state(uint64_t word) { return (uint32_t)(word & 0xff); }
static inline uint32_t wp_word_generation(uint64_t word) { return (uint32_t)(word >> 8); }
static inline uint32_t wp_generation_after(uint32_t generation) {
  return generation + 1 ? generation + 1 : 1;
}

#endif
