#include "box.h"
#include "base/point.h"
#include "port/port.h"
#include "scheduler.h"

static bool has_state(uint64_t word, uint32_t state) { return wp_word_state(word) == state; }

static uint32_t reader_bit(uint32_t reader) { return UINT32_C(1) << (reader & 31); }

static bool exists(const wp_pool *pool, uint32_t index) {
  return index < wp_atomic_load_acquire_u32(&pool->boxes.capacity);
}

static wp_box *box_of(const wp_pool *pool, uint32_t index, uint32_t generation) {
  if (!exists(pool, index)) return NULL;
  wp_box *box = wp_box_at(pool, index);
  uint64_t word =
      wp_atomic_load_acquire_u64(&box->word); /* pairs with the store in wp_box_commit */
  return word == wp_word(generation, WP_BOX_READY) ? box : NULL;
}

/* ---- Writing ---- */

static wp_status create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t flags,
                        uint32_t *index) {
  if (bytes > SIZE_MAX / 2) return WP_E_TOO_LARGE;
  wp_heap *heap = wp_pool_heap(pool, self);
  wp_status status = wp_table_take(&pool->boxes, heap, index);
  if (status) return status;
  wp_box *box = wp_box_at(pool, *index);
  /* With this tag it goes with its thread, until the box says whose it is. */
  void *data = wp_heap_alloc(heap, (size_t)bytes, WP_TAG_ARENA);
  if (!data) {
    wp_table_put(&pool->boxes, *index);
    return bytes > pool->segments->region.limit_bytes ? WP_E_TOO_LARGE : WP_E_NO_MEMORY;
  }
  box->address = (uint64_t)(uintptr_t)data;
  box->bytes = 0;
  box->capacity_bytes = bytes;
  box->lease_end_ms = 0;
  box->owner = self;
  box->flags = flags;
  for (uint32_t i = 0; i < WP_THREADS_MAX / 32; i++)
    wp_atomic_store_relaxed_u32(&box->readers[i], 0); /* no point: a FREE box has no readers */
  WP_POINT("box.count");
  wp_atomic_store_relaxed_u32(&box->count, 1); /* published by the store of the word */
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&box->word));
  WP_POINT("box.writing");
  wp_atomic_store_release_u64(&box->word, wp_word(generation, WP_BOX_WRITING));
  wp_heap_retag(data, 0);
  return WP_OK;
}

wp_status wp_box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index) {
  wp_gate_enter(&pool->threads[self]);
  wp_thread_beat(&pool->threads[self]);
  wp_status status = create(pool, self, bytes, 0, index);
  wp_gate_leave(&pool->threads[self]);
  return status;
}

wp_status wp_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type, uint32_t aux,
                        uint64_t bytes) {
  if (!exists(pool, index)) return WP_E_STALE_HANDLE;
  wp_box *box = wp_box_at(pool, index);
  uint64_t word = wp_atomic_load_acquire_u64(&box->word);
  if (!has_state(word, WP_BOX_WRITING)) return WP_E_STALE_HANDLE;
  if (box->owner != self) return WP_E_DENIED;
  if (bytes > box->capacity_bytes) return WP_E_TOO_LARGE;
  box->type = type;
  box->aux = aux;
  box->bytes = bytes;
  wp_gate_enter(&pool->threads[self]);
  WP_POINT("box.commit");
  /* Release: pairs with the loads in box_of and wp_box_retain; everything written before is seen by every reader. */
  wp_atomic_store_release_u64(&box->word, wp_word(wp_word_generation(word), WP_BOX_READY));
  wp_gate_leave(&pool->threads[self]);
  return WP_OK;
}

/* ---- References ---- */

static void give_back_place(wp_pool *pool) {
  WP_POINT("box.place");
  wp_atomic_fetch_sub_seq_u32(&pool->boxes_taken, 1);
  WP_POINT("box.ask");
  /* Pairs with the load in wp_sched_unlock. */
  wp_atomic_fetch_or_seq_u32(&pool->chores, WP_CHORE_BOXES);
}

static void free_box(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_box *box = wp_box_at(pool, index);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&box->word));
  void *data = (void *)(uintptr_t)box->address;
  bool pooled = box->flags & WP_BOX_POOLED;
  WP_POINT("box.free");
  wp_atomic_store_release_u64(&box->word, wp_word(wp_generation_after(generation), WP_BOX_FREE));
  wp_heap_free(wp_pool_heap(pool, self), data);
  wp_table_put(&pool->boxes, index);
  if (pooled) give_back_place(pool);
}

static void drop(wp_pool *pool, uint32_t self, uint32_t index, uint32_t references) {
  WP_POINT("box.drop");
  /* acq_rel: the last to go sees what all others did with the box before. */
  uint32_t before = wp_atomic_fetch_sub_acq_rel_u32(&wp_box_at(pool, index)->count, references);
  if (before == references) free_box(pool, self, index);
}

void wp_box_drop(wp_pool *pool, uint32_t self, uint32_t index) {
  if (!exists(pool, index)) return;
  wp_gate_enter(&pool->threads[self]);
  drop(pool, self, index, 1);
  wp_gate_leave(&pool->threads[self]);
  if (wp_atomic_load_relaxed_u32(&pool->chores)) wp_sched_help(pool, self, 0);
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
    wp_box_drop(pool, self, index); /* it was freed and used again between the look and the count */
    retained = false;
  }
  wp_gate_leave(&pool->threads[self]);
  return retained;
}

wp_status wp_box_grant(wp_pool *pool, uint32_t index, uint32_t reader) {
  if (!exists(pool, index) || reader >= WP_THREADS_MAX) return WP_E_STALE_HANDLE;
  wp_box *box = wp_box_at(pool, index);
  if (has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE)) return WP_E_STALE_HANDLE;
  if (!retain(box)) return WP_E_STALE_HANDLE;
  WP_POINT("box.grant");
  uint32_t bits = wp_atomic_fetch_or_acq_rel_u32(&box->readers[reader >> 5], reader_bit(reader));
  WP_POINT("box.granted");
  if (bits & reader_bit(reader))
    wp_atomic_fetch_sub_acq_rel_u32(&box->count, 1); /* it held one already */
  return WP_OK;
}

wp_status wp_box_read(wp_pool *pool, uint32_t index, uint32_t generation, uint32_t reader,
                      wp_completion *out) {
  if (reader >= WP_THREADS_MAX) return WP_E_INVALID_ARGUMENT;
  const wp_box *box = box_of(pool, index, generation);
  if (!box) return WP_E_STALE_HANDLE;
  if (!(wp_atomic_load_acquire_u32(&box->readers[reader >> 5]) & reader_bit(reader))) {
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
  wp_box *box = reader < WP_THREADS_MAX ? box_of(pool, index, generation) : NULL;
  if (!box) return false;
  wp_gate_enter(&pool->threads[self]);
  uint32_t bit = reader_bit(reader);
  WP_POINT("box.unread");
  bool held = wp_atomic_fetch_and_acq_rel_u32(&box->readers[reader >> 5], ~bit) & bit;
  WP_POINT("box.release");
  if (held) drop(pool, self, index, 1);
  wp_gate_leave(&pool->threads[self]);
  if (wp_atomic_load_relaxed_u32(&pool->chores)) wp_sched_help(pool, self, 0);
  return held;
}

/* ---- The line for pooled boxes ---- */

static bool take_place_locked(wp_pool *pool) {
  if (wp_atomic_load_seq_u32(&pool->boxes_taken) >= pool->config.box_count) return false;
  WP_POINT("box.take_place");
  wp_atomic_fetch_add_seq_u32(&pool->boxes_taken, 1);
  WP_POINT("box.placed");
  return true;
}

static void append_to_line(wp_pool *pool, uint32_t number) {
  WP_POINT("line.wait");
  /* Relaxed: the line is guarded by the lock. */
  wp_atomic_store_relaxed_u32(&pool->threads[number].box_waiting, WP_NONE);
  WP_POINT("line.append");
  if (pool->box_line.last) {
    wp_atomic_store_relaxed_u32(&pool->threads[pool->box_line.last - 1].box_waiting, number + 1);
  } else {
    pool->box_line.first = number + 1;
  }
  WP_POINT("line.last");
  pool->box_line.last = number + 1;
}

wp_status wp_box_request(wp_pool *pool, uint32_t self) {
  wp_thread *thread = &pool->threads[self];
  wp_status status = WP_OK;
  wp_gate_enter(thread);
  wp_sched_wait_lock(pool, self);
  if (wp_box_granted(pool, self)) {
    status = WP_OK; /* it asked before, and has not used it */
  } else if (wp_atomic_load_relaxed_u32(&thread->box_waiting)) {
    status = WP_E_QUEUE_FULL; /* likewise, and keeps its place in line */
  } else if (!pool->box_line.first && take_place_locked(pool)) {
    WP_POINT("box.request");
    wp_atomic_store_seq_u32(&thread->box_granted, 1);
  } else {
    status = WP_E_QUEUE_FULL;
    append_to_line(pool, self);
  }
  wp_sched_unlock(pool, self);
  wp_gate_leave(thread);
  return status;
}

bool wp_box_granted(const wp_pool *pool, uint32_t self) {
  return wp_atomic_load_seq_u32(&pool->threads[self].box_granted) != 0;
}

wp_status wp_box_create_granted(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t *index) {
  wp_thread *thread = &pool->threads[self];
  if (!wp_box_granted(pool, self)) return WP_E_QUEUE_FULL;
  wp_gate_enter(thread);
  /* The grant goes first: who dies in between leaves a place that counts as taken, not one that is given back twice. */
  WP_POINT("box.use_grant");
  wp_atomic_store_seq_u32(&thread->box_granted, 0);
  wp_status status = create(pool, self, bytes, WP_BOX_POOLED, index);
  if (status) give_back_place(pool);
  wp_gate_leave(thread);
  if (status) wp_sched_help(pool, self, 0);
  return status;
}

static void leave_line(wp_pool *pool, uint32_t number) {
  uint32_t previous = 0;
  for (uint32_t at = pool->box_line.first; at;) {
    wp_thread *thread = &pool->threads[at - 1];
    uint32_t link = wp_atomic_load_relaxed_u32(&thread->box_waiting); /* guarded by the lock */
    uint32_t after = link == WP_NONE ? 0 : link;
    if (at - 1 == number) {
      WP_POINT("line.leave");
      if (previous)
        wp_atomic_store_relaxed_u32(&pool->threads[previous - 1].box_waiting,
                                    after ? after : WP_NONE);
      else
        pool->box_line.first = after;
      WP_POINT("line.left");
      if (!after) pool->box_line.last = previous;
      wp_atomic_store_relaxed_u32(&thread->box_waiting, 0);
      return;
    }
    previous = at;
    at = after;
  }
}

void wp_box_serve_line_locked(wp_pool *pool) {
  while (pool->box_line.first && take_place_locked(pool)) {
    uint32_t number = pool->box_line.first - 1;
    WP_POINT("line.grant");
    /* First: who is neither granted nor in line would wait for ever, if this thread died here. */
    wp_atomic_store_seq_u32(&pool->threads[number].box_granted, 1);
    leave_line(pool, number);
    wp_thread_wake(&pool->threads[number]);
  }
}

/* In line again if it was and has not been granted a box since. No points: main only. */
static void enter_anew(wp_pool *pool, uint32_t number) {
  wp_atomic_u32 *waiting = &pool->threads[number].box_waiting;
  bool waits = wp_atomic_load_relaxed_u32(waiting) && !wp_box_granted(pool, number);
  wp_atomic_store_relaxed_u32(waiting, 0); /* guarded by the lock */
  if (waits) append_to_line(pool, number);
}

void wp_box_mend_line_locked(wp_pool *pool) {
  uint32_t line[WP_THREADS_MAX], count = 0;
  bool listed[WP_THREADS_MAX] = {false};
  for (uint32_t at = pool->box_line.first; at && at != WP_NONE && !listed[at - 1];) {
    listed[at - 1] = true;
    line[count++] = at - 1;
    at = wp_atomic_load_relaxed_u32(&pool->threads[at - 1].box_waiting); /* guarded by the lock */
  }
  pool->box_line = (wp_list){0, 0};
  /* Who waits and is not listed was the first, being served; or is dead, and leaves the line at wp_box_reap. */
  for (uint32_t i = 1; i < pool->thread_count; i++) {
    if (!listed[i]) enter_anew(pool, i);
  }
  for (uint32_t i = 0; i < count; i++) enter_anew(pool, line[i]);
}

/* ---- Leases and deaths ---- */

/* No points: main only. */
static uint32_t clear_readers(wp_box *box) {
  uint32_t references = 0;
  for (uint32_t i = 0; i < WP_THREADS_MAX / 32; i++) {
    references += (uint32_t)__builtin_popcount(wp_atomic_exchange_acq_rel_u32(&box->readers[i], 0));
  }
  return references;
}

double wp_box_expire(wp_pool *pool, double now_ms) {
  double next_ms = 0;
  if (!pool->leases) return 0;
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  pool->leases = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    wp_box *box = wp_box_at(pool, i);
    if (!has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_READY) || box->lease_end_ms <= 0)
      continue;
    if (now_ms < box->lease_end_ms) {
      pool->leases++;
      if (next_ms == 0 || box->lease_end_ms < next_ms) next_ms = box->lease_end_ms;
      continue;
    }
    box->lease_end_ms = 0;
    uint32_t references = clear_readers(box);
    if (references) drop(pool, WP_MAIN, i, references);
  }
  /* All workers may stand in line for what has come free: then nobody else looks. */
  if (wp_atomic_load_relaxed_u32(&pool->chores)) wp_sched_help(pool, WP_MAIN, 0);
  return next_ms;
}

/* No points: main only. */
void wp_box_reap(wp_pool *pool, uint32_t thread) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  for (uint32_t i = 0; i < capacity; i++) {
    wp_box *box = wp_box_at(pool, i);
    uint64_t word = wp_atomic_load_acquire_u64(&box->word);
    if (has_state(word, WP_BOX_WRITING) && box->owner == thread) {
      free_box(pool, WP_MAIN, i);
    } else if (has_state(word, WP_BOX_READY)) {
      uint32_t bit = reader_bit(thread);
      if (wp_atomic_fetch_and_acq_rel_u32(&box->readers[thread >> 5], ~bit) & bit)
        drop(pool, WP_MAIN, i, 1);
    }
  }
  leave_line(pool, thread);
  if (wp_atomic_exchange_seq_u32(&pool->threads[thread].box_granted, 0)) give_back_place(pool);
}

/* Only READY boxes: the slot that names a box that is WRITING has its writer's reference. No points: main only. */
static void count_name(wp_pool *pool, const wp_value *value) {
  wp_box *box = value->box && exists(pool, value->box - 1) ? wp_box_at(pool, value->box - 1) : NULL;
  if (!box || !has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_READY)) return;
  wp_atomic_fetch_add_relaxed_u32(&box->count, 1); /* nobody else counts now */
}

/* No points: main only. */
void wp_box_recount(wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_acquire_u32(&pool->boxes.capacity), taken = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    wp_box *box = wp_box_at(pool, i);
    uint32_t count = has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_WRITING);
    for (uint32_t word = 0; word < WP_THREADS_MAX / 32; word++)
      count += (uint32_t)__builtin_popcount(wp_atomic_load_acquire_u32(&box->readers[word]));
    wp_atomic_store_relaxed_u32(&box->count, count); /* nobody else counts now */
  }
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    if (wp_slot_state_of(slot) == WP_SLOT_FREE) continue;
    count_name(pool, &slot->argument);
    count_name(pool, &slot->result);
  }
  for (uint32_t i = 0; i < capacity; i++) {
    const wp_box *box = wp_box_at(pool, i);
    if (has_state(wp_atomic_load_acquire_u64(&box->word), WP_BOX_FREE)) continue;
    if (wp_atomic_load_relaxed_u32(&box->count) == 0) /* nobody else counts now */
      free_box(pool, WP_MAIN, i);
    else
      taken += (box->flags & WP_BOX_POOLED) != 0;
  }
  for (uint32_t i = 1; i < pool->thread_count; i++) taken += wp_box_granted(pool, i);
  wp_atomic_store_seq_u32(&pool->boxes_taken, taken);
  /* Pairs with the load in wp_sched_unlock. */
  wp_atomic_fetch_or_seq_u32(&pool->chores, WP_CHORE_BOXES);
}
