#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

enum { LIMIT_MS = 100 };

/* A batch whose results lie in a box from the beginning. */
static uint32_t submit_items(uint32_t flags) {
  uint32_t index = reserve(f.pool, WP_LEVEL_NORMAL, 0), box = 0;
  wp_slot *slot = slot_of(f.pool, index);
  if (wp_box_create(f.pool, WP_MAIN, 1024, &box)) return WP_NONE;
  slot->result = (wp_value){WP_TYPE_BINARY, 0, 1024, box + 1};
  wp_box_commit(f.pool, WP_MAIN, box, WP_TYPE_BINARY, 0, 1024);
  wp_atomic_store_relaxed_u32(&wp_slot_items(slot)->progress, 0);
  wp_slot_items(slot)->started_ms = 0;
  slot->flags = WP_SLOT_BATCH | WP_SLOT_ITEMS | flags;
  slot->timeout_ms = LIMIT_MS;
  wp_task_submit(f.pool, index);
  return index;
}

static uint32_t progress_of(uint32_t index) {
  return wp_atomic_load_acquire_u32(&wp_slot_items(slot_of(f.pool, index))->progress);
}

static uint32_t boxes(void) { return wp_table_in_use(&f.pool->boxes); }

static uint32_t tick(double now_ms, wp_action *action) {
  double next_ms = 0;
  *action = (wp_action){0, 0, 0, 0, 0, 0};
  return wp_task_tick(f.pool, now_ms, action, 1, &next_ms);
}

static uint32_t begin(wp_config *config, uint32_t flags, uint32_t *worker) {
  if (fixture_open(&f, config)) return WP_NONE;
  *worker = start_worker(f.pool, 0);
  submit_items(flags);
  return take(f.pool, *worker, 1000);
}

TEST(each_item,
     "a time limit is each item's; the results before the one that is stopped are held for main") {
  wp_config config = fixture_config(1);
  wp_action action;
  uint32_t w = 0, task = begin(&config, 0, &w);
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 1090));
  CHECK_EQ(tick(1150, &action), 0); /* the task runs for longer than an item may */
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 1180));
  CHECK_EQ(tick(1279, &action), 0);
  CHECK_EQ(tick(1280, &action), 1);
  CHECK_EQ(action.kind, WP_ACTION_EXPIRED);
  CHECK_EQ(action.done, 2);
  CHECK(action.box);
  CHECK_EQ(state_of(f.pool, task), WP_SLOT_TIMED_OUT);
  CHECK(!wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 1281)); /* it ends too late */
  CHECK(!wp_task_item(f.pool, w, task, WP_ITEM_CLOSE, 0));
  wp_task_finish(f.pool, w, task, WP_OK); /* frees the slot */
  CHECK_EQ(boxes(), 1);
  wp_box_drop(f.pool, WP_MAIN, action.box - 1);
  CHECK_EQ(boxes(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(closing, "an item that is over is not stopped while its task ends") {
  wp_config config = fixture_config(1);
  wp_action action;
  wp_status status = WP_OK;
  uint32_t w = 0, task = begin(&config, 0, &w);
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 1010));
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_CLOSE, 0));
  CHECK_EQ(tick(5000, &action), 0);
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_LAST, 0));
  CHECK_EQ(progress_of(task) & WP_ITEMS_DONE, 2);
  wp_task_finish(f.pool, w, task, WP_E_TASK_FAILED);
  CHECK_EQ(deliver(f.pool, &status), task);
  CHECK_EQ(status, WP_E_TASK_FAILED);
  CHECK_EQ(boxes(), 0);
  fixture_close(&f);
}

TEST(lost, "a worker that is lost leaves the results of items that are over") {
  wp_config config = fixture_config(1);
  uint32_t w = 0, task = begin(&config, 0, &w), index = WP_NONE;
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 0));
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 0));
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_CLOSE, 0));
  CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  CHECK_EQ(wp_task_drain(f.pool, &index, 1), 1);
  CHECK_EQ(index, task);
  CHECK_EQ(slot_of(f.pool, task)->status, WP_E_WORKER_LOST);
  CHECK_EQ(progress_of(task) & WP_ITEMS_DONE, 2);
  CHECK(slot_of(f.pool, task)->result.box);
  wp_task_free_delivered(f.pool, &index, 1);
  CHECK_EQ(boxes(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(again,
     "a batch that runs again goes on after the items that are over, with a limit of its own") {
  wp_config config = fixture_config(1);
  wp_action action;
  uint32_t w = 0, task = begin(&config, WP_SLOT_REQUEUE, &w);
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 1010));
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_CLOSE, 0));
  CHECK_EQ(kill_worker(f.pool, w), WP_OK);
  w = start_worker(f.pool, 0);
  CHECK_EQ(take(f.pool, w, 2000), task);
  CHECK_EQ(progress_of(task), 1);
  CHECK_EQ(tick(2099, &action), 0);
  CHECK_EQ(tick(2100, &action), 1);
  CHECK_EQ(action.done, 1);
  wp_box_drop(f.pool, WP_MAIN, action.box - 1);
  fixture_close(&f);
}

TEST(given_up, "a batch that was given up and hangs poisons its worker; nobody is told") {
  wp_config config = fixture_config(1);
  wp_action action;
  uint32_t w = 0, task = begin(&config, 0, &w);
  CHECK_EQ(wp_task_cancel(f.pool, task, generation_of(f.pool, task)), WP_CANCEL_RUNNING);
  CHECK_EQ(tick(1100, &action), 0);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->threads[w].poisoned), 1);
  wp_task_finish(f.pool, w, task, WP_OK);
  CHECK_EQ(boxes(), 0);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->threads[w].poisoned), 0);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
static uint32_t stopped;
static wp_action stop_action;

static void stop_now(const char *name) {
  if (strcmp(name, "item.over")) return;
  wp__point_hook = NULL;
  stopped = tick(5000, &stop_action);
}

TEST(race, "main stops an item at the very moment when it ends: one of the two comes first") {
  wp_config config = fixture_config(1);
  uint32_t w = 0, task = begin(&config, 0, &w);
  CHECK(wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 0));
  wp__point_hook = stop_now;
  CHECK(!wp_task_item(f.pool, w, task, WP_ITEM_NEXT, 0));
  CHECK_EQ(stopped, 1);
  CHECK_EQ(stop_action.done, 1);
  wp_box_drop(f.pool, WP_MAIN, stop_action.box - 1);
  fixture_close(&f);
}
#endif
