/* Pools of many threads: numbers, sets and tables that do not fit into a byte, and what they cost a small pool. */
#include "idle.h"
#include "kill.h"
#include "pool_fixture.h"
#include "wasmpool.h"
#include <unistd.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

/* Every used heap has a segment. */
enum { MEMORY_BYTES = WP_SEATS_MAX * 2 * WP_HEAP_SEGMENT_BYTES };

static wp_status lay_out(uint32_t workers, uint32_t spares) {
  wp_config config = fixture_config(workers);
  config.spares = spares;
  config.box_bytes = 0;
  memset(&f, 0, sizeof f);
  wp_status status = wp_segments_open(&f.segments, MEMORY_BYTES);
  if (!status) status = wp_heap_open(&f.memory.heap, &f.segments, WP_MAIN);
  return status ? status : wp_pool_lay_out(&config, &f.segments, &f.memory, &f.pool);
}

/* Seats a worker on each seat. */
static bool start_all(void) {
  bool started = true;
  for (uint32_t seat = 0; seat < f.pool->seat_count; seat++)
    started = start_worker(f.pool, seat) && started;
  return started;
}

static uint32_t epoch_of(uint32_t box) {
  return wp_word_generation(wp_atomic_load_acquire_u64(&wp_box_at(f.pool, box)->word));
}

/* Makes a READY box of main, with its writer's reference. */
static uint32_t written(void) {
  uint32_t box = 0;
  if (wp_box_create(f.pool, WP_MAIN, 4, &box)) return WP_NONE;
  return wp_box_commit(f.pool, WP_MAIN, box, WP_TYPE_BINARY, 0, 4) ? WP_NONE : box;
}

static uint32_t drain_all(wp_status expected) {
  uint32_t indexes[64], count = 0;
  for (uint32_t n; (n = wp_task_drain(f.pool, indexes, 64)); count += n) {
    for (uint32_t i = 0; i < n; i++) {
      if (slot_of(f.pool, indexes[i])->status != expected) return WP_NONE;
      free_slot(f.pool, indexes[i]);
    }
  }
  return count;
}

/* ---- Size ---- */

TEST(limits, "a pool has 1 to 1,024 workers, its spares included [XP-17]") {
  CHECK_EQ(lay_out(WP_SEATS_MAX + 1, 0), WP_E_INVALID_ARGUMENT);
  fixture_close(&f);
  CHECK_EQ(lay_out(WP_SEATS_MAX, 1), WP_E_INVALID_ARGUMENT);
  fixture_close(&f);
  CHECK_EQ(lay_out(1000, 24), WP_OK);
  CHECK_EQ(f.pool->thread_count, WP_THREADS_MAX);
  CHECK(start_all());
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

static uint64_t bytes_laid_out(uint32_t workers) {
  if (lay_out(workers, 0)) return 0;
  uint64_t bytes = wp_heap_bytes_in_use(wp_pool_heap(f.pool, WP_MAIN));
  fixture_close(&f);
  return bytes;
}

TEST(proportional, "what a pool takes grows with its workers: 4 KB for one more, natively") {
  uint64_t one = bytes_laid_out(1), ten = bytes_laid_out(10), all = bytes_laid_out(WP_SEATS_MAX);
  CHECK(one && ten && all);
  CHECK((ten - one) / 9 < 5000);
  CHECK((all - one) / (WP_SEATS_MAX - 1) < 5000);
  CHECK_EQ(lay_out(1, 0), WP_OK);
  CHECK_EQ(f.pool->boxes.record_bytes, sizeof(wp_box) + 8); /* one word, and aligned */
  fixture_close(&f);
}

TEST(end,
     "loops over threads end behind the last record that was used, however many are laid out") {
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK_EQ(wp_pool_threads_end(f.pool), 1);
  CHECK_EQ(start_worker(f.pool, 0), 1);
  CHECK_EQ(start_worker(f.pool, 500), 2);
  CHECK_EQ(wp_pool_threads_end(f.pool), 3);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(start_worker(f.pool, 1), 1); /* the lowest that is free */
  CHECK_EQ(wp_pool_threads_end(f.pool), 3);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- Work ---- */

TEST(all_work, "1,024 workers take a task each, seat by seat, and main gets all that they finish") {
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK(start_all());
  static uint32_t mine[WP_SEATS_MAX];
  for (uint32_t seat = 0; seat < WP_SEATS_MAX; seat++)
    mine[seat] = submit(f.pool, WP_LEVEL_NORMAL, seat + 1);
  for (uint32_t seat = WP_SEATS_MAX; seat--;) CHECK_EQ(take(f.pool, seat + 1, 1), mine[seat]);
  CHECK_EQ(free_of(f.pool), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  for (uint32_t seat = 0; seat < WP_SEATS_MAX; seat++)
    wp_task_finish_at(f.pool, seat + 1, mine[seat], WP_OK, 2);
  CHECK(!wp_task_arm_bell(f.pool));
  CHECK_EQ(drain_all(WP_OK), WP_SEATS_MAX);
  CHECK(wp_task_arm_bell(f.pool));
  CHECK_EQ(free_of(f.pool), WP_SEATS_MAX);
  fixture_close(&f);
}

TEST(all_wait, "each of 1,024 workers that wait is woken once, the lowest seat first [TW-06]") {
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK(start_all());
  for (uint32_t thread = 1; thread <= WP_SEATS_MAX; thread++)
    CHECK_EQ(take(f.pool, thread, 1), WP_NONE);
  CHECK_EQ(wp_idle_count(f.pool), WP_SEATS_MAX);
  for (uint32_t thread = 1; thread <= WP_SEATS_MAX; thread++) {
    uint32_t before = wake_of(f.pool, thread);
    CHECK(wp_idle_wake_any(f.pool, false));
    CHECK_EQ(wake_of(f.pool, thread), before + 1);
    CHECK(!is_idle(f.pool, thread));
    CHECK_EQ(wp_idle_count(f.pool), WP_SEATS_MAX - thread);
  }
  CHECK(!wp_idle_wake_any(f.pool, false));
  fixture_close(&f);
}

/* ---- Deaths ---- */

/* As many threads as there can be: each seat has a successor while its predecessor is dying. */
static bool crowd(void) {
  bool all = start_all();
  for (uint32_t thread = 1; thread <= WP_SEATS_MAX; thread++) wp_worker_doom(f.pool, thread);
  for (uint32_t seat = 0; seat < WP_SEATS_MAX; seat++)
    all = start_worker(f.pool, seat) == WP_SEATS_MAX + 1 + seat && all;
  return all && !start_worker(f.pool, 0) && wp_pool_threads_end(f.pool) == WP_THREADS_MAX;
}

TEST(readers,
     "a box knows each of 2,048 threads as a reader of its own; a death takes back that one's "
     "part and no other's [NF-26, NF-27, XP-01]") {
  static const uint32_t numbers[] = {1, 31, 32, 255, 256, 257, 1023, 1024, 1025, 2047, 2048};
  enum { COUNT = sizeof numbers / sizeof numbers[0] };
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK(crowd());
  wp_completion out;
  for (int reader = 0; reader < COUNT; reader++) {
    uint32_t box = written(), epoch = epoch_of(box);
    CHECK_EQ(wp_box_grant(f.pool, box, numbers[reader]), WP_OK);
    wp_box_drop(f.pool, WP_MAIN, box);
    for (int other = 0; other < COUNT; other++) {
      wp_status expected = other == reader ? WP_OK : WP_E_DENIED;
      CHECK_EQ(wp_box_read(f.pool, box, epoch, numbers[other], &out), expected);
      if (other == reader) continue;
      CHECK(!wp_box_release(f.pool, WP_MAIN, box, epoch, numbers[other]));
    }
  }
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), COUNT);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  uint32_t left = COUNT;
  for (int reader = 0; reader < COUNT; reader++) {
    CHECK_EQ(wp_worker_reap(f.pool, numbers[reader], false), WP_OK);
    CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), --left);
  }
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(mass_death,
     "all of 1,024 workers die at once, with tasks, boxes and places in line: everything "
     "comes back, and their successors go on [XP-01, XP-03]") {
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK(start_all());
  f.pool->config.box_count = 1;
  for (uint32_t thread = 1; thread <= WP_SEATS_MAX; thread++) {
    submit_normal(f.pool);
    uint32_t box = 0;
    CHECK(take(f.pool, thread, 1) != WP_NONE);
    CHECK_EQ(wp_box_create(f.pool, thread, 100, &box), WP_OK);
    CHECK_EQ(wp_box_request(f.pool, thread), thread == 1 ? WP_OK : WP_E_NOT_GRANTED);
  }
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  for (uint32_t thread = 1; thread <= WP_SEATS_MAX; thread++) wp_worker_doom(f.pool, thread);
  for (uint32_t seat = 0; seat < WP_SEATS_MAX; seat++)
    CHECK_EQ(start_worker(f.pool, seat), WP_SEATS_MAX + 1 + seat);
  CHECK_EQ(start_worker(f.pool, 0), 0); /* no record is left until a death is confirmed */
  /* From the last in line to the first, which has the grant. */
  for (uint32_t thread = WP_SEATS_MAX; thread; thread--)
    CHECK_EQ(wp_worker_reap(f.pool, thread, true), WP_OK);
  CHECK_EQ(drain_all(WP_E_WORKER_LOST), WP_SEATS_MAX);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use), 0);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&f.pool->boxes_taken), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  submit_normal(f.pool);
  uint32_t index = take(f.pool, 2 * WP_SEATS_MAX, 1);
  CHECK(index != WP_NONE);
  wp_task_finish_at(f.pool, 2 * WP_SEATS_MAX, index, WP_OK, 2);
  CHECK_EQ(drain_all(WP_OK), 1);
  fixture_close(&f);
}

TEST(mended, "a line of 1,024 that its lock's dead holder left is mended, and goes on in its order "
             "[NF-18, XP-03]") {
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK(start_all());
  f.pool->config.box_count = 1;
  for (uint32_t thread = WP_SEATS_MAX; thread; thread--) wp_box_request(f.pool, thread);
  /* The thread with the grant dies holding the lock, and the line breaks off after the fourth waiter. */
  enum { CUT = WP_SEATS_MAX - 4 };
  CHECK(wp_lock_try(f.pool, WP_SEATS_MAX));
  wp_atomic_store_relaxed_u32(&f.pool->threads[CUT].box_waiting, WP_NONE);
  wp_atomic_store_seq_u32(&f.pool->threads[WP_SEATS_MAX].inside, 1);
  CHECK_EQ(wp_worker_reap(f.pool, WP_SEATS_MAX, false), WP_OK);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK); /* all waiters are in line */
  /* Those behind the break come first: all that is known is that they wait. The others have kept their order. */
  for (uint32_t turn = 1; turn < WP_SEATS_MAX; turn++) {
    uint32_t thread = turn < CUT ? turn : CUT + WP_SEATS_MAX - 1 - turn, box = 0;
    CHECK(wp_box_granted(f.pool, thread));
    CHECK_EQ(wp_box_create_granted(f.pool, thread, 10, &box), WP_OK);
    wp_box_drop(f.pool, thread, box);
  }
  CHECK(!f.pool->box_line.first);
  for (uint32_t i = 0; i < f.pool->thread_count; i++) CHECK(!f.pool->threads[i].marked);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

#ifdef WP_KILL_POINTS
static void die_freeing(const char *name) {
  if (!strcmp(name, "heap.push")) kill_now(name);
}

static void free_as_last(void *block) { wp_heap_free(wp_pool_heap(f.pool, 2048), block); }

TEST(orphan,
     "thread 2,048 dies while it frees a block of thread 1,500: the owner finds the block by the "
     "number in it [XP-01]") {
  CHECK_EQ(lay_out(WP_SEATS_MAX, 0), WP_OK);
  CHECK(crowd());
  wp_heap *owner = wp_pool_heap(f.pool, 1500);
  void *block = wp_heap_alloc(owner, 100, 0);
  CHECK(kill_run_with(die_freeing, 1, free_as_last, block));
  wp_heap_drain(owner);
  CHECK_EQ(wp_heap_blocks_in_use(owner), 1);            /* it may be alive */
  CHECK_EQ(wp_worker_reap(f.pool, 1024, false), WP_OK); /* the same number in ten bits is 0 */
  wp_heap_drain(owner);
  CHECK_EQ(wp_heap_blocks_in_use(owner), 1);
  CHECK_EQ(wp_worker_reap(f.pool, 2048, false), WP_OK);
  wp_heap_drain(owner);
  CHECK_EQ(wp_heap_blocks_in_use(owner), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}
#endif

/* ---- Real threads ---- */

enum { THREADS = 300 };

WP_TASK(whose_turn) {
  double number = 0;
  memcpy(&number, wp_task_input(task, NULL, NULL), sizeof number);
  return wp_task_result(task, WP_TYPE_NUMBER, &number, sizeof number);
}

/* Asleep: three hundred busy threads would leave no processor time to the others. */
WP_TASK(hang_asleep) {
  do pause();
  while (task);
  return WP_OK; /* never */
}

static wp_pool *open_threads(void) {
  wp_config config;
  wp_config_defaults(&config);
  config.workers = THREADS;
  config.box_bytes = 0;
  config.recycle_ms = 0;
  config.ready_ms = 0; /* however slow the machine is */
  wp_pool *pool = NULL;
  return wp_pool_create(&config, &pool) ? NULL : pool;
}

/* Runs so many tasks. False unless each settles once, with its own number. */
static bool run_numbers(wp_pool *pool, uint32_t count) {
  double sum = 0;
  wp_handle handle;
  for (uint32_t i = 0; i < count; i++) {
    double number = i;
    if (wp_submit(pool, "whose_turn", WP_TYPE_NUMBER, &number, sizeof number, NULL, &handle))
      return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    wp_completion completion;
    double number = -1;
    while (!wp_wait(pool, &completion, 1, 1000)) continue;
    if (completion.status == WP_OK) memcpy(&number, completion.data, sizeof number);
    sum += number;
    wp_completion_release(pool, &completion);
  }
  return sum == (double)count * (count - 1) / 2;
}

TEST(threads, "300 threads serve a pool, each sooner or later") {
  wp_pool *pool = open_threads();
  CHECK(pool);
  CHECK_EQ(pool->seat_count, THREADS);
  CHECK(run_numbers(pool, 20 * THREADS));
  wp_pool_destroy(pool);
}

TEST(killed, "300 threads that hang are killed at once, among as many that take their seats "
             "[XP-01, NF-87]") {
#ifdef NO_ASYNC_CANCEL
  printf("# not run: %s\n", NO_ASYNC_CANCEL);
#else
  wp_pool *pool = open_threads();
  CHECK(pool);
  static wp_handle hung[THREADS];
  for (uint32_t i = 0; i < THREADS; i++)
    CHECK_EQ(wp_submit(pool, "hang_asleep", 0, NULL, 0, NULL, &hung[i]), WP_OK);
  wp_stats stats;
  do { /* until all run */
    wp_completion none;
    CHECK_EQ(wp_wait(pool, &none, 1, 1), 0);
    wp_stats_read(pool, &stats);
  } while (stats.queued);
  for (uint32_t i = 0; i < THREADS; i++) CHECK(wp_terminate(pool, hung[i]));
  for (uint32_t i = 0; i < THREADS; i++) {
    wp_completion completion;
    while (!wp_wait(pool, &completion, 1, 1000)) continue;
    CHECK_EQ(completion.status, WP_E_CANCELLED);
    wp_completion_release(pool, &completion);
  }
  CHECK(run_numbers(pool, 2 * THREADS));
  do { /* until all are known to be dead: what each held comes back with it */
    wp_completion none;
    CHECK_EQ(wp_wait(pool, &none, 1, 1), 0);
    wp_stats_read(pool, &stats);
  } while (stats.tasks_in_use + stats.boxes_in_use);
  wp_pool_destroy(pool);
#endif
}
