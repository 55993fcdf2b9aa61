#include "actor_box.h"
#include "base/point.h"

/* ---- Writing ---- */

wp_status wp_actor_box_create(wp_pool *pool, uint32_t self, uint64_t bytes, uint32_t lease_ms,
                              uint32_t *index) {
  if (bytes > pool->config.box_bytes) return WP_E_TOO_LARGE;
  wp_thread *thread = &pool->threads[self];
  wp_gate_enter(thread);
  wp_thread_touch(thread);
  wp_status status = wp_box_create_granted(pool, self, bytes, index);
  if (!status) {
    WP_POINT("actor_box.lease");
    wp_atomic_store_release_u32(&wp_box_at(pool, *index)->lease_ms, lease_ms);
  }
  wp_gate_leave(thread);
  return status;
}

wp_status wp_actor_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                              uint32_t aux, uint64_t bytes) {
  wp_thread *thread = &pool->threads[self];
  wp_gate_enter(thread);
  wp_thread_touch(thread);
  wp_status status = wp_box_commit(pool, self, index, type, aux, bytes);
  if (!status) {
    /* A reader's bit in place of the writer's reference: after a death the bits of the dead are dropped. */
    wp_box_grant(pool, index, self);
    wp_box_drop(pool, self, index);
  }
  wp_gate_leave(thread);
  return status;
}

void wp_actor_box_told(wp_pool *pool, uint32_t self, wp_handle box, uint32_t readers) {
  if (readers) {
    wp_box_release(pool, self, box.index, box.generation, self);
    return;
  }
  wp_gate_enter(&pool->threads[self]);
  WP_POINT("actor_box.keep");
  /* Only its writer, which holds a share, changes this; main hears of the box by a letter that is sent later. */
  wp_atomic_store_release_u32(&wp_box_at(pool, box.index)->kept, self + 1);
  wp_gate_leave(&pool->threads[self]);
}

/* ---- Reading ---- */

/* main becomes a reader. */
static wp_status admit(wp_pool *pool, uint32_t self, wp_handle box) {
  if (!wp_box_retain(pool, self, box.index, box.generation)) return WP_E_STALE_HANDLE;
  wp_status status = wp_box_grant(pool, box.index, self);
  wp_box_drop(pool, self, box.index);
  return status;
}

wp_status wp_actor_box_read(wp_pool *pool, uint32_t self, wp_handle box) {
  wp_completion content;
  wp_thread *thread = &pool->threads[self];
  wp_gate_enter(thread);
  wp_thread_touch(thread);
  wp_status status = self == WP_MAIN ? admit(pool, self, box)
                                     : wp_box_read(pool, box.index, box.generation, self, &content);
  WP_POINT("actor_box.stale");
  if (status == WP_E_STALE_HANDLE)
    wp_atomic_fetch_add_relaxed_u64(&pool->counters.stale, 1); /* a gauge */
  wp_gate_leave(thread);
  return status;
}

bool wp_actor_box_release(wp_pool *pool, uint32_t self, wp_handle box) {
  wp_thread *thread = &pool->threads[self];
  wp_gate_enter(thread);
  wp_thread_touch(thread);
  bool exists = box.index < wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  uint32_t kept = exists ? wp_atomic_load_acquire_u32(&wp_box_at(pool, box.index)->kept) : 0;
  bool released = wp_box_release(pool, self, box.index, box.generation, self);
  if (released && self == WP_MAIN && kept)
    wp_box_release(pool, self, box.index, box.generation, kept - 1);
  wp_gate_leave(thread);
  return released;
}
