/*
 * Purpose  Sub-tasks: parts of a running C task that other workers may take from its worker, and that it waits for. All that run parts of
 *          one task are its family: the worker that runs it (its root), and helpers, which the root or other members have invited. A
 *          helper is a slot like any other, so limits, seats, checks and kills are those of tasks (wp_fork_help).
 * Owns     wp_forks: each worker's list of parts that it has spawned and not awaited; slots with WP_SLOT_HELPER
 * Threads  the worker that runs the task or the part, except as noted
 * Order    a part's fields are published by READY (release), its status by DONE (seq, before `asleep` is read); a waiting owner stores
 *          `asleep` before it looks at the part again (both seq). A helper is in its thread's record before it looks at the root's state;
 *          main changes the root's state before it looks at the records, and looks again at each step of the ladder
 * Kill     everything here happens outside the gate, but for the making of a helper's slot. Each step is one store or CAS of a part's word,
 *          which names the family and, once it is taken, the thread that took it. If that thread dies, its part is LOST; if the owner
 *          dies, nobody takes its parts any more (wp_fork_died). A part may use its owner's stack and memory, so an owner's memory
 *          is taken back, and a task's end is reported, only when nobody runs a part of it (wp_fork_is_busy, wp_fork_end);
 *          a native thread, whose stack goes with it, ends only then
 * See      tests/unit/fork_test.c, docs/decisions/0025-sub-tasks.md
 */
#ifndef WP_FORK_H
#define WP_FORK_H

#include "task_side.h"

enum {
  WP_FORKS_MAX = 256, /* parts in one worker's list; one that finds it full is run at once */
};

/* Lower half of a part's word; the upper half is the number of the family. */
enum wp_fork_state {
  WP_FORK_FREE = 0,  /* written by the owner */
  WP_FORK_READY = 1, /* may be taken: by the owner or another thread, which of them wins the CAS */
  WP_FORK_DONE = 2,  /* `status` is set; written by the thread that took it */
  WP_FORK_LOST =
      3, /* the thread that took it died or trapped; written by whoever has noticed that */
  WP_FORK_TAKEN = 1 << 16, /* plus the number of the thread that took it */
};

typedef struct wp_fork {
  wp_atomic_u64 word;
  wp_subtask_function function; /* with the context: constant while READY or taken */
  void *context;
  int32_t status; /* wp_status, when DONE */
} wp_fork;

/* Bits of wp_forks.calls. A bit that is missing costs speed; one too many costs a needless look. */
enum wp_fork_call {
  WP_FORK_INVITE = 1, /* there may be more helpers */
  WP_FORK_HUNGRY = 2, /* a member of the family sleeps, and would take parts */
};

typedef struct wp_forks {
  wp_atomic_u32 family; /* the number that its parts have; 0: none. Written by the owner */
  wp_atomic_u32 top;    /* parts from here on are FREE; written by the owner, a hint for others */
  wp_atomic_u32 asleep; /* 1: the owner waits for a part; written by the owner */
  /* The rest of the line is for roots: what members read at each spawn. */
  wp_atomic_u32 calls; /* enum wp_fork_call; written by members */
  wp_atomic_u64
      helpers; /* family << 32 | slots of helpers; written by members. Too high after a helper's death */
  uint32_t index, generation; /* of the root's slot; the owner's */
  uint64_t pad[4];
  wp_fork parts[WP_FORKS_MAX];
} wp_forks;

/* Hooks of rooms.h. Reap empties a dead thread's list; before that, wp_fork_is_busy must be false. */
wp_status wp_fork_open(wp_pool *pool, wp_heap *heap);
void wp_fork_reap(wp_pool *pool, uint32_t thread, bool trusted);

/* The function of helpers' slots. */
wp_status wp_fork_help(wp_task *task);

/* The task's function has returned, or trapped: parts that nobody has taken never run; waits for the others. */
void wp_fork_end(wp_pool *pool, uint32_t self);

/* The thread runs no code of the user's any more, as it is dead, is ending or has trapped: what it had taken is lost, and nobody takes its
 * own parts any more. The thread itself, or main after its death. May be repeated. */
void wp_fork_died(wp_pool *pool, uint32_t thread);

/* Whether another thread still runs a part that this one has spawned. After wp_fork_died, false stays false. Any thread. */
bool wp_fork_is_busy(const wp_pool *pool, uint32_t thread);

/* If the slot that `thread` runs at this place of its record is a helper of a task that `root` runs and that was given up, or of any task
 * of `root` if that thread has `ended`: gives the helper up as well, sets *task, and returns true; also if that was done before. main. */
bool wp_fork_give_up(wp_pool *pool, uint32_t root, bool ended, uint32_t thread, uint32_t place,
                     wp_handle *task);

#endif
