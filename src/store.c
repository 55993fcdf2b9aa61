#include "store.h"
#include "base/point.h"
#include "port/port.h"
#include <stddef.h>

/* In front of each block. */
typedef struct block_header {
  uint32_t link; /* the next one on a list */
  uint32_t size; /* index of its class */
} block_header;

enum {
  HEADER = sizeof(block_header),
  PATIENCE = 64 /* blocks, or KiB, that are retired before the epoch is to move */
};

static block_header *header(const wp_store *store, uint32_t ref) {
  return (block_header *)wp_store_at(store, ref - HEADER);
}

/* In a batch of the depot: the batch below it lies in the first bytes of its first block. */
static uint32_t *below(const wp_store *store, uint32_t ref) {
  return (uint32_t *)wp_store_at(store, ref);
}

static uint32_t class_of(uint32_t bytes) {
  if (bytes <= 32) return bytes <= 16 ? 0 : (bytes - 1) / 8 - 1;
  uint32_t n = bytes - 1, log = 31 - (uint32_t)__builtin_clz(n);
  return 3 + (log - 5) * 4 + ((n >> (log - 2)) & 3);
}

static uint32_t class_bytes(uint32_t size) {
  if (size < 3) return 16 + size * 8;
  return (5 + (size - 3) % 4) << ((size - 3) / 4 + 3);
}

static uint32_t batch_of(uint32_t size) {
  uint32_t most = WP_STORE_BATCH_BYTES / class_bytes(size);
  return most > WP_STORE_BATCH_MOST ? WP_STORE_BATCH_MOST : most < 1 ? 1 : most;
}

/* No points: cut off, it is begun again. */
wp_status wp_store_open(wp_store *store, uint64_t limit) {
  if (limit <= sizeof *store) return WP_E_NO_MEMORY;
  uint64_t none = 0;
  wp_atomic_store_relaxed_u64(&store->limit, limit > UINT32_MAX ? UINT32_MAX : limit);
  wp_atomic_cas_seq_u64(&store->top, &none, (sizeof *store + 15) & ~(uint64_t)15);
  return WP_OK;
}

static void push(const wp_store *store, wp_visitor *v, uint32_t ref) {
  block_header *head = header(store, ref);
  WP_POINT("store.link");
  head->link = v->free[head->size];
  wp_atomic_compiler_order();
  WP_POINT("store.push");
  v->free[head->size] = ref;
  wp_atomic_compiler_order();
  v->count[head->size]++;
}

/* ---- After a death ---- */

/* Whether a block is where it came from or where it was to go. */
static bool is_listed(const wp_store *store, const wp_visitor *v, uint32_t ref) {
  if (v->free[header(store, ref)->size] == ref || (v->next < v->end && v->next + HEADER == ref)) {
    return true;
  }
  for (uint32_t i = 0; i < WP_STORE_LIMBO; i++) {
    if (v->limbo[i] == ref) return true;
  }
  return false;
}

/* No points: the caller mends it again if it was cut off. */
static void mend(wp_store *store, wp_visitor *v) {
  uint32_t doubt = wp_atomic_load_relaxed_u32(&v->doubt);
  if (wp_atomic_load_seq_u32(&v->pinned) && doubt) {
    wp_atomic_store_seq_u32((wp_atomic_u32 *)wp_store_at(store, doubt), 1);
  }
  if (v->chain && v->free[header(store, v->chain)->size] != v->chain) {
    uint32_t size = header(store, v->chain)->size;
    header(store, v->chain_last)->link = v->free[size];
    wp_atomic_compiler_order();
    v->free[size] = v->chain;
  }
  wp_atomic_compiler_order();
  v->chain = 0;
  for (int i = 0; i < WP_HANDS; i++) {
    if (v->hand[i] && !is_listed(store, v, v->hand[i])) push(store, v, v->hand[i]);
    wp_atomic_compiler_order();
    v->hand[i] = 0;
  }
  wp_atomic_store_seq_u32(&v->pinned, 0);
}

wp_status wp_store_enter(wp_store *store, uint32_t tag, wp_access *access) {
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    uint32_t owner = wp_atomic_load_relaxed_u32(&store->owners[i]);
    if (owner != 0 && owner != WP_STORE_DEAD) continue;
    bool mends = owner == WP_STORE_DEAD;
    WP_POINT("store.enter");
    if (!wp_atomic_cas_seq_u32(&store->owners[i], &owner, tag)) continue;
    *access = (wp_access){store, &store->visitors[i]};
    if (mends) mend(store, access->visitor);
    return WP_OK;
  }
  return WP_E_REGISTRY_FULL;
}

void wp_store_adopt(wp_store *store, uint32_t visitor) { mend(store, &store->visitors[visitor]); }

void wp_store_leave(const wp_access *access) {
  WP_POINT("store.leave");
  wp_atomic_store_seq_u32(&access->store->owners[access->visitor - access->store->visitors], 0);
}

/* No points: only a thread that sees others die calls it, and it may be called again. */
void wp_store_bury(wp_store *store, uint32_t tag) {
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    uint32_t owner = tag;
    wp_atomic_cas_seq_u32(&store->owners[i], &owner, WP_STORE_DEAD);
  }
}

/* ---- The lists of one visitor ---- */

/* Gives a batch of a size to the depot. */
static void spill(const wp_store *store, wp_visitor *v, uint32_t size, wp_atomic_u64 *depot) {
  uint32_t first = v->free[size], last = first, n = batch_of(size);
  for (uint32_t i = 1; i < n && header(store, last)->link; i++) last = header(store, last)->link;
  v->chain_last = last;
  wp_atomic_compiler_order();
  WP_POINT("store.chain");
  v->chain = first;
  wp_atomic_compiler_order();
  WP_POINT("store.cut");
  v->free[size] = header(store, last)->link;
  wp_atomic_compiler_order();
  v->count[size] = v->count[size] > n ? v->count[size] - n : 0;
  header(store, last)->link = 0;
  wp_atomic_compiler_order();
  WP_POINT("store.unchain");
  v->chain = 0;
  wp_atomic_compiler_order();
  uint64_t top = wp_atomic_load_seq_u64(depot), next;
  do {
    *below(store, first) = (uint32_t)top;
    next = ((top >> 32) + 1) << 32 | first;
    WP_POINT("store.spill");
  } while (!wp_atomic_cas_seq_u64(depot, &top, next));
}

/* A batch from the depot; 0: it has none. Another thread may take the batch and use it while this one reads: then the word has changed. */
WP_READS_STALE static uint32_t fetch(wp_store *store, uint32_t size) {
  wp_atomic_u64 *depot = &store->depot[size];
  uint64_t top = wp_atomic_load_seq_u64(depot), next;
  do {
    if (!(uint32_t)top) return 0;
    next = ((top >> 32) + 1) << 32 | *(volatile uint32_t *)below(store, (uint32_t)top);
    WP_POINT("store.fetch");
  } while (!wp_atomic_cas_seq_u64(depot, &top, next));
  return (uint32_t)top;
}

/* So many bytes that were never used; 0: there are not so many. */
static uint32_t reserve(wp_store *store, uint32_t bytes) {
  uint64_t limit = wp_atomic_load_relaxed_u64(&store->limit);
  const wp_region region = {(uint8_t *)store, limit};
  uint64_t top = wp_atomic_load_relaxed_u64(&store->top);
  do {
    if (top + bytes > limit) return 0;
    if (wp_port_region_extend(&region, top + bytes)) return 0;
    WP_POINT("store.reserve");
  } while (!wp_atomic_cas_seq_u64(&store->top, &top, top + bytes));
  return (uint32_t)top;
}

/* Makes free blocks of what is left of the visitor's chunk. */
static void use_up_chunk(const wp_store *store, wp_visitor *v) {
  while (v->next < v->end && v->end - v->next >= class_bytes(0)) {
    uint32_t left = v->end - v->next, size = class_of(left), ref = v->next + HEADER;
    if (size && class_bytes(size) > left) size--;
    if (size && left - class_bytes(size) == HEADER) size--; /* nothing could use so little */
    *header(store, ref) = (block_header){0, size};
    WP_POINT("store.tail");
    v->next += class_bytes(size);
    wp_atomic_compiler_order();
    push(store, v, ref);
  }
}

static uint32_t carve(wp_store *store, wp_visitor *v, uint32_t size, int hand) {
  uint32_t bytes = class_bytes(size), start;
  bool small = bytes <= WP_STORE_SMALL_BYTES;
  if (!small) {
    start = reserve(store, (bytes + 15) & ~15U);
  } else if (v->next + bytes <= v->end) {
    start = v->next;
  } else {
    use_up_chunk(store, v);
    start = reserve(store, WP_STORE_CHUNK_BYTES);
    if (start) {
      WP_POINT("store.chunk");
      v->next =
          start; /* above the old end, as chunks only rise: until the next store there is nothing left of it */
      wp_atomic_compiler_order();
      v->end = start + WP_STORE_CHUNK_BYTES;
    }
  }
  if (!start) return 0;
  uint32_t ref = start + HEADER;
  *header(store, ref) = (block_header){0, size};
  wp_atomic_compiler_order();
  WP_POINT("store.carve");
  v->hand[hand] = ref;
  wp_atomic_compiler_order();
  WP_POINT("store.carved");
  if (small) v->next += bytes;
  return ref;
}

void wp_store_give(const wp_access *access, uint32_t ref, int hand) {
  wp_store *store = access->store;
  wp_visitor *v = access->visitor;
  uint32_t size = header(store, ref)->size;
  wp_store_hold(access, hand, ref);
  push(store, v, ref);
  wp_store_let_go(access, hand);
  if (v->count[size] > 2 * batch_of(size)) spill(store, v, size, &store->depot[size]);
}

/* ---- Epochs ---- */

void wp_store_pin(const wp_access *access, uint32_t doubt) {
  wp_visitor *v = access->visitor;
  WP_POINT("store.doubt");
  wp_atomic_store_relaxed_u32(&v->doubt, doubt);
  uint32_t epoch = wp_atomic_load_seq_u32(&access->store->epoch);
  WP_POINT("store.pin");
  wp_atomic_store_seq_u32(&v->pinned, epoch << 1 | 1);
}

void wp_store_unpin(const wp_access *access) {
  WP_POINT("store.unpin");
  wp_atomic_store_release_u32(&access->visitor->pinned, 0);
}

bool wp_store_is_quiet(const wp_access *access) {
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    const wp_visitor *v = &access->store->visitors[i];
    if (!wp_atomic_load_seq_u32(&access->store->owners[i]) || v == access->visitor) continue;
    if (wp_atomic_load_seq_u32(&v->pinned)) return false;
  }
  return true;
}

/* The epoch moves if every pinned visitor was seen in it. */
static void advance(const wp_access *access) {
  wp_store *store = access->store;
  wp_store_mend(access);
  uint32_t epoch = wp_atomic_load_seq_u32(&store->epoch);
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    if (!wp_atomic_load_seq_u32(&store->owners[i])) continue;
    uint32_t pinned = wp_atomic_load_seq_u32(&store->visitors[i].pinned);
    if (pinned && pinned != (epoch << 1 | 1)) return;
  }
  WP_POINT("store.advance");
  wp_atomic_cas_seq_u32(&store->epoch, &epoch, epoch + 1);
}

static void collect(const wp_access *access, uint32_t at) {
  wp_visitor *v = access->visitor;
  uint32_t ref;
  while ((ref = v->limbo[at])) {
    WP_POINT("store.collect");
    v->hand[WP_HAND_OLD] = ref;
    wp_atomic_compiler_order();
    WP_POINT("store.collected");
    v->limbo[at] = header(access->store, ref)->link;
    wp_atomic_compiler_order();
    wp_store_give(access, ref, WP_HAND_OLD);
  }
}

/* Moves the epoch if it can, and makes free what nobody reads any more. */
static void reclaim(const wp_access *access) {
  wp_visitor *v = access->visitor;
  v->retired = 0;
  advance(access);
  uint32_t epoch = wp_atomic_load_seq_u32(&access->store->epoch);
  for (uint32_t i = 0; i < WP_STORE_LIMBO; i++) {
    if (epoch - v->limbo_epoch[i] >= 2) collect(access, i);
  }
}

void wp_store_retire(const wp_access *access, uint32_t ref) {
  wp_store *store = access->store;
  wp_visitor *v = access->visitor;
  WP_POINT("store.retire");
  wp_store_hold(access, WP_HAND_OLD, ref);
  uint32_t epoch = wp_atomic_load_seq_u32(&store->epoch), at = epoch % WP_STORE_LIMBO;
  v->limbo_epoch[at] =
      epoch; /* what lies there since an earlier round waits longer than it has to */
  header(store, ref)->link = v->limbo[at];
  wp_atomic_compiler_order();
  WP_POINT("store.limbo");
  v->limbo[at] = ref;
  wp_atomic_compiler_order();
  v->retired += 1 + class_bytes(header(store, ref)->size) / 1024;
  wp_store_let_go(access, WP_HAND_OLD);
  if (v->retired >= PATIENCE) reclaim(access);
}

/* No points: what was not done is done by the next one. */
void wp_store_mend(const wp_access *access) {
  wp_store *store = access->store;
  uint32_t self = wp_atomic_load_relaxed_u32(&store->owners[access->visitor - store->visitors]);
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    uint32_t owner = WP_STORE_DEAD;
    if (wp_atomic_load_seq_u32(&store->owners[i]) != owner) continue;
    if (!wp_atomic_cas_seq_u32(&store->owners[i], &owner, self)) continue;
    mend(store, &store->visitors[i]);
    wp_atomic_store_seq_u32(&store->owners[i], 0);
  }
}

/* ---- Taking ---- */

/* A free block of the size, in the hand; 0: there is none. */
static uint32_t take_free(wp_store *store, wp_visitor *v, uint32_t size, int hand) {
  uint32_t ref = v->free[size];
  if (!ref && (ref = fetch(store, size))) {
    WP_POINT("store.fetched");
    v->free[size] = ref;
    wp_atomic_compiler_order();
    v->count[size] += batch_of(size);
  }
  if (!ref) return 0;
  WP_POINT("store.take");
  v->hand[hand] = ref;
  wp_atomic_compiler_order();
  WP_POINT("store.taken");
  v->free[size] = header(store, ref)->link;
  wp_atomic_compiler_order();
  if (v->count[size]) v->count[size]--;
  return ref;
}

uint32_t wp_store_take(const wp_access *access, uint32_t bytes, int hand) {
  wp_store *store = access->store;
  wp_visitor *v = access->visitor;
  if (bytes > (1U << 30) - HEADER) return 0;
  uint32_t size = class_of(bytes + HEADER);
  uint32_t ref = take_free(store, v, size, hand);
  if (!ref) ref = carve(store, v, size, hand);
  if (ref) return ref;
  /* What was retired may be free by now; otherwise a larger block does. */
  reclaim(access);
  for (; !ref && size < WP_STORE_CLASSES; size++) ref = take_free(store, v, size, hand);
  return ref;
}

/* ---- Figures ---- */

uint64_t wp_store_used_bytes(const wp_store *store) { return wp_atomic_load_seq_u64(&store->top); }

uint64_t wp_store_block_bytes(const wp_store *store, uint32_t ref) {
  uint32_t bytes = class_bytes(header(store, ref)->size);
  return bytes <= WP_STORE_SMALL_BYTES ? bytes : (bytes + 15) & ~15U;
}

static uint64_t list_bytes(const wp_store *store, uint32_t ref) {
  uint64_t bytes = 0;
  for (; ref; ref = header(store, ref)->link) bytes += wp_store_block_bytes(store, ref);
  return bytes;
}

uint64_t wp_store_free_bytes(const wp_store *store) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < WP_STORE_VISITORS; i++) {
    const wp_visitor *v = &store->visitors[i];
    for (uint32_t size = 0; size < WP_STORE_CLASSES; size++)
      bytes += list_bytes(store, v->free[size]);
    for (uint32_t at = 0; at < WP_STORE_LIMBO; at++) bytes += list_bytes(store, v->limbo[at]);
    if (v->next < v->end) bytes += v->end - v->next;
  }
  for (uint32_t size = 0; size < WP_STORE_CLASSES; size++) {
    uint32_t batch = (uint32_t)wp_atomic_load_seq_u64(&store->depot[size]);
    for (; batch; batch = *below(store, batch)) bytes += list_bytes(store, batch);
  }
  return bytes;
}
