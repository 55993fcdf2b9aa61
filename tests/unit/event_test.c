#include "pool_fixture.h"
#include "task_side.h"
#include <pthread.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { MOST = 256, MOST_BYTES = 1 << 20 }; /* what task.h promises */

static fixture f;
static uint32_t running;

static int start(void) {
  wp_config config = fixture_config(1);
  wp_status status = fixture_open(&f, &config);
  if (status) return status;
  start_worker(f.pool, 0);
  running = submit_normal(f.pool);
  return take(f.pool, 1, 0) == running ? WP_OK : WP_E_BROKEN_INVARIANT;
}

/* Frees everything that has come; returns how much of it was progress. */
static uint32_t free_all(void) {
  uint32_t indexes[64], count = 0, events = 0;
  while ((count = wp_task_drain(f.pool, indexes, 64))) {
    for (uint32_t i = 0; i < count; i++)
      events += (slot_of(f.pool, indexes[i])->flags & WP_SLOT_EVENT) != 0;
    wp_task_free_delivered(f.pool, indexes, count);
  }
  return events;
}

static wp_status send(size_t bytes) {
  uint32_t event = 0;
  wp_status status = wp_task_event(f.pool, 1, running, &event);
  if (status) return status;
  wp_task view = {.pool = f.pool, .slot = slot_of(f.pool, event), .self = 1, .index = event};
  if (!wp_task_result_alloc(&view, WP_TYPE_BINARY, bytes)) return WP_E_NO_MEMORY;
  wp_task_seal(&view, WP_OK);
  wp_task_send_event(f.pool, 1, event);
  return WP_OK;
}

TEST(given_up, "a task that was given up sends nothing, and waits for nothing") {
  CHECK_EQ(start(), WP_OK);
  for (uint32_t i = 0; i < MOST; i++) CHECK_EQ(send(8), WP_OK);
  CHECK_EQ(wp_task_cancel(f.pool, running, generation_of(f.pool, running)), WP_CANCEL_RUNNING);
  CHECK_EQ(send(8), WP_E_CANCELLED);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  CHECK_EQ(free_all(), MOST);
  CHECK_EQ(send(8), WP_E_CANCELLED);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(counted, "what is under way is counted right after drops, and after deaths of any kind") {
  for (int trusted = 0; trusted < 2; trusted++) {
    CHECK_EQ(start(), WP_OK);
    uint32_t event = 0;
    CHECK_EQ(wp_task_event(f.pool, 1, running, &event), WP_OK);
    wp_task_drop_event(f.pool, 1, event);
    CHECK_EQ(send(100), WP_OK);
    CHECK_EQ(send(8), WP_OK);
    CHECK_EQ(wp_task_event(f.pool, 1, running, &event), WP_OK);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    /* Inside the gate, it may have been anywhere in the middle of counting. */
    if (!trusted) wp_atomic_store_relaxed_u32(&f.pool->threads[1].events_sent, 77);
    CHECK_EQ(wp_worker_reap(f.pool, 1, trusted), WP_OK);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    CHECK_EQ(free_all(), 2);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    fixture_close(&f);
  }
}

/* ---- A worker that sends more than main takes ---- */

enum { VALUES = 3000 };
static size_t value_bytes;
static wp_atomic_u32 sent, ended;

static void *flood(void *unused) {
  (void)unused;
  wp_status status = WP_OK;
  for (uint32_t i = 0; !status && i < VALUES; i++) {
    status = send(value_bytes);
    if (!status) wp_atomic_fetch_add_seq_u32(&sent, 1);
  }
  wp_atomic_store_seq_u32(&ended, 1);
  return NULL;
}

/* Main looks only when the worker cannot go on. */
static uint32_t wait_for_flood(void) {
  const wp_thread *thread = &f.pool->threads[1];
  while (!wp_atomic_load_seq_u32(&ended) && !wp_atomic_load_seq_u32(&thread->events_wait))
    wp_port_pause();
  return wp_atomic_load_seq_u32(&sent);
}

TEST(waits,
     "a worker waits while main is too far behind, goes on when it is not, and loses nothing "
     "(threads)") {
  static const size_t sizes[] = {8, 9000, 3 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    CHECK_EQ(start(), WP_OK);
    pthread_t worker;
    value_bytes = sizes[i];
    uint32_t most = value_bytes < MOST_BYTES / MOST
                        ? MOST
                        : (uint32_t)((MOST_BYTES + value_bytes - 1) / value_bytes);
    uint32_t rounds = value_bytes > MOST_BYTES ? 10 : VALUES, seen = 0;
    wp_atomic_store_relaxed_u32(&sent, 0);
    wp_atomic_store_relaxed_u32(&ended, 0);
    CHECK_EQ(pthread_create(&worker, NULL, flood, NULL), 0);
    CHECK_EQ(wait_for_flood(), most); /* it went as far as it may */
    while (seen < rounds && !(wp_atomic_load_seq_u32(&ended) && seen == VALUES)) {
      CHECK(wait_for_flood() - seen <= most);
      seen += free_all();
    }
    if (seen < VALUES) { /* large ones: a task that is given up stops waiting */
      wait_for_flood();
      wp_task_cancel(f.pool, running, generation_of(f.pool, running));
    }
    pthread_join(worker, NULL);
    seen += free_all();
    CHECK_EQ(seen, wp_atomic_load_seq_u32(&sent));
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    fixture_close(&f);
  }
}
