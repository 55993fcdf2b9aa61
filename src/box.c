#include "base/point.h"
#include "box_parts.h"

wp_status wp_box_open(wp_pool *pool, wp_heap *heap) {
  wp_status status =
      wp_table_open(&pool->boxes, heap, wp__box_record_bytes(pool), WP_TABLE_RECORDS_MAX);
  return status ? status : wp__box_open_memory(pool, heap);
}

static wp_box *box_of(const wp_pool *pool, uint32_t index, uint32_t generation) {
  if (!wp__box_exists(pool, index)) return NULL;
  wp_box *box = wp_box_at(pool, index);
  /* Pairs with the store in wp_box_commit. */
  uint64_t word = wp_atomic_load_acquire_u64(&box->word);
  return word == wp_word(generation, WP_BOX_READY) ? box : NULL;
}

/* ---- Writing ---- */

wp_status wp__box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t flags,
                         uint32_t *index) {
  if (bytes > SIZE_MAX / 2) return WP_E_TOO_LARGE;
  wp_heap *heap = wp_pool_heap(pool, self);
  wp_status status = wp_table_take(&pool->boxes, heap, index);
  if (status) return status;
  wp_box *box = wp_box_at(pool, *index);
  void *reserved = flags & WP_BOX_POOLED ? wp__box_take_memory(pool, self, bytes) : NULL;
  /* Tagged so that the block is freed with its thread, should that die before the box names the block. */
  void *data = reserved ? reserved : wp_heap_alloc(heap, (size_t)bytes, WP_TAG_ARENA);
  if (!data) {
    wp_table_put(&pool->boxes, *index);
    return bytes > pool->segments->region.limit_bytes ? WP_E_TOO_LARGE : WP_E_NO_MEMORY;
  }
  box->address = (uint64_t)(uintptr_t)data;
  box->bytes = 0;
  box->capacity_bytes = reserved ? pool->config.box_bytes : bytes;
  box->lease_end_ms = 0;
  box->owner = self;
  box->flags = flags;
  wp_atomic_store_relaxed_u32(&box->lease_ms, 0); /* no point: nobody reads a FREE box */
  wp_atomic_store_relaxed_u32(&box->kept, 0);     /* no point: likewise */
  for (uint32_t i = 0; i < wp_thread_set_words(pool); i++)
    wp_atomic_store_relaxed_u32(&box->readers[i], 0); /* no point: nobody reads a FREE box */
  WP_POINT("box.count");
  wp_atomic_store_relaxed_u32(&box->count, 1); /* published by the store of the word */
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&box->word));
  WP_POINT("box.writing");
  wp_atomic_store_release_u64(&box->word, wp_word(generation, WP_BOX_WRITING));
  if (!reserved) wp_heap_retag(data, 0);
  return WP_OK;
}

wp_status wp_box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index) {
  wp_gate_enter(&pool->threads[self]);
  wp_thread_beat(&pool->threads[self]);
  wp_status status = wp__box_create(pool, self, bytes, 0, index);
  wp_gate_leave(&pool->threads[self]);
  return status;
}

wp_status wp_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type, uint32_t aux,
                        uint64_t bytes) {
  if (!wp__box_exists(pool, index)) return WP_E_STALE_HANDLE;
  wp_box *box = wp_box_at(pool, index);
  uint64_t word = wp_atomic_load_acquire_u64(&box->word);
  if (!wp__box_has_state(word, WP_BOX_WRITING)) return WP_E_STALE_HANDLE;
  if (box->owner != self) return WP_E_DENIED;
  if (bytes > box->capacity_bytes) return WP_E_TOO_LARGE;
  box->type = type;
  box->aux = aux;
  box->bytes = bytes;
  wp_gate_enter(&pool->threads[self]);
  WP_POINT("box.commit");
  /* Release: pairs with the load in box_of, so that every reader sees everything written before. */
  wp_atomic_store_release_u64(&box->word, wp_word(wp_word_generation(word), WP_BOX_READY));
  wp_gate_leave(&pool->threads[self]);
  return WP_OK;
}

/* ---- References ---- */

void wp__box_give_back_place(wp_pool *pool) {
  WP_POINT("box.place");
  wp_atomic_fetch_sub_seq_u32(&pool->boxes_taken, 1);
  WP_POINT("box.ask");
  /* Pairs with the load in wp_lock_release. */
  wp_atomic_fetch_or_seq_u32(&pool->chores, WP_CHORE_BOXES);
}

void wp__box_free(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_box *box = wp_box_at(pool, index);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&box->word));
  uint64_t address = box->address;
  bool pooled = box->flags & WP_BOX_POOLED;
  WP_POINT("box.free");
  wp_atomic_store_release_u64(&box->word, wp_word(wp_generation_after(generation), WP_BOX_FREE));
  if (!wp__box_put_memory(pool, address))
    wp_heap_free(wp_pool_heap(pool, self), (void *)(uintptr_t)address);
  box->address =
      0; /* an old one would look like a pointer to what lies there next (wp_heap_keep) */
  wp_table_put(&pool->boxes, index);
  if (pooled) wp__box_give_back_place(pool);
}

void wp__box_drop_references(wp_pool *pool, uint32_t self, uint32_t index, uint32_t references) {
  WP_POINT("box.drop");
  /* acq_rel: whoever drops the last reference sees what all others did with the box before. */
  uint32_t before = wp_atomic_fetch_sub_acq_rel_u32(&wp_box_at(pool, index)->count, references);
  if (before == references) wp__box_free(pool, self, index);
}

void wp_box_drop(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!wp__box_exists(pool, index)) return;
  wp_gate_enter(&pool->threads[self]);
  wp__box_drop_references(pool, self, index, 1);
  wp_gate_leave(&pool->threads[self]);
  if (wp_atomic_load_relaxed_u32(&pool->chores)) wp_lock_help(pool, self, 0);
}

static bool retain(wp_box *box) {
  uint32_t count = wp_atomic_load_relaxed_u32(&box->count);
  do {
    if (!count) return false;
    WP_POINT("box.retain");
  } while (!wp_atomic_cas_acq_rel_u32(&box->count, &count, count + 1));
  return true;
}

bool wp_box_retain(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation) {
  wp_gate_enter(&pool->threads[self]);
  wp_box *box = box_of(pool, index, generation);
  bool retained = box && retain(box);
  if (retained && !box_of(pool, index, generation)) {
    wp_box_drop(pool, self, index); /* it was freed and used again before it was counted */
    retained = false;
  }
  wp_gate_leave(&pool->threads[self]);
  return retained;
}

wp_status wp_box_grant(wp_pool *pool, uint32_t index, uint32_t reader) {
  if (!wp__box_exists(pool, index) || reader >= pool->thread_count) return WP_E_STALE_HANDLE;
  wp_box *box = wp_box_at(pool, index);
  if (wp__box_has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE))
    return WP_E_STALE_HANDLE;
  if (!retain(box)) return WP_E_STALE_HANDLE;
  WP_POINT("box.grant");
  uint32_t bits =
      wp_atomic_fetch_or_acq_rel_u32(&box->readers[reader >> 5], wp__box_reader_bit(reader));
  WP_POINT("box.granted");
  if (bits & wp__box_reader_bit(reader))
    wp_atomic_fetch_sub_acq_rel_u32(&box->count, 1); /* the reader held a reference already */
  return WP_OK;
}

wp_status wp_box_read(wp_pool *pool, uint32_t index, uint32_t generation, uint32_t reader,
                      wp_completion *out) {
  if (reader >= pool->thread_count) return WP_E_INVALID_ARGUMENT;
  const wp_box *box = box_of(pool, index, generation);
  if (!box) return WP_E_STALE_HANDLE;
  if (!(wp_atomic_load_acquire_u32(&box->readers[reader >> 5]) & wp__box_reader_bit(reader))) {
    WP_POINT("box.denied");
    wp_atomic_fetch_add_relaxed_u64(&pool->counters.denied, 1);
    return WP_E_DENIED;
  }
  out->type = box->type;
  out->data = (const void *)(uintptr_t)box->address;
  out->bytes = (size_t)box->bytes;
  return WP_OK;
}

bool wp_box_release(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation,
                    uint32_t reader) {
  wp_box *box = reader < pool->thread_count ? box_of(pool, index, generation) : NULL;
  if (!box) return false;
  wp_gate_enter(&pool->threads[self]);
  uint32_t bit = wp__box_reader_bit(reader);
  WP_POINT("box.unread");
  bool held = wp_atomic_fetch_and_acq_rel_u32(&box->readers[reader >> 5], ~bit) & bit;
  WP_POINT("box.release");
  if (held) wp__box_drop_references(pool, self, index, 1);
  wp_gate_leave(&pool->threads[self]);
  if (wp_atomic_load_relaxed_u32(&pool->chores)) wp_lock_help(pool, self, 0);
  return held;
}
