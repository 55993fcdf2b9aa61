/*
 * Purpose  Groups: tasks that fail together, as a batch, a broadcast or a bulk job; and how many bulk jobs are active.
 * Owns     the table of groups, pool->bulks
 * Threads  as noted
 * Order    a group's fields are published with the slots that name it. A thread lowers `bulks` before it looks at the idle workers; a
 *          worker sets its idle bit before it looks at `bulks` (both seq)
 * Kill     a death after a slot forgot its group and before the group counted it out leaves the group with one member too many; a death
 *          after the last member was counted out leaves the record in use, or its bulk job active. Both until wp_group_recount, which
 *          asks the slots
 * See      tests/unit/lanes_test.c, tests/unit/task_test.c
 */
#ifndef WP_GROUP_H
#define WP_GROUP_H

#include "pool.h"

enum wp_group_kind {
  WP_GROUP_FAIL_FAST = 1, /* a failure cancels the rest */
  WP_GROUP_BULK = 2,      /* a bulk job: heavy tasks wait until it has ended */
};

typedef struct wp_group {
  wp_atomic_u64 word;    /* wp_record */
  wp_atomic_u32 next;    /* wp_record */
  wp_atomic_u32 members; /* slots that name it; the last one to leave frees it */
  /* item + 1 of the first failure (WP_NONE: wp_group_fail), or 0. Once set, members that have not started never do */
  wp_atomic_u32 failed;
  uint32_t kind; /* enum wp_group_kind bits; constant */
  uint32_t reserved[2];
} wp_group;

_Static_assert(sizeof(wp_group) == 32, "the layout is shared with JavaScript");

static inline wp_group *wp_group_at(const wp_pool *pool, uint32_t index) {
  return (wp_group *)wp_table_at(&pool->groups, index);
}

/* Makes a group of at least one member; the caller gives all members their slots in the same turn. `kind`: enum wp_group_kind bits.
 * WP_E_NO_MEMORY. main. */
wp_status wp_group_create(wp_pool *pool, uint32_t members, uint32_t kind, uint32_t *group);
/* Counts out one member; the last one frees the group. Slots do this when they are freed; call it for a member that never got a slot.
 * Any thread. */
void wp_group_leave(wp_pool *pool, uint32_t group);
/* Marks the group failed, as if a member had: members that have not started never do. main. */
void wp_group_fail(wp_pool *pool, uint32_t group);
/* Notes that this slot of a group has ended without a result. Its worker, inside the gate. */
void wp_group_note_failure(wp_pool *pool, const wp_slot *slot);

static inline bool wp_group_has_failed(const wp_pool *pool, uint32_t group) {
  return wp_atomic_load_acquire_u32(&wp_group_at(pool, group)->failed) != 0;
}

/* Hooks of rooms.h. */
wp_status wp_group_open(wp_pool *pool, wp_heap *heap);
void wp_group_recount(wp_pool *pool);
bool wp_group_check(const wp_pool *pool);

#endif
