#include "pool_fixture.h"
#include "recount.h"
#include "task_side.h"

#ifdef WP_KILL_POINTS
#include "kill.h"
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static uint32_t thread_state(uint32_t thread) {
  return wp_atomic_load_acquire_u32(&f.pool->threads[thread].state);
}

static int start(uint32_t workers) {
  wp_config config = fixture_config(workers);
  wp_status status = fixture_open(&f, &config);
  for (uint32_t s = 0; !status && s < workers; s++) start_worker(f.pool, s);
  return status;
}

/* ---- C tasks ---- */

WP_TASK(double_it) {
  size_t bytes = 0;
  uint32_t type = 0;
  const uint8_t *in = wp_task_input(task, &bytes, &type);
  uint8_t *scratch = wp_task_alloc(task, bytes + 1);
  if (!scratch || type != WP_TYPE_BINARY) return WP_E_NO_MEMORY;
  for (size_t i = 0; i < bytes; i++) scratch[i] = (uint8_t)(in[i] * 2);
  return wp_task_result(task, WP_TYPE_BINARY, scratch, bytes);
}

WP_TASK(fails) { return wp_task_fail(task, "no luck"); }

WP_TASK(large) {
  uint8_t *out = wp_task_result_alloc(task, WP_TYPE_BINARY, 1000);
  if (!out) return WP_E_NO_MEMORY;
  memset(out, 0x5a, 1000);
  return WP_OK;
}

static uint32_t submit_c(const char *name) {
  uint32_t index = reserve(f.pool, WP_LEVEL_NORMAL, 0);
  wp_slot *slot = slot_of(f.pool, index);
  for (uint32_t i = 0; i < f.pool->task_count; i++) {
    if (strcmp(f.pool->tasks[i]->name, name) == 0) slot->c_task = i + 1;
  }
  slot->argument = (wp_value){WP_TYPE_BINARY, 0, 3, 0};
  memcpy(slot->argument_inline, (uint8_t[]){1, 2, 3}, 3);
  wp_task_submit(f.pool, index);
  return index;
}

TEST(c_tasks,
     "C tasks run on a taken slot and fill its result: inline, text, a box [AM-37, XP-02]") {
  CHECK_EQ(start(1), WP_OK);
  uint32_t index = submit_c("double_it");
  CHECK_EQ(take(f.pool, 1, 0), index);
  CHECK_EQ(wp_worker_run(f.pool, 1, index), WP_OK);
  const wp_slot *slot = slot_of(f.pool, index);
  CHECK(slot->result.bytes == 3 && !slot->result.box);
  CHECK_EQ(memcmp(slot->result_inline, (uint8_t[]){2, 4, 6}, 3), 0);
  wp_task_finish(f.pool, 1, index, WP_OK);
  index = submit_c("fails");
  CHECK_EQ(take(f.pool, 1, 0), index);
  CHECK_EQ(wp_worker_run(f.pool, 1, index), WP_E_TASK_FAILED);
  slot = slot_of(f.pool, index);
  CHECK(slot->result.bytes == 7 && memcmp(slot->result_inline, "no luck", 7) == 0);
  wp_task_finish(f.pool, 1, index, WP_E_TASK_FAILED);
  index = submit_c("large");
  CHECK_EQ(take(f.pool, 1, 0), index);
  CHECK_EQ(wp_worker_run(f.pool, 1, index), WP_OK);
  slot = slot_of(f.pool, index);
  CHECK(slot->result.bytes == 1000 && slot->result.box);
  wp_task_finish(f.pool, 1, index, WP_OK);
  wp_status status = WP_OK;
  for (int i = 0; i < 3; i++) CHECK(deliver(f.pool, &status) != WP_NONE);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

static uint32_t looked(void) { return wp_atomic_load_relaxed_u32(&f.pool->threads[1].looked); }

WP_TASK(looks) {
  bool before = looked() == f.pool->threads[1].last_tag;
  return !before && !wp_task_cancelled(task) && !wp_task_cancelled(task) ? WP_OK : WP_E_TASK_FAILED;
}

TEST(looks_at_its_flag, "the record of a thread says which C task has asked whether it is still "
                        "wanted; a task that has not yet is never taken for one that has") {
  CHECK_EQ(start(1), WP_OK);
  for (uint32_t round = 0; round < 3; round++) {
    uint32_t index = submit_c("looks"), before = looked();
    CHECK_EQ(take(f.pool, 1, 0), index);
    CHECK_EQ(wp_worker_run(f.pool, 1, index), WP_OK);
    CHECK_EQ(looked(), f.pool->threads[1].last_tag);
    CHECK(looked() != before);
    wp_task_finish(f.pool, 1, index, WP_OK);
    before = looked();
    index = submit_c("fails");
    CHECK_EQ(take(f.pool, 1, 0), index);
    CHECK_EQ(wp_worker_run(f.pool, 1, index), WP_E_TASK_FAILED);
    CHECK_EQ(looked(), before);
    wp_task_finish(f.pool, 1, index, WP_E_TASK_FAILED);
  }
  fixture_close(&f);
}

static void call(const char *name, uint32_t index, const uint8_t *bytes, uint32_t length,
                 wp_status expected) {
  uint32_t box = 0, c_task = 0;
  for (uint32_t i = 0; i < f.pool->task_count; i++) {
    if (strcmp(f.pool->tasks[i]->name, name) == 0) c_task = i + 1;
  }
  CHECK_EQ(wp_box_create(f.pool, 1, length, &box), WP_OK);
  memcpy((void *)(uintptr_t)wp_box_at(f.pool, box)->address, bytes, length);
  wp_status status = wp_worker_call(f.pool, 1, index, c_task, box, WP_TYPE_BINARY, length);
  if (status == WP_E_UNKNOWN_TASK) wp_box_drop(f.pool, 1, box);
  CHECK_EQ(status, expected);
}

TEST(calls, "a task calls C tasks, each on a box of its own; no box is left [XP-02]") {
  CHECK_EQ(start(1), WP_OK);
  uint32_t index = reserve(f.pool, WP_LEVEL_NORMAL, 0);
  wp_slot *slot = slot_of(f.pool, index);
  wp_task_submit(f.pool, index);
  CHECK_EQ(take(f.pool, 1, 0), index);
  for (uint8_t i = 1; i < 4; i++) {
    call("double_it", index, (uint8_t[]){i, 7, 9}, 3, WP_OK);
    CHECK_EQ(memcmp(slot->result_inline, (uint8_t[]){(uint8_t)(2 * i), 14, 18}, 3), 0);
    CHECK_EQ(slot->c_task, 0);
    wp_task_drop_result(f.pool, 1, index);
    CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 1); /* the argument */
  }
  call("fails", index, (uint8_t[]){1}, 1, WP_E_TASK_FAILED);
  call("no such task", index, (uint8_t[]){1}, 1, WP_E_UNKNOWN_TASK);
  call("large", index, (uint8_t[]){1}, 1, WP_OK);
  CHECK(slot->result.bytes == 1000 && slot->result.box);
  wp_task_drop_result(f.pool, 1, index);
  wp_task_finish(f.pool, 1, index, WP_OK);
  wp_status status = WP_OK;
  CHECK_EQ(deliver(f.pool, &status), index);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- States ---- */

TEST(states, "empty, starting, ready, live, dying, empty; a record is reused only "
             "when reaped [AM-28, AM-45]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t a = wp_worker_open(f.pool);
  CHECK_EQ(thread_state(a), WP_THREAD_STARTING);
  wp_worker_ready(f.pool, a);
  wp_worker_ready(f.pool, a);
  CHECK_EQ(thread_state(a), WP_THREAD_READY);
  wp_worker_seat(f.pool, a, 0);
  CHECK_EQ(thread_state(a), WP_THREAD_LIVE);
  CHECK_EQ(take(f.pool, a, 0), WP_NONE);
  CHECK_EQ(wp_worker_doom(f.pool, a), 1);
  CHECK_EQ(wp_worker_doom(f.pool, a), 0);
  CHECK_EQ(thread_state(a), WP_THREAD_DYING);
  CHECK(!is_idle(f.pool, a));
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->seats[0]), 0);
  wp_worker_ready(f.pool, a); /* a late report of a dying thread changes nothing */
  CHECK_EQ(thread_state(a), WP_THREAD_DYING);
  uint32_t b = wp_worker_open(f.pool);
  CHECK(b && b != a);
  CHECK_EQ(wp_worker_open(f.pool), 0); /* 1 + 2 x 1 records */
  CHECK_EQ(wp_worker_reap(f.pool, a, true), WP_OK);
  CHECK_EQ(thread_state(a), WP_THREAD_EMPTY);
  uint32_t incarnation = wp_atomic_load_acquire_u32(&f.pool->threads[a].incarnation);
  CHECK_EQ(wp_worker_open(f.pool), a);
  CHECK(wp_atomic_load_acquire_u32(&f.pool->threads[a].incarnation) != incarnation);
  fixture_close(&f);
}

TEST(closed, "a record that no thread was started for is empty again [XP-16]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = wp_worker_open(f.pool);
  wp_worker_close(f.pool, w);
  CHECK_EQ(thread_state(w), WP_THREAD_EMPTY);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  CHECK_EQ(wp_worker_open(f.pool), w);
  fixture_close(&f);
}

TEST(never_started, "a thread that dies before it is ready comes back to the empty ones [XP-16]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  for (int i = 0; i < 10; i++) {
    uint32_t w = wp_worker_open(f.pool);
    CHECK(w);
    if (i % 2) wp_worker_ready(f.pool, w);
    CHECK_EQ(wp_worker_reap(f.pool, w, i % 3 != 0), WP_OK);
  }
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- Deaths ---- */

TEST(left_behind, "who gets a dead one's record finds no tag, no request to stop and "
                  "no task in it [AM-45]") {
  CHECK_EQ(start(1), WP_OK);
  wp_thread *record = &f.pool->threads[1];
  uint32_t task = submit_flags(f.pool, WP_SLOT_EXCLUSIVE);
  CHECK_EQ(take(f.pool, 1, 0), task);
  wp_atomic_store_release_u32(&record->tag, 7);
  wp_atomic_store_release_u32(&record->stop, WP_STOP_MARK | 7);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->tag), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->stop), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->exclusive), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->running), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&record->slots[0]), 0);
  fixture_close(&f);
}

TEST(
    crash,
    "a crash ends the running task with WORKER_LOST, and the seat can be refilled [AM-54, XP-01]") {
  for (int trusted = 0; trusted < 2; trusted++) {
    CHECK_EQ(start(1), WP_OK);
    wp_status status = WP_OK;
    uint32_t lost = submit_normal(f.pool), waits = submit_normal(f.pool);
    CHECK_EQ(take(f.pool, 1, 0), lost);
    uint32_t generation = generation_of(f.pool, lost);
    CHECK(wp_worker_runs(f.pool, 1, lost, generation));
    CHECK(!wp_worker_runs(f.pool, 1, lost, generation + 1));
    CHECK(!wp_worker_runs(f.pool, 1, waits, generation_of(f.pool, waits)));
    CHECK_EQ(wp_worker_reap(f.pool, 1, trusted), WP_OK);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    CHECK_EQ(deliver(f.pool, &status), lost);
    CHECK_EQ(status, WP_E_WORKER_LOST);
    CHECK_EQ(deliver(f.pool, &status), WP_NONE);
    CHECK_EQ(wp_atomic_load_relaxed_u64(&f.pool->counters.lost), 1);
    uint32_t w = start_worker(f.pool, 0);
    CHECK_EQ(run_one(f.pool, w, 0), waits);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    fixture_close(&f);
  }
}

TEST(done_before,
     "what the dead had finished is delivered with its own status, once [AM-54, XP-16]") {
  for (int trusted = 0; trusted < 2; trusted++) {
    CHECK_EQ(start(1), WP_OK);
    wp_status status = WP_OK;
    uint32_t task = submit_normal(f.pool);
    CHECK_EQ(take(f.pool, 1, 0), task);
    wp_task_finish(f.pool, 1, task, WP_E_TASK_FAILED);
    CHECK_EQ(wp_worker_reap(f.pool, 1, trusted), WP_OK);
    CHECK_EQ(deliver(f.pool, &status), task);
    CHECK_EQ(status, WP_E_TASK_FAILED);
    CHECK_EQ(deliver(f.pool, &status), WP_NONE);
    fixture_close(&f);
  }
}

TEST(requeued,
     "a task that asked for it runs again, ahead of its lane; POISON_JOB after 3 [AM-54, XP-16]") {
  CHECK_EQ(start(1), WP_OK);
  wp_status status = WP_OK;
  uint32_t task = submit_flags(f.pool, WP_SLOT_REQUEUE), behind = submit_normal(f.pool), w = 1;
  for (int death = 0; death < 4; death++) {
    CHECK_EQ(queued_of(f.pool), 2);
    CHECK_EQ(take(f.pool, w, 0), task);
    CHECK_EQ(deliver(f.pool, &status), WP_NONE);
    CHECK_EQ(kill_worker(f.pool, w), WP_OK);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    w = start_worker(f.pool, 0);
  }
  CHECK_EQ(deliver(f.pool, &status), task);
  CHECK_EQ(status, WP_E_POISON_JOB);
  CHECK_EQ(run_one(f.pool, w, 0), behind);
  fixture_close(&f);
}

TEST(requeued_order, "several tasks of one dead worker come back in their order [AM-13, AM-54]") {
  wp_config config = fixture_config(1);
  config.concurrency = 3;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), tasks[3];
  for (int i = 0; i < 3; i++) tasks[i] = submit_flags(f.pool, WP_SLOT_REQUEUE);
  for (int i = 0; i < 3; i++) CHECK_EQ(take(f.pool, w, 0), tasks[i]);
  CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  w = start_worker(f.pool, 0);
  for (int i = 0; i < 3; i++) CHECK_EQ(run_one(f.pool, w, 0), tasks[i]);
  fixture_close(&f);
}

TEST(given_up, "tasks that were given up go with their worker, unanswered [AM-45, XP-01]") {
  CHECK_EQ(start(2), WP_OK);
  wp_status status = WP_OK;
  wp_action action[4];
  double next_ms;
  uint32_t slow = submit_timed(f.pool, 10), dropped = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, 1, 0), slow);
  CHECK_EQ(take(f.pool, 2, 0), dropped);
  CHECK_EQ(wp_task_tick(f.pool, 10, action, 4, &next_ms), 1);
  CHECK_EQ(wp_task_cancel(f.pool, dropped, generation_of(f.pool, dropped)), WP_CANCEL_RUNNING);
  for (uint32_t w = 1; w <= 2; w++) CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&f.pool->threads[1].poisoned), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(half_result,
     "a death between making a result and finishing leaves no box and no memory [XP-01]") {
  CHECK_EQ(start(1), WP_OK);
  wp_status status = WP_OK;
  uint64_t before = 0; /* after the first round: the box table's chunk stays */
  for (int round = 0; round < 20; round++) {
    uint32_t index = submit_c("large");
    CHECK_EQ(take(f.pool, 1, 0), index);
    CHECK_EQ(wp_worker_run(f.pool, 1, index), WP_OK);
    CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
    CHECK_EQ(deliver(f.pool, &status), index);
    CHECK_EQ(status, WP_E_WORKER_LOST);
    CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    CHECK_EQ(start_worker(f.pool, 0), 1);
    wp_heap_drain(wp_pool_heap(f.pool, 1));
    if (!round) before = wp_heap_bytes_in_use(wp_pool_heap(f.pool, 1));
    CHECK_EQ(wp_heap_bytes_in_use(wp_pool_heap(f.pool, 1)), before);
  }
  fixture_close(&f);
}

TEST(clean_up,
     "what a trapped C task left is taken back: memory, its tag, the half-made result [XP-01]") {
  CHECK_EQ(start(1), WP_OK);
  uint32_t index = submit_c("large"), box = 0;
  CHECK_EQ(take(f.pool, 1, 0), index);
  wp_heap *heap = wp_pool_heap(f.pool, 1);
  uint64_t before = wp_heap_bytes_in_use(heap);
  wp_atomic_store_release_u32(&f.pool->threads[1].tag, 5); /* as wp_worker_run, then a trap */
  CHECK(wp_heap_alloc(heap, 3000, 5));
  CHECK(wp_arena_alloc(&wp_pool_memory(f.pool, 1)->arena, 100, 16));
  uint64_t capacity = wp_atomic_load_relaxed_u32(&f.pool->boxes.capacity);
  CHECK_EQ(wp_box_create(f.pool, 1, 500, &box), WP_OK);
  slot_of(f.pool, index)->result.box = box + 1;
  wp_worker_clean_up(f.pool, 1, index);
  CHECK_EQ(slot_of(f.pool, index)->result.box, 0);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
  CHECK_EQ(wp_atomic_load_acquire_u32(&f.pool->threads[1].tag), 0);
  if (capacity)
    CHECK(wp_heap_bytes_in_use(heap) <= before + (64 << 10)); /* the arena's block stays */
  CHECK_EQ(wp_heap_check(heap), WP_OK);
  wp_task_finish(f.pool, 1, index, WP_E_TASK_FAILED);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(events,
     "progress values come before their task's result, in order, and are no tasks [XP-16]") {
  CHECK_EQ(start(1), WP_OK);
  wp_status status = WP_OK;
  uint32_t task = submit_normal(f.pool), event[3];
  CHECK_EQ(take(f.pool, 1, 0), task);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(wp_task_event(f.pool, 1, task, &event[i]), WP_OK);
    CHECK_EQ(slot_of(f.pool, event[i])->parent_generation, generation_of(f.pool, task));
    wp_task_send_event(f.pool, 1, event[i]);
  }
  wp_task_finish(f.pool, 1, task, WP_OK);
  for (int i = 0; i < 3; i++) CHECK_EQ(deliver(f.pool, &status), event[i]);
  CHECK_EQ(deliver(f.pool, &status), task);
  CHECK_EQ(wp_atomic_load_relaxed_u64(&f.pool->counters.processed), 1);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(half_event,
     "a death between reserving and sending an event leaves no slot and no box [XP-01]") {
  for (int trusted = 0; trusted < 2; trusted++) {
    CHECK_EQ(start(1), WP_OK);
    wp_status status = WP_OK;
    uint32_t task = submit_normal(f.pool), event = 0, box = 0;
    CHECK_EQ(take(f.pool, 1, 0), task);
    CHECK_EQ(wp_task_event(f.pool, 1, task, &event), WP_OK);
    CHECK_EQ(wp_box_create(f.pool, 1, 100, &box), WP_OK);
    slot_of(f.pool, event)->result.box = box + 1;
    CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 100), WP_OK);
    CHECK_EQ(wp_worker_reap(f.pool, 1, trusted), WP_OK);
    CHECK_EQ(deliver(f.pool, &status), task);
    CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
    CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
    fixture_close(&f);
  }
}

static double stop_answers;

static uint32_t stop_of(uint32_t thread) {
  return wp_atomic_load_seq_u32(&f.pool->threads[thread].stop);
}

/* A task that plays main, and asks for its own stop. */
WP_TASK(asked_to_stop) {
  double answers = 0;
  wp_pool *pool = task->pool;
  answers += wp_worker_stop(pool, 1, false) != WP_STOP_NONE ? 1 : 0; /* still wanted */
  answers += wp_worker_stop(pool, 1, true) == WP_STOP_ASKED ? 2 : 0;
  wp_worker_stop_end(pool, 1);
  wp_task_cancel(pool, task->index, generation_of(pool, task->index));
  answers += wp_worker_stop(pool, 1, false) == WP_STOP_ASKED ? 4 : 0;
  answers += stop_of(1) == (WP_STOP_MARK | wp_atomic_load_seq_u32(&pool->threads[1].tag)) ? 8 : 0;
  wp_task_result(task, WP_TYPE_NUMBER, &answers, sizeof answers);
  memcpy(&stop_answers, &answers, sizeof answers);
  return WP_OK;
}

TEST(stop,
     "only a C task that was given up is asked to trap, and no later one of its thread [XP-01]") {
  CHECK_EQ(start(1), WP_OK);
  CHECK_EQ(wp_worker_stop(f.pool, 1, true), WP_STOP_NONE); /* it runs nothing */
  uint32_t script = submit_normal(f.pool);
  CHECK_EQ(take(f.pool, 1, 0), script);
  CHECK_EQ(wp_worker_stop(f.pool, 1, true), WP_STOP_NONE); /* not a C task */
  wp_task_finish(f.pool, 1, script, WP_OK);
  uint32_t task = submit_c("asked_to_stop");
  CHECK_EQ(take(f.pool, 1, 0), task);
  CHECK_EQ(wp_worker_stop(f.pool, 1, true), WP_STOP_SOON); /* taken, not begun */
  wp_task_finish(f.pool, 1, task, wp_worker_run(f.pool, 1, task));
  CHECK_EQ(stop_answers, 2 + 4 + 8);
  CHECK(stop_of(1)); /* still set; the next task has another tag */
  CHECK_EQ(wp_worker_stop(f.pool, 1, true), WP_STOP_NONE);
  uint32_t next = submit_c("double_it");
  CHECK_EQ(take(f.pool, 1, 0), next);
  CHECK_EQ(wp_worker_run(f.pool, 1, next), WP_OK);
  CHECK(stop_of(1) != (WP_STOP_MARK | f.pool->threads[1].last_tag));
  wp_worker_stop_end(f.pool, 1);
  CHECK_EQ(stop_of(1), 0);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
static uint32_t first_run, second_run; /* C tasks of one worker, one after the other */

/* The first task ends by itself, and the second begins. */
static void next_begins(const char *name) {
  if (strcmp(name, "stop.look")) return;
  wp__point_hook = NULL;
  wp_atomic_store_release_u32(&f.pool->threads[1].tag, 0);
  wp_task_finish(f.pool, 1, first_run, WP_OK);
  if (take(f.pool, 1, 0) != second_run) second_run = WP_NONE;
  wp_atomic_store_release_u32(&f.pool->threads[1].tag, 8);
}

TEST(stop_too_late, "a task that ends while it is being stopped has not been stopped: "
                    "nobody is asked to trap for it [XP-01]") {
  CHECK_EQ(start(1), WP_OK);
  first_run = submit_c("double_it");
  second_run = submit_c("double_it");
  CHECK_EQ(take(f.pool, 1, 0), first_run);
  wp_atomic_store_release_u32(&f.pool->threads[1].tag, 7);
  CHECK_EQ(wp_task_cancel(f.pool, first_run, generation_of(f.pool, first_run)), WP_CANCEL_RUNNING);
  wp__point_hook = next_begins;
  CHECK_EQ(wp_worker_stop(f.pool, 1, false), WP_STOP_SOON);
  CHECK(!wp__point_hook && second_run != WP_NONE);
  CHECK_EQ(stop_of(1), 0);
  CHECK_EQ(wp_worker_stop(f.pool, 1, false), WP_STOP_NONE); /* the second is wanted */
  fixture_close(&f);
}
#endif

TEST(trap, "what a C task that trapped held comes back, an unsent progress value too [XP-03]") {
  CHECK_EQ(start(1), WP_OK);
  wp_thread *thread = &f.pool->threads[1];
  for (int i = 0; i < 2; i++) {
    uint32_t task = submit_c("double_it"), event = 0;
    CHECK_EQ(take(f.pool, 1, 0), task);
    uint64_t before = wp_heap_bytes_in_use(wp_pool_heap(f.pool, 1));
    wp_atomic_store_seq_u32(&thread->tag, 7);
    CHECK(wp_heap_alloc(wp_pool_heap(f.pool, 1), 1000, 7));
    CHECK_EQ(wp_task_event(f.pool, 1, task, &event), WP_OK);
    wp_worker_clean_up(f.pool, 1, task);
    CHECK_EQ(wp_heap_bytes_in_use(wp_pool_heap(f.pool, 1)), before);
    wp_status status = WP_OK;
    wp_task_finish(f.pool, 1, task, WP_E_TASK_FAILED);
    CHECK_EQ(deliver(f.pool, &status), task);
    CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
  }
  fixture_close(&f);
}

TEST(order,
     "what a crashed worker had finished comes in the order in which it finished it [XP-16]") {
  CHECK_EQ(start(1), WP_OK);
  wp_status status = WP_OK;
  uint32_t task[4], finished[] = {2, 0, 3, 1};
  f.pool->config.concurrency = 4;
  for (int i = 0; i < 4; i++) task[i] = submit_normal(f.pool);
  for (int i = 0; i < 4; i++) CHECK_EQ(take(f.pool, 1, 0), task[i]);
  for (int i = 0; i < 2; i++) wp_task_finish(f.pool, 1, task[finished[i]], WP_OK);
  uint32_t first = 0;
  CHECK_EQ(wp_task_drain(f.pool, &first, 1),
           1); /* main has taken the other one already, and not delivered it */
  CHECK_EQ(first, task[2]);
  free_slot(f.pool, first);
  wp_task_finish(f.pool, 1, task[3], WP_OK);
  wp_slot_move(slot_of(f.pool, task[1]), WP_SLOT_RUNNING,
               WP_SLOT_DONE); /* it died before it listed this one */
  CHECK_EQ(wp_worker_reap(f.pool, 1, false), WP_OK);
  CHECK_EQ(deliver(f.pool, &status), task[0]);
  CHECK_EQ(deliver(f.pool, &status), task[3]);
  CHECK_EQ(deliver(f.pool, &status), task[1]);
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(died_before_lock, "who died asleep before the lock is not woken for ever [XP-01]") {
  CHECK_EQ(start(1), WP_OK);
  wp_atomic_store_seq_u32(&f.pool->lock_sleepers, 1);
  f.pool->recount_due = 1;
  CHECK(wp_pool_recount(f.pool));
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->lock_sleepers), 0);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
static uint32_t script_task;

static void script_finish(void *pool) { wp_task_finish(pool, 1, script_task, WP_OK); }

TEST(dies_finishing,
     "a worker dies at each point of finishing; the task is answered once [XP-01, XP-16]") {
  uint64_t n = 1;
  for (bool died = true; died; n++) {
    CHECK_EQ(start(1), WP_OK);
    wp_status status = WP_OK;
    script_task = submit_normal(f.pool);
    CHECK_EQ(take(f.pool, 1, 0), script_task);
    died = kill_run(n, script_finish, f.pool);
    CHECK_EQ(wp_worker_reap(f.pool, 1, false), WP_OK);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    CHECK_EQ(deliver(f.pool, &status), script_task);
    CHECK(status == WP_OK || status == WP_E_WORKER_LOST);
    CHECK_EQ(deliver(f.pool, &status), WP_NONE);
    CHECK_EQ(wp_table_in_use(&f.pool->slots), 0);
    fixture_close(&f);
  }
  CHECK(n > 4);
}
#endif
