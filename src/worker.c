#include "worker.h"
#include "base/point.h"
#include "box.h"
#include "critical.h"
#include "fork.h"
#include "idle.h"
#include "lock.h"
#include "port/port.h"
#include "recount.h"
#include "rooms.h"
#include "task.h"
#include "task_side.h"

/* No points: main only. */
uint32_t wp_worker_open(wp_pool *pool) {
  uint32_t number = 1, end = wp_pool_threads_end(pool);
  while (number < end &&
         wp_atomic_load_acquire_u32(&pool->threads[number].state) != WP_THREAD_EMPTY)
    number++;
  if (number == pool->thread_count) return 0;
  /* Before the thread exists: pairs with wp_pool_threads_end. */
  if (number == end) wp_atomic_store_seq_u32(&pool->threads_end, end + 1);
  wp_thread *thread = &pool->threads[number];
  wp_atomic_fetch_add_seq_u32(&thread->incarnation, 1);
  wp_atomic_store_relaxed_u32(&thread->mail, 0); /* published by the state */
  wp_atomic_store_release_u32(&thread->state, WP_THREAD_STARTING);
  return number;
}

/* No points: main only. */
void wp_worker_close(wp_pool *pool, uint32_t thread) {
  wp_atomic_store_release_u32(&pool->threads[thread].state, WP_THREAD_EMPTY);
}

void wp_worker_ready(wp_pool *pool, uint32_t self) {
  uint32_t starting = WP_THREAD_STARTING;
  WP_POINT("worker.ready");
  /* The worker stores the state, then reads the bell; main arms the bell, then reads the state: one sees the other (embed.c). */
  wp_atomic_cas_seq_u32(&pool->threads[self].state, &starting, WP_THREAD_READY);
}

/* No points: main only. */
void wp_worker_seat(wp_pool *pool, uint32_t thread, uint32_t seat) {
  wp_thread *record = &pool->threads[thread];
  wp_atomic_store_release_u32(&record->seat, seat + 1);
  wp_atomic_store_seq_u32(&pool->seats[seat], thread);
  wp_atomic_store_release_u32(&record->state, WP_THREAD_LIVE);
  wp_thread_wake(record);
}

/* No points: main only. */
void wp_worker_leave(wp_pool *pool, uint32_t thread, uint32_t leaving) {
  wp_thread *record = &pool->threads[thread];
  wp_atomic_store_seq_u32(&record->leaving, leaving); /* pairs with take_next, and with is_meant */
  if (leaving == WP_LEAVING_NOT) {
    wp_thread_wake(record); /* it may have passed over tasks that wait */
    return;
  }
  /* It may have been woken for a task that it will not take: the thread that does this chore wakes another worker. */
  wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX);
}

/* No points: main only. */
uint32_t wp_worker_doom(wp_pool *pool, uint32_t thread) {
  wp_thread *record = &pool->threads[thread];
  uint32_t seat = wp_atomic_load_acquire_u32(&record->seat);
  uint32_t state = wp_atomic_load_acquire_u32(&record->state);
  if (state == WP_THREAD_EMPTY || state == WP_THREAD_DYING) return 0;
  wp_atomic_store_release_u32(&record->state, WP_THREAD_DYING);
  if (seat) wp_atomic_store_seq_u32(&pool->seats[seat - 1], 0);
  wp_gate_doom(record);
  wp_idle_leave(pool, thread);
  /* It may have been woken for a task that it will not take, and that is still in the inbox. */
  wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX);
  wp_idle_wake(pool);
  return seat;
}

static bool given_up(const wp_slot *slot) {
  uint32_t state = wp_slot_state_of(slot);
  return state == WP_SLOT_ABANDONED || state == WP_SLOT_TIMED_OUT;
}

/* A worker runs one C task at a time and has it in its record from before the tag is set until after the tag is cleared. So if two loads
 * of the tag give the same value, the C task found in the record between them is the one with this tag. No points: main only. */
enum wp_stop wp_worker_stop(wp_pool *pool, uint32_t thread, bool any) {
  wp_thread *record = &pool->threads[thread];
  uint32_t tag = wp_atomic_load_seq_u32(&record->tag);
  bool wanted = false;
  for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
    uint32_t index = wp_atomic_load_seq_u32(&record->slots[place]);
    const wp_slot *slot = index ? wp_slot_at(&pool->slots, index - 1) : NULL;
    wanted = wanted || (slot && slot->c_task && (any || given_up(slot)));
  }
  if (!wanted || !wp_port_stops_possible()) return WP_STOP_NONE;
  WP_POINT("stop.look"); /* between the two loads of the tag */
  if (!tag || wp_atomic_load_seq_u32(&record->tag) != tag) return WP_STOP_SOON;
  /* STOP: pairs with the loads of the loop check. */
  wp_atomic_store_seq_u32(&record->stop, WP_STOP_MARK | tag);
  wp_port_count_stops(1); /* last, because the checks read it first */
  return WP_STOP_ASKED;
}

/* No points: main only. */
void wp_worker_stop_press(wp_pool *pool, uint32_t thread, uint32_t holds_most) {
  wp_thread *record = &pool->threads[thread];
  uint32_t holds = wp_critical_holds(record);
  uint32_t bits = wp_critical_bits(holds < holds_most ? holds : holds_most);
  uint32_t tag = wp_atomic_load_seq_u32(&record->tag), stop = wp_atomic_load_seq_u32(&record->stop);
  /* Not if the task is over, or has trapped: the worker clears the word then. */
  if (!tag || (stop ^ tag ^ WP_STOP_MARK) & ~(uint32_t)WP_MARK_BITS) return;
  wp_atomic_cas_seq_u32(&record->stop, &stop, WP_STOP_MARK | (tag ^ bits)); /* STOP */
}

/* No points: main only. */
void wp_worker_stop_end(wp_pool *pool, uint32_t thread) {
  wp_port_count_stops(-1);
  wp_atomic_store_seq_u32(&pool->threads[thread].stop, 0);
}

bool wp_worker_runs(const wp_pool *pool, uint32_t thread, uint32_t index, uint32_t generation) {
  if (index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return false;
  const wp_slot *slot = wp_slot_at(&pool->slots, index);
  if (wp_word_generation(wp_atomic_load_acquire_u64(&slot->word)) != generation) return false;
  for (uint32_t place = 0; place < WP_CONCURRENCY_MAX; place++) {
    if (wp_atomic_load_acquire_u32(&pool->threads[thread].slots[place]) == index + 1) return true;
  }
  return false;
}

/* ---- After its death ---- */

/* No points: main only. */
wp_status wp_worker_reap(wp_pool *pool, uint32_t thread, bool trusted) { /* REAP */
  bool inside = wp_gate_inside(&pool->threads[thread]);
  wp_worker_doom(pool, thread);
  bool broken = inside && wp_lock_take_over(pool, thread);
  if (!broken && !wp_lock_try(pool, WP_MAIN)) return WP_E_LOCK_BUSY;
  if (broken) {
    wp_atomic_fetch_add_relaxed_u64(&pool->counters.rebuilt, 1);
    wp_rooms_rebuild(pool);
  }
  wp_rooms_reap(pool, thread, trusted && !inside);
  wp_atomic_fetch_add_relaxed_u64(&pool->counters.reaped, 1);
  wp_lock_release(pool, WP_MAIN);
  if (inside) pool->recount_due = 1;
  wp_pool_recount(pool);
  wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX);
  wp_idle_wake(pool);
  return WP_OK;
}

/* ---- Running ---- */

uint32_t wp_worker_begin(wp_pool *pool, uint32_t self) {
  wp_thread *thread = &pool->threads[self];
  thread->last_tag = thread->last_tag >= WP_TAG_TASK_LAST ? 1 : thread->last_tag + 1;
  WP_POINT("tag.set");
  wp_atomic_store_release_u32(&thread->tag, thread->last_tag);
  wp_critical_reset(thread, thread->last_tag);
  return thread->last_tag;
}

void wp_worker_end(wp_pool *pool, uint32_t self) {
  wp_thread *thread = &pool->threads[self];
  /* Loop checks do not trap inside the gate, so not in the middle of the reset. */
  wp_gate_enter(thread);
  wp_arena_reset(&wp_pool_memory(pool, self)->arena);
  wp_critical_reset(thread, 0);
  WP_POINT("tag.clear");
  /* Memory that it allocated and did not free is the program's now, as in any C. */
  wp_atomic_store_release_u32(&thread->tag, 0);
  wp_gate_leave(thread);
}

static wp_task_function function_of(const wp_pool *pool, const wp_slot *slot) {
  return slot->c_task == WP_C_FUNCTION ? (wp_task_function)(uintptr_t)slot->function
                                       : pool->tasks[slot->c_task - 1]->function;
}

wp_status wp_worker_run(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  wp_task task = {.pool = pool, .slot = slot, .self = self, .index = index};
  wp_worker_begin(pool, self);
  wp_port_thread_killable(true);
  wp_status status = function_of(pool, slot)(&task);
  if (task.forks) wp_fork_end(pool, self);
  wp_port_flush();
  wp_port_thread_killable(false);
  wp_worker_end(pool, self);
  return wp_task_seal(&task, status);
}

wp_status wp_worker_call(wp_pool *pool, uint32_t self, uint32_t index, uint32_t c_task,
                         uint32_t box, uint32_t type, uint32_t bytes) {
  if (!c_task || c_task > pool->task_count) return WP_E_UNKNOWN_TASK;
  if (index >= wp_atomic_load_acquire_u32(&pool->slots.capacity)) return WP_E_STALE_HANDLE;
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  wp_value *argument = &slot->argument;
  /* In one gate section: a planned death leaves either the old box with the slot and the new one with its writer, or the new one with
   * the slot. After an unplanned death inside the gate, references are recounted. */
  wp_gate_enter(&pool->threads[self]);
  wp_status status = wp_box_commit(pool, self, box, type, 0, bytes);
  if (!status) {
    uint32_t old = argument->box;
    WP_POINT("argument.replace");
    *argument = (wp_value){type, 0, bytes, box + 1};
    if (old) wp_box_drop(pool, self, old - 1);
  }
  wp_gate_leave(&pool->threads[self]);
  if (status) return status;
  slot->c_task = c_task; /* so that main can stop it (wp_worker_stop) */
  status = wp_worker_run(pool, self, index);
  slot->c_task = 0;
  return status;
}

bool wp_worker_clean_up(wp_pool *pool, uint32_t self, uint32_t index) {
  wp_thread *thread = &pool->threads[self];
  wp_fork_died(pool, self);
  wp_fork_end(pool, self); /* parts on other workers may use this one's stack and memory */
  wp_gate_enter(thread);
  uint32_t tag = wp_atomic_load_relaxed_u32(&thread->tag); /* own word */
  wp_task_drop_result(pool, self, index);
  wp__task_lose_event(pool, self, self);
  bool broken = wp_critical_break(pool, self); /* first: a lock may lie in the task's memory */
  wp_critical_reset(thread, 0);
  wp_pool_keep(pool, self, tag, false);
  wp_heap_free_tagged(wp_pool_heap(pool, self), tag);
  wp_arena_reset(&wp_pool_memory(pool, self)->arena);
  wp_port_thread_reset(self);
  WP_POINT("tag.trapped");
  wp_atomic_store_release_u32(&thread->tag, 0);
  wp_gate_leave(thread);
  wp_port_flush();
  return broken;
}

/* Small tasks arrive faster than a host wakes a thread, so a worker spins for a short time. True: its wake word changed. */
static bool spin(const wp_thread *thread, uint32_t seen) {
  enum { LOOKS = 8 };
  double end = wp_port_now_ms() + (double)thread->spin_ms;
  bool changed = false;
  do {
    for (uint32_t look = 0; !changed && look < LOOKS; look++) {
      changed = wp_atomic_load_seq_u32(&thread->wake) != seen;
      wp_port_pause();
    }
  } while (!changed && wp_port_now_ms() < end);
  return changed;
}

void wp_worker_wait(wp_pool *pool, uint32_t self, uint32_t seen, uint32_t timeout_ms) {
  wp_thread *thread = &pool->threads[self];
  if (pool->config.cores != 1 && spin(thread, seen)) return;
  double start = wp_port_now_ms();
  wp_thread_sleep(thread, seen, timeout_ms);
  bool shortly = wp_port_now_ms() - start < WP_SLEPT_SHORTLY_MS;
  thread->spin_ms = shortly ? WP_SPIN_AGAIN_MS : WP_SPIN_MS;
}
