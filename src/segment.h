/*
 * Purpose  Shares out one region of memory in granules of 64 KiB, to heaps and other large users,
 *          without a lock.
 * Owns     the region, and at its start a map: one word per granule
 * Threads  acquire: any number at once. release and next: the segment's owner, or the supervisor once
 *          that owner is known to be dead. take_big: the holder of the value in it. reclaim: the supervisor.
 *          The rest: as noted
 * Order    a granule is taken by a CAS (acq_rel) on its word and given back by a release store, so the
 *          next taker sees everything that the last one wrote. A HEAD is stored with release after the
 *          segment's first 64 bytes are zeroed, and loaded with acquire
 * Kill     Every granule has one word, and every step changes one word, so there is nothing to
 *          split or join: adjacent free granules are one free run, whichever threads freed them. The
 *          words of a dead owner say either
 *            HEAD, the following `pages - 1` granules TAKEN by the same owner: a whole segment, or
 *            TAKEN without such a HEAD ("loose"): an acquire or release that was cut off.
 *          A thread frees a BIG segment by moving its first word to TAKEN, with its own owner number
 *          and the page count. From then on the segment is that thread's: it relabels the other
 *          granules as its own, then the first one as loose, and frees them. If it dies before it is
 *          done, the first word tells reclaim how many granules there are, and makes everybody else
 *          step over them, so that those which still name the former owner are not mistaken for its
 *          loose ones.
 *          wp_segments_reclaim frees loose granules; wp_segments_next finds whole segments. No memory
 *          is lost, because there is no counter or list beside the map; until they are reclaimed,
 *          loose granules are only unavailable.
 *          Progress: granules are claimed in rising order and given back on the first conflict, so
 *          among competing threads the one whose run starts highest wins. A dead thread's granules
 *          are stepped over.
 *
 *   word: state (bits 0-1), owner (bits 16-31), pages (bits 32-63)
 *   state  meaning                                 set by                       if wrong
 *   FREE   nobody's; the rest of the word is 0,    the owner, the supervisor    corruption
 *          but for USED (bit 2): somebody's before
 *   TAKEN  inside a segment, or loose              an acquirer, by CAS          memory lost
 *   HEAD   first of a segment's `pages` granules   the acquirer, last           corruption
 *   BIG    the same; any thread may free it        the acquirer, after HEAD     corruption
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
  WP_SEGMENT_CLEARED_BYTES = 64, /* zeroed in a new segment, so that no stale header looks valid */
  WP_SEGMENT_OWNERS = 1 << 12,   /* owner numbers are below WP_SEGMENT_OWNER_MAP */
  WP_SEGMENT_OWNER_MAP = WP_SEGMENT_OWNERS - 1, /* reserved: the map's own segment, and "nobody" */
};

/* What wp_segment_acquire has taken. */
typedef struct wp_segment {
  void *addr;
  uint64_t bytes;
  bool zero; /* nobody has ever had any of it, so all of it is zero */
} wp_segment;

typedef struct wp_segments {
  wp_region region;
  wp_atomic_u64 *map; /* one word per granule; see above */
  uint32_t pages;     /* granules in the region; constant */
  uint32_t map_pages; /* granules that the map occupies; constant */
  /* granules known to be usable; grows by CAS, may lag behind the truth */
  wp_atomic_u32 extended_pages;
  /* no granule from here on was ever claimed; grows by CAS before the claim. A death between the two leaves it too high, which only
   * makes walks longer */
  wp_atomic_u32 touched_pages;
  /* granules in BIG segments; after a death it may be wrong by one segment, until the recount */
  wp_atomic_u32 big_pages;
  /* how often each owner has died; written by the supervisor */
  wp_atomic_u32 generations[WP_SEGMENT_OWNERS];
} wp_segments;

/* Opens a region of limit_bytes (rounded up to a granule; at most 256 GiB), the map included.
 * WP_OK, WP_E_NO_MEMORY or WP_E_INVALID_ARGUMENT. Cost: writes the map's words for the map itself
 * only; the rest of the map is zero as new memory is. One thread, before all others. */
int wp_segments_open(wp_segments *segments, uint64_t limit_bytes);

/* Gives the region back. No other thread may use it any more. */
void wp_segments_close(wp_segments *segments);

/* Takes a run of granules of at least `bytes` (0 counts as 1) for `owner` (< WP_SEGMENT_OWNER_MAP;
 * if a heap has this number, only that heap may acquire for it). First fit by address. Its first 64
 * bytes are zero, the rest is undefined unless out->zero. WP_OK, WP_E_TOO_LARGE (more than the whole
 * region) or WP_E_NO_MEMORY, both without touching *out. Any thread. Cost: one step per segment and per
 * free granule before the fit, one CAS per granule taken. */
int wp_segment_acquire(wp_segments *segments, uint64_t bytes, uint32_t owner, wp_segment *out);

/* Gives a whole segment back; free neighbours join it in one run. Its owner, or the supervisor. */
void wp_segment_release(wp_segments *segments, void *addr);

/* From HEAD to BIG: from now on the holder of the value in it may free it. Owner. */
void wp_segment_set_big(wp_segments *segments, void *addr);

/* Frees a BIG segment of `owner` on behalf of `self` (also an owner number; may be the same). False, without effect, if it is
 * not a BIG segment of `owner` (any more): of several callers, one succeeds. Any thread. */
bool wp_segment_take_big(wp_segments *segments, void *addr, uint32_t owner, uint32_t self);

/* The owner's next BIG segment above `after` (NULL: the first), or NULL. Another thread may free it meanwhile, so its content may be
 * garbage. */
void *wp_segments_next_big(const wp_segments *segments, uint32_t owner, const void *after);

/* Bytes in BIG segments. Any thread. */
uint64_t wp_segments_big_bytes(const wp_segments *segments);
/* Recounts them. While no thread makes or frees a BIG segment. */
void wp_segments_recount(wp_segments *segments);

/* The owner's next whole segment (HEAD) above `after` (NULL: the first), or NULL. Safe beside other
 * owners' work. */
void *wp_segments_next(const wp_segments *segments, uint32_t owner, const void *after);

/* Ends the owner's generation, then frees the loose granules that it left. The supervisor, after
 * its confirmed death. */
void wp_segments_reclaim(wp_segments *segments, uint32_t owner);

/* How often the owner has died. A thread that sees the number grow (acquire) also sees everything
 * that the owner did before its death was confirmed. Any thread. */
uint32_t wp_segments_generation(const wp_segments *segments, uint32_t owner);

/* Bytes in taken granules (including the map's), and bytes ever used. An estimate while other
 * threads work. Any thread. */
uint64_t wp_segments_bytes(const wp_segments *segments);
uint64_t wp_segments_extended_bytes(const wp_segments *segments);

/* Who owns the whole segment that begins at `addr` and holds `inner`; WP_SEGMENT_OWNER_MAP: there is none. For addresses that may be
 * wrong. Any thread; exact for the holder of a value in the segment. */
uint32_t wp_segment_owner(const wp_segments *segments, const void *addr, const void *inner);

/* The size of a whole segment, for its owner. */
uint64_t wp_segment_bytes(const wp_segments *segments, const void *addr);

/* WP_OK if every granule is free or in a whole segment, else WP_E_BROKEN_INVARIANT. While no thread
 * acquires or releases, and after every dead owner has been reclaimed. */
int wp_segments_check(const wp_segments *segments);

#endif
