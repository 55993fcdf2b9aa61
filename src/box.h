/*
 * Purpose  Boxes: values of any size in shared memory. FREE > WRITING (one writer) > READY (immutable, counted) > FREE.
 * Owns     the box table; each box's bytes, which lie in the heap of the thread that created it, or in memory that was reserved for
 *          pooled boxes when the pool was opened
 * Threads  as noted. `self` is the calling thread's number
 * Order    commit (release) publishes the bytes; read and retain (acquire) see them (NF-17)
 * Kill     every call runs inside the gate. A dead writer's WRITING boxes and a dead reader's bits are found by number
 *          (wp_box_reap). An unplanned death inside the gate leaves counts that are too high at most, until
 *          wp_box_recount: so a READY box has no references but those of slots and readers' bits. The bytes of one box
 *          that was just being freed are lost
 * See      tests/unit/box_test.c
 */
#ifndef WP_BOX_H
#define WP_BOX_H

#include "pool.h"

enum wp_box_state { WP_BOX_FREE = 0, WP_BOX_WRITING = 1, WP_BOX_READY = 2 };

enum wp_box_flags { WP_BOX_POOLED = 1 /* counts against box_count; see wp_box_request */ };

typedef struct wp_box {
  wp_atomic_u64 word;  /* wp_record: epoch << 8 | state */
  wp_atomic_u32 next;  /* wp_record: free list */
  wp_atomic_u32 count; /* references: slots that name it, one for a writer, one per reader's bit */
  uint64_t address;    /* of the bytes; constant from WRITING to FREE */
  uint64_t bytes;      /* exact length; set at commit */
  uint64_t capacity_bytes; /* set at creation */
  double lease_end_ms;     /* 0: none; main only */
  uint32_t type, aux;      /* as in wp_value; set at commit */
  uint32_t owner;          /* thread that writes or wrote it */
  uint32_t flags;          /* enum wp_box_flags */
  /* A set of threads: those that may read and have not released. As many words as wp_thread_set_words says, so a box is as large as
   * its pool needs: a record of pool->boxes has wp__box_record_bytes. */
  wp_atomic_u32 readers[];
} wp_box;

_Static_assert(offsetof(wp_box, readers) == 64, "the layout is shared with JavaScript");
_Static_assert(offsetof(wp_box, next) == offsetof(wp_record, next), "a box is a table record");

static inline wp_box *wp_box_at(const wp_pool *pool, uint32_t index) {
  return (wp_box *)wp_table_at(&pool->boxes, index);
}

/* A new box in state WRITING with room for `bytes`, owned by `self`, holding one reference. Zero bytes are legal.
 * WP_E_NO_MEMORY, WP_E_TOO_LARGE, WP_E_TABLE_FULL (no descriptor). */
wp_status wp_box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index);

/* A box that counts against the pool's box_count, for values that readers keep. When all are taken: the caller is put
 * in line (once, however often it asks), WP_E_NOT_GRANTED is returned, and wp_box_granted tells when its turn has come
 * (first come, first served: NF-18). Workers; under no lock. */
wp_status wp_box_request(wp_pool *pool, uint32_t self);
bool wp_box_granted(const wp_pool *pool, uint32_t self);
/* Uses the caller's grant: like wp_box_create, but marked WP_BOX_POOLED. Up to the pool's box_bytes its memory is reserved, and it may
 * hold as many bytes, whatever was asked for; a larger value takes memory of its own (NF-20). Failure gives the grant back. WP_E_NOT_GRANTED: it
 * has none. */
wp_status wp_box_create_granted(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index);

/* Uses the caller's grant for a box that it has made without one and that nobody else knows yet: from now on it counts as pooled. Its
 * memory stays where it is. WP_E_NOT_GRANTED, WP_E_STALE_HANDLE, WP_E_DENIED (another thread's). */
wp_status wp_box_use_grant(wp_pool *pool, uint32_t self, uint32_t index);

/* How many boxes lie in reserved memory. Any thread; a gauge. */
uint32_t wp_box_reserved_in_use(const wp_pool *pool);

/* WRITING > READY with exact length. From here on nobody writes the bytes. Its writer only. WP_E_STALE_HANDLE,
 * WP_E_DENIED (not the writer), WP_E_TOO_LARGE (longer than its capacity; the box stays WRITING). */
wp_status wp_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type, uint32_t aux,
                        uint64_t bytes);

/* Lets one more thread read the box until it releases it. By main, or inside the gate. Idempotent. WP_E_STALE_HANDLE. */
wp_status wp_box_grant(wp_pool *pool, uint32_t index, uint32_t reader);

/* Address, length and type for a reader that was granted the box. WP_E_STALE_HANDLE, WP_E_DENIED (counted),
 * WP_E_INVALID_ARGUMENT (no such thread). */
wp_status wp_box_read(wp_pool *pool, uint32_t index, uint32_t generation, uint32_t reader,
                      wp_completion *out);

/* Drops that reader's reference; the last one frees the box. False (and no effect) when it holds none. */
bool wp_box_release(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation,
                    uint32_t reader);

/* A slot's or a writer's reference (dropping the writer's gives an unfinished box up). retain fails (false) when the box is
 * not READY or has no reference left: a count never rises from 0. */
bool wp_box_retain(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation);
void wp_box_drop(wp_pool *pool, uint32_t self, uint32_t index);

/* Frees the READY boxes whose lease is over; returns the end of the next lease, or 0. main. */
double wp_box_expire(wp_pool *pool, double now_ms);

/* Hooks of rooms.h. A dead thread's WRITING boxes, its reader's bits and its place in line go. All counts anew, from the slots and the
 * readers' bits: what nobody names is freed. The line anew, in its order. Free places go to those in line: a chore. */
wp_status wp_box_open(wp_pool *pool, wp_heap *heap);
void wp_box_reap(wp_pool *pool, uint32_t thread, bool trusted);
void wp_box_recount(wp_pool *pool);
void wp_box_mend_line(wp_pool *pool);
void wp_box_serve_line(wp_pool *pool, uint32_t self);
bool wp_box_check(const wp_pool *pool);

#endif
