/*
 * The kill matrix: a scene (main, a victim, another worker and their tasks), operations at whose every point the victim
 * dies, and what must hold afterwards. Played by one thread in matrix_test.c, by real ones in matrix_threads_test.c.
 */
#ifndef WP_TEST_MATRIX_H
#define WP_TEST_MATRIX_H

#include "fork_state.h"
#include "kill.h"
#include "lease.h"
#include "pool_fixture.h"

enum {
  TASKS_MAX = WP_TABLE_CHUNK + 64,
  BOX_BYTES = 700,
  LARGE_BYTES = 200000, /* a block that has a segment of its own */
  TAKE_MS = 1,          /* when tasks are taken */
  LIMIT_MS = 10,        /* time limit of the tasks that have one */
  LATER_MS = 1000,      /* after all limits and leases */
};

/* Workers that have no part in the scene; they come first. */
static uint32_t bystanders;

/* Thread numbers, and seats + 1. */
#define VICTIM (bystanders + 1)
#define OTHER (bystanders + 2)

typedef struct tracked {
  wp_handle handle;
  uint32_t settled;
} tracked;

typedef struct scene {
  fixture f;
  tracked tasks[TASKS_MAX];
  uint32_t task_count;
  uint32_t group;        /* of the tasks with a group */
  uint32_t held[4];      /* slots that the victim took before its operation, or WP_NONE */
  uint32_t boxes[4];     /* boxes of the operation */
  void *blocks[4];       /* memory of the operation */
  bool other_waits;      /* for a box, in line */
  wp_atomic_u32 locked;  /* main has the lock */
  uint64_t before[2];    /* bytes and blocks in use before the first task */
  const char *complaint; /* what went wrong first, or NULL */
} scene;

static scene s;

static void complain(const char *text) {
  if (!s.complaint) s.complaint = text;
}

/* ---- Threads ---- */

/* The calling thread plays this worker, or main (0), for wp_malloc and the like. */
static void play(uint32_t number) {
  wp__self = number ? &s.f.pool->threads[number] : NULL;
  wp__self_pool = number ? s.f.pool : NULL;
}

/* ---- The lock ---- */

/* Main takes the lock, so that whatever follows leaves its chores to the next holder; or gives it back. */
static void block_lock(bool taken) {
  if (taken) {
    if (!wp_lock_try(s.f.pool, WP_MAIN)) complain("the lock is taken");
    wp_atomic_store_release_u32(&s.locked, 1);
  } else if (wp_atomic_exchange_acq_rel_u32(&s.locked, 0)) {
    wp_atomic_store_seq_u32(&s.f.pool->lock, 0);
  }
}

/* ---- Progress ---- */

/* Whether the point's hook calls is_of_interest; where it does not, nobody would make room. */
static bool makes_room;

/* The victim has as much progress under way as it may have, or main has freed all of that. */
static void block_progress(bool full) {
  enum { MOST = 256 };
  wp_atomic_u32 *sent = &s.f.pool->threads[VICTIM].events_sent;
  uint32_t before = wp_atomic_load_relaxed_u32(sent); /* the victim's own word */
  wp_atomic_store_relaxed_u32(sent, full ? before + MOST : before - MOST);
}

/* Whether the victim's death here can make a difference: a try for a taken lock stores nothing. A victim that has slept on the lock gets
 * it; one that is about to wait for room finds some. */
static inline bool is_of_interest(const char *name) {
  if (!strcmp(name, "lock.awake")) block_lock(false);
  if (!strcmp(name, "event.wait")) block_progress(false);
  return strcmp(name, "sched.lock") != 0 || !wp_atomic_load_seq_u32(&s.f.pool->lock);
}

/* ---- Tasks ---- */

static uint32_t track(uint32_t index) {
  if (index == WP_NONE || s.task_count == TASKS_MAX) {
    complain("no slot for a task");
    return WP_NONE;
  }
  s.tasks[s.task_count++] = (tracked){{index, generation_of(s.f.pool, index)}, 0};
  return index;
}

static void settle(wp_handle handle) {
  for (uint32_t i = 0; i < s.task_count; i++) {
    tracked *task = &s.tasks[i];
    if (task->handle.index != handle.index || task->handle.generation != handle.generation)
      continue;
    if (task->settled++) complain("a task was settled twice");
    return;
  }
  complain("a task was settled that nobody submitted");
}

static void cancel(wp_handle handle) {
  if (wp_task_cancel(s.f.pool, handle.index, handle.generation)) settle(handle);
}

static void cancel_all(void) {
  for (uint32_t i = 0; i < s.task_count; i++) cancel(s.tasks[i].handle);
}

static void run_clock(double now_ms) {
  for (int looks = 0; looks < 2; looks++)
    wp_lease_tick(s.f.pool, now_ms + (double)LATER_MS * looks, NULL, 0);
  wp_action actions[8];
  double next_ms = 0;
  uint32_t count = wp_task_tick(s.f.pool, now_ms, actions, 8, &next_ms);
  for (uint32_t i = 0; i < count; i++) {
    if (actions[i].kind == WP_ACTION_EXPIRED)
      settle((wp_handle){actions[i].slot, actions[i].generation});
    if (actions[i].kind == WP_ACTION_EXPIRED && actions[i].box)
      wp_box_drop(s.f.pool, WP_MAIN, actions[i].box - 1);
  }
}

/* Main takes a leased result as its own box, as main does in JavaScript. */
static void lease(uint32_t box) {
  if (wp_box_grant(s.f.pool, box, WP_MAIN)) complain("a result's box cannot be granted");
  wp_box_at(s.f.pool, box)->lease_end_ms = LATER_MS;
  s.f.pool->leases++;
}

/* Delivers all finished tasks. */
static void collect(void) {
  for (uint32_t index; wp_task_drain(s.f.pool, &index, 1);) {
    const wp_slot *slot = slot_of(s.f.pool, index);
    if (!(slot->flags & WP_SLOT_EVENT)) settle((wp_handle){index, generation_of(s.f.pool, index)});
    if (slot->flags & WP_SLOT_LEASE && slot->result.box) lease(slot->result.box - 1);
    free_slot(s.f.pool, index);
  }
}

static uint32_t give(uint32_t flags, uint32_t priority, uint32_t seat) {
  uint32_t index = reserve(s.f.pool, priority, seat);
  if (index == WP_NONE) return track(index);
  slot_of(s.f.pool, index)->flags = flags;
  return track(index);
}

static uint32_t submit_flagged(uint32_t flags) {
  uint32_t index = give(flags, WP_LEVEL_NORMAL, 0);
  if (index != WP_NONE) wp_task_submit(s.f.pool, index);
  return index;
}

static uint32_t submit_plain(void) { return submit_flagged(0); }

static void submit_in_group(uint32_t item) {
  uint32_t index = give(0, WP_LEVEL_NORMAL, 0);
  if (index == WP_NONE) return;
  slot_of(s.f.pool, index)->group = s.group + 1;
  slot_of(s.f.pool, index)->item = item;
  wp_task_submit(s.f.pool, index);
}

/* Submits a task for the victim's seat, or for any (WP_MAIN). */
static uint32_t submit_c(const char *name, uint32_t flags, uint32_t thread) {
  uint32_t index = give(flags, WP_LEVEL_NORMAL, thread);
  if (index == WP_NONE) return index;
  for (uint32_t i = 0; i < s.f.pool->task_count; i++) {
    if (!strcmp(s.f.pool->tasks[i]->name, name)) slot_of(s.f.pool, index)->c_task = i + 1;
  }
  wp_task_submit(s.f.pool, index);
  return index;
}

/* ---- Boxes ---- */

/* Makes a READY box of this thread that `value` names; WP_NONE: out of memory. */
static uint32_t write_box(uint32_t self, wp_value *value, uint32_t bytes) {
  uint32_t box = 0;
  wp_gate_enter(&s.f.pool->threads[self]);
  wp_status status = wp_box_create(s.f.pool, self, bytes, &box);
  if (!status) *value = (wp_value){WP_TYPE_BINARY, 0, bytes, box + 1};
  wp_gate_leave(&s.f.pool->threads[self]);
  if (status) return WP_NONE;
  memset((void *)(uintptr_t)wp_box_at(s.f.pool, box)->address, 0x5a, bytes);
  if (wp_box_commit(s.f.pool, self, box, WP_TYPE_BINARY, 0, bytes)) complain("commit failed");
  return box;
}

static uint32_t submit_box(uint32_t bytes) {
  uint32_t index = give(WP_SLOT_BOX_ARGUMENT, WP_LEVEL_NORMAL, 0);
  if (index == WP_NONE) return index;
  write_box(WP_MAIN, &slot_of(s.f.pool, index)->argument, bytes);
  wp_task_submit(s.f.pool, index);
  return index;
}

static uint32_t epoch_of(uint32_t box) {
  return wp_word_generation(wp_atomic_load_acquire_u64(&wp_box_at(s.f.pool, box)->word));
}

/* ---- What workers do ---- */

static uint32_t take_one(uint32_t self) { return take(s.f.pool, self, TAKE_MS); }

static void finish(uint32_t self, uint32_t index, wp_status status) {
  if (index != WP_NONE) wp_task_finish_at(s.f.pool, self, index, status, TAKE_MS);
}

static void run_and_finish(uint32_t self, uint32_t index) {
  wp_slot *slot = slot_of(s.f.pool, index);
  wp_status status = WP_OK;
  if (slot->c_task)
    status = wp_worker_run(s.f.pool, self, index);
  else if (slot->flags & WP_SLOT_LEASE)
    write_box(self, &slot->result, BOX_BYTES);
  finish(self, index, status);
}

/* Takes and finishes one task; false: there is none. */
static bool work(uint32_t self) {
  uint32_t index = take_one(self);
  if (index != WP_NONE) run_and_finish(self, index);
  return index != WP_NONE;
}

/* Does everything that a C task can do with the pool. It has freed all it malloc'ed when it returns. */
static wp_status do_all(wp_task *task) {
  static const uint8_t bytes[BOX_BYTES] = {1};
  if (!wp_task_alloc(task, 100) || !wp_task_alloc(task, 40000)) return WP_E_NO_MEMORY;
  void *small = wp_malloc(100), *large = wp_malloc(LARGE_BYTES), *zeros = wp_calloc(10, 100);
  void *grown = small ? wp_realloc(small, 5000) : NULL;
  wp_status status = grown && large && zeros ? WP_OK : WP_E_NO_MEMORY;
  wp_free(grown ? grown : small);
  wp_free(large);
  wp_free(zeros);
  if (!status) status = wp_task_progress(task, WP_TYPE_BINARY, bytes, 8);
  if (!status) status = wp_task_progress(task, WP_TYPE_BINARY, bytes, BOX_BYTES);
  wp_task_heartbeat(task);
  wp_task_cancelled(task);
  return status;
}

WP_TASK(answer_inline) {
  wp_status status = do_all(task);
  return status ? status : wp_task_result(task, WP_TYPE_BINARY, "12345678", 8);
}

WP_TASK(answer_box) {
  wp_status status = do_all(task);
  void *room = status ? NULL : wp_task_result_alloc(task, WP_TYPE_BINARY, BOX_BYTES);
  if (!room) return WP_E_NO_MEMORY;
  memset(room, 7, BOX_BYTES);
  return WP_OK;
}

WP_TASK(answer_no) {
  char text[BOX_BYTES];
  memset(text, 'n', sizeof text);
  text[sizeof text - 1] = 0;
  return wp_task_fail(task, text);
}

/* ---- The scene ---- */

/* Bytes and blocks in use in all heaps, without the tables' chunks and the lists of parts, which stay. */
static void count_memory(uint64_t sum[2]) {
  const wp_table *tables[] = {&s.f.pool->slots,     &s.f.pool->boxes,   &s.f.pool->groups,
                              &s.f.pool->mailboxes, &s.f.pool->letters, &s.f.pool->links};
  sum[0] = sum[1] = 0;
  for (uint32_t i = 0; i < s.f.pool->thread_count; i++) {
    wp_heap_drain(wp_pool_heap(s.f.pool, i));
    sum[0] += wp_heap_bytes_in_use(wp_pool_heap(s.f.pool, i));
    sum[1] += wp_heap_blocks_in_use(wp_pool_heap(s.f.pool, i));
    const wp_forks *forks = wp__forks_of(s.f.pool, i);
    if (!forks) continue;
    sum[0] -= wp_heap_usable(forks) + WP_HEAP_ALIGN;
    sum[1]--;
  }
  if (s.f.pool->lease_looks) {
    sum[0] -= wp_heap_usable(s.f.pool->lease_looks) + WP_HEAP_ALIGN;
    sum[1]--;
  }
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
    uint32_t capacity = wp_atomic_load_relaxed_u32(&tables[t]->capacity);
    for (uint32_t at = 0; at < capacity; at += WP_TABLE_CHUNK) {
      sum[0] -= wp_heap_usable(wp_table_at(tables[t], at)) + WP_HEAP_ALIGN;
      sum[1]--;
    }
  }
}

static bool open_scene(void) {
  memset(&s, 0, sizeof s);
  wp_config config = fixture_config(OTHER);
  config.concurrency = 4;
  config.box_count = 1;
  /* Two for "grow", and one that a dead victim was adding and that is out of reach until the recount. */
  config.max_tasks = 3 * WP_TABLE_CHUNK;
  if (fixture_open(&s.f, &config)) return false;
  for (int i = 0; i < 4; i++) s.held[i] = s.boxes[i] = WP_NONE;
  count_memory(s.before);
  for (uint32_t seat = 0; seat < OTHER; seat++)
    if (start_worker(s.f.pool, seat) != seat + 1) return false;
  return true;
}

/* ---- Afterwards ---- */

/* The two workers run everything that waits, and main delivers everything. */
static void finish_rest(void) {
  for (bool busy = true; busy;) {
    busy = false;
    for (uint32_t w = VICTIM; w <= OTHER; w++) {
      play(w);
      busy = work(w) || busy;
    }
    play(WP_MAIN);
    collect();
  }
  for (uint32_t i = 0; i < s.task_count; i++) {
    if (!s.tasks[i].settled) complain("a task was never settled");
  }
}

/* Whoever is in line gets a box sooner or later, uses it and gives it back. */
static void use_place(uint32_t self, bool waits) {
  uint32_t box = 0;
  if (!waits) wp_box_request(s.f.pool, self);
  wp_lock_help(s.f.pool, WP_MAIN, 0);
  if (!wp_box_granted(s.f.pool, self))
    complain("a place for a box was lost");
  else if (wp_box_create_granted(s.f.pool, self, BOX_BYTES, &box))
    complain("a box cannot be made any more");
  else
    wp_box_drop(s.f.pool, self, box);
}

/* Checks that a new thread can use the dead thread's record. */
static void try_newcomer(void) {
  submit_c("answer_box", 0, WP_MAIN);
  submit_c("answer_inline", WP_SLOT_LEASE, VICTIM);
  play(VICTIM);
  if (!work(VICTIM) || !work(VICTIM)) complain("the dead one's successor gets no work");
  play(WP_MAIN);
}

static void end_workers(void) {
  for (uint32_t w = VICTIM; w <= OTHER; w++) {
    if (kill_worker(s.f.pool, w)) complain("a worker cannot be reaped");
  }
}

/* Checks that nothing is left but `spare` blocks and groups. */
static void look_for_leaks(uint64_t spare) {
  uint64_t sum[2];
  count_memory(sum);
  const wp_pool *pool = s.f.pool;
  if (wp_table_in_use(&pool->slots)) complain("slots in use");
  if (wp_atomic_load_relaxed_u32(&pool->letters.in_use)) complain("letters in use");
  if (wp_atomic_load_relaxed_u32(&pool->mailboxes.in_use)) complain("mailboxes in use");
  if (wp_atomic_load_relaxed_u32(&pool->boxes.in_use)) complain("boxes in use");
  if (wp_atomic_load_relaxed_u32(&pool->boxes_taken)) complain("places taken");
  if (wp_atomic_load_relaxed_u32(&pool->groups.in_use) > spare) complain("groups in use");
  if (sum[1] < s.before[1] || sum[1] > s.before[1] + spare) complain("blocks in use");
  if (spare ? sum[0] < s.before[0] : sum[0] != s.before[0]) complain("bytes in use");
}

static void check_whole(const char *text) {
  if (wp_pool_check(s.f.pool)) complain(text);
}

/* Runs what is left, tries the successor, ends everybody; nothing may remain. */
static void check_end(uint64_t spare) {
  run_clock(LATER_MS);
  finish_rest();
  use_place(OTHER, s.other_waits);
  use_place(VICTIM, false);
  try_newcomer();
  finish_rest();
  check_whole("damaged while it went on");
  run_clock(2 * LATER_MS);
  end_workers();
  check_whole("damaged at the end");
  look_for_leaks(spare);
}

#endif
