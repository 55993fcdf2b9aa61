#include "pool_fixture.h"
#include <pthread.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static wp_box *box_at(uint32_t index) { return wp_box_at(f.pool, index); }

static uint32_t epoch(uint32_t index) {
  return wp_word_generation(wp_atomic_load_acquire_u64(&box_at(index)->word));
}
static uint32_t box_state(uint32_t index) {
  return wp_word_state(wp_atomic_load_acquire_u64(&box_at(index)->word));
}
static uint64_t denied(void) { return wp_atomic_load_relaxed_u64(&f.pool->counters.denied); }
static uint32_t in_use(void) { return wp_atomic_load_relaxed_u32(&f.pool->boxes.in_use); }
static void *bytes_at(uint32_t index) { return (void *)(uintptr_t)box_at(index)->address; }

/* Makes a READY box of thread 1 with these bytes and the writer's reference. */
static uint32_t written(const void *data, uint64_t bytes) {
  uint32_t index = 0;
  if (wp_box_create(f.pool, 1, bytes, &index)) return WP_NONE;
  if (bytes) memcpy(bytes_at(index), data, bytes);
  return wp_box_commit(f.pool, 1, index, WP_TYPE_BINARY, 7, bytes) ? WP_NONE : index;
}

static int start(uint32_t workers) {
  wp_config config = fixture_config(workers);
  wp_status status = fixture_open(&f, &config);
  for (uint32_t s = 0; !status && s < workers; s++) start_worker(f.pool, s);
  return status;
}

TEST(moves, "FREE > WRITING > READY > FREE; every other move is refused [NF-16]") {
  wp_completion out;
  CHECK_EQ(start(2), WP_OK);
  uint32_t box = 0;
  CHECK_EQ(wp_box_create(f.pool, 1, 8, &box), WP_OK);
  uint32_t e = epoch(box);
  CHECK_EQ(box_state(box), WP_BOX_WRITING);
  CHECK_EQ(wp_box_commit(f.pool, 2, box, WP_TYPE_BINARY, 0, 8), WP_E_DENIED);
  CHECK_EQ(wp_box_grant(f.pool, box, 2), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, box, e, 2, &out), WP_E_STALE_HANDLE);
  CHECK(!wp_box_release(f.pool, 2, box, e, 2));
  CHECK(!wp_box_retain(f.pool, 2, box, e));
  CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 8), WP_OK);
  CHECK_EQ(box_state(box), WP_BOX_READY);
  CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 4), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_box_read(f.pool, box, e, 2, &out), WP_OK);
  CHECK_EQ(out.bytes, 8);
  wp_box_drop(f.pool, 1, box);
  CHECK_EQ(box_state(box), WP_BOX_READY);
  CHECK(wp_box_release(f.pool, 2, box, e, 2));
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 8), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_box_grant(f.pool, box, 2), WP_E_STALE_HANDLE);
  CHECK(!wp_box_retain(f.pool, 2, box, e));
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(given_up, "a writer that gives an unfinished box up frees it [NF-16]") {
  CHECK_EQ(start(1), WP_OK);
  uint32_t box = 0;
  CHECK_EQ(wp_box_create(f.pool, 1, 8, &box), WP_OK);
  wp_box_drop(f.pool, 1, box);
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK_EQ(in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- NF-17 with threads ---- */

enum { ROUNDS = 100000, WORDS = 16, WAIT_MS = 1000 };
static wp_atomic_u32 sent, answered; /* box + 1 of the round, then 0; rounds done */
static uint32_t torn;

static void *read_rounds(void *unused) {
  wp_completion out;
  (void)unused;
  for (uint32_t round = 1; round <= ROUNDS; round++) {
    uint32_t box;
    /* Relaxed: what is under test is commit's own order, so the message must not bring one
     * along. */
    while (!(box = wp_atomic_load_relaxed_u32(&sent))) wp_port_pause();
    const wp_box *record = wp_box_at(f.pool, box - 1);
    uint32_t e;
    do {
      e = wp_word_generation(wp_atomic_load_relaxed_u64(&record->word));
    } while (wp_box_read(f.pool, box - 1, e, 2, &out));
    const uint32_t *data = out.data;
    torn += out.bytes != WORDS * 4 || out.type != WP_TYPE_BINARY;
    for (int i = 0; i < WORDS; i++) torn += data[i] != round;
    wp_box_release(f.pool, 2, box - 1, e, 2);
    wp_atomic_store_relaxed_u32(&sent, 0);
    wp_atomic_store_release_u32(&answered, round);
    wp_port_wake(&answered, 1);
  }
  return NULL;
}

static bool write_round(uint32_t round) {
  uint32_t box = 0;
  if (wp_box_create(f.pool, 1, WORDS * 4, &box) || wp_box_grant(f.pool, box, 2)) return false;
  uint32_t *data = bytes_at(box);
  for (int i = 0; i < WORDS; i++) data[i] = round;
  if (wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, WORDS * 4)) return false;
  wp_atomic_store_relaxed_u32(&sent, box + 1);
  uint32_t seen;
  while ((seen = wp_atomic_load_acquire_u32(&answered)) != round)
    wp_port_wait(&answered, seen, WAIT_MS);
  wp_box_drop(f.pool, 1, box);
  return true;
}

TEST(publication, "who sees a box as READY sees all of its bytes, 100,000 rounds [NF-17]") {
  pthread_t reader;
  bool fine = true;
  CHECK_EQ(start(2), WP_OK);
  wp_atomic_store_relaxed_u32(&sent, 0);
  wp_atomic_store_relaxed_u32(&answered, 0);
  torn = 0;
  CHECK_EQ(pthread_create(&reader, NULL, read_rounds, NULL), 0);
  for (uint32_t round = 1; fine && round <= ROUNDS; round++) fine = write_round(round);
  CHECK(fine);
  pthread_join(reader, NULL);
  CHECK_EQ(torn, 0);
  CHECK_EQ(in_use(), 0);
  fixture_close(&f);
}

/* ---- The line ---- */

TEST(line, "one box, three writers and a fourth: granted in the order of their requests [NF-18]") {
  wp_config config = fixture_config(4);
  config.box_count = 1;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  for (uint32_t s = 0; s < 4; s++) start_worker(f.pool, s);
  static const uint32_t order[] = {2, 4, 1, 3};
  uint32_t box = 0;
  CHECK_EQ(wp_box_request(f.pool, order[0]), WP_OK);
  CHECK(wp_box_granted(f.pool, order[0]));
  CHECK_EQ(wp_box_create_granted(f.pool, order[0], 16, &box), WP_OK);
  for (int i = 1; i < 4; i++) CHECK_EQ(wp_box_request(f.pool, order[i]), WP_E_NOT_GRANTED);
  for (int i = 1; i < 4; i++) {
    for (int k = i; k < 4; k++) CHECK(!wp_box_granted(f.pool, order[k]));
    uint32_t seen = wake_of(f.pool, order[i]);
    wp_box_drop(f.pool, order[i - 1], box);
    CHECK(wp_box_granted(f.pool, order[i]));
    CHECK(wake_of(f.pool, order[i]) != seen);
    CHECK_EQ(wp_box_create_granted(f.pool, order[i], 16, &box), WP_OK);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  }
  wp_box_drop(f.pool, order[3], box);
  CHECK_EQ(wp_atomic_load_seq_u32(&f.pool->boxes_taken), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(line_ends,
     "a place comes back by release, by expiry, by death, and from a failed creation [NF-18]") {
  wp_config config = fixture_config(3);
  config.box_count = 1;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  for (uint32_t s = 0; s < 3; s++) start_worker(f.pool, s);
  uint32_t box = 0;
  CHECK_EQ(wp_box_request(f.pool, 1), WP_OK);
  CHECK_EQ(wp_box_request(f.pool, 2), WP_E_NOT_GRANTED);
  CHECK_EQ(wp_box_request(f.pool, 3), WP_E_NOT_GRANTED);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK); /* dies with its grant unused */
  CHECK(wp_box_granted(f.pool, 2) && !wp_box_granted(f.pool, 3));
  CHECK(wp_box_create_granted(f.pool, 2, FIXTURE_BYTES,
                              &box)); /* fails, so the place goes to the next in line */
  CHECK(!wp_box_granted(f.pool, 2));
  CHECK(wp_box_granted(f.pool, 3));
  CHECK_EQ(wp_box_create_granted(f.pool, 3, 4, &box), WP_OK);
  CHECK_EQ(wp_box_request(f.pool, 2), WP_E_NOT_GRANTED);
  CHECK_EQ(wp_box_commit(f.pool, 3, box, WP_TYPE_BINARY, 0, 4), WP_OK);
  CHECK_EQ(wp_box_grant(f.pool, box, WP_MAIN), WP_OK);
  box_at(box)->lease_end_ms = 1000;
  f.pool->leases = 1;
  wp_box_drop(f.pool, 3, box);
  CHECK_EQ(wp_box_expire(f.pool, 999), 1000);
  CHECK(!wp_box_granted(f.pool, 2));
  CHECK_EQ(wp_box_expire(f.pool, 1000), 0);
  CHECK(wp_box_granted(f.pool, 2)); /* nobody else need look */
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(waiter_dies, "a waiter dies in line; the others keep their order [NF-18, XP-01]") {
  for (uint32_t dead = 2; dead <= 4; dead++) {
    wp_config config = fixture_config(4);
    config.box_count = 1;
    CHECK_EQ(fixture_open(&f, &config), WP_OK);
    for (uint32_t s = 0; s < 4; s++) start_worker(f.pool, s);
    uint32_t box = 0, holder = 1;
    for (uint32_t w = 1; w <= 4; w++)
      CHECK_EQ(wp_box_request(f.pool, w), w > 1 ? WP_E_NOT_GRANTED : 0);
    CHECK_EQ(kill_worker(f.pool, dead), WP_OK);
    for (uint32_t w = 2; w <= 4; w++) {
      if (w == dead) continue;
      CHECK_EQ(wp_box_create_granted(f.pool, holder, 4, &box), WP_OK);
      wp_box_drop(f.pool, holder, box);
      CHECK(wp_box_granted(f.pool, w));
      holder = w;
    }
    CHECK_EQ(f.pool->box_line.first, 0);
    CHECK_EQ(f.pool->box_line.last, 0);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    fixture_close(&f);
  }
}

TEST(line_first,
     "who asks while a place is free but not handed on yet does not pass the line [NF-18]") {
  wp_config config = fixture_config(3);
  config.box_count = 1;
  CHECK_EQ(fixture_open(&f, &config), WP_OK);
  for (uint32_t s = 0; s < 3; s++) start_worker(f.pool, s);
  uint32_t box = 0;
  CHECK_EQ(wp_box_request(f.pool, 1), WP_OK);
  CHECK_EQ(wp_box_create_granted(f.pool, 1, 4, &box), WP_OK);
  CHECK_EQ(wp_box_request(f.pool, 2), WP_E_NOT_GRANTED);
  CHECK(wp_lock_try(f.pool, WP_MAIN));
  wp_box_drop(f.pool, 1, box); /* cannot hand the place on, since the lock is taken */
  CHECK(!wp_box_granted(f.pool, 2));
  wp_atomic_store_seq_u32(&f.pool->lock, 0); /* main is between unlocking and its chores */
  CHECK_EQ(wp_box_request(f.pool, 3), WP_E_NOT_GRANTED);
  CHECK(wp_box_granted(f.pool, 2) && !wp_box_granted(f.pool, 3));
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

/* ---- Content ---- */

TEST(sizes, "longer than the box is refused and nothing is taken; exact and zero length are legal "
            "[NF-20]") {
  CHECK_EQ(start(1), WP_OK);
  wp_completion out;
  uint32_t box = 0;
  CHECK_EQ(wp_box_create(f.pool, 1, 100, &box), WP_OK);
  CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 101), WP_E_TOO_LARGE);
  CHECK_EQ(box_state(box), WP_BOX_WRITING);
  CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 100), WP_OK);
  uint32_t empty = written(NULL, 0);
  CHECK(empty != WP_NONE && empty != box);
  CHECK_EQ(wp_box_grant(f.pool, empty, 1), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, empty, epoch(empty), 1, &out), WP_OK);
  CHECK(out.bytes == 0 && out.data);
  uint32_t before = in_use(), none = 0;
  CHECK_EQ(wp_box_create(f.pool, 1, UINT64_MAX, &none), WP_E_TOO_LARGE);
  CHECK_EQ(wp_box_create(f.pool, 1, FIXTURE_BYTES + 1, &none), WP_E_TOO_LARGE);
  CHECK_EQ(wp_box_create(f.pool, 1, FIXTURE_BYTES - 1, &none), WP_E_NO_MEMORY);
  CHECK_EQ(in_use(), before);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(framing,
     "exact length, type and bytes; a short value after a long one in the same box [NF-21]") {
  CHECK_EQ(start(1), WP_OK);
  wp_completion out;
  uint8_t long_value[4096];
  memset(long_value, 0xee, sizeof long_value);
  uint32_t first = written(long_value, sizeof long_value);
  CHECK_EQ(wp_box_grant(f.pool, first, WP_MAIN), WP_OK);
  wp_box_drop(f.pool, 1, first);
  CHECK(wp_box_release(f.pool, WP_MAIN, first, epoch(first), WP_MAIN));
  static const uint8_t value[] = {1, 0, 0};
  uint32_t box = written(value, sizeof value);
  CHECK_EQ(box, first); /* the same record again */
  CHECK_EQ(wp_box_read(f.pool, box, epoch(box), WP_MAIN, &out), WP_E_DENIED); /* no old grant */
  CHECK_EQ(wp_box_grant(f.pool, box, WP_MAIN), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, box, epoch(box), WP_MAIN, &out), WP_OK);
  CHECK_EQ(out.bytes, 3);
  CHECK_EQ(out.type, WP_TYPE_BINARY);
  CHECK_EQ(box_at(box)->aux, 7);
  CHECK_EQ(memcmp(out.data, value, 3), 0);
  fixture_close(&f);
}

TEST(epochs,
     "each reuse has a new epoch, over the wrap too; old handles do nothing [NF-25, XP-11]") {
  static const uint32_t expected[] = {0xfffffffd, 0xfffffffe, 0xffffffff, 1, 2};
  CHECK_EQ(start(1), WP_OK);
  wp_completion out;
  uint32_t box = 0;
  CHECK_EQ(wp_box_create(f.pool, 1, 4, &box), WP_OK);
  wp_atomic_store_release_u64(&box_at(box)->word, wp_word(0xfffffffd, WP_BOX_WRITING));
  for (int i = 0; i < 5; i++) {
    uint32_t again = box;
    if (i) CHECK_EQ(wp_box_create(f.pool, 1, 4, &again), WP_OK);
    CHECK_EQ(again, box);
    CHECK_EQ(epoch(box), expected[i]);
    CHECK_EQ(wp_box_commit(f.pool, 1, box, WP_TYPE_BINARY, 0, 4), WP_OK);
    CHECK_EQ(wp_box_grant(f.pool, box, 1), WP_OK);
    for (int old = 0; old < 5; old++) {
      if (old == i) continue;
      CHECK_EQ(wp_box_read(f.pool, box, expected[old], 1, &out), WP_E_STALE_HANDLE);
      CHECK(!wp_box_release(f.pool, 1, box, expected[old], 1));
      CHECK(!wp_box_retain(f.pool, 1, box, expected[old]));
    }
    CHECK_EQ(denied(), 0);
    CHECK_EQ(wp_box_read(f.pool, box, expected[i], 1, &out), WP_OK);
    wp_box_drop(f.pool, 1, box);
    CHECK(wp_box_release(f.pool, 1, box, expected[i], 1));
  }
  CHECK_EQ(in_use(), 0);
  fixture_close(&f);
}

TEST(authorised,
     "a reader that is not on the list is denied and counted, whatever it knows [NF-26]") {
  CHECK_EQ(start(20), WP_OK); /* 41 thread records */
  wp_completion out;
  uint32_t box = written("abcd", 4), e = epoch(box);
  CHECK_EQ(wp_box_grant(f.pool, box, 2), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, box, e, 2, &out), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, box, e, 3, &out), WP_E_DENIED);
  CHECK_EQ(wp_box_read(f.pool, box, e, 2 + 32, &out), WP_E_DENIED);
  CHECK_EQ(wp_box_read(f.pool, box, e, 1, &out), WP_E_DENIED); /* not even the writer */
  CHECK_EQ(denied(), 3);
  fixture_close(&f);
}

TEST(released, "release drops that reader's reference once; the last one frees the box [NF-27]") {
  CHECK_EQ(start(3), WP_OK);
  uint32_t box = written("abcd", 4), e = epoch(box);
  CHECK_EQ(wp_box_grant(f.pool, box, 2), WP_OK);
  CHECK_EQ(wp_box_grant(f.pool, box, 2), WP_OK); /* idempotent: one reference */
  CHECK_EQ(wp_box_grant(f.pool, box, 3), WP_OK);
  wp_box_drop(f.pool, 1, box);
  CHECK(wp_box_release(f.pool, 2, box, e, 2));
  CHECK(!wp_box_release(f.pool, 2, box, e, 2));
  CHECK(!wp_box_release(f.pool, 1, box, e, 1));
  CHECK_EQ(box_state(box), WP_BOX_READY);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&box_at(box)->count), 1);
  CHECK(wp_box_release(f.pool, 3, box, e, 3));
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK(!wp_box_release(f.pool, 3, box, e, 3));
  CHECK_EQ(wp_heap_check(wp_pool_heap(f.pool, 1)), WP_OK);
  fixture_close(&f);
}

TEST(reaped, "a death takes back what the dead wrote or read, and nothing of others [XP-01]") {
  CHECK_EQ(start(3), WP_OK);
  uint32_t writing = 0, kept = written("kept", 4), read = written("read", 4);
  CHECK_EQ(wp_box_create(f.pool, 1, 100, &writing), WP_OK);
  CHECK_EQ(wp_box_grant(f.pool, kept, 2), WP_OK);
  CHECK_EQ(wp_box_grant(f.pool, kept, 1), WP_OK);
  CHECK_EQ(wp_box_grant(f.pool, read, 1), WP_OK);
  wp_box_drop(f.pool, 1, kept);
  wp_box_drop(f.pool, 1, read);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(box_state(writing), WP_BOX_FREE);
  CHECK_EQ(box_state(read), WP_BOX_FREE);
  CHECK_EQ(box_state(kept), WP_BOX_READY);
  wp_completion out;
  CHECK_EQ(wp_box_read(f.pool, kept, epoch(kept), 2, &out), WP_OK);
  CHECK_EQ(memcmp(out.data, "kept", 4), 0); /* a value outlives its writer */
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(misuse, "indexes and readers that cannot be return statuses [XP-17]") {
  CHECK_EQ(start(1), WP_OK);
  wp_completion out;
  uint32_t box = written("abcd", 4);
  CHECK_EQ(wp_box_read(f.pool, WP_NONE, 1, 1, &out), WP_E_STALE_HANDLE);
  CHECK(!wp_box_release(f.pool, 1, WP_NONE, 1, 1));
  CHECK(!wp_box_retain(f.pool, 1, WP_NONE, 1));
  CHECK(wp_box_grant(f.pool, box, f.pool->thread_count) != WP_OK);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&box_at(box)->count), 1);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(wild_reader,
     "a reader's number beyond all threads is refused and changes nothing [XP-17, NF-26]") {
  CHECK_EQ(start(1), WP_OK);
  wp_completion out;
  uint32_t a = written("abcd", 4), b = written("efgh", 4);
  uint32_t low = a < b ? a : b, high = a < b ? b : a, e = epoch(low), high_epoch = epoch(high);
  const uint32_t wild[] = {f.pool->thread_count, 32 * 32, WP_THREADS_MAX + 1, WP_NONE};
  for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
    CHECK(wp_box_grant(f.pool, low, wild[i]) != WP_OK);
    CHECK(wp_box_read(f.pool, low, e, wild[i], &out) != WP_OK);
    CHECK(!wp_box_release(f.pool, 1, low, e, wild[i]));
  }
  CHECK_EQ(epoch(high), high_epoch);
  CHECK_EQ(box_state(high), WP_BOX_READY);
  fixture_close(&f);
}
