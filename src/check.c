/* wp_pool_check: the pool as a whole, for tests and after a rebuild. No thread may be active. */
#include "box.h"
#include "lanes.h"
#include "task.h"
#include "worker.h"

/* Slots in a list, all in one of two states; WP_NONE when the list is damaged. */
static uint32_t list_length(const wp_pool *pool, const wp_list *list) {
  uint32_t count = 0, last = 0, capacity = wp_atomic_load_relaxed_u32(&pool->slots.capacity);
  for (uint32_t at = list->first; at;) {
    if (at > capacity || ++count > capacity) return WP_NONE;
    const wp_slot *slot = wp_slot_at(&pool->slots, at - 1);
    uint32_t state = wp_slot_state_of(slot);
    if (state != WP_SLOT_READY && state != WP_SLOT_CANCELLED) return WP_NONE;
    last = at;
    at = wp_atomic_load_relaxed_u32(&slot->next);
  }
  return last == list->last ? count : WP_NONE;
}

static bool lists_agree(const wp_pool *pool) {
  uint32_t waiting = 0;
  for (uint32_t level = 0; level < WP_PRIORITY_COUNT; level++) {
    for (uint32_t class = 0; class < WP_CLASS_COUNT; class ++) {
      uint32_t length = list_length(pool, &pool->lanes.lists[level][class]);
      bool filled = pool->lanes.filled >> (level * WP_CLASS_COUNT + class) & 1;
      if (length != pool->lanes.counts[level][class] || filled != (length > 0)) return false;
      waiting += length;
    }
  }
  for (uint32_t seat = 0; seat < pool->seat_count; seat++) {
    if (list_length(pool, &pool->lanes.seats[seat]) == WP_NONE) return false;
  }
  return waiting ==
             wp_atomic_load_relaxed_u32(&pool->ready) + wp_atomic_load_relaxed_u32(&pool->held) &&
         wp_lanes_count_bulks(pool) == wp_atomic_load_relaxed_u32(&pool->bulks);
}

static bool slots_agree(const wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_relaxed_u32(&pool->slots.capacity), waiting = 0, taken = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    uint32_t state = wp_slot_state_of(wp_slot_at(&pool->slots, i));
    waiting += state == WP_SLOT_SUBMITTED || state == WP_SLOT_READY;
    taken += state != WP_SLOT_FREE;
  }
  return waiting == wp_atomic_load_relaxed_u32(&pool->queued) &&
         taken == wp_table_in_use(&pool->slots);
}

static bool threads_agree(const wp_pool *pool) {
  for (uint32_t i = 1; i < pool->thread_count; i++) {
    const wp_thread *thread = &pool->threads[i];
    uint32_t entries = 0;
    for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
      uint32_t index = wp_atomic_load_relaxed_u32(&thread->slots[place]);
      if (!index) continue;
      entries++;
      if (wp_atomic_load_relaxed_u32(&wp_slot_at(&pool->slots, index - 1)->owner) != i)
        return false;
    }
    if (entries != wp_atomic_load_relaxed_u32(&thread->running)) return false;
    bool idle = wp_atomic_load_relaxed_u32(&pool->idle[i >> 5]) >> (i & 31) & 1;
    if (idle && wp_atomic_load_relaxed_u32(&thread->state) != WP_THREAD_LIVE) return false;
  }
  return true;
}

static bool boxes_agree(const wp_pool *pool) {
  uint32_t capacity = wp_atomic_load_relaxed_u32(&pool->boxes.capacity), taken = 0, pooled = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    const wp_box *box = wp_box_at(pool, i);
    uint32_t readers = 0;
    if (wp_word_state(wp_atomic_load_relaxed_u64(&box->word)) == WP_BOX_FREE) continue;
    taken++;
    pooled += (box->flags & WP_BOX_POOLED) != 0;
    for (uint32_t word = 0; word < WP_THREADS_MAX / 32; word++) {
      readers += (uint32_t)__builtin_popcount(wp_atomic_load_relaxed_u32(&box->readers[word]));
    }
    if (wp_atomic_load_relaxed_u32(&box->count) < readers) return false;
  }
  for (uint32_t i = 0; i < pool->thread_count; i++) {
    pooled += wp_atomic_load_relaxed_u32(&pool->threads[i].box_granted) != 0;
  }
  return taken == wp_atomic_load_relaxed_u32(&pool->boxes.in_use) &&
         pooled == wp_atomic_load_relaxed_u32(&pool->boxes_taken);
}

/* Every record is either in use or on the free list, once. */
static bool table_agrees(const wp_table *table, bool has_states) {
  uint32_t capacity = wp_atomic_load_relaxed_u32(&table->capacity), free = 0;
  for (uint32_t at = (uint32_t)wp_atomic_load_relaxed_u64(&table->free); at;) {
    if (at > capacity || ++free > capacity) return false;
    const wp_record *record = wp_table_at(table, at - 1);
    if (has_states && wp_word_state(wp_atomic_load_relaxed_u64(&record->word))) return false;
    at = wp_atomic_load_relaxed_u32(&record->next);
  }
  return free == capacity - wp_atomic_load_relaxed_u32(&table->in_use);
}

static bool tables_agree(const wp_pool *pool) {
  return table_agrees(&pool->slots, true) && table_agrees(&pool->boxes, true) &&
         table_agrees(&pool->groups, false) && table_agrees(&pool->names, false);
}

/* Who waits for a box is in line, once, and not granted one. */
static bool line_agrees(const wp_pool *pool) {
  uint32_t waiting = 0, listed = 0, last = 0;
  for (uint32_t i = 0; i < pool->thread_count; i++)
    waiting += wp_atomic_load_relaxed_u32(&pool->threads[i].box_waiting) != 0;
  for (uint32_t at = pool->box_line.first; at;) {
    if (at > pool->thread_count || ++listed > waiting || wp_box_granted(pool, at - 1)) return false;
    uint32_t next = wp_atomic_load_relaxed_u32(&pool->threads[at - 1].box_waiting);
    last = at;
    at = next == WP_NONE ? 0 : next;
  }
  return listed == waiting && last == pool->box_line.last;
}

wp_status wp_pool_check(wp_pool *pool) {
  bool fine = !wp_atomic_load_seq_u32(&pool->lock) && !pool->recount_due && tables_agree(pool) &&
              lists_agree(pool) && slots_agree(pool) && threads_agree(pool) && boxes_agree(pool) &&
              line_agrees(pool);
  for (uint32_t i = 0; fine && i < pool->thread_count; i++) {
    fine = wp_heap_check(&pool->memory[i].heap) == WP_OK;
  }
  return fine ? WP_OK : WP_E_BROKEN_INVARIANT;
}
