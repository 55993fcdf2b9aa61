#include "group.h"
#include "base/point.h"
#include "idle.h"

static bool exists(const wp_pool *pool, uint32_t group) {
  return group < wp_atomic_load_acquire_u32(&pool->groups.capacity);
}

wp_status wp_group_open(wp_pool *pool, wp_heap *heap) {
  wp_status status = wp_table_open(&pool->groups, heap, sizeof(wp_group), WP_TABLE_RECORDS_MAX);
  return status ? status : wp_table_reserve(&pool->groups, heap);
}

/* ---- Bulk jobs ---- */

/* No points: main only. */
static void begin_bulk(wp_pool *pool) {
  uint32_t bulks = wp_atomic_fetch_add_seq_u32(&pool->bulks, 1) + 1;
  if (pool->telemetry && bulks > pool->bulks_peak) pool->bulks_peak = bulks;
}

/* After the last bulk job heavy tasks may run again. */
static void end_bulk(wp_pool *pool) {
  WP_POINT("bulk.end");
  /* OPEN: lower `bulks` before looking at the idle workers; a worker sets its idle bit before it looks at `bulks`. */
  if (wp_atomic_fetch_sub_seq_u32(&pool->bulks, 1) != 1) return;
  if (wp_atomic_load_seq_u32(&pool->held)) wp_idle_wake(pool);
}

static uint32_t count_bulks(const wp_pool *pool) {
  uint32_t bulks = 0;
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->groups.capacity); i++) {
    const wp_group *group = wp_group_at(pool, i);
    bulks += wp_atomic_load_acquire_u32(&group->members) && (group->kind & WP_GROUP_BULK);
  }
  return bulks;
}

/* ---- Members ---- */

/* No points: main only. */
wp_status wp_group_create(wp_pool *pool, uint32_t members, uint32_t kind, uint32_t *group) {
  if (!members) return WP_E_INVALID_ARGUMENT; /* no member would ever end it */
  wp_status status = wp_table_take(&pool->groups, wp_pool_heap(pool, WP_MAIN), group);
  if (status) return status;
  wp_group *record = wp_group_at(pool, *group);
  /* Relaxed: published with the slots that name it. */
  wp_atomic_store_relaxed_u32(&record->members, members);
  wp_atomic_store_relaxed_u32(&record->failed, 0);
  record->kind = kind;
  if (kind & WP_GROUP_BULK) begin_bulk(pool);
  return WP_OK;
}

void wp_group_leave(wp_pool *pool, uint32_t group) {
  if (!exists(pool, group)) return;
  wp_group *record = wp_group_at(pool, group);
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&record->word));
  WP_POINT("group.leave");
  if (wp_atomic_fetch_sub_acq_rel_u32(&record->members, 1) != 1) return;
  WP_POINT("group.free");
  if (record->kind & WP_GROUP_BULK) end_bulk(pool);
  wp_atomic_store_release_u64(&record->word, wp_word(wp_generation_after(generation), 0));
  wp_table_put(&pool->groups, group);
}

void wp_group_note_failure(wp_pool *pool, const wp_slot *slot) {
  wp_group *group = wp_group_at(pool, slot->group - 1);
  uint32_t none = 0;
  WP_POINT("group.fail");
  if (group->kind & WP_GROUP_FAIL_FAST)
    wp_atomic_cas_acq_rel_u32(&group->failed, &none, slot->item + 1);
}

/* No points: main only. */
void wp_group_fail(wp_pool *pool, uint32_t group) {
  uint32_t none = 0;
  if (exists(pool, group))
    wp_atomic_cas_acq_rel_u32(&wp_group_at(pool, group)->failed, &none, WP_NONE);
}

/* ---- After a death ---- */

static bool is_free(const void *record) {
  const wp_group *group = record; /* a group's word has no state but 0 */
  return wp_atomic_load_acquire_u32(&group->members) == 0;
}

/* Exact, because only main adds members, and it gives all of them their slots in one go. No points: main only. */
static void count_members(wp_pool *pool) {
  uint32_t groups = wp_atomic_load_acquire_u32(&pool->groups.capacity);
  for (uint32_t i = 0; i < groups; i++)
    wp_atomic_store_relaxed_u32(&wp_group_at(pool, i)->members, 0); /* nobody else is inside */
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    if (!slot->group || wp_slot_state_of(slot) == WP_SLOT_FREE) continue;
    wp_atomic_fetch_add_relaxed_u32(&wp_group_at(pool, slot->group - 1)->members, 1);
  }
}

/* No points: main only. */
void wp_group_recount(wp_pool *pool) {
  count_members(pool);
  wp_table_recount(&pool->groups, is_free);
  /* A thread that died while it ended a bulk job may have left the job active. */
  wp_atomic_store_seq_u32(&pool->bulks, count_bulks(pool));
}

bool wp_group_check(const wp_pool *pool) {
  return wp_table_check(&pool->groups, is_free) &&
         count_bulks(pool) == wp_atomic_load_relaxed_u32(&pool->bulks);
}
