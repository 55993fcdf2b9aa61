/* Operations of the kill matrix for sub-tasks: the victim is the root of a family, and OTHER takes some of its parts; or it is a helper of
 * OTHER's. For matrix_test.c only, as one thread plays both. */
#ifndef WP_TEST_MATRIX_FORKS_H
#define WP_TEST_MATRIX_FORKS_H

#include "fork_state.h"
#include "matrix.h"

/* OTHER acts meanwhile; its points do not count. */
static void by_other(void (*act)(void)) {
  void (*hook)(const char *) = wp__point_hook;
  wp__point_hook = NULL;
  play(OTHER);
  act();
  play(VICTIM);
  wp__point_hook = hook;
}

static wp_status count_part(wp_task *task, void *context) {
  (void)task;
  ++*(uint32_t *)context;
  return WP_OK;
}

/* ---- fork: the victim spawns parts, takes some back, waits for others ---- */

static wp_fork *first_part(void) { return &wp__forks_of(s.f.pool, VICTIM)->parts[0]; }

static void move_part(uint32_t state) {
  if (!wp__forks_of(s.f.pool, VICTIM)) return; /* no memory: all parts have run at once */
  wp_fork *part = first_part();
  uint64_t word = wp_atomic_load_seq_u64(&part->word);
  part->status = WP_OK;
  wp_atomic_store_seq_u64(&part->word, word >> 32 << 32 | state);
}

static void take_part(void) { move_part(WP_FORK_TAKEN | OTHER); }
static void finish_part(void) { move_part(WP_FORK_DONE); }

/* Whether the hook calls answer_nap. */
static bool naps_are_answered;

/* The point right after the victim has slept: the part that it waits for has ended. */
static inline void answer_nap(const char *name) {
  if (!strcmp(name, "fork.awake")) finish_part();
}

WP_TASK(forking) {
  static uint32_t count;
  wp_subtask children[4];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 4; i++) wp_task_spawn(task, &children[i], count_part, &count);
    by_other(take_part);
    if (!wp__point_hook || !naps_are_answered) by_other(finish_part);
    if (round) break; /* not awaited: the first one when the task ends, which waits for it */
    for (int i = 3; i >= 0; i--) wp_task_await(task, &children[i]);
  }
  return wp_task_result(task, WP_TYPE_BINARY, "12345678", 8);
}

static void prepare_fork(void) { submit_c("forking", 0, VICTIM); }

static void run_fork(void) {
  uint32_t index = take_one(VICTIM);
  if (index != WP_NONE) run_and_finish(VICTIM, index);
}

/* ---- aid: the victim takes parts of OTHER's task, which spawn parts of their own ---- */

static wp_task aided;
static wp_subtask aided_children[2];
static uint32_t aided_count;

static wp_status spawning_part(wp_task *task, void *context) {
  wp_subtask child;
  wp_task_spawn(task, &child, count_part, context);
  return wp_task_await(task, &child);
}

static void prepare_aid(void) {
  submit_plain();
  uint32_t index = take_one(OTHER);
  aided =
      (wp_task){.pool = s.f.pool, .slot = slot_of(s.f.pool, index), .self = OTHER, .index = index};
  play(OTHER);
  for (int i = 0; i < 2; i++)
    wp_task_spawn(&aided, &aided_children[i], spawning_part, &aided_count);
  play(WP_MAIN);
  wp_atomic_fetch_or_seq_u32(&aided.root->calls, WP_FORK_HUNGRY | WP_FORK_INVITE);
  wp_atomic_store_seq_u32(&aided.forks->asleep, 1);
}

static void run_aid(void) {
  uint32_t index = take_one(VICTIM);
  if (index != WP_NONE) run_and_finish(VICTIM, index);
}

static void end_aid(void) {
  play(OTHER);
  for (int i = 0; i < 2; i++) wp_task_await(&aided, &aided_children[i]);
  wp_fork_end(s.f.pool, OTHER);
  finish(OTHER, aided.index, WP_OK);
  play(WP_MAIN);
}

/* ---- fork trap: the victim's task traps while parts wait ---- */

static void prepare_fork_trap(void) {
  submit_plain();
  s.held[0] = take_one(VICTIM);
}

static void run_fork_trap(void) {
  static uint32_t count;
  wp_task task = {
      .pool = s.f.pool, .slot = slot_of(s.f.pool, s.held[0]), .self = VICTIM, .index = s.held[0]};
  wp_subtask children[2];
  for (int i = 0; i < 2; i++) wp_task_spawn(&task, &children[i], count_part, &count);
  wp_worker_clean_up(s.f.pool, VICTIM, s.held[0]);
  finish(VICTIM, s.held[0], WP_E_TASK_FAILED);
}

#endif
