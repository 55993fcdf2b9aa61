#include "recount.h"
#include "box.h"
#include "lanes.h"
#include "port/port.h"

/* Looks at a thread that is inside: sections are short, but their thread may not be running now, or be dead as well. */
enum { LOOKS_MAX = 10000 };

static bool comes_out(const wp_thread *thread) {
  for (uint32_t looks = 0; wp_gate_inside(thread); looks++) {
    if (looks == LOOKS_MAX) return false;
    wp_port_pause();
  }
  return true;
}

static bool is_free_slot(const void *slot) { return wp_slot_state_of(slot) == WP_SLOT_FREE; }

static bool is_free_box(const void *record) {
  const wp_box *box = record;
  return wp_word_state(wp_atomic_load_acquire_u64(&box->word)) == WP_BOX_FREE;
}

static bool is_free_group(const void *record) {
  const wp_group *group = record; /* groups have no states */
  return wp_atomic_load_acquire_u32(&group->members) == 0;
}

/* Who died between a slot's leaving its group and the group's noticing left it with a member too many: for ever active, if it is a
 * bulk job. Exact, as main gives all members their slots in one go, and does so itself. No points: main only. */
static void count_members(wp_pool *pool) {
  uint32_t groups = wp_atomic_load_acquire_u32(&pool->groups.capacity);
  for (uint32_t i = 0; i < groups; i++) {
    wp_group *group = wp_table_at(&pool->groups, i);
    wp_atomic_store_relaxed_u32(&group->members, 0); /* nobody else is inside */
  }
  for (uint32_t i = 0; i < wp_atomic_load_acquire_u32(&pool->slots.capacity); i++) {
    const wp_slot *slot = wp_slot_at(&pool->slots, i);
    if (!slot->group || is_free_slot(slot)) continue;
    wp_group *group = wp_table_at(&pool->groups, slot->group - 1);
    wp_atomic_fetch_add_relaxed_u32(&group->members, 1);
  }
}

/* No points: main only. */
static void count(wp_pool *pool) {
  wp_table_recount(&pool->slots, is_free_slot);
  count_members(pool);
  wp_table_recount(&pool->groups, is_free_group);
  wp_table_recount(&pool->boxes, is_free_box);
  wp_box_recount(pool);
  wp_segments_recount(pool->segments);
  /* Who died while it ended a bulk job may have left it active. */
  wp_atomic_store_seq_u32(&pool->bulks, wp_lanes_count_bulks(pool));
  /* Who died asleep before the lock: nobody is there now, and each unlock would ask the host in vain. */
  wp_atomic_store_seq_u32(&pool->lock_sleepers, 0);
}

bool wp_pool_recount(wp_pool *pool) {
  bool halted[WP_THREADS_MAX] = {false}, quiet = true;
  if (!pool->recount_due) return true;
  for (uint32_t i = 1; i < pool->thread_count; i++) {
    halted[i] = !wp_gate_doomed(&pool->threads[i]);
    if (halted[i]) wp_gate_doom(&pool->threads[i]);
  }
  for (uint32_t i = 1; quiet && i < pool->thread_count; i++) quiet = comes_out(&pool->threads[i]);
  if (quiet) {
    pool->recount_due = 0;
    count(pool);
  }
  /* WAKE ALL: the dead thread may have cleared a worker's idle bit and not woken it yet. The pardon does. */
  for (uint32_t i = 1; i < pool->thread_count; i++) {
    if (halted[i]) wp_gate_pardon(&pool->threads[i]);
  }
  return quiet;
}
