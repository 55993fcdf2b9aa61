/* Boxes as the caller's own values. The caller's holds on a box are counted here; together they are one reference, main's as a reader, so
 * that a recount (recount.h) finds it. */
#include "base/fault.h"
#include "box.h"
#include "embed.h"
#include "type.h"
#include <stdlib.h>
#include <string.h>

static bool is_state(const wp_pool *pool, wp_box_handle handle, uint32_t state) {
  if (handle.index >= wp_atomic_load_acquire_u32(&pool->boxes.capacity)) return false;
  uint64_t word = wp_atomic_load_acquire_u64(&wp_box_at(pool, handle.index)->word);
  return wp_word_generation(word) == handle.generation && wp_word_state(word) == state;
}

static wp_box_handle handle_of(const wp_pool *pool, uint32_t index) {
  return (wp_box_handle){
      index, wp_word_generation(wp_atomic_load_acquire_u64(&wp_box_at(pool, index)->word))};
}

/* Makes room for the count of holds on a box. */
static bool reserve_hold(wp_pool *pool, uint32_t index) {
  wp_embedder *embedder = pool->embedder;
  if (index < embedder->box_hold_count) return true;
  uint32_t count = wp_atomic_load_acquire_u32(&pool->boxes.capacity);
  uint32_t *grown = WP_FAULT("holds") ? NULL : realloc(embedder->box_holds, count * sizeof *grown);
  if (!grown) return false;
  memset(grown + embedder->box_hold_count, 0, (count - embedder->box_hold_count) * sizeof *grown);
  embedder->box_holds = grown;
  embedder->box_hold_count = count;
  return true;
}

/* A new box with a copy of the bytes. It is the caller's, as main's writing reference turned into a hold. */
static wp_status copy_small(wp_pool *pool, const wp_completion *completion, uint32_t *index) {
  wp_status status = wp_box_create(pool, WP_MAIN, completion->bytes, index);
  if (status) return status;
  if (completion->bytes)
    memcpy((void *)(uintptr_t)wp_box_at(pool, *index)->address, completion->data,
           completion->bytes);
  return WP_OK;
}

/* WRITING > READY, held by the caller. */
static wp_status seal(wp_pool *pool, uint32_t index, uint32_t type, size_t bytes) {
  wp_status status = wp_box_commit(pool, WP_MAIN, index, type, 0, bytes);
  if (status) return status;
  wp_box_grant(pool, index, WP_MAIN);
  wp_box_drop(pool, WP_MAIN, index); /* the writer's reference */
  return WP_OK;
}

static wp_status keep(wp_pool *pool, const wp_completion *completion, wp_box_handle *box) {
  const wp_slot *slot = wp_slot_at(&pool->slots, completion->slot);
  uint32_t index = slot->result.box - 1;
  bool is_boxed = slot->result.box != 0;
  wp_status status = is_boxed ? WP_OK : copy_small(pool, completion, &index);
  if (status) return status;
  if (!reserve_hold(pool, index)) status = WP_E_NO_MEMORY;
  if (!status)
    status = is_boxed ? wp_box_grant(pool, index, WP_MAIN)
                      : seal(pool, index, completion->type, completion->bytes);
  if (status) {
    if (!is_boxed) wp_box_drop(pool, WP_MAIN, index);
    return status;
  }
  pool->embedder->box_holds[index]++;
  *box = handle_of(pool, index);
  return WP_OK;
}

wp_status wp_box_keep(wp_pool *pool, const wp_completion *completion, wp_box_handle *box) {
  if (completion->progress || completion->slot >= wp_atomic_load_acquire_u32(&pool->slots.capacity))
    return WP_E_STALE_HANDLE;
  wp__embed_enter(pool);
  const wp_slot *slot = wp_slot_at(&pool->slots, completion->slot);
  uint64_t word = wp_atomic_load_acquire_u64(&slot->word);
  bool is_there = wp_word_state(word) == WP_SLOT_DELIVERED &&
                  wp_word_generation(word) == completion->handle.generation;
  wp_status status = is_there ? keep(pool, completion, box) : WP_E_STALE_HANDLE;
  wp__embed_leave(pool);
  return status;
}

wp_status wp_box_make(wp_pool *pool, size_t bytes, wp_box_handle *box, void **data) {
  uint32_t index = 0;
  wp__embed_enter(pool);
  wp_status status = wp_box_create(pool, WP_MAIN, bytes, &index);
  if (!status && !reserve_hold(pool, index)) {
    wp_box_drop(pool, WP_MAIN, index);
    status = WP_E_NO_MEMORY;
  }
  if (!status) {
    pool->embedder->box_holds[index] = 1;
    *box = handle_of(pool, index);
    *data = (void *)(uintptr_t)wp_box_at(pool, index)->address;
  }
  wp__embed_leave(pool);
  return status;
}

wp_status wp_box_seal(wp_pool *pool, wp_box_handle box, uint32_t type, size_t bytes) {
  if (!wp_type_holds(type, bytes)) return WP_E_INVALID_ARGUMENT;
  wp__embed_enter(pool);
  wp_status status =
      is_state(pool, box, WP_BOX_WRITING) && wp_box_at(pool, box.index)->owner == WP_MAIN
          ? seal(pool, box.index, type, bytes)
          : WP_E_STALE_HANDLE;
  wp__embed_leave(pool);
  return status;
}

static bool is_held(const wp_pool *pool, wp_box_handle box) {
  const wp_embedder *embedder = pool->embedder;
  return (is_state(pool, box, WP_BOX_READY) || is_state(pool, box, WP_BOX_WRITING)) &&
         box.index < embedder->box_hold_count && embedder->box_holds[box.index];
}

const void *wp_box_bytes(wp_pool *pool, wp_box_handle box, size_t *bytes, uint32_t *type) {
  const void *found = NULL;
  wp__embed_enter(pool);
  if (is_held(pool, box) && is_state(pool, box, WP_BOX_READY)) {
    const wp_box *record = wp_box_at(pool, box.index);
    found = (const void *)(uintptr_t)record->address;
    if (bytes) *bytes = (size_t)record->bytes;
    if (type) *type = record->type;
  }
  wp__embed_leave(pool);
  return found;
}

void wp_box_free(wp_pool *pool, wp_box_handle box) {
  wp__embed_enter(pool);
  if (is_held(pool, box) && --pool->embedder->box_holds[box.index] == 0) {
    if (is_state(pool, box, WP_BOX_WRITING))
      wp_box_drop(pool, WP_MAIN, box.index);
    else
      wp_box_release(pool, WP_MAIN, box.index, box.generation, WP_MAIN);
  }
  wp__embed_leave(pool);
}
