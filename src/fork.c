#include "base/point.h"
#include "fork_state.h"
#include "port/port.h"

enum {
  /* Looks at a part that another worker runs before its owner sleeps: some microseconds. */
  LOOKS_MAX = 200,
  NAP_MS = 1, /* bounded: whoever should wake the owner may die */
};

/* ---- Lists ---- */

wp_status wp_fork_open(wp_pool *pool, wp_heap *heap) {
  pool->forks = wp_pool_alloc(heap, pool->thread_count, sizeof *pool->forks);
  return pool->forks ? WP_OK : WP_E_NO_MEMORY;
}

/* A list stays with its record, for one thread after another. */
wp_forks *wp__forks_own(wp_pool *pool, uint32_t self) {
  wp_forks *forks = wp__forks_of(pool, self);
  if (forks) return forks;
  wp_gate_enter(&pool->threads[self]);
  forks = wp_pool_alloc(wp_pool_heap(pool, self), 1, sizeof *forks);
  WP_POINT("fork.list");
  /* Release: pairs with the load in wp__forks_of. A death before it, which is an unplanned one, loses the memory. */
  wp_atomic_store_release_u64(&pool->forks[self], (uint64_t)(uintptr_t)forks);
  wp_gate_leave(&pool->threads[self]);
  return forks;
}

/* Begins the family of a task that spawns its first part. False: no memory. */
static bool found(wp_task *task) {
  wp_pool *pool = task->pool;
  wp_forks *forks = wp__forks_own(pool, task->self);
  if (!forks) return false;
  WP_POINT("fork.number");
  uint32_t family = wp_atomic_fetch_add_relaxed_u32(&pool->families, 1) + 1; /* unique: 2^32 */
  if (!family) return false; /* 0 means none; the part runs at once */
  forks->index = task->index;
  forks->generation = wp_word_generation(wp_atomic_load_acquire_u64(&task->slot->word));
  WP_POINT("fork.helpers");
  wp_atomic_store_release_u64(&forks->helpers, wp__fork_word(family, 0));
  WP_POINT("fork.calls");
  wp_atomic_store_relaxed_u32(&forks->calls, WP_FORK_INVITE); /* a hint */
  WP_POINT("fork.family");
  wp_atomic_store_release_u32(&forks->family, family); /* pairs with the loads of thieves */
  task->forks = task->root = forks;
  return true;
}

/* ---- Spawning and awaiting ---- */

void wp_task_spawn(wp_task *task, wp_subtask *child, wp_subtask_function function, void *context) {
  wp_forks *forks = task->forks;
  *child = (wp_subtask){0, WP_OK};
  if (forks || found(task)) {
    forks = task->forks;
    uint32_t top = wp_atomic_load_relaxed_u32(&forks->top); /* own word */
    if (top < WP_FORKS_MAX) {
      wp_fork *part = &forks->parts[top];
      uint32_t family = wp_atomic_load_relaxed_u32(&forks->family); /* own word */
      part->function = function;
      part->context = context;
      WP_POINT("fork.top");
      wp_atomic_store_relaxed_u32(&forks->top, top + 1); /* a hint */
      WP_POINT("fork.ready");
      wp_atomic_store_release_u64(&part->word, wp__fork_word(family, WP_FORK_READY)); /* SPAWN */
      child->place = top + 1;
      if (wp_atomic_load_relaxed_u32(&task->root->calls)) wp__fork_answer(task); /* a hint */
      return;
    }
  }
  child->status = wp__fork_run(task, function, context);
}

/* The part at this place is FREE: lowers the top over all that are. */
static void pop(wp_forks *forks, uint32_t place) {
  uint32_t top = wp_atomic_load_relaxed_u32(&forks->top); /* own words */
  if (place + 1 != top) return;
  do top--;
  while (top && (uint32_t)wp_atomic_load_relaxed_u64(&forks->parts[top - 1].word) == WP_FORK_FREE);
  WP_POINT("fork.pop");
  wp_atomic_store_relaxed_u32(&forks->top, top); /* a hint for others */
}

/* Takes a part back that nobody has taken. */
static bool take_back(wp_forks *forks, uint32_t place) {
  uint32_t family = wp_atomic_load_relaxed_u32(&forks->family); /* own word */
  uint64_t ready = wp__fork_word(family, WP_FORK_READY);
  WP_POINT("fork.back");
  return wp_atomic_cas_seq_u64(&forks->parts[place].word, &ready,
                               wp__fork_word(family, WP_FORK_FREE));
}

static bool is_over(const wp_fork *part) {
  return (uint32_t)wp_atomic_load_seq_u64(&part->word) < WP_FORK_TAKEN;
}

/* Sleeps until a part is over, or for a moment. */
static void nap(wp_task *task, const wp_fork *part) {
  wp_thread *thread = &task->pool->threads[task->self];
  uint32_t seen = wp_atomic_load_seq_u32(&thread->wake);
  WP_POINT("fork.hungry");
  wp_atomic_fetch_or_seq_u32(&task->root->calls, WP_FORK_HUNGRY);
  WP_POINT("fork.asleep");
  wp_atomic_store_seq_u32(&task->forks->asleep, 1); /* NAP: pairs with the load in finish */
  if (!is_over(part)) wp_thread_sleep(thread, seen, NAP_MS);
  WP_POINT("fork.awake");
  wp_atomic_store_relaxed_u32(&task->forks->asleep, 0); /* a needless wake-up does no harm */
}

/* Waits for a part that another worker has taken; runs others of the family meanwhile, unless the task is ending. */
static void wait_for(wp_task *task, const wp_fork *part, bool ending) {
  for (uint32_t looks = 0; !is_over(part);) {
    if (!ending && wp__fork_steal(task))
      looks = 0;
    else if (looks++ < LOOKS_MAX)
      wp_port_pause();
    else
      nap(task, part);
  }
}

wp_status wp_task_await(wp_task *task, wp_subtask *child) {
  if (!child->place) return child->status;
  wp_forks *forks = task->forks;
  uint32_t place = child->place - 1;
  wp_fork *part = &forks->parts[place];
  wp_subtask_function function = part->function;
  void *context = part->context;
  child->place = 0;
  if (take_back(forks, place)) {
    pop(forks, place);
    return child->status = wp__fork_run(task, function, context);
  }
  wait_for(task, part, false);
  uint64_t word = wp_atomic_load_acquire_u64(&part->word);
  child->status = (uint32_t)word == WP_FORK_DONE ? part->status : WP_E_WORKER_LOST;
  WP_POINT("fork.free");
  wp_atomic_store_relaxed_u64(&part->word, word >> 32 << 32 | WP_FORK_FREE); /* own again */
  pop(forks, place);
  return child->status;
}

void wp__fork_settle(wp_task *task, uint32_t bottom) {
  wp_forks *forks = task->forks;
  uint32_t top = wp_atomic_load_relaxed_u32(&forks->top); /* own word */
  for (uint32_t place = top; place-- > bottom;) {
    wp_fork *part = &forks->parts[place];
    if (!take_back(forks, place)) {
      wait_for(task, part, true);
      WP_POINT("fork.settle");
      wp_atomic_store_relaxed_u64(&part->word, WP_FORK_FREE); /* own again */
    }
  }
  WP_POINT("fork.settled");
  if (top > bottom) wp_atomic_store_relaxed_u32(&forks->top, bottom); /* a hint for others */
}

wp_status wp__fork_run(wp_task *task, wp_subtask_function function, void *context) {
  if (wp_slot_state_of(task->slot) != WP_SLOT_RUNNING) return WP_E_CANCELLED;
  const wp_forks *forks = task->forks;
  uint32_t bottom = forks ? wp_atomic_load_relaxed_u32(&forks->top) : 0; /* own word */
  bool before = task->part;
  task->part = true;
  wp_status status = function(task, context);
  task->part = before;
  if (task->forks && wp_atomic_load_relaxed_u32(&task->forks->top) > bottom) /* own word */
    wp__fork_settle(task, bottom);
  return status;
}

/* ---- Taking from others ---- */

static void finish(wp_pool *pool, uint32_t owner, wp_forks *forks, wp_fork *part, uint32_t state) {
  uint64_t word = wp_atomic_load_relaxed_u64(&part->word); /* this thread's while it is taken */
  WP_POINT("fork.done");
  wp_atomic_store_seq_u64(&part->word, word >> 32 << 32 | state);
  /* From here on the part may be another one. DONE: pairs with NAP. */
  if (wp_atomic_load_seq_u32(&forks->asleep)) wp_thread_wake(&pool->threads[owner]);
}

/* Takes a part from this list, the oldest first, which is the largest in most programs. */
static bool steal_from(wp_task *task, uint32_t owner, wp_forks *forks, uint32_t family) {
  uint32_t top = wp_atomic_load_relaxed_u32(&forks->top); /* a hint */
  if (top > WP_FORKS_MAX) top = WP_FORKS_MAX;
  for (uint32_t place = 0; place < top; place++) {
    wp_fork *part = &forks->parts[place];
    uint64_t ready = wp__fork_word(family, WP_FORK_READY);
    if (wp_atomic_load_relaxed_u64(&part->word) != ready) continue; /* the CAS decides */
    WP_POINT("fork.steal");
    if (!wp_atomic_cas_seq_u64(&part->word, &ready,
                               wp__fork_word(family, WP_FORK_TAKEN | task->self)))
      continue;
    part->status = wp__fork_run(task, part->function, part->context);
    finish(task->pool, owner, forks, part, WP_FORK_DONE);
    return true;
  }
  return false;
}

bool wp__fork_steal(wp_task *task) {
  wp_pool *pool = task->pool;
  uint32_t family = wp_atomic_load_relaxed_u32(&task->forks->family); /* own word */
  uint32_t end = wp_pool_threads_end(pool);
  for (uint32_t i = 1; i < end; i++) {
    uint32_t owner = task->self + i < end ? task->self + i : task->self + i - end + 1;
    wp_forks *forks = owner == task->self ? NULL : wp__forks_of(pool, owner);
    if (!forks || wp_atomic_load_acquire_u32(&forks->family) != family) continue; /* FAMILY */
    if (steal_from(task, owner, forks, family)) return true;
  }
  return false;
}

/* ---- Ends ---- */

void wp_fork_end(wp_pool *pool, uint32_t self) {
  wp_forks *forks = wp__forks_of(pool, self);
  if (!forks || !wp_atomic_load_relaxed_u32(&forks->family)) return; /* own word */
  wp_task view = {.pool = pool, .self = self, .forks = forks, .root = forks};
  wp__fork_settle(&view, 0);
  WP_POINT("fork.end");
  wp_atomic_store_release_u32(&forks->family, 0);
}

static void lose_taken(wp_pool *pool, uint32_t owner, uint32_t thief) {
  wp_forks *forks = wp__forks_of(pool, owner);
  if (!forks) return;
  for (uint32_t place = 0; place < WP_FORKS_MAX; place++) {
    wp_fork *part = &forks->parts[place];
    if ((uint32_t)wp_atomic_load_acquire_u64(&part->word) == (WP_FORK_TAKEN | thief))
      finish(pool, owner, forks, part, WP_FORK_LOST);
  }
}

void wp_fork_died(wp_pool *pool, uint32_t thread) {
  wp_forks *forks = wp__forks_of(pool, thread);
  if (!forks) return; /* who takes parts has a list */
  for (uint32_t place = 0; place < WP_FORKS_MAX; place++) {
    uint64_t word = wp_atomic_load_acquire_u64(&forks->parts[place].word);
    if ((uint32_t)word != WP_FORK_READY) continue;
    WP_POINT("fork.revoke");
    wp_atomic_cas_seq_u64(&forks->parts[place].word, &word, word >> 32 << 32 | WP_FORK_FREE);
  }
  for (uint32_t owner = 1, end = wp_pool_threads_end(pool); owner < end; owner++)
    if (owner != thread) lose_taken(pool, owner, thread);
}

bool wp_fork_is_busy(const wp_pool *pool, uint32_t thread) {
  const wp_forks *forks = wp__forks_of(pool, thread);
  for (uint32_t place = 0; forks && place < WP_FORKS_MAX; place++)
    if (!is_over(&forks->parts[place])) return true;
  return false;
}

/* No points: main only. */
void wp_fork_reap(wp_pool *pool, uint32_t thread, bool trusted) {
  wp_forks *forks = wp__forks_of(pool, thread);
  (void)trusted;
  wp_fork_died(pool, thread);
  if (!forks) return;
  wp_atomic_store_release_u32(&forks->family, 0);
  wp_atomic_store_relaxed_u32(&forks->top, 0); /* hints */
  wp_atomic_store_relaxed_u32(&forks->asleep, 0);
  for (uint32_t place = 0; place < WP_FORKS_MAX; place++)
    wp_atomic_store_relaxed_u64(&forks->parts[place].word, WP_FORK_FREE); /* published above */
}
