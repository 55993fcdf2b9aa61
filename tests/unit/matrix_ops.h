/* The operations of the kill matrix: what main and the others prepare for each, and the victim's part. */
#ifndef WP_TEST_MATRIX_OPS_H
#define WP_TEST_MATRIX_OPS_H

#include "idle.h"
#include "matrix.h"
#include "matrix_forks.h"
#include "matrix_mail.h"

typedef struct operation {
  const char *name;
  void (*prepare)(void); /* by main, which plays the workers' parts as well; nobody dies here */
  void (*run)(void);     /* by the victim */
  void (*end)(void);     /* what the other does after the victim's death; may be NULL */
  bool solo;             /* one thread must play all parts */
} operation;

static void victim_takes(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) s.held[i] = take_one(VICTIM);
}

static void make_group(uint32_t members) {
  if (wp_group_create(s.f.pool, members, WP_GROUP_FAIL_FAST, &s.group)) complain("no group");
  for (uint32_t item = 0; item < members; item++) submit_in_group(item);
}

/* ---- bulk: slices and weights; heavy tasks are held, and go when the job ends with a cancelled slice ---- */

static void prepare_bulk(void) {
  if (wp_group_create(s.f.pool, 2, WP_GROUP_BULK, &s.group)) complain("no group");
  uint32_t slices[2];
  for (uint32_t item = 0; item < 2; item++) {
    slices[item] = give(WP_SLOT_SLICE, WP_LEVEL_LOW, 0);
    slot_of(s.f.pool, slices[item])->group = s.group + 1;
  }
  for (int i = 0; i < 2; i++) submit_flagged(WP_SLOT_HEAVY | WP_SLOT_REQUEUE);
  submit_flagged(WP_SLOT_LIGHT);
  wp_lock_help(s.f.pool, WP_MAIN, WP_CHORE_INBOX);
  block_lock(true);
  for (uint32_t item = 0; item < 2; item++) {
    wp_task_submit(s.f.pool, slices[item]);
    cancel((wp_handle){slices[item], generation_of(s.f.pool, slices[item])});
  }
  submit_plain();
  block_lock(false);
}

static void run_bulk(void) {
  for (int i = 0; i < 4; i++) take_one(VICTIM);
}

/* ---- age: a heavy task is passed over, and goes before the job ends ---- */

static void prepare_age(void) {
  s.f.pool->config.heavy_skips = 1;
  if (wp_group_create(s.f.pool, 1, WP_GROUP_BULK, &s.group)) complain("no group");
  uint32_t slice = give(WP_SLOT_SLICE, WP_LEVEL_LOW, 0);
  slot_of(s.f.pool, slice)->group = s.group + 1;
  for (int i = 0; i < 2; i++) submit_flagged(WP_SLOT_HEAVY);
  submit_plain();
  wp_task_submit(s.f.pool, slice);
  wp_lock_help(s.f.pool, WP_MAIN, WP_CHORE_INBOX);
}

static void run_age(void) {
  for (int i = 0; i < 2; i++) take_one(VICTIM);
}

/* ---- start: a new thread on the record ---- */

static void prepare_start(void) {
  if (kill_worker(s.f.pool, VICTIM)) complain("a worker cannot be reaped");
  if (wp_worker_open(s.f.pool) != VICTIM) complain("the record is not used again");
}

static void run_start(void) { wp_worker_ready(s.f.pool, VICTIM); }

/* ---- take: from inbox and lanes, past what was cancelled ---- */

static void prepare_take(void) {
  uint32_t stale = give(WP_SLOT_EXCLUSIVE, WP_LEVEL_NORMAL, VICTIM);
  wp_task_submit(s.f.pool, stale);
  for (uint32_t priority = 0; priority < WP_LEVEL_COUNT; priority++) {
    const uint32_t seats[] = {WP_MAIN, VICTIM, OTHER}; /* of any, or of one only */
    uint32_t index = give(priority ? WP_SLOT_REQUEUE : 0, priority, seats[priority % 3]);
    wp_task_submit(s.f.pool, index);
  }
  submit_plain();
  uint32_t in_lane = submit_box(BOX_BYTES);
  wp_lock_help(s.f.pool, WP_MAIN, WP_CHORE_INBOX);
  cancel((wp_handle){in_lane, generation_of(s.f.pool, in_lane)});
  uint32_t in_inbox = submit_box(BOX_BYTES);
  block_lock(true);
  cancel((wp_handle){in_inbox, generation_of(s.f.pool, in_inbox)});
  cancel((wp_handle){stale,
                     generation_of(s.f.pool, stale)}); /* nobody purges: it is met in its lane */
  block_lock(false);
  make_group(2);
  wp_group_fail(s.f.pool, s.group);
  submit_plain();
  wp_task_arm_bell(s.f.pool);
  wp_idle_enter(s.f.pool, OTHER); /* whom CHAIN wakes */
}

static void run_take(void) {
  for (int i = 0; i < 5; i++) take_one(VICTIM);
}

/* ---- copy in: an argument's box read, retained, granted, released ---- */

static void prepare_copy(void) {
  uint32_t first = submit_box(BOX_BYTES), second = give(0, WP_LEVEL_NORMAL, 0);
  s.boxes[0] = slot_of(s.f.pool, first)->argument.box - 1;
  wp_box_retain(s.f.pool, WP_MAIN, s.boxes[0], epoch_of(s.boxes[0]));
  slot_of(s.f.pool, second)->argument = slot_of(s.f.pool, first)->argument;
  wp_task_submit(s.f.pool, second);
  victim_takes(2);
}

static void run_copy(void) {
  wp_pool *pool = s.f.pool;
  wp_thread *self = &pool->threads[VICTIM];
  uint32_t box = s.boxes[0], epoch = epoch_of(box);
  wp_completion value;
  for (int again = 0; again < 2; again++) {
    wp_gate_enter(self);
    if (wp_box_grant(pool, box, VICTIM)) complain("not granted");
    wp_gate_leave(self);
  }
  if (wp_box_read(pool, box, epoch, VICTIM, &value) || value.bytes != BOX_BYTES)
    complain("not readable");
  if (wp_box_read(pool, box, epoch, OTHER, &value) != WP_E_DENIED) complain("not denied");
  wp_box_release(pool, VICTIM, box, epoch, VICTIM);
  wp_gate_enter(self); /* its argument is its result */
  if (wp_box_retain(pool, VICTIM, box, epoch))
    slot_of(pool, s.held[0])->result = slot_of(pool, s.held[0])->argument;
  wp_gate_leave(self);
  finish(VICTIM, s.held[0], WP_OK);
  finish(VICTIM, s.held[1], WP_OK);
}

/* ---- items: a batch whose results are kept one by one ---- */

static void prepare_items(void) {
  for (uint32_t flags = 0; flags <= WP_SLOT_REQUEUE; flags += WP_SLOT_REQUEUE) {
    uint32_t index = give(WP_SLOT_BATCH | WP_SLOT_ITEMS | flags, WP_LEVEL_NORMAL, 0);
    write_box(WP_MAIN, &slot_of(s.f.pool, index)->result, BOX_BYTES);
    wp_items *items = wp_slot_items(slot_of(s.f.pool, index));
    wp_atomic_store_relaxed_u32(&items->progress, 0); /* published by the submission */
    items->started_ms = 0;
    wp_task_submit(s.f.pool, index);
  }
  victim_takes(2);
}

static void run_items(void) {
  for (int i = 0; i < 2; i++) {
    for (uint32_t step = WP_ITEM_NEXT; step <= WP_ITEM_LAST; step++) {
      if (!wp_task_item(s.f.pool, VICTIM, s.held[i], step, TAKE_MS)) complain("no step");
    }
    finish(VICTIM, s.held[i], WP_OK);
  }
}

/* ---- run: C tasks ---- */

static void prepare_run(void) {
  submit_c("answer_inline", 0, VICTIM);
  submit_c("answer_box", WP_SLOT_REQUEUE, VICTIM);
  submit_c("answer_inline", WP_SLOT_LEASE, VICTIM);
  submit_c("answer_no", 0, VICTIM);
}

static void run_run(void) {
  while (work(VICTIM)) {
  }
}

/* ---- leave: what is for its seat, while it is to leave, and wishes to ---- */

static void prepare_leave(void) {
  s.f.pool->config.tasks_per_worker = 1;
  prepare_run();
  submit_plain();
  wp_worker_leave(s.f.pool, VICTIM, WP_LEAVING_SEAT);
}

/* ---- commit: results inline, in a box, leased, replaced, from an exclusive task ---- */

static void prepare_commit(void) {
  submit_plain();
  submit_flagged(WP_SLOT_LEASE);
  submit_flagged(WP_SLOT_REQUEUE);
  victim_takes(3);
  wp_task_arm_bell(s.f.pool);
}

static void run_commit(void) {
  finish(VICTIM, s.held[0], WP_E_TASK_FAILED);
  write_box(VICTIM, &slot_of(s.f.pool, s.held[1])->result, LARGE_BYTES);
  wp_task_drop_result(s.f.pool, VICTIM, s.held[1]);
  write_box(VICTIM, &slot_of(s.f.pool, s.held[1])->result, BOX_BYTES);
  finish(VICTIM, s.held[1], WP_OK);
  write_box(VICTIM, &slot_of(s.f.pool, s.held[2])->result, LARGE_BYTES);
  finish(VICTIM, s.held[2], WP_OK);
}

/* ---- call: C tasks inside a task, whose argument becomes a box of the victim's own, twice ---- */

static void prepare_call(void) {
  submit_box(BOX_BYTES);
  submit_plain();
  victim_takes(2);
}

static void call(const char *name, uint32_t index) {
  wp_pool *pool = s.f.pool;
  uint32_t box = 0, c_task = 0;
  if (index == WP_NONE || wp_box_create(pool, VICTIM, BOX_BYTES, &box)) return;
  memset((void *)(uintptr_t)wp_box_at(pool, box)->address, 0x5a, BOX_BYTES);
  for (uint32_t i = 0; i < pool->task_count; i++) {
    if (!strcmp(pool->tasks[i]->name, name)) c_task = i + 1;
  }
  wp_worker_call(pool, VICTIM, index, c_task, box, WP_TYPE_BINARY, BOX_BYTES);
  wp_task_drop_result(pool, VICTIM, index);
}

static void run_call(void) {
  for (uint32_t i = 0; i < 2; i++) {
    call("answer_box", s.held[i]);
    call("answer_inline", s.held[i]);
    finish(VICTIM, s.held[i], WP_OK);
  }
}

static void prepare_exclusive(void) {
  submit_c("answer_box", WP_SLOT_EXCLUSIVE | WP_SLOT_REQUEUE, VICTIM);
  submit_plain();
}

/* ---- release: last references, a place that the other waits for ---- */

static void prepare_release(void) {
  wp_pool *pool = s.f.pool;
  wp_value value;
  for (uint32_t i = 0; i < 2; i++) { /* granted to the victim alone; the second one has a lease */
    s.boxes[i] = write_box(i ? WP_MAIN : OTHER, &value, i ? BOX_BYTES : LARGE_BYTES);
    wp_box_grant(pool, s.boxes[i], VICTIM);
    if (i) lease(s.boxes[i]);
    wp_box_drop(pool, WP_MAIN, s.boxes[i]);
  }
  wp_box_request(pool, VICTIM);
  wp_box_create_granted(pool, VICTIM, BOX_BYTES, &s.boxes[2]);
  s.other_waits = wp_box_request(pool, OTHER) == WP_E_NOT_GRANTED;
}

static void run_release(void) {
  for (uint32_t i = 0; i < 2; i++)
    wp_box_release(s.f.pool, VICTIM, s.boxes[i], epoch_of(s.boxes[i]), VICTIM);
  wp_box_drop(s.f.pool, VICTIM, s.boxes[2]);
}

/* ---- box line: request, use of the grant, failure, waiting ---- */

static void prepare_line(void) {
  submit_plain();
  victim_takes(1);
}

static void run_line(void) {
  wp_pool *pool = s.f.pool;
  wp_value *result = &slot_of(pool, s.held[0])->result;
  uint32_t box = 0;
  wp_box_request(pool, VICTIM);
  wp_box_create_granted(pool, VICTIM, (uint64_t)4 * FIXTURE_BYTES, &box); /* fails */
  wp_box_request(pool, VICTIM);
  if (!wp_box_create(pool, VICTIM, BOX_BYTES, &box)) wp_box_use_grant(pool, VICTIM, box);
  wp_box_drop(pool, VICTIM, box);
  wp_box_request(pool, VICTIM);
  wp_gate_enter(&pool->threads[VICTIM]);
  if (!wp_box_create_granted(pool, VICTIM, BOX_BYTES, &box))
    *result = (wp_value){WP_TYPE_BINARY, 0, BOX_BYTES, box + 1};
  wp_gate_leave(&pool->threads[VICTIM]);
  wp_box_commit(pool, VICTIM, box, WP_TYPE_BINARY, 0, BOX_BYTES);
  wp_box_request(pool, VICTIM); /* in line behind itself */
  finish(VICTIM, s.held[0], WP_OK);
}

/* ---- wait: idle, and in line for a box behind the other ---- */

static void prepare_wait(void) {
  wp_box_request(s.f.pool, OTHER);
  wp_box_create_granted(s.f.pool, OTHER, BOX_BYTES, &s.boxes[0]);
  take_one(OTHER); /* nothing: idle */
}

static void run_wait(void) {
  uint32_t seen = wake_of(s.f.pool, VICTIM);
  take_one(VICTIM);
  wp_worker_wait(s.f.pool, VICTIM, seen, 0);
  wp_idle_leave(s.f.pool, VICTIM);
  wp_box_request(s.f.pool, VICTIM);
  wp_worker_wait(s.f.pool, VICTIM, seen, 0);
}

static void end_wait(void) { wp_box_drop(s.f.pool, OTHER, s.boxes[0]); }

/* ---- event: progress values ---- */

static void prepare_event(void) {
  submit_plain();
  victim_takes(1);
  wp_task_arm_bell(s.f.pool);
}

static void run_event(void) {
  wp_pool *pool = s.f.pool;
  wp_task view = {.pool = pool, .slot = slot_of(pool, s.held[0]), .self = VICTIM};
  static const uint8_t bytes[BOX_BYTES] = {2};
  view.index = s.held[0];
  wp_task_progress(&view, WP_TYPE_BINARY, bytes, 8);
  wp_task_progress(&view, WP_TYPE_BINARY, bytes, (size_t)1 << 33); /* fails: too large */
  wp_task_progress(&view, WP_TYPE_BINARY, bytes, BOX_BYTES);
  finish(VICTIM, s.held[0], WP_OK);
}

/* ---- flood: progress values while main is too far behind ---- */

static void run_flood(void) {
  if (makes_room) block_progress(true); /* until its first point, event.wait */
  run_event();
}

/* ---- lock: main has it, and lets it go when the victim has slept on it, or is dead ---- */

static void prepare_lock(void) {
  submit_plain();
  block_lock(true);
}

static void run_lock(void) { take_one(VICTIM); }

/* ---- group: a member fails, the others are refused when they are taken ---- */

static void prepare_group(void) {
  make_group(4);
  victim_takes(1);
  wp_task_arm_bell(s.f.pool);
}

static void run_group(void) {
  finish(VICTIM, s.held[0], WP_E_TASK_FAILED);
  take_one(VICTIM);
}

/* ---- late: answers of tasks that were given up ---- */

static void prepare_late(void) {
  for (int i = 0; i < 2; i++) {
    uint32_t index = give(0, WP_LEVEL_NORMAL, 0);
    slot_of(s.f.pool, index)->timeout_ms = LIMIT_MS;
    wp_task_submit(s.f.pool, index);
  }
  submit_plain();
  make_group(1);
  victim_takes(4);
  for (int i = 1; i < 4; i++) cancel((wp_handle){s.held[i], generation_of(s.f.pool, s.held[i])});
  run_clock(TAKE_MS + LIMIT_MS); /* times out one that is wanted and one that is not */
}

static void run_late(void) {
  for (int i = 0; i < 4; i++) {
    write_box(VICTIM, &slot_of(s.f.pool, s.held[i])->result, BOX_BYTES);
    finish(VICTIM, s.held[i], i ? WP_OK : WP_E_TASK_FAILED);
  }
}

/* ---- memory: malloc, realloc, free, of blocks of its own and of others ---- */

enum { FOREIGN_TAG = 9 };

static void die_freeing(const char *name) {
  if (!strcmp(name, "heap.push")) kill_now(name);
}

static void other_frees(void *block) { wp_heap_free(wp_pool_heap(s.f.pool, OTHER), block); }

static void prepare_memory(void) {
  wp_heap *victim = wp_pool_heap(s.f.pool, VICTIM), *other = wp_pool_heap(s.f.pool, OTHER);
  for (int i = 0; i < 2; i++) {
    s.blocks[i] = wp_heap_alloc(other, i ? LARGE_BYTES : 100, FOREIGN_TAG);
    other_frees(wp_heap_alloc(victim, i ? 5000 : 100, 0)); /* on the victim's remote list */
  }
  void *orphan = wp_heap_alloc(victim, 100, 0); /* marked as free, and on no list */
  if (!kill_run_with(die_freeing, 1, other_frees, orphan)) complain("no orphan");
  wp_worker_reap(s.f.pool, OTHER, false);
  start_worker(s.f.pool, OTHER - 1);
  submit_plain();
  victim_takes(1);
}

static void run_memory(void) {
  wp_thread *self = &s.f.pool->threads[VICTIM];
  wp_atomic_store_release_u32(&self->tag, 5); /* as in a C task */
  void *small = wp_malloc(100), *large = wp_malloc(LARGE_BYTES), *other = wp_malloc(300);
  for (int i = 0; i < 2; i++) wp_free(s.blocks[i]);
  void *aligned = wp_aligned_alloc(4096, 3000);
  small = wp_realloc(small, 50);
  small = wp_realloc(small, 9000);
  large = wp_realloc(large, 2 * LARGE_BYTES);
  wp_free(other);
  void *wide[4]; /* two segments, of which one goes back */
  for (int i = 0; i < 4; i++) wide[i] = wp_malloc(WP_HEAP_BIG_BYTES - 4096);
  for (int i = 0; i < 4; i++) wp_free(wide[i]);
  wp_free(aligned);
  wp_free(large);
  wp_free(small);
  wp_gate_enter(self);
  wp_heap_free_tagged(wp_pool_heap(s.f.pool, VICTIM), 5);
  wp_atomic_store_release_u32(&self->tag, 0);
  wp_gate_leave(self);
}

/* The other worker frees what the victim had not freed when it died. */
static void end_memory(void) { wp_heap_free_tagged(wp_pool_heap(s.f.pool, OTHER), FOREIGN_TAG); }

/* ---- grow: the tables of slots and boxes ---- */

static void prepare_grow(void) {
  for (uint32_t i = 0; i < WP_TABLE_CHUNK; i++) submit_plain();
  victim_takes(1);
}

/* ---- trap: what a C task that was stopped has left ---- */

static void prepare_trap(void) {
  submit_plain();
  victim_takes(1);
}

static void run_trap(void) {
  wp_pool *pool = s.f.pool;
  wp_thread *self = &pool->threads[VICTIM];
  wp_task task = {.pool = pool, .slot = slot_of(pool, s.held[0]), .self = VICTIM};
  uint32_t event = 0;
  task.index = s.held[0];
  wp_atomic_store_release_u32(&self->tag, 5);
  wp__self = self;
  wp_critical_begin(); /* all of it is left behind */
  wp_malloc(100);
  wp_malloc(LARGE_BYTES);
  wp_task_alloc(&task, 50000);
  wp_task_result_alloc(&task, WP_TYPE_BINARY, BOX_BYTES);
  wp_task_event(pool, VICTIM, s.held[0], &event);
  wp_worker_clean_up(pool, VICTIM, s.held[0]);
  finish(VICTIM, s.held[0], WP_E_TASK_FAILED);
}

/* ---- recover: a silent task that a loop check has stopped; its thread lives on, and runs it again or answers for it ---- */

static void prepare_recover(void) {
  s.f.pool->config.max_redeliveries = 1;
  submit_flagged(WP_SLOT_REQUEUE | WP_SLOT_EXCLUSIVE);
  submit_plain();
  victim_takes(1);
  write_box(VICTIM, &slot_of(s.f.pool, s.held[0])->result, BOX_BYTES);
  wp_task_arm_bell(s.f.pool);
}

/* A task that may run again, one that has run too often, and one that must not run again. */
static void run_recover(void) {
  for (uint32_t i = 0, index = s.held[0]; index != WP_NONE && i < 3; i++) {
    wp_task_recover(s.f.pool, VICTIM, index);
    index = take_one(VICTIM);
  }
}

/* ---- help: chores that others left ---- */

static void prepare_help(void) {
  wp_pool *pool = s.f.pool;
  take_one(OTHER); /* nothing: idle */
  wp_box_request(pool, OTHER);
  wp_box_create_granted(pool, OTHER, BOX_BYTES, &s.boxes[0]);
  s.other_waits = wp_box_request(pool, OTHER) == WP_E_NOT_GRANTED;
  for (int i = 0; i < 2; i++) submit_box(BOX_BYTES);
  wp_lock_help(pool, WP_MAIN, WP_CHORE_INBOX);
  block_lock(true);
  cancel_all();
  wp_box_drop(pool, OTHER, s.boxes[0]);
  submit_plain();
  block_lock(false);
}

static void run_help(void) { wp_lock_help(s.f.pool, VICTIM, WP_CHORE_INBOX); }

static const operation operations[] = {
    {"start", prepare_start, run_start, NULL, false},
    {"take", prepare_take, run_take, NULL, false},
    {"bulk", prepare_bulk, run_bulk, NULL, false},
    {"age", prepare_age, run_age, NULL, false},
    {"copy in", prepare_copy, run_copy, NULL, false},
    {"items", prepare_items, run_items, NULL, false},
    {"run", prepare_run, run_run, NULL, false},
    {"leave", prepare_leave, run_run, NULL, false},
    {"commit", prepare_commit, run_commit, NULL, false},
    {"call", prepare_call, run_call, NULL, false},
    {"exclusive", prepare_exclusive, run_run, NULL, false},
    {"release", prepare_release, run_release, NULL, false},
    {"box line", prepare_line, run_line, NULL, false},
    {"wait", prepare_wait, run_wait, end_wait, false},
    {"event", prepare_event, run_event, NULL, false},
    {"flood", prepare_event, run_flood, NULL, false},
    {"group", prepare_group, run_group, NULL, false},
    {"late answer", prepare_late, run_late, NULL, false},
    {"memory", prepare_memory, run_memory, end_memory, false},
    {"grow", prepare_grow, run_event, NULL, false},
    {"trap", prepare_trap, run_trap, NULL, false},
    {"recover", prepare_recover, run_recover, NULL, false},
    {"lock", prepare_lock, run_lock, NULL, false},
    {"help", prepare_help, run_help, NULL, false},
    {"mail", prepare_mail, run_mail, end_mail, false},
    {"share", prepare_share, run_share, end_share, false},
    {"fork", prepare_fork, run_fork, NULL, true},
    {"aid", prepare_aid, run_aid, end_aid, true},
    {"fork trap", prepare_fork_trap, run_fork_trap, NULL, true},
};

enum { OPERATIONS = sizeof operations / sizeof *operations };

#endif
