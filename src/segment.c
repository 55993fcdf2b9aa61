#include "segment.h"
#include "base/point.h"
#include "status.h"
#include <string.h>

enum { FREE = 0, TAKEN = 1, HEAD = 2, BIG = 3 };
/* The whole words of a free granule: one that nobody has ever had, and one that somebody may have written to. */
enum { NEVER_USED = FREE, USED = FREE | 4 };

enum {
  PAGES_MAX = 1 << 22, /* 256 GiB */
  RESCANS_MAX = 64,    /* rescans after lost races, before memory is reported as exhausted */
};

static uint64_t make_word(uint32_t state, uint32_t owner, uint32_t pages) {
  return (uint64_t)pages << 32 | (uint64_t)owner << 16 | state;
}

static uint32_t state_of(uint64_t word) { return (uint32_t)(word & 3); }
static uint32_t owner_of(uint64_t word) { return (uint32_t)(word >> 16) & 0xffff; }
static uint32_t pages_of(uint64_t word) { return (uint32_t)(word >> 32); }

static uint64_t word_at(const wp_segments *segments, uint32_t page) {
  /* Acquire: pairs with the stores and CASes below. */
  return wp_atomic_load_acquire_u64(&segments->map[page]);
}

static void *address_of(const wp_segments *segments, uint32_t page) {
  return segments->region.base + ((size_t)page << WP_GRANULE_SHIFT);
}

static uint32_t page_of(const wp_segments *segments, const void *addr) {
  return (uint32_t)((size_t)((const uint8_t *)addr - segments->region.base) >> WP_GRANULE_SHIFT);
}

/* Granules to step over: those of a whole segment (also of one that is being freed), or one. */
static uint32_t stride_of(uint64_t word) { return pages_of(word) ? pages_of(word) : 1; }

/* No points: there are no other threads yet. */
int wp_segments_open(wp_segments *segments, uint64_t limit_bytes) {
  uint64_t pages = limit_bytes / WP_GRANULE_BYTES + (limit_bytes % WP_GRANULE_BYTES != 0);
  if (!pages || pages > PAGES_MAX) return WP_E_INVALID_ARGUMENT;
  memset(segments, 0, sizeof *segments);
  int status = wp_port_region_open(&segments->region, pages << WP_GRANULE_SHIFT);
  if (status) return status;
  pages = segments->region.limit_bytes >> WP_GRANULE_SHIFT; /* the host may grant less */
  uint64_t map_bytes = pages * sizeof(wp_atomic_u64);
  uint32_t map_pages = (uint32_t)((map_bytes + WP_GRANULE_BYTES - 1) >> WP_GRANULE_SHIFT);
  status = wp_port_region_extend(&segments->region, (uint64_t)map_pages << WP_GRANULE_SHIFT);
  if (status) {
    wp_port_region_close(&segments->region);
    return status;
  }
  segments->map = (wp_atomic_u64 *)(void *)segments->region.base;
  segments->pages = (uint32_t)pages;
  segments->map_pages = map_pages;
  wp_atomic_store_relaxed_u32(&segments->extended_pages, map_pages); /* no other thread yet */
  wp_atomic_store_relaxed_u32(&segments->touched_pages, map_pages);
  /* The map covers the whole region (512 KiB for 4 GiB). All granules but the map's own are NEVER_USED, which is 0, as new memory is: writing
   * their words would take longer than everything else that opens a pool. */
  _Static_assert(NEVER_USED == 0, "a granule that has never been written is free");
  for (uint32_t page = 0; page < map_pages; page++) {
    uint64_t word = page ? make_word(TAKEN, WP_SEGMENT_OWNER_MAP, 0)
                         : make_word(HEAD, WP_SEGMENT_OWNER_MAP, map_pages);
    wp_atomic_store_relaxed_u64(&segments->map[page], word); /* no other thread yet */
  }
  return WP_OK;
}

void wp_segments_close(wp_segments *segments) {
  wp_port_region_close(&segments->region);
  segments->map = NULL;
  segments->pages = 0;
}

/* ---- Acquire ---- */

static void give_back(wp_segments *segments, uint32_t first, uint32_t end) {
  for (uint32_t page = first; page < end; page++) {
    WP_POINT("segment.free");
    wp_atomic_store_release_u64(&segments->map[page], USED); /* pairs with the CAS in claim */
  }
}

/* TOUCH: before the claim, so that after a claimant's death a walk finds everything that it claimed. */
static void touch(wp_segments *segments, uint32_t end) {
  uint32_t before = wp_atomic_load_acquire_u32(&segments->touched_pages); /* pairs with the CAS */
  WP_POINT("segment.touch");
  while (before < end && !wp_atomic_cas_acq_rel_u32(&segments->touched_pages, &before, end)) {
  }
}

static uint32_t touched_of(const wp_segments *segments) {
  return wp_atomic_load_acquire_u32(&segments->touched_pages); /* pairs with TOUCH */
}

/* Claims [first, end) in rising order and returns end; *zero: whether nobody ever had any of it. On a conflict it gives back what it
 * claimed and returns the granule in the way. */
static uint32_t claim(wp_segments *segments, uint32_t first, uint32_t end, uint32_t owner,
                      bool *zero) {
  touch(segments, end);
  *zero = true;
  for (uint32_t page = first; page < end; page++) {
    uint64_t word = word_at(segments, page);
    *zero = *zero && word == NEVER_USED;
    WP_POINT("segment.claim");
    if (state_of(word) == FREE &&
        wp_atomic_cas_acq_rel_u64(&segments->map[page], &word, make_word(TAKEN, owner, 0)))
      continue;
    give_back(segments, first, page);
    return page;
  }
  return end;
}

/* Finds and claims a run. Returns its first granule, or 0 (which is never free). *zero: see claim. *contended: the scan met another
 * thread's unfinished work, so a second one may find more. */
static uint32_t claim_run(wp_segments *segments, uint32_t count, uint32_t owner, bool *zero,
                          bool *contended) {
  uint32_t first = segments->map_pages;
  for (uint32_t page = first; page < segments->pages;) {
    uint64_t word = word_at(segments, page);
    if (state_of(word) != FREE) {
      *contended = *contended || state_of(word) == TAKEN;
      page += stride_of(word);
      first = page;
    } else if (++page - first == count) {
      uint32_t stopped = claim(segments, first, page, owner, zero);
      if (stopped == page) return first;
      *contended = true;
      first = page = stopped;
    }
  }
  return 0;
}

static int extend(wp_segments *segments, uint32_t end) {
  uint32_t before =
      wp_atomic_load_acquire_u32(&segments->extended_pages); /* pairs with the CAS below */
  if (before >= end) return WP_OK;
  int status = wp_port_region_extend(&segments->region, (uint64_t)end << WP_GRANULE_SHIFT);
  if (status) return status;
  WP_POINT("segment.extend");
  while (before < end && !wp_atomic_cas_acq_rel_u32(&segments->extended_pages, &before, end)) {
  }
  return WP_OK;
}

int wp_segment_acquire(wp_segments *segments, uint64_t bytes, uint32_t owner, wp_segment *out) {
  uint64_t wanted = bytes / WP_GRANULE_BYTES + (bytes % WP_GRANULE_BYTES != 0 || !bytes);
  if (owner >= WP_SEGMENT_OWNER_MAP) return WP_E_INVALID_ARGUMENT;
  if (wanted > segments->pages - segments->map_pages) return WP_E_TOO_LARGE;
  uint32_t count = (uint32_t)wanted, first = 0;
  bool contended = true, zero = false;
  for (uint32_t scans = 0; !first && contended && scans < RESCANS_MAX; scans++) {
    if (scans) wp_port_pause();
    contended = false;
    first = claim_run(segments, count, owner, &zero, &contended);
  }
  if (!first) return WP_E_NO_MEMORY;
  int status = extend(segments, first + count);
  if (status) {
    give_back(segments, first, first + count);
    return status;
  }
  void *addr = address_of(segments, first);
  memset(addr, 0, WP_SEGMENT_CLEARED_BYTES);
  WP_POINT("segment.head");
  /* Release: a thread that finds the HEAD sees the cleared bytes. */
  wp_atomic_store_release_u64(&segments->map[first], make_word(HEAD, owner, count));
  *out = (wp_segment){addr, (uint64_t)count << WP_GRANULE_SHIFT, zero};
  return WP_OK;
}

/* ---- Release and recovery ---- */

void wp_segment_release(wp_segments *segments, void *addr) {
  uint32_t first = page_of(segments, addr);
  uint64_t word = word_at(segments, first);
  /* Not a whole segment: the caller owns nothing here. */
  if (state_of(word) != HEAD) return;
  WP_POINT("segment.release");
  wp_atomic_store_release_u64(&segments->map[first], make_word(TAKEN, owner_of(word), 0));
  give_back(segments, first, first + pages_of(word));
}

void wp_segment_set_big(wp_segments *segments, void *addr) {
  uint32_t first = page_of(segments, addr);
  uint64_t word = word_at(segments, first);
  WP_POINT("segment.count");
  wp_atomic_fetch_add_relaxed_u32(&segments->big_pages, pages_of(word)); /* a number only */
  WP_POINT("segment.big");
  wp_atomic_store_release_u64(&segments->map[first],
                              make_word(BIG, owner_of(word), pages_of(word)));
}

/* The whole segment is `self`'s already. */
static void give_back_big(wp_segments *segments, uint32_t first, uint32_t pages, uint32_t self) {
  uint64_t loose = make_word(TAKEN, self, 0);
  for (uint32_t page = first + pages - 1; page >= first; page--) { /* the first one last */
    WP_POINT("segment.label");
    wp_atomic_store_release_u64(&segments->map[page], loose);
  }
  give_back(segments, first, first + pages);
}

bool wp_segment_take_big(wp_segments *segments, void *addr, uint32_t owner, uint32_t self) {
  uint32_t first = page_of(segments, addr);
  uint64_t word = word_at(segments, first);
  if (state_of(word) != BIG || owner_of(word) != owner) return false;
  uint32_t pages = pages_of(word);
  WP_POINT("segment.take");
  /* Competing callers fail here. No ABA: only the owner itself could make the same word again. */
  if (!wp_atomic_cas_acq_rel_u64(&segments->map[first], &word, make_word(TAKEN, self, pages)))
    return false;
  WP_POINT("segment.taken");
  wp_atomic_fetch_sub_relaxed_u32(&segments->big_pages, pages); /* a number only */
  give_back_big(segments, first, pages, self);
  return true;
}

static void *next_of(const wp_segments *segments, uint32_t state, uint32_t owner,
                     const void *after) {
  uint32_t page = after ? page_of(segments, after) + 1 : segments->map_pages;
  /* Acquire: every HEAD of this owner lies below the bound that the owner itself, or the
   * confirmation of its death, made visible. */
  uint32_t end = wp_atomic_load_acquire_u32(&segments->extended_pages);
  while (page < end) {
    uint64_t word = word_at(segments, page);
    if (state_of(word) == state && owner_of(word) == owner) return address_of(segments, page);
    page += stride_of(word);
  }
  return NULL;
}

void *wp_segments_next(const wp_segments *segments, uint32_t owner, const void *after) {
  return next_of(segments, HEAD, owner, after);
}

void *wp_segments_next_big(const wp_segments *segments, uint32_t owner, const void *after) {
  return next_of(segments, BIG, owner, after);
}

uint32_t wp_segments_generation(const wp_segments *segments, uint32_t owner) {
  return wp_atomic_load_acquire_u32(&segments->generations[owner]); /* pairs with reclaim */
}

void wp_segments_reclaim(wp_segments *segments, uint32_t owner) {
  WP_POINT("segment.generation");
  wp_atomic_fetch_add_acq_rel_u32(&segments->generations[owner], 1);
  for (uint32_t page = segments->map_pages, end = touched_of(segments); page < end;) {
    uint64_t word = word_at(segments, page);
    /* Granules inside whole segments are TAKEN as well, but the stride skips them. */
    bool loose = state_of(word) == TAKEN && owner_of(word) == owner;
    if (loose) give_back_big(segments, page, stride_of(word), owner);
    page += stride_of(word);
  }
}

/* ---- Numbers and check ---- */

uint64_t wp_segments_bytes(const wp_segments *segments) {
  uint64_t taken = 0;
  for (uint32_t page = 0, end = touched_of(segments); page < end;) {
    uint64_t word = word_at(segments, page);
    if (state_of(word) != FREE) taken += stride_of(word);
    page += stride_of(word);
  }
  return taken << WP_GRANULE_SHIFT;
}

uint64_t wp_segments_big_bytes(const wp_segments *segments) {
  uint32_t pages = wp_atomic_load_relaxed_u32(&segments->big_pages); /* a number only */
  return (uint64_t)pages << WP_GRANULE_SHIFT;
}

/* No points: main only. */
void wp_segments_recount(wp_segments *segments) {
  uint32_t pages = 0, end = wp_atomic_load_acquire_u32(&segments->extended_pages);
  for (uint32_t page = 0; page < end; page += stride_of(word_at(segments, page))) {
    uint64_t word = word_at(segments, page);
    if (state_of(word) == BIG) pages += pages_of(word);
  }
  wp_atomic_store_relaxed_u32(&segments->big_pages, pages); /* a number only */
}

uint64_t wp_segments_extended_bytes(const wp_segments *segments) {
  uint32_t pages = wp_atomic_load_acquire_u32(&segments->extended_pages); /* a number only */
  return (uint64_t)pages << WP_GRANULE_SHIFT;
}

uint64_t wp_segment_bytes(const wp_segments *segments, const void *addr) {
  return (uint64_t)pages_of(word_at(segments, page_of(segments, addr))) << WP_GRANULE_SHIFT;
}

uint32_t wp_segment_owner(const wp_segments *segments, const void *addr, const void *inner) {
  const uint8_t *base = segments->region.base, *at = addr, *in = inner;
  if (at < base || in < at || (uint64_t)(at - base) >> WP_GRANULE_SHIFT >= segments->pages)
    return WP_SEGMENT_OWNER_MAP;
  uint64_t word = word_at(segments, page_of(segments, addr));
  bool is_whole = state_of(word) == HEAD || state_of(word) == BIG;
  return is_whole && (uint64_t)(in - at) >> WP_GRANULE_SHIFT < pages_of(word)
             ? owner_of(word)
             : WP_SEGMENT_OWNER_MAP;
}

int wp_segments_check(const wp_segments *segments) {
  for (uint32_t page = touched_of(segments); page < segments->pages; page++)
    if (word_at(segments, page) != NEVER_USED) return WP_E_BROKEN_INVARIANT;
  for (uint32_t page = 0; page < segments->pages;) {
    uint64_t word = word_at(segments, page);
    uint32_t pages = stride_of(word);
    if (state_of(word) != HEAD && state_of(word) != BIG) {
      if (word != NEVER_USED && word != USED) return WP_E_BROKEN_INVARIANT;
    } else {
      if (!pages || pages > segments->pages - page) return WP_E_BROKEN_INVARIANT;
      for (uint32_t i = 1; i < pages; i++) {
        uint64_t body = word_at(segments, page + i);
        if (body != make_word(TAKEN, owner_of(word), 0)) return WP_E_BROKEN_INVARIANT;
      }
    }
    page += pages;
  }
  return WP_OK;
}
