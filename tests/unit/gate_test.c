#include "pool_fixture.h"
#include <pthread.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;
static wp_thread thread;

TEST(nests,
     "inside from the first enter to the last leave; a doomed worker in there finishes [XP-01]") {
  memset(&thread, 0, sizeof thread);
  CHECK(!wp_gate_inside(&thread));
  wp_gate_enter(&thread);
  wp_gate_enter(&thread);
  wp_gate_leave(&thread);
  CHECK(wp_gate_inside(&thread));
  wp_gate_doom(&thread);
  CHECK(wp_gate_doomed(&thread));
  wp_gate_enter(&thread); /* nested: returns although it is doomed */
  wp_gate_leave(&thread);
  CHECK(wp_gate_inside(&thread));
  wp_gate_leave(&thread);
  CHECK(!wp_gate_inside(&thread));
  wp_gate_pardon(&thread);
  CHECK(!wp_gate_doomed(&thread));
  wp_gate_enter(&thread);
  CHECK(wp_gate_inside(&thread));
}

TEST(doom_wakes,
     "doom changes the wake word, so that a waiting worker looks up; pardon likewise [AM-45]") {
  memset(&thread, 0, sizeof thread);
  uint32_t seen = wp_atomic_load_seq_u32(&thread.wake);
  wp_gate_doom(&thread);
  CHECK(wp_atomic_load_seq_u32(&thread.wake) != seen);
  seen = wp_atomic_load_seq_u32(&thread.wake);
  wp_gate_pardon(&thread);
  CHECK(wp_atomic_load_seq_u32(&thread.wake) != seen);
}

/* ---- With threads: a worker goes in and out, a killer dooms, looks and pardons ---- */

enum { DOOMS = 3000, FIELDS = 8 };
static uint64_t fields[FIELDS]; /* plain memory: only the gate keeps the two apart */
static wp_atomic_u32 stop, passes;

static void *go_in_and_out(void *unused) {
  (void)unused;
  while (!wp_atomic_load_acquire_u32(&stop)) {
    wp_gate_enter(&thread);
    for (int i = 0; i < FIELDS; i++) fields[i]++;
    wp_gate_leave(&thread);
    wp_atomic_fetch_add_relaxed_u32(&passes, 1);
  }
  return NULL;
}

static uint32_t count_torn(void) {
  uint32_t torn = 0;
  for (int i = 1; i < FIELDS; i++) torn += fields[i] != fields[0];
  return torn;
}

TEST(excludes,
     "while a worker is doomed and outside, nothing it writes inside changes (threads) [XP-01]") {
  pthread_t worker;
  uint32_t torn = 0, moved = 0, seen = 0;
  memset(&thread, 0, sizeof thread);
  memset(fields, 0, sizeof fields);
  wp_atomic_store_relaxed_u32(&stop, 0);
  wp_atomic_store_relaxed_u32(&passes, 0);
  CHECK_EQ(pthread_create(&worker, NULL, go_in_and_out, NULL), 0);
  for (int round = 0; round < DOOMS; round++) {
    while (wp_atomic_load_relaxed_u32(&passes) == seen) wp_port_pause(); /* it goes on */
    seen = wp_atomic_load_relaxed_u32(&passes);
    wp_gate_doom(&thread);
    while (wp_gate_inside(&thread)) wp_port_pause();
    uint64_t before = fields[0];
    torn += count_torn();
    for (int i = 0; i < 100; i++) wp_port_pause();
    torn += count_torn();
    moved += fields[0] != before;
    wp_gate_pardon(&thread);
  }
  wp_atomic_store_release_u32(&stop, 1);
  pthread_join(worker, NULL);
  CHECK_EQ(torn, 0);
  CHECK_EQ(moved, 0);
  CHECK_EQ(fields[0], wp_atomic_load_relaxed_u32(&passes));
}

/* ---- With the pool ---- */

TEST(takes_inside, "every call of the core leaves the gate as it found it [XP-01]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), box = 0;
  const wp_thread *record = &f.pool->threads[w], *main_record = &f.pool->threads[WP_MAIN];
  uint32_t task = submit_normal(f.pool), event = 0;
  CHECK_EQ(take(f.pool, w, 0), task);
  CHECK_EQ(wp_task_event(f.pool, w, task, &event), WP_OK);
  wp_task_send_event(f.pool, w, event);
  CHECK_EQ(wp_box_request(f.pool, w), WP_OK);
  CHECK_EQ(wp_box_create_granted(f.pool, w, 10, &box), WP_OK);
  CHECK_EQ(wp_box_commit(f.pool, w, box, WP_TYPE_BINARY, 0, 10), WP_OK);
  wp_box_drop(f.pool, w, box);
  wp_task_finish(f.pool, w, task, WP_OK);
  CHECK_EQ(take(f.pool, w, 0), WP_NONE);
  wp_lock_help(f.pool, WP_MAIN, WP_CHORE_INBOX | WP_CHORE_BOXES | WP_CHORE_PURGE);
  CHECK(!wp_gate_inside(record));
  CHECK(!wp_gate_inside(main_record));
  fixture_close(&f);
}

TEST(reap_resets,
     "after a death inside the gate its record's next user is outside and undoomed [XP-01]") {
  wp_config config = fixture_config(1);
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  uint32_t w = start_worker(f.pool, 0), task = submit_normal(f.pool);
  wp_gate_enter(&f.pool->threads[w]);
  wp_gate_enter(&f.pool->threads[w]);
  CHECK_EQ(wp_worker_reap(f.pool, w, false), WP_OK);
  CHECK_EQ(start_worker(f.pool, 0), w);
  CHECK(!wp_gate_inside(&f.pool->threads[w]));
  CHECK(!wp_gate_doomed(&f.pool->threads[w]));
  CHECK_EQ(run_one(f.pool, w, 0), task);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}
