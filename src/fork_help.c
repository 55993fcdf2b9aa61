/* Helpers: slots whose function takes parts of one family until there are none. */
#include "base/point.h"
#include "fork_state.h"
#include "idle.h"
#include "lock.h"
#include "port/port.h"
#include "scheduler.h"
#include "task_life.h"
#include <string.h>

enum {
  LOOKS_MAX = 400, /* looks for a part before a helper gives up: some microseconds */
};

/* How long a helper may keep its worker while other tasks wait. */
static const double stay_ms = 2;

/* ---- Invitations ---- */

/* Counts one helper in. False: there are enough, or the family is gone. */
static bool count_in(const wp_pool *pool, wp_forks *root, uint32_t family) {
  uint32_t open = wp_atomic_load_relaxed_u32(&pool->seats_open); /* a hint */
  uint64_t seen = wp_atomic_load_acquire_u64(&root->helpers);
  do {
    if (seen >> 32 != family || (uint32_t)seen + 1 >= open) return false;
    WP_POINT("fork.invite");
  } while (!wp_atomic_cas_acq_rel_u64(&root->helpers, &seen, seen + 1));
  return true;
}

static void count_out(wp_forks *root, uint32_t family) {
  uint64_t seen = wp_atomic_load_acquire_u64(&root->helpers);
  do {
    if (seen >> 32 != family || !(uint32_t)seen) return;
    WP_POINT("fork.leave");
  } while (!wp_atomic_cas_acq_rel_u64(&root->helpers, &seen, seen - 1));
  WP_POINT("fork.again");
  wp_atomic_fetch_or_seq_u32(&root->calls, WP_FORK_INVITE);
}

/* Makes a helper's slot READY, in the place of its root among the waiting tasks. Inside the gate. */
static wp_status queue_helper(wp_task *task, const wp_invitation *invitation) {
  wp_pool *pool = task->pool;
  uint32_t index = 0;
  wp_status status = wp_task_reserve(pool, task->self, &index);
  if (status) return status;
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  slot->c_task = WP_C_FUNCTION;
  slot->function = (uintptr_t)wp_fork_help;
  slot->flags = WP_SLOT_HELPER;
  slot->priority = task->slot->priority;
  slot->sequence = task->slot->sequence;
  slot->argument = (wp_value){WP_TYPE_BINARY, 0, sizeof *invitation, 0};
  memcpy(slot->argument_inline, invitation, sizeof *invitation);
  wp_lock_wait(pool, task->self);
  wp_slot_set(slot, WP_SLOT_READY);
  WP_POINT("fork.disown"); /* only now: a slot that is FILLING must have its owner */
  wp_atomic_store_relaxed_u32(&slot->owner, 0); /* published with the lane */
  wp_sched_requeue_locked(pool, index);
  wp_lock_release(pool, task->self);
  wp_idle_wake_any(pool, false);
  return WP_OK;
}

static void invite(wp_task *task) {
  wp_forks *root = task->root;
  uint32_t family = wp_atomic_load_relaxed_u32(&task->forks->family); /* own word */
  if (!count_in(task->pool, root, family)) {
    WP_POINT("fork.enough");
    wp_atomic_fetch_and_seq_u32(&root->calls, ~(uint32_t)WP_FORK_INVITE);
    return;
  }
  uint32_t root_thread = wp_atomic_load_relaxed_u32(&task->slot->owner); /* constant */
  const wp_invitation invitation = {family, root_thread, root->index, root->generation};
  wp_thread *thread = &task->pool->threads[task->self];
  wp_gate_enter(thread);
  wp_status status = queue_helper(task, &invitation);
  wp_gate_leave(thread);
  if (status) count_out(root, family);
}

/* Wakes the members that wait for their parts: they can run others meanwhile. */
static void wake_hungry(wp_task *task) {
  wp_pool *pool = task->pool;
  uint32_t family = wp_atomic_load_relaxed_u32(&task->forks->family); /* own word */
  WP_POINT("fork.feed");
  wp_atomic_fetch_and_seq_u32(&task->root->calls, ~(uint32_t)WP_FORK_HUNGRY);
  for (uint32_t thread = 1, end = wp_pool_threads_end(pool); thread < end; thread++) {
    const wp_forks *forks = wp__forks_of(pool, thread);
    if (forks && wp_atomic_load_acquire_u32(&forks->family) == family &&
        wp_atomic_load_seq_u32(&forks->asleep))
      wp_thread_wake(&pool->threads[thread]);
  }
}

void wp__fork_answer(wp_task *task) {
  uint32_t calls = wp_atomic_load_acquire_u32(&task->root->calls);
  if (calls & WP_FORK_HUNGRY) wake_hungry(task);
  if (calls & WP_FORK_INVITE) invite(task);
}

/* ---- Helping ---- */

/* Whether the task still runs and wants help. HELP: after this slot was entered in its thread's record (wp_task_begin). */
static bool is_wanted(const wp_pool *pool, const wp_invitation *invitation) {
  const wp_forks *root = wp__forks_of(pool, invitation->root);
  const wp_slot *slot = wp_slot_at(&pool->slots, invitation->index);
  return root && wp_atomic_load_seq_u32(&root->family) == invitation->family &&
         wp_atomic_load_seq_u64(&slot->word) == wp_word(invitation->generation, WP_SLOT_RUNNING);
}

/* Takes parts until there are none for a while, or other tasks have waited for long. */
static void help(wp_task *view, const wp_invitation *invitation) {
  const wp_pool *pool = view->pool;
  double began_ms = wp_port_now_ms();
  for (uint32_t looks = 0; looks < LOOKS_MAX && is_wanted(pool, invitation);) {
    if (wp__fork_steal(view)) {
      looks = 0;
      wp_thread_beat(&pool->threads[view->self]);
      if (wp_pool_ready(pool) && wp_port_now_ms() - began_ms > stay_ms) return;
    } else {
      looks += wp_pool_ready(pool) ? LOOKS_MAX : 1;
      wp_port_pause();
    }
  }
}

wp_status wp_fork_help(wp_task *task) {
  wp_pool *pool = task->pool;
  wp_invitation invitation;
  memcpy(&invitation, task->slot->argument_inline, sizeof invitation);
  wp_forks *forks = wp__forks_own(pool, task->self);
  wp_forks *root = wp__forks_of(pool, invitation.root);
  if (!root) return WP_OK;
  if (forks && is_wanted(pool, &invitation)) {
    wp_task view = {.pool = pool,
                    .slot = wp_slot_at(&pool->slots, invitation.index),
                    .self = task->self,
                    .index = invitation.index,
                    .part = true,
                    .forks = forks,
                    .root = root};
    WP_POINT("fork.join");
    wp_atomic_store_release_u32(&forks->family, invitation.family); /* pairs with FAMILY */
    help(&view, &invitation);
    wp_fork_end(pool, task->self);
  }
  count_out(root, invitation.family);
  return WP_OK;
}

/* ---- Given up with its task ---- */

/* Reads the invitation of a helper that a thread's record names. False: it is none, or it has ended meanwhile. */
WP_READS_STALE static bool read_helper(const wp_slot *slot, uint32_t *generation,
                                       wp_invitation *invitation) {
  uint64_t word = wp_atomic_load_seq_u64(&slot->word);
  *generation = wp_word_generation(word);
  bool is_helper = slot->flags & WP_SLOT_HELPER;
  for (size_t i = 0; i < sizeof *invitation; i++) /* a call of memcpy would be checked */
    ((uint8_t *)invitation)[i] = ((const volatile uint8_t *)slot->argument_inline)[i];
  return is_helper && wp_word_generation(wp_atomic_load_seq_u64(&slot->word)) == *generation &&
         (wp_word_state(word) == WP_SLOT_RUNNING || wp_word_state(word) == WP_SLOT_ABANDONED);
}

/* No points: main only. */
bool wp_fork_give_up(wp_pool *pool, uint32_t root, bool ended, uint32_t thread, uint32_t place,
                     wp_handle *task) {
  uint32_t index =
      wp_atomic_load_seq_u32(&pool->threads[thread].slots[place]); /* pairs with HELP */
  if (!index) return false;
  wp_slot *slot = wp_slot_at(&pool->slots, index - 1);
  uint32_t generation = 0;
  wp_invitation invitation;
  if (!read_helper(slot, &generation, &invitation) || invitation.root != root) return false;
  uint64_t word = wp_atomic_load_seq_u64(&wp_slot_at(&pool->slots, invitation.index)->word);
  if (!ended && word == wp_word(invitation.generation, WP_SLOT_RUNNING)) return false;
  bool given_up = wp_slot_move_generation(slot, generation, WP_SLOT_RUNNING, WP_SLOT_ABANDONED) ||
                  wp_atomic_load_seq_u64(&slot->word) == wp_word(generation, WP_SLOT_ABANDONED);
  *task = (wp_handle){index - 1, generation};
  return given_up;
}
