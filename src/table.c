#include "table.h"
#include "base/point.h"
#include "status.h"
#include <string.h>

int wp_table_open(wp_table *table, wp_heap *heap, uint32_t record_bytes, uint32_t ceiling) {
  memset(table, 0, sizeof *table);
  uint32_t records = ceiling < WP_TABLE_RECORDS_MAX ? ceiling : WP_TABLE_RECORDS_MAX;
  uint32_t chunks = (records + WP_TABLE_CHUNK - 1) >> WP_TABLE_CHUNK_SHIFT;
  table->chunks = wp_heap_alloc_zeroed(heap, WP_HEAP_ALIGN, sizeof(wp_atomic_u64) * chunks);
  if (!table->chunks) return WP_E_NO_MEMORY;
  table->record_bytes = record_bytes;
  table->ceiling = chunks << WP_TABLE_CHUNK_SHIFT;
  return WP_OK;
}

/* Puts the chain first … last (already linked through `next`) on the free list. */
static void put_chain(wp_table *table, uint32_t first, wp_record *last) {
  uint64_t head = wp_atomic_load_relaxed_u64(&table->free); /* ordered by the CAS below */
  do {
    WP_POINT("table.link");
    wp_atomic_store_relaxed_u32(&last->next, (uint32_t)head); /* published by the CAS */
    WP_POINT("table.put");
  } while (!wp_atomic_cas_acq_rel_u64(&table->free, &head,
                                      (head & ~UINT64_C(0xffffffff)) | (first + 1)));
}

static int grow(wp_table *table, wp_heap *heap) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&table->capacity);
  if (capacity >= table->ceiling) return WP_E_TABLE_FULL;
  uint8_t *chunk = wp_heap_alloc_zeroed(heap, 64, (size_t)table->record_bytes * WP_TABLE_CHUNK);
  if (!chunk) return WP_E_NO_MEMORY;
  for (uint32_t i = 0; i < WP_TABLE_CHUNK; i++) {
    wp_record *record = (wp_record *)(void *)(chunk + (size_t)i * table->record_bytes);
    /* no point: the chunk is not published yet */
    wp_atomic_store_relaxed_u64(&record->word, wp_word(1, 0)); /* published by the CAS below */
    /* no point: the chunk is not published yet */
    wp_atomic_store_relaxed_u32(&record->next, i + 1 < WP_TABLE_CHUNK ? capacity + i + 2 : 0);
  }
  uint64_t none = 0;
  WP_POINT("table.grow");
  /* Release: pairs with the acquire in wp_table_at. */
  bool won = wp_atomic_cas_acq_rel_u64(&table->chunks[capacity >> WP_TABLE_CHUNK_SHIFT], &none,
                                       (uint64_t)(uintptr_t)chunk);
  /* Winner and loser both try to raise the capacity (one CAS succeeds), so that nothing depends on a winner that dies here. */
  uint32_t before = capacity;
  WP_POINT("table.capacity");
  wp_atomic_cas_acq_rel_u32(&table->capacity, &before, capacity + WP_TABLE_CHUNK);
  WP_POINT("table.grown");
  if (won)
    put_chain(table, capacity, wp_table_at(table, capacity + WP_TABLE_CHUNK - 1));
  else
    wp_heap_free(heap, chunk);
  return WP_OK;
}

int wp_table_reserve(wp_table *table, wp_heap *heap) { return grow(table, heap); }

int wp_table_take(wp_table *table, wp_heap *heap, uint32_t *index) {
  for (;;) {
    uint64_t head = wp_atomic_load_acquire_u64(&table->free);
    uint32_t first = (uint32_t)head;
    if (!first) {
      int status = grow(table, heap);
      if (status) return status;
      continue;
    }
    /* Another thread may take the record while its `next` is read here; the changed tag then makes the CAS fail. */
    const wp_record *record = wp_table_at(table, first - 1);
    uint64_t rest = (head >> 32) + 1;
    uint64_t after = rest << 32 | wp_atomic_load_relaxed_u32(&record->next);
    WP_POINT("table.take");
    if (!wp_atomic_cas_acq_rel_u64(&table->free, &head, after)) continue;
    WP_POINT("table.taken");
    wp_atomic_fetch_add_relaxed_u32(&table->in_use, 1); /* a gauge: orders nothing */
    *index = first - 1;
    return WP_OK;
  }
}

int wp_table_take_kept(wp_table *table, wp_heap *heap, uint32_t *index) {
  if (!table->kept) return wp_table_take(table, heap, index);
  *index = table->kept_first - 1;
  const wp_record *record = wp_table_at(table, *index);
  table->kept_first = wp_atomic_load_relaxed_u32(&record->next); /* main's own list */
  table->kept--;
  return WP_OK;
}

/* No points: main only. */
void wp_table_put_kept(wp_table *table, uint32_t index) {
  enum { MOST = 4096 };
  uint32_t most = table->ceiling / 4 < MOST ? table->ceiling / 4 : MOST;
  if (table->kept == most) { /* leave some for the other threads */
    wp_atomic_fetch_sub_relaxed_u32(&table->in_use, table->kept); /* a gauge: orders nothing */
    put_chain(table, table->kept_first - 1, wp_table_at(table, table->kept_last - 1));
    table->kept = 0;
  }
  wp_record *record = wp_table_at(table, index);
  wp_atomic_store_relaxed_u32(&record->next, table->kept ? table->kept_first : 0); /* main's own */
  if (!table->kept) table->kept_last = index + 1;
  table->kept_first = index + 1;
  table->kept++;
}

uint32_t wp_table_in_use(const wp_table *table) {
  return wp_atomic_load_relaxed_u32(&table->in_use) - table->kept; /* a gauge: orders nothing */
}

/* No points: main only. */
void wp_table_recount(wp_table *table, bool (*is_free)(const void *record)) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&table->capacity), first = 0, in_use = 0;
  while (capacity < table->ceiling &&
         wp_atomic_load_acquire_u64(&table->chunks[capacity >> WP_TABLE_CHUNK_SHIFT]))
    capacity += WP_TABLE_CHUNK;
  for (uint32_t index = capacity; index--;) {
    wp_record *record = wp_table_at(table, index);
    if (!is_free(record)) {
      in_use++;
      continue;
    }
    wp_atomic_store_relaxed_u32(&record->next, first); /* published by the store of the head */
    first = index + 1;
  }
  table->kept = 0; /* those records are free, so the loop has listed them with the others */
  wp_atomic_store_release_u32(&table->capacity, capacity);
  wp_atomic_store_relaxed_u32(&table->in_use, in_use); /* a gauge: orders nothing */
  uint64_t tag =
      (wp_atomic_load_relaxed_u64(&table->free) >> 32) + 1; /* nobody else writes it now */
  wp_atomic_store_release_u64(&table->free, tag << 32 | first);
}

void wp_table_put(wp_table *table, uint32_t index) {
  WP_POINT("table.count");
  wp_atomic_fetch_sub_relaxed_u32(&table->in_use, 1); /* a gauge: orders nothing */
  put_chain(table, index, wp_table_at(table, index));
}

bool wp_table_check(const wp_table *table, bool (*is_free)(const void *record)) {
  uint32_t capacity = wp_atomic_load_relaxed_u32(&table->capacity), free = 0;
  for (uint32_t at = (uint32_t)wp_atomic_load_relaxed_u64(&table->free); at;) {
    if (at > capacity || ++free > capacity) return false;
    const wp_record *record = wp_table_at(table, at - 1);
    if (is_free && !is_free(record)) return false;
    at = wp_atomic_load_relaxed_u32(&record->next);
  }
  return free == capacity - wp_atomic_load_relaxed_u32(&table->in_use);
}
