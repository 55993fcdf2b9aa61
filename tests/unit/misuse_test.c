/* Wrong calls of the C API: each returns a status and changes nothing. */
#include "pool_fixture.h"
#include "task_side.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

/* Indexes that no table has: beyond all chunks, beyond the existing records, and WP_NONE. */
static const uint32_t wild[] = {WP_TABLE_CHUNK, WP_TABLE_RECORDS_MAX - 1, WP_TABLE_RECORDS_MAX,
                                WP_NONE - 1, WP_NONE};
enum { WILD = sizeof wild / sizeof *wild };

static int start(void) {
  wp_config config = fixture_config(2);
  config.box_count = 1;
  wp_status status = fixture_open(&f, &config);
  for (uint32_t s = 0; !status && s < 2; s++) start_worker(f.pool, s);
  return status;
}

/* Checks that the pool is intact, and empty once the rest is done. */
static bool is_well(void) {
  for (uint32_t w = 1; w <= 2; w++) kill_worker(f.pool, w);
  bool well = wp_pool_check(f.pool) == WP_OK && !wp_table_in_use(&f.pool->slots) &&
              !wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use) &&
              !wp_atomic_load_relaxed_u32(&f.pool->boxes_taken);
  fixture_close(&f);
  return well;
}

TEST(boxes, "boxes that do not exist, of others, in the wrong state [XP-17]") {
  CHECK_EQ(start(), WP_OK);
  wp_completion out;
  uint32_t box = 0;
  for (int empty = 1; empty >= 0; empty--) { /* first the table has no chunk, then one */
    for (uint32_t i = 0; i < WILD; i++) {
      uint32_t none = wild[i];
      CHECK_EQ(wp_box_commit(f.pool, 1, none, WP_TYPE_BINARY, 0, 0), WP_E_STALE_HANDLE);
      CHECK_EQ(wp_box_grant(f.pool, none, 1), WP_E_STALE_HANDLE);
      CHECK_EQ(wp_box_read(f.pool, none, 1, 1, &out), WP_E_STALE_HANDLE);
      CHECK(!wp_box_release(f.pool, 1, none, 1, 1));
      CHECK(!wp_box_retain(f.pool, 1, none, 1));
      wp_box_drop(f.pool, 1, none);
    }
    if (empty) CHECK_EQ(wp_box_create(f.pool, 1, 8, &box), WP_OK);
  }
  CHECK_EQ(wp_box_commit(f.pool, 2, box, WP_TYPE_BINARY, 0, 8), WP_E_DENIED);
  CHECK_EQ(wp_box_commit(f.pool, WP_MAIN, box, WP_TYPE_BINARY, 0, 8), WP_E_DENIED);
  CHECK_EQ(wp_box_commit(f.pool, 1, box + 1, WP_TYPE_BINARY, 0, 8), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_box_grant(f.pool, box + 1, 1), WP_E_STALE_HANDLE);
  CHECK(is_well());
}

TEST(line, "who asks again for a box keeps its place or its grant; without a grant there "
           "is no box [XP-17, NF-18]") {
  CHECK_EQ(start(), WP_OK);
  uint32_t box = 0;
  CHECK_EQ(wp_box_create_granted(f.pool, 1, 8, &box), WP_E_NOT_GRANTED);
  for (int i = 0; i < 3; i++) CHECK_EQ(wp_box_request(f.pool, 1), WP_OK);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->boxes_taken), 1);
  for (int i = 0; i < 3; i++) CHECK_EQ(wp_box_request(f.pool, 2), WP_E_NOT_GRANTED);
  CHECK_EQ(wp_box_create_granted(f.pool, 2, 8, &box), WP_E_NOT_GRANTED);
  CHECK_EQ(wp_box_create_granted(f.pool, 1, 8, &box), WP_OK);
  for (int i = 0; i < 3; i++) CHECK_EQ(wp_box_request(f.pool, 1), WP_E_NOT_GRANTED); /* behind 2 */
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  wp_box_drop(f.pool, 1, box);
  CHECK(wp_box_granted(f.pool, 2) && !wp_box_granted(f.pool, 1));
  CHECK_EQ(wp_box_create_granted(f.pool, 2, 8, &box), WP_OK);
  wp_box_drop(f.pool, 2, box);
  CHECK(wp_box_granted(f.pool, 1));
  CHECK_EQ(f.pool->box_line.first, 0);
  CHECK(is_well());
}

TEST(tasks, "tasks that do not exist, that others run, that have ended [XP-17]") {
  CHECK_EQ(start(), WP_OK);
  wp_status status = WP_OK;
  uint32_t event = 0, task = submit_normal(f.pool), generation = generation_of(f.pool, task);
  for (uint32_t i = 0; i < WILD; i++) {
    uint32_t none = wild[i];
    CHECK(!wp_task_finish(f.pool, 1, none, WP_OK));
    CHECK_EQ(wp_task_event(f.pool, 1, none, &event), WP_E_STALE_HANDLE);
    CHECK(!wp_task_send_event(f.pool, 1, none));
    CHECK_EQ(wp_task_cancel(f.pool, none, 1), WP_CANCEL_STALE);
    CHECK(!wp_worker_runs(f.pool, 1, none, 1));
    wp_task_drop_result(f.pool, 1, none);
    free_slot(f.pool, none);
    wp_group_leave(f.pool, none);
    wp_group_fail(f.pool, none);
  }
  CHECK_EQ(take(f.pool, 1, 0), task);
  CHECK(!wp_task_finish(f.pool, 2, task, WP_OK)); /* runs on 1 */
  CHECK_EQ(state_of(f.pool, task), WP_SLOT_RUNNING);
  CHECK_EQ(wp_task_cancel(f.pool, task, generation + 1), WP_CANCEL_STALE);
  CHECK(!wp_task_send_event(f.pool, 1, task)); /* no event */
  CHECK_EQ(state_of(f.pool, task), WP_SLOT_RUNNING);
  wp_task_finish(f.pool, 1, task, WP_OK);
  CHECK(!wp_task_finish(f.pool, 1, task, WP_E_TASK_FAILED)); /* has ended */
  CHECK_EQ(deliver(f.pool, &status), task);
  CHECK_EQ(status, WP_OK);
  free_slot(f.pool, task); /* is free already */
  CHECK_EQ(deliver(f.pool, &status), WP_NONE);
  CHECK(is_well());
}

/* ---- The public API ---- */

WP_TASK(nothing_to_copy) {
  if (wp_task_result(task, WP_TYPE_BINARY, NULL, 100) != WP_E_INVALID_ARGUMENT)
    return WP_E_BROKEN_INVARIANT;
  if (wp_task_progress(task, WP_TYPE_BINARY, NULL, 100) != WP_E_INVALID_ARGUMENT)
    return WP_E_BROKEN_INVARIANT;
  return wp_task_fail(task, NULL);
}

TEST(public_calls, "handles, completions and arguments that are none [XP-17]") {
  wp_pool *pool = NULL;
  wp_config config;
  wp_completion completion;
  wp_handle handle;
  wp_config_defaults(&config);
  config.memory_bytes = FIXTURE_BYTES;
  config.box_bytes = 1024;
  CHECK_EQ(wp_pool_create_sized(&config, &pool, WP_STRUCTS + 8),
           WP_E_UNSUPPORTED); /* of another version */
  wp_config older;
  memset(&older, 0x5a, sizeof older);
  wp_config_defaults_sized(&older, offsetof(wp_config, spares));
  CHECK_EQ(older.workers, config.workers);
  CHECK_EQ(older.spares, 0x5a5a5a5a);
  CHECK_EQ(wp_pool_create(NULL, &pool), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_pool_create(&config, NULL), WP_E_INVALID_ARGUMENT);
  wp_pool_destroy(NULL);
  CHECK_EQ(wp_pool_create(&config, &pool), WP_OK);
  for (uint32_t i = 0; i < WILD; i++) {
    CHECK(!wp_cancel(pool, (wp_handle){wild[i], 1}));
    CHECK(!wp_terminate(pool, (wp_handle){wild[i], 1}));
    wp_completion_release(pool, &(wp_completion){.slot = wild[i]});
  }
  CHECK_EQ(wp_submit(pool, "nothing_to_copy", 0, NULL, 1, NULL, &handle), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_submit(pool, "nothing_to_copy", 0, NULL, 0,
                     &(wp_submit_options){.priority = WP_PRIORITY_COUNT}, &handle),
           WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_submit(pool, "nothing_to_copy", 0, NULL, 0, NULL, &handle), WP_OK);
  CHECK_EQ(wp_wait(pool, &completion, 1, 60000), 1);
  CHECK_EQ(completion.status, WP_E_TASK_FAILED);
  CHECK_EQ(completion.bytes, 0);
  wp_completion_release(pool, &completion);
  wp_completion_release(pool, &completion); /* twice */
  CHECK(!wp_cancel(pool, handle));
  CHECK(!wp_terminate(pool, handle));
  CHECK_EQ(wp_poll(pool, &completion, 1), 0);
  wp_stats stats;
  wp_stats_read(pool, &stats);
  CHECK_EQ(stats.tasks_in_use + stats.boxes_in_use, 0);
  wp_pool_destroy(pool);
}
