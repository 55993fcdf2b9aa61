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
  wp_atomic_u64 word;  /* wp_record: generation << 8 | state */
  wp_atomic_u32 next;  /* wp_record: free list */
  wp_atomic_u32 count; /* references: one for each slot that names it, each reader, and a writer */
  uint64_t address;    /* of the bytes; constant from WRITING to FREE */
  uint64_t bytes;      /* exact length; set at commit */
  uint64_t capacity_bytes; /* set at creation */
  double lease_end_ms;     /* 0: none; main only */
  uint32_t type, aux;      /* as in wp_value; set at commit */
  uint32_t owner;          /* the thread that writes or wrote it */
  uint32_t flags;          /* enum wp_box_flags */
  /* Of an actor's box (actor_box.h, lease.h), else 0: how long its lease is, written by its writer when it is new; and the writer + 1 if it
   * keeps the box for main, written by it after the commit */
  wp_atomic_u32 lease_ms, kept;
  /* The set of threads that may read and have not released. Its size depends on the pool (wp_thread_set_words), and so does that of the
   * table's records (wp__box_record_bytes). */
  wp_atomic_u32 readers[];
} wp_box;

_Static_assert(offsetof(wp_box, readers) == 72, "the layout is shared with JavaScript");
_Static_assert(offsetof(wp_box, next) == offsetof(wp_record, next), "a box is a table record");

static inline wp_box *wp_box_at(const wp_pool *pool, uint32_t index) {
  return (wp_box *)wp_table_at(&pool->boxes, index);
}

/* A new box in state WRITING with room for `bytes`, owned by `self`, holding one reference. Zero bytes are legal.
 * WP_E_NO_MEMORY, WP_E_TOO_LARGE, WP_E_TABLE_FULL (no descriptor). */
wp_status wp_box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index);

/* Asks for a pooled box: one that counts against the pool's box_count, for values that readers keep. If all are taken, the caller joins the
 * line (once, however often it asks), and WP_E_NOT_GRANTED is returned; wp_box_granted is true when its turn has come (first come, first
 * served: NF-18). Workers, not under the lock. */
wp_status wp_box_request(wp_pool *pool, uint32_t self);
bool wp_box_granted(const wp_pool *pool, uint32_t self);
/* Uses the caller's grant: like wp_box_create, but the box is WP_BOX_POOLED. If `bytes` is at most the pool's box_bytes, the box lies in
 * reserved memory and has room for box_bytes; a larger one takes memory of its own (NF-20). On failure the grant is given back.
 * WP_E_NOT_GRANTED: the caller has none. */
wp_status wp_box_create_granted(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index);

/* Uses the caller's grant for a box that it created without one and that no other thread knows yet: from now on it counts as pooled. Its
 * memory stays where it is. WP_E_NOT_GRANTED, WP_E_STALE_HANDLE, WP_E_DENIED (another thread's box). */
wp_status wp_box_use_grant(wp_pool *pool, uint32_t self, uint32_t index);

/* How many boxes lie in reserved memory. Any thread; a gauge. */
uint32_t wp_box_reserved_in_use(const wp_pool *pool);

/* WRITING > READY, with the exact length; from now on nobody writes the bytes. Its writer only. WP_E_STALE_HANDLE, WP_E_DENIED (the caller
 * is not the writer), WP_E_TOO_LARGE (more than its capacity; the box stays WRITING). */
wp_status wp_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type, uint32_t aux,
                        uint64_t bytes);

/* Lets one more thread read the box until that thread releases it. Idempotent. main, or inside the gate. WP_E_STALE_HANDLE. */
wp_status wp_box_grant(wp_pool *pool, uint32_t index, uint32_t reader);

/* Address, length and type, for a reader that may read the box. WP_E_STALE_HANDLE, WP_E_DENIED (and it is counted), WP_E_INVALID_ARGUMENT
 * (no such thread). */
wp_status wp_box_read(wp_pool *pool, uint32_t index, uint32_t generation, uint32_t reader,
                      wp_completion *out);

/* Drops that reader's reference; the last reference frees the box. False, with no effect, if the reader holds none. */
bool wp_box_release(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation,
                    uint32_t reader);

/* Takes a reference for a slot, and drops a slot's or a writer's (which gives an unfinished box up). retain fails (false) if the box is not
 * READY or has no reference left: a count never rises from 0. */
bool wp_box_retain(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation);
void wp_box_drop(wp_pool *pool, uint32_t self, uint32_t index);

/* Takes a READY box away from all its readers. main, which holds a reference of its own. */
void wp_box_take_away(wp_pool *pool, uint32_t index);

/* Drops the readers' references of READY boxes whose lease is over. Returns the end of the next lease, or 0. main. */
double wp_box_expire(wp_pool *pool, double now_ms);

/* Hooks of rooms.h. */
wp_status wp_box_open(wp_pool *pool, wp_heap *heap);
/* Takes back a dead thread's WRITING boxes, its readers' bits, its place in line and its grant. */
void wp_box_reap(wp_pool *pool, uint32_t thread, bool trusted);
/* Counts all references anew, from the slots and the readers' bits. A READY box with none is freed. */
void wp_box_recount(wp_pool *pool);
/* Links the line anew, in its order. */
void wp_box_mend_line(wp_pool *pool);
/* WP_CHORE_BOXES: grants boxes that can be granted to the first threads in line. */
void wp_box_serve_line(wp_pool *pool, uint32_t self);
bool wp_box_check(const wp_pool *pool);

#endif
