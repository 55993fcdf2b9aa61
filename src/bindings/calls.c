/* Calls from JavaScript, on main and in workers. */
#include "bindings/bindings.h"
#include "bindings/layout.h"
#include "box.h"
#include "instance/instance.h"
#include "name.h"
#include "rooms.h"
#include "task.h"
#include "task_side.h"
#include <emscripten/stack.h>

/* ---- The pool of this instance ---- */

wp_pool *wp_js_pool_create(const wp_config *config, int32_t *status) {
  wp_pool *pool = NULL;
  wp_segments *segments = NULL;
  if ((uint32_t)*status != wp_js_layout()) {
    *status = WP_E_START_FAILED;
    return NULL;
  }
  wp_thread_memory *memory = wp__process_memory(&segments);
  *status = memory ? wp_pool_lay_out(config, segments, memory, &pool) : WP_E_NO_MEMORY;
  return *status ? NULL : pool;
}

const char *wp_js_task_name(const wp_pool *pool, uint32_t index) {
  return index < pool->task_count ? pool->tasks[index]->name : NULL;
}

/* ---- Calls that return an index or a negative status, without 64-bit integers ---- */

static int32_t index_or(wp_status status, uint32_t index) {
  return status ? status : (int32_t)index;
}

int32_t wp_js_box_create(wp_pool *pool, uint32_t self, uint32_t bytes, uint32_t granted) {
  uint32_t index = 0;
  wp_status status = granted ? wp_box_create_granted(pool, self, bytes, &index)
                             : wp_box_create(pool, self, bytes, &index);
  return index_or(status, index);
}

wp_status wp_js_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                           uint32_t aux, uint32_t bytes) {
  return wp_box_commit(pool, self, index, type, aux, bytes);
}

int32_t wp_js_task_reserve(wp_pool *pool) {
  uint32_t index = 0;
  wp_status status = wp_task_reserve(pool, WP_MAIN, &index);
  return index_or(status, index);
}

int32_t wp_js_task_event(wp_pool *pool, uint32_t self, uint32_t parent) {
  uint32_t index = 0;
  wp_status status = wp_task_event(pool, self, parent, &index);
  return index_or(status, index);
}

int32_t wp_js_group_create(wp_pool *pool, uint32_t members, uint32_t kind) {
  uint32_t index = 0;
  wp_status status = wp_group_create(pool, members, kind, &index);
  return index_or(status, index);
}

int32_t wp_js_name_intern(wp_pool *pool, const char *name, uint32_t bytes) {
  uint32_t id = 0;
  wp_status status = wp_name_intern(pool, name, bytes, &id);
  return index_or(status, id);
}

void wp_js_want_leave(wp_pool *pool, uint32_t self) {
  wp_gate_enter(&pool->threads[self]);
  wp_pool_want_leave(pool, self);
  wp_gate_leave(&pool->threads[self]);
}

void wp_stats_read(wp_pool *pool, wp_stats *stats) { wp_pool_gauges(pool, stats); }

uint32_t wp_js_task_cancelled(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_task task = {
      .pool = pool, .slot = wp_slot_at(&pool->slots, index), .self = self, .index = index};
  return wp_task_cancelled(&task);
}
