/*
 * Purpose  Boxes of actors: who may read one, how its handle gets to them, how it is given back. A box is read by those who got a letter
 *          that hands it over (mailbox.h), and by main.
 * Owns     the table of links; which group an actor belongs to (wp_mailbox.group)
 * Threads  as noted; `self` is the calling thread's number
 * Order    main publishes groups and links (release) before it tells anybody of them; a writer looks (acquire) when it commits
 * Kill     Every call runs inside the gate. The writer of a READY box holds a reader's bit until it has told everybody, so its death, planned
 *          or not, leaves the bit, which wp_box_reap finds, and letters, each with a reference of its own: those that were sent are read, and
 *          the last of them frees the box. Groups and links are main's alone: a reader that looks in the middle of a change sees the
 *          record's word change, and passes over it
 * See      tests/unit/actor_box_test.c, tests/unit/actor_box_model_test.c
 */
#ifndef WP_ACTOR_BOX_H
#define WP_ACTOR_BOX_H

#include "box.h"
#include "mailbox.h"

/* Who gets a box besides main. */
enum wp_share {
  WP_SHARE_OWNER = 0,  /* nobody: it is main's and the writer's */
  WP_SHARE_GROUP = 1,  /* the writer's supervision group */
  WP_SHARE_LINKED = 2, /* those that are linked with the writer when it commits */
};

/* A link between two actors. */
typedef struct wp_link {
  wp_atomic_u64 word; /* wp_record: generation << 8 | 1 while it exists */
  wp_atomic_u32 next; /* wp_record: free list */
  wp_atomic_u64 a, b; /* mailboxes: generation << 32 | index; written by main */
} wp_link;

/* ---- Who belongs together. main ---- */

/* 0: to no group. No effect on a stale handle. */
void wp_actor_set_group(wp_pool *pool, wp_handle actor, uint32_t group);
/* Both ways; idempotent. WP_E_STALE_HANDLE, WP_E_NO_MEMORY, WP_E_TABLE_FULL. */
wp_status wp_actor_link(wp_pool *pool, wp_handle a, wp_handle b);
void wp_actor_unlink(wp_pool *pool, wp_handle a, wp_handle b);
/* Ends all links of an actor. */
void wp_actor_unlink_all(wp_pool *pool, wp_handle actor);

/* ---- Writing ---- */

/* Uses the caller's grant (wp_box_request) for a box of an actor. lease_ms: how long its lease is (lease.h). As wp_box_create_granted, and
 * WP_E_TOO_LARGE, with nothing taken, for more bytes than one of the pool's boxes has (NF-20). */
wp_status wp_actor_box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t lease_ms,
                              uint32_t *index);

/* WRITING > READY. From now on the caller is a reader of its box, until it has told others. As wp_box_commit. */
wp_status wp_actor_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                              uint32_t aux, uint64_t bytes);

/* Sends a copy of a letter, which the caller fills and which is for somebody else, to one more actor; and that one is handed the box. Ends as
 * wp_letter_send does. */
wp_status wp_letter_copy(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle to);

/* Sends copies of such a letter to all whom `share` (enum wp_share) names, the writer excepted. Returns how many got it; a mailbox that is
 * full counts a dead letter. Cost: a look at each mailbox, or at each link. */
uint32_t wp_letter_publish(wp_pool *pool, uint32_t self, uint32_t letter, wp_handle writer,
                           uint32_t share);

/* ---- Reading ---- */

/* Whether the caller may read the box now. main may read any: it becomes a reader until it releases the box. WP_E_STALE_HANDLE and
 * WP_E_DENIED are counted. */
wp_status wp_actor_box_read(wp_pool *pool, uint32_t self, wp_handle box);

/* Gives up the caller's share. If it is main and the box was shared with nobody else, the writer's as well. False, without effect: the
 * caller has none. */
bool wp_actor_box_release(wp_pool *pool, uint32_t self, wp_handle box);

/* A box that nobody got is kept by its writer for main, until main or the writer releases it or its lease ends (NF-34); otherwise the
 * writer's share ends here. Called by the writer when it has told everybody. */
void wp_actor_box_told(wp_pool *pool, uint32_t self, wp_handle box, uint32_t readers);

/* Hooks of rooms.h. */
wp_status wp_actor_box_open(wp_pool *pool, wp_heap *heap);
bool wp_actor_box_check(const wp_pool *pool);

#endif
