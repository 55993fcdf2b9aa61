/*
 * Purpose  Memory that threads of several pools share, and that no thread's death can take away: blocks that are taken and given back
 *          without a lock, and reading of blocks that others give back meanwhile. What the shared registry lies in (registry.h).
 * Owns     a region: this header, the visitors' records, the blocks. A *reference* is the offset of a block's first byte from the
 *          header; 0 names none. A block keeps its size for ever and is used again for that size only.
 * Threads  Each thread that uses a store holds a *visitor* of its own, which it claims by the visitor's owner word. A visitor's words are
 *          written by its owner only, except `owner` itself, and all of it by the one that mends it after the owner's death.
 * Order    References that others may follow are published and read sequentially consistently. A reader *pins* before it follows one. What
 *          was unlinked is *retired*: it is used again when the epoch has moved by two since, and the epoch moves only when every pinned
 *          visitor has been seen in it. A visitor that pinned before the unlinking still counts in the old epoch; one that pins later
 *          cannot find what was unlinked. (Fraser, "Practical lock-freedom", 2004, section 5.2.3.)
 * Kill     Nothing here is a lock, so nobody waits for a dead thread. Each list of a visitor changes by one store to its head. A block on
 *          its way between two lists stands in a `hand` meanwhile; whoever mends the visitor looks whether it is still on the one or
 *          already on the other list, and gives it back if it is on neither. A hand is empty before its block is published, so what is in
 *          a hand is nobody else's. Between those two instructions, and between a block's unlinking and its entry in the hand, a death
 *          loses that one block: wp_store_free_bytes and the map's check count it, nothing else notices. A death between taking from the
 *          depot and keeping what was taken loses a batch, at most WP_STORE_BATCH_BYTES or one block.
 *          A dead visitor that was pinned stops the epoch, so memory is not used again, until the death is reported (WP_STORE_DEAD) and
 *          the next visitor that needs the epoch mends it. Mending may itself be cut off: the next one begins again.
 * See      tests/unit/store_test.c, docs/decisions/0035-shared-registry.md
 */
#ifndef WP_STORE_H
#define WP_STORE_H

#include "base/atomic.h"
#include "status.h"

enum {
  WP_STORE_VISITORS = 256,
  WP_STORE_CLASSES = 104,          /* four sizes for each doubling, up to 1 GiB */
  WP_STORE_CHUNK_BYTES = 64 << 10, /* a visitor carves small blocks from so much */
  WP_STORE_SMALL_BYTES = 4 << 10,
  WP_STORE_BATCH_BYTES =
      16 << 10, /* a visitor that holds twice as much of a size gives so much to the others */
  WP_STORE_BATCH_MOST = 32,
  WP_STORE_LIMBO = 4, /* a power of two, above the three epochs that matter */
  WP_STORE_SCRATCH_BYTES = 4 << 10,
  WP_STORE_STACK_BYTES = 4 << 10,
};
/* What a thread may have in hand at once. */
enum { WP_HAND_NODE, WP_HAND_VALUE, WP_HAND_OLD, WP_HAND_SPARE, WP_HANDS };
static const uint32_t WP_STORE_DEAD = UINT32_MAX; /* the owner of a visitor whose thread has died */

typedef struct wp_visitor {
  wp_atomic_u32 pinned;    /* 0, or twice the epoch and one */
  wp_atomic_u32 doubt;     /* reference of a word that is set to 1 if the owner dies now; 0: none */
  uint32_t hand[WP_HANDS]; /* blocks that are on no list */
  uint32_t chain, chain_last;
  uint32_t next, end; /* what is left of its chunk */
  uint32_t retired;   /* since it last tried to move the epoch */
  uint32_t limbo[WP_STORE_LIMBO], limbo_epoch[WP_STORE_LIMBO];
  uint32_t free[WP_STORE_CLASSES];
  /* How many are free, about: a death may leave it wrong, which does no harm. */
  uint32_t count[WP_STORE_CLASSES];
  uint8_t scratch[WP_STORE_SCRATCH_BYTES]; /* wasm: keys on their way from JavaScript */
  uint8_t stack[WP_STORE_STACK_BYTES];     /* wasm: the instance's stack */
} wp_visitor;

typedef struct wp_store {
  /* Of the shutdown signal, which JavaScript keeps (js/registry/signal.js). First, like the owners: it knows where they are. */
  wp_atomic_u32 fired, wanted, armed;
  wp_atomic_u32 reserved;
  wp_atomic_u32 owners[WP_STORE_VISITORS]; /* 0: free; the tag of its thread; WP_STORE_DEAD */
  wp_atomic_u32 root[2];                   /* references, for the rooms above */
  wp_atomic_u32 epoch;
  wp_atomic_u32 also_reserved;
  wp_atomic_u64 limit; /* of the region, in bytes */
  wp_atomic_u64 top;   /* offset of what was never used */
  /* Batches: a reference, and above it how often this word changed. */
  wp_atomic_u64 depot[WP_STORE_CLASSES];
  wp_visitor visitors[WP_STORE_VISITORS];
} wp_store;

/* A thread's access: what every call takes. Plain memory of the caller's. */
typedef struct wp_access {
  wp_store *store;
  wp_visitor *visitor;
} wp_access;

/* Prepares memory that is all 0. `limit` is how many bytes may be used from `store` on. Any thread, several at once with the same limit;
 * cut off, it is begun again. WP_E_NO_MEMORY. */
wp_status wp_store_open(wp_store *store, uint64_t limit);

/* Claims a visitor for the calling thread, with a tag that no other living thread has. WP_E_REGISTRY_FULL: there are too many threads. */
wp_status wp_store_enter(wp_store *store, uint32_t tag, wp_access *access);
/* The end of it, for a caller that has claimed the owner word itself: the last owner died if that was WP_STORE_DEAD. */
void wp_store_adopt(wp_store *store, uint32_t visitor);
/* Gives it back. */
void wp_store_leave(const wp_access *access);
/* Reports the death of all visitors with this tag. Any thread, after the death is confirmed. */
void wp_store_bury(wp_store *store, uint32_t tag);
/* Mends the visitors whose deaths were reported. Any visitor. */
void wp_store_mend(const wp_access *access);

/* Between these two, blocks that are found by references stay what they are. Not nested. `doubt`: see wp_visitor. */
void wp_store_pin(const wp_access *access, uint32_t doubt);
void wp_store_unpin(const wp_access *access);
/* Whether no visitor but the caller's is pinned. */
bool wp_store_is_quiet(const wp_access *access);

/* A block of at least so many bytes, aligned to 8, not cleared; it stands in the hand until it is published (wp_store_let_go) or given
 * back. 0: the store is full; nothing has happened. */
uint32_t wp_store_take(const wp_access *access, uint32_t bytes, int hand);
/* Right before a block is published. */
static inline void wp_store_let_go(const wp_access *access, int hand) {
  access->visitor->hand[hand] = 0;
  wp_atomic_compiler_order();
}
/* The publication failed: the block is the caller's again. */
static inline void wp_store_hold(const wp_access *access, int hand, uint32_t ref) {
  access->visitor->hand[hand] = ref;
  wp_atomic_compiler_order();
}
/* Gives back a block that nobody else knows, or (retire) one that was unlinked while pinned and that others may still read. */
void wp_store_give(const wp_access *access, uint32_t ref, int hand);
void wp_store_retire(const wp_access *access, uint32_t ref);

/* Bytes from the start of the region to what was never used; of all blocks on lists. The second: while nobody else is there. */
uint64_t wp_store_used_bytes(const wp_store *store);
uint64_t wp_store_free_bytes(const wp_store *store);
/* The bytes that a block occupies, its header included. */
uint64_t wp_store_block_bytes(const wp_store *store, uint32_t ref);

static inline void *wp_store_at(const wp_store *store, uint32_t ref) {
  return (uint8_t *)(uintptr_t)store + ref;
}

#endif
