/*
 * Purpose  Shares out one region of memory in granules of 64 KiB, to heaps and other large users,
 *          without a lock.
 * Owns     the region, and at its start a map: one word per granule
 * Threads  acquire: any, at once. release and next: the segment's owner, or the supervisor once
 *          that owner is known dead. take_big: the holder of the value in it. reclaim: the supervisor.
 *          The rest: as noted
 * Order    a granule is taken by a CAS (acq_rel) on its word and given back by a release store: the
 *          next taker sees all that the last one did. A HEAD is stored with release after the
 *          segment's first 64 bytes are zero, and read with acquire
 * Kill     Every granule has one word, and every step changes one word, so there is nothing to
 *          split or join: free granules side by side are one free run, whoever gave them back. The
 *          words of a dead owner say either
 *            HEAD, the following `pages - 1` granules TAKEN by the same owner: a whole segment, or
 *            TAKEN without such a HEAD ("loose"): an acquire or release that was cut off.
 *          A BIG segment is freed by whoever moves its first word to TAKEN, its own and with the
 *          number of pages: from then on all of it is that thread's, which labels the other
 *          granules as its own, then the first one as loose, and frees them. Cut off before, the
 *          first word tells reclaim how many there are, and makes everybody else step over them:
 *          those that still name the former owner are not taken for loose ones of its.
 *          wp_segments_reclaim frees the loose ones; wp_segments_next finds the whole ones. Nothing
 *          is ever lost, for there is no counter or list beside the map. Until then loose granules
 *          are merely not available.
 *          Progress: granules are claimed in rising order and given back on the first conflict, so
 *          of any threads that fight, the one whose run starts highest wins; a dead one's granules
 *          are stepped over.
 *
 *   word: state (bits 0-1), owner (bits 16-31), pages (bits 32-63)
 *   state  meaning                                 set by                       if wrong
 *   FREE   nobody's; the whole word is 0           the owner, the supervisor    corruption
 *   TAKEN  inside a segment, or loose              an acquirer, by CAS          memory lost
 *   HEAD   first granule of `pages`, a segment     the acquirer, last           corruption
 *   BIG    the same; may be freed by any thread    the acquirer, after HEAD     corruption
 *
 * See      tests/unit/segment_test.c, REQUIREMENTS XP-01
 */
#ifndef WP_SEGMENT_H
#define WP_SEGMENT_H

#include "base/atomic.h"
#include "port/port.h"

enum {
  WP_GRANULE_SHIFT = 16,
  WP_GRANULE_BYTES = 1 << WP_GRANULE_SHIFT,
  WP_SEGMENT_CLEARED_BYTES = 64, /* of a new segment are zero: no old header is taken for new */
  WP_SEGMENT_OWNERS = 1024,      /* owner numbers are below WP_SEGMENT_OWNER_MAP */
  WP_SEGMENT_OWNER_MAP = WP_SEGMENT_OWNERS - 1, /* reserved: the map's own segment, and "nobody" */
};

typedef struct wp_segments {
  wp_region region;
  wp_atomic_u64 *map; /* one word per granule; see above */
  uint32_t pages;     /* granules in the region; constant */
  uint32_t map_pages; /* granules that the map takes; constant */
  /* granules known to be usable; grows by CAS, may lag behind the truth */
  wp_atomic_u32 extended_pages;
  /* no granule from here on was ever claimed; grows by CAS before the claim. Too high, after a death between the two: a walk is longer
   * than it must be */
  wp_atomic_u32 touched_pages;
  wp_atomic_u32 big_pages; /* in BIG segments; off by one of them if a thread died, until recount */
  /* deaths of each owner; written by the supervisor */
  wp_atomic_u32 generations[WP_SEGMENT_OWNERS];
} wp_segments;

/* Opens a region of limit_bytes (rounded up to a granule; 256 GiB at most), its map included.
 * WP_OK, WP_E_NO_MEMORY or WP_E_INVALID_ARGUMENT. Cost: clears 1/8192 of the limit. One thread,
 * before all others. */
int wp_segments_open(wp_segments *segments, uint64_t limit_bytes);

/* Gives the region back. No other thread may use it any more. */
void wp_segments_close(wp_segments *segments);

/* Takes a run of granules of at least `bytes` (0 counts as 1) for `owner` (< WP_SEGMENT_OWNER_MAP;
 * if a heap has this number, only that heap may acquire for it). First fit by address. Its first 64
 * bytes are zero, the rest is anything. WP_OK, WP_E_TOO_LARGE (more than the whole region) or
 * WP_E_NO_MEMORY. Any thread. Cost: one step per segment and per free granule before the fit, one
 * CAS per granule taken. */
int wp_segment_acquire(wp_segments *segments, uint64_t bytes, uint32_t owner, void **out_addr,
                       uint64_t *out_bytes);

/* Gives a whole segment back; its neighbours, if free, make one run with it. Its owner, or the
 * supervisor. */
void wp_segment_release(wp_segments *segments, void *addr);

/* From HEAD to BIG: from now on whoever holds what is in it may free it. Owner. */
void wp_segment_set_big(wp_segments *segments, void *addr);

/* Frees a BIG segment of `owner`, on behalf of `self` (an owner's number as well, the owner's own too). False, and no effect, if it
 * is not, or not any more: one of several takes it. Any thread. */
bool wp_segment_take_big(wp_segments *segments, void *addr, uint32_t owner, uint32_t self);

/* The owner's next BIG segment above `after` (NULL: the first), or NULL. Others may free it meanwhile: what is in it may be anything.
 */
void *wp_segments_next_big(const wp_segments *segments, uint32_t owner, const void *after);

/* In BIG segments. Any thread. */
uint64_t wp_segments_big_bytes(const wp_segments *segments);
/* Counts them anew. While nobody takes or makes one. */
void wp_segments_recount(wp_segments *segments);

/* The owner's next whole segment (HEAD) above `after` (NULL: the first), or NULL. Safe beside other
 * owners' work. */
void *wp_segments_next(const wp_segments *segments, uint32_t owner, const void *after);

/* Ends the owner's generation, then frees the loose granules that it left. The supervisor, after
 * its confirmed death. */
void wp_segments_reclaim(wp_segments *segments, uint32_t owner);

/* How often the owner has died. What a thread did before its death was confirmed is visible to
 * whoever sees the number grow (acquire). Any thread. */
uint32_t wp_segments_generation(const wp_segments *segments, uint32_t owner);

/* Any thread; a moment's estimate while others work. Bytes in taken granules (the map's too), and
 * bytes ever used. */
uint64_t wp_segments_bytes(const wp_segments *segments);
uint64_t wp_segments_extended_bytes(const wp_segments *segments);

/* The size of a whole segment, for its owner. */
uint64_t wp_segment_bytes(const wp_segments *segments, const void *addr);

/* WP_OK if every granule is free or in a whole segment, else WP_E_BROKEN_INVARIANT. While nobody
 * acquires or releases, and every dead owner is reclaimed. */
int wp_segments_check(const wp_segments *segments);

#endif
