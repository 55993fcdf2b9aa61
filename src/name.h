/*
 * Purpose  Names of tasks, interned: equal names have equal numbers.
 * Owns     the table of names, and their text in main's heap; neither is ever freed
 * Threads  main
 * Order    none: a slot that carries a name's number is published after the name
 * Kill     none: main's
 * See      tests/unit/task_test.c
 */
#ifndef WP_NAME_H
#define WP_NAME_H

#include "pool.h"

typedef struct wp_name {
  wp_atomic_u64 word; /* wp_record */
  wp_atomic_u32 next; /* wp_record */
  uint32_t bytes;
  uint64_t address; /* of the UTF-8 text */
} wp_name;

_Static_assert(sizeof(wp_name) == 24, "the layout is shared with JavaScript");

/* Interns a task name. WP_E_NO_MEMORY. */
wp_status wp_name_intern(wp_pool *pool, const char *name, uint32_t bytes, uint32_t *id);

/* Hooks of rooms.h. */
wp_status wp_name_open(wp_pool *pool, wp_heap *heap);
bool wp_name_check(const wp_pool *pool);

#endif
