/*
 * The kill matrix with real threads: the victim stops for ever at its nth point, or is doomed there, while main and another
 * worker go on. Does nothing unless built with WP_KILL_POINTS. SCALE= how often.
 */
#include "kill.h"
#include "test.h"

#ifdef WP_KILL_POINTS
#include "matrix_ops.h"
#include "recount.h"
#include <pthread.h>
#include <sched.h>

void (*wp__point_hook)(const char *name);

enum { FOR_EVER_MS = 1000000000, LOAD = 3 };

/* ---- The victim ---- */

static int played; /* operation */
static bool planned;
static wp_atomic_u32 reached, dead, released; /* the n-th point; its end; it may go, unseen */
static _Thread_local uint64_t points_left;
static _Thread_local bool is_victim;
static _Thread_local jmp_buf way_out;
static uint64_t unused; /* points that it did not come to; written before `dead` */

static void wait_for(wp_atomic_u32 *word) {
  while (!wp_atomic_load_acquire_u32(word)) wp_port_wait(word, 0, FOR_EVER_MS);
}

static void announce(wp_atomic_u32 *word) {
  wp_atomic_store_release_u32(word, 1);
  wp_port_wake(word, 1);
}

/* From here on the victim touches nothing of the pool. */
static void stop_for_ever(void) {
  is_victim = false;
  unused = points_left;
  announce(&dead);
  announce(&reached);
  wait_for(&released);
  longjmp(way_out, 1);
}

static void hook(const char *name) {
  if (!is_victim || !is_of_interest(name)) return;
  const wp_thread *self = &s.f.pool->threads[VICTIM];
  bool here = points_left == 1;
  if (points_left) points_left--;
  if (here && !planned) stop_for_ever();
  if (here) announce(&reached);
  if (planned && wp_gate_doomed(self) && !wp_gate_inside(self)) stop_for_ever();
}

static void *be_victim(void *n) {
  if (setjmp(way_out)) return NULL;
  play(VICTIM);
  points_left = *(const uint64_t *)n;
  is_victim = true;
  operations[played].run();
  stop_for_ever();
  return NULL;
}

/* ---- The others ---- */

static wp_atomic_u32 ending;
static const uint32_t numbers[] = {0, 1, 2}; /* of main, VICTIM and OTHER */

static void *be_worker(void *number) {
  uint32_t self = *(const uint32_t *)number;
  play(self);
  while (!wp_atomic_load_acquire_u32(&ending)) {
    uint32_t seen = wake_of(s.f.pool, self);
    if (wp_atomic_load_acquire_u32(&ending)) break;
    if (!work(self)) wp_worker_wait(s.f.pool, self, seen, FOR_EVER_MS); /* no wake-up is lost */
  }
  return NULL;
}

static void give_load(void) {
  for (int i = 0; i < LOAD; i++) {
    submit_c(i ? "answer_inline" : "answer_box", i % 2 ? WP_SLOT_LEASE : WP_SLOT_REQUEUE, WP_MAIN);
    submit_box(BOX_BYTES);
    cancel(s.tasks[s.task_count - 1].handle);
  }
}

static bool all_settled(void) {
  bool all = true;
  for (uint32_t i = 0; i < s.task_count; i++) all = all && s.tasks[i].settled;
  return all;
}

static void reap(void) {
  while (wp_worker_reap(s.f.pool, VICTIM, planned) == WP_E_LOCK_BUSY) sched_yield();
  while (!wp_pool_recount(s.f.pool)) sched_yield();
}

/* Main's part, from the victim's start to the end of all tasks. */
static void play_main(pthread_t *successor) {
  give_load();
  wait_for(&reached);
  if (planned) wp_gate_doom(&s.f.pool->threads[VICTIM]);
  give_load();
  collect();
  wait_for(&dead);
  block_lock(false);
  reap();
  if (start_worker(s.f.pool, 0) != VICTIM) complain("the dead one's record is not used again");
  pthread_create(successor, NULL, be_worker, (void *)(uintptr_t)&numbers[VICTIM]);
  give_load();
  while (!all_settled()) {
    collect();
    sched_yield();
  }
}

static void end_threads(pthread_t victim, pthread_t other, pthread_t successor) {
  wp_atomic_store_release_u32(&ending, 1);
  for (uint32_t w = VICTIM; w <= OTHER; w++) wp_thread_wake(&s.f.pool->threads[w]);
  pthread_join(other, NULL);
  pthread_join(successor, NULL);
  announce(&released);
  pthread_join(victim, NULL);
}

/* One end at the n-th point. */
static void play_once(uint64_t n) {
  pthread_t victim, other, successor;
  if (!open_scene()) complain("no scene");
  makes_room = true;
  operations[played].prepare();
  wp_atomic_store_release_u32(&reached, 0);
  wp_atomic_store_release_u32(&dead, 0);
  wp_atomic_store_release_u32(&released, 0);
  wp_atomic_store_release_u32(&ending, 0);
  wp__point_hook = hook;
  pthread_create(&other, NULL, be_worker, (void *)(uintptr_t)&numbers[OTHER]);
  pthread_create(&victim, NULL, be_victim, &n);
  play_main(&successor);
  end_threads(victim, other, successor);
  wp__point_hook = NULL;
  if (operations[played].end) operations[played].end();
  check_whole("damaged after the death");
  check_end(planned ? 0 : 1);
  fixture_close(&s.f);
}

/* One end at each point of an operation that the victim reaches. */
static uint64_t play_operation(void) {
  uint64_t n = 0;
  unused = 0;
  while (!unused && !s.complaint) play_once(++n);
  if (s.complaint)
    printf("# %s at point %llu: %s\n", operations[played].name, (unsigned long long)n, s.complaint);
  return n - 1;
}

static bool play_all(void) {
  uint64_t scale = wp_test_env("SCALE", 1), points = 0;
  for (uint64_t i = 0; i < scale && !s.complaint; i++) {
    for (played = 0; played < OPERATIONS && !s.complaint; played++)
      if (!operations[played].solo) points += play_operation();
  }
  printf("# at %llu points in %d operations\n", (unsigned long long)points, OPERATIONS);
  return !s.complaint;
}

TEST(killed, "a worker is doomed at any point and killed outside the "
             "gate while others work (threads) [XP-01, XP-03, XP-16, NF-87]") {
  planned = true;
  CHECK(play_all());
}

TEST(died, "a worker stops for ever at any point while "
           "others work (threads) [XP-01, XP-03, XP-05, XP-16, NF-43, NF-87]") {
  planned = false;
  CHECK(play_all());
}
#endif
