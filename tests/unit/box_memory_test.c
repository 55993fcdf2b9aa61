/* Memory that is reserved for pooled boxes: config.box_count times config.box_bytes. */
#include "pool_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static fixture f;

static uint32_t open_pool(uint32_t count, uint64_t bytes) {
  wp_config config = fixture_config(2);
  config.box_count = count;
  config.box_bytes = bytes;
  return fixture_open(&f, &config) ? 0 : start_worker(f.pool, 0);
}

static wp_stats stats(void) {
  wp_stats now;
  wp_stats_read(f.pool, &now);
  return now;
}

/* Makes a granted box in state WRITING; WP_NONE and the status if that fails. */
static uint32_t make(uint32_t worker, uint64_t bytes, wp_status *status) {
  uint32_t box = WP_NONE;
  *status = wp_box_request(f.pool, worker);
  if (!*status) *status = wp_box_create_granted(f.pool, worker, bytes, &box);
  return *status ? WP_NONE : box;
}

static uint8_t *bytes_of(uint32_t box) {
  return (uint8_t *)(uintptr_t)wp_box_at(f.pool, box)->address;
}

static void fill(uint32_t box, size_t bytes) { memset(bytes_of(box), (int)box + 1, bytes); }

static bool is_filled(uint32_t box, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (bytes_of(box)[i] != (uint8_t)(box + 1)) return false;
  return true;
}

TEST(
    up_front,
    "as many boxes of that size as may be out are there from the start and never overlap [NF-03]") {
  enum { COUNT = 5, SIZE = 1000 };
  uint32_t w = open_pool(COUNT, SIZE), boxes[COUNT];
  CHECK(stats().heap_bytes >= COUNT * SIZE);
  wp_status status = WP_OK;
  /* The first box also makes the table of boxes. */
  wp_box_drop(f.pool, w, make(w, 1, &status));
  uint64_t before = stats().heap_bytes;
  for (int i = 0; i < COUNT; i++) {
    boxes[i] = make(w, 1, &status);
    CHECK_EQ(status, WP_OK);
    fill(boxes[i], SIZE);
  }
  CHECK_EQ(make(w, 1, &status), WP_NONE);
  CHECK_EQ(status, WP_E_NOT_GRANTED);
  CHECK_EQ(stats().boxes_leased, COUNT);
  CHECK_EQ(stats().boxes_reserved, COUNT);
  CHECK_EQ(stats().heap_bytes, before);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  for (int i = 0; i < COUNT; i++) {
    CHECK(is_filled(boxes[i], SIZE));
    CHECK_EQ(wp_box_commit(f.pool, w, boxes[i], 0, 0, SIZE + 1), WP_E_TOO_LARGE);
    CHECK_EQ(wp_box_commit(f.pool, w, boxes[i], 0, 0, SIZE), WP_OK);
  }
  for (int i = 0; i < COUNT; i++) wp_box_drop(f.pool, w, boxes[i]);
  CHECK_EQ(stats().boxes_reserved, 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(larger, "a value above that size takes memory of its own, one above the ceiling takes nothing "
             "[NF-20]") {
  enum { SIZE = 4096 };
  uint32_t w = open_pool(2, SIZE);
  wp_status status = WP_OK;
  const struct {
    uint64_t bytes;
    uint32_t reserved;
  } cases[] = {{0, 1}, {1, 1}, {SIZE, 1}, {SIZE + 1, 0}, {1 << 20, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint32_t box = make(w, cases[i].bytes, &status);
    CHECK_EQ(status, WP_OK);
    fill(box, (size_t)cases[i].bytes);
    CHECK_EQ(stats().boxes_leased, 1);
    CHECK_EQ(stats().boxes_reserved, cases[i].reserved);
    CHECK_EQ(wp_box_commit(f.pool, w, box, 0, 0, cases[i].bytes), WP_OK);
    CHECK_EQ(wp_box_at(f.pool, box)->bytes, cases[i].bytes);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    wp_box_drop(f.pool, w, box);
  }
  CHECK_EQ(make(w, UINT64_C(1) << 40, &status), WP_NONE);
  CHECK_EQ(status, WP_E_TOO_LARGE);
  CHECK_EQ(make(w, FIXTURE_BYTES - 1, &status), WP_NONE);
  CHECK_EQ(status, WP_E_NO_MEMORY);
  CHECK_EQ(stats().boxes_leased, 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(counted_later, "a box that was made before its grant counts from then on, once") {
  uint32_t w = open_pool(1, 100), box = 0;
  wp_status status = WP_OK;
  CHECK_EQ(wp_box_create(f.pool, w, 10, &box), WP_OK);
  CHECK_EQ(wp_box_use_grant(f.pool, w, box), WP_E_NOT_GRANTED);
  CHECK_EQ(wp_box_request(f.pool, w), WP_OK);
  CHECK_EQ(wp_box_use_grant(f.pool, w, 99999), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_box_use_grant(f.pool, w, box), WP_OK);
  CHECK(!wp_box_granted(f.pool, w));
  CHECK_EQ(stats().boxes_leased, 1);
  CHECK_EQ(stats().boxes_reserved, 0);
  CHECK_EQ(make(w, 10, &status), WP_NONE);
  CHECK_EQ(status, WP_E_NOT_GRANTED);
  wp_box_drop(f.pool, w, box);
  CHECK(wp_box_granted(f.pool, w)); /* it stood in line */
  CHECK_EQ(wp_box_use_grant(f.pool, w, box), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_box_create(f.pool, WP_MAIN, 10, &box), WP_OK);
  CHECK_EQ(wp_box_use_grant(f.pool, w, box), WP_E_DENIED);
  wp_box_drop(f.pool, WP_MAIN, box);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(reused, "whether released, expired or lost with its writer, a box's memory serves the next "
             "one [NF-18]") {
  enum { COUNT = 2, ROUNDS = 200 };
  uint32_t w = open_pool(COUNT, 100);
  wp_status status = WP_OK;
  wp_box_drop(f.pool, w, make(w, 1, &status));
  for (int round = 0; round < ROUNDS; round++) {
    uint32_t boxes[COUNT];
    for (int i = 0; i < COUNT; i++) boxes[i] = make(w, 100, &status);
    CHECK_EQ(status, WP_OK);
    CHECK_EQ(stats().boxes_reserved, COUNT);
    wp_box_commit(f.pool, w, boxes[0], 0, 0, 100);
    CHECK_EQ(wp_box_grant(f.pool, boxes[0], WP_MAIN), WP_OK);
    wp_box_at(f.pool, boxes[0])->lease_end_ms = 10;
    f.pool->leases++;
    wp_box_drop(f.pool, w, boxes[0]);
    wp_box_expire(f.pool, 20);
    CHECK_EQ(stats().boxes_reserved, 1);
    CHECK_EQ(kill_worker(f.pool, w), WP_OK); /* the other one is WRITING */
    CHECK_EQ(stats().boxes_leased, 0);
    CHECK_EQ(stats().boxes_reserved, 0);
    CHECK_EQ(wp_pool_check(f.pool), WP_OK);
    w = start_worker(f.pool, 0);
  }
  fixture_close(&f);
}

TEST(many,
     "more boxes than one chunk of a table holds have their memory too, none beyond the last") {
  enum { COUNT = 1500, SIZE = 64 };
  uint32_t w = open_pool(COUNT, SIZE);
  wp_status status = WP_OK;
  for (int i = 0; i < COUNT; i++) {
    uint32_t box = make(w, SIZE, &status);
    CHECK_EQ(status, WP_OK);
    uint64_t at = wp_box_at(f.pool, box)->address - (uint64_t)(uintptr_t)f.pool->box_memory;
    CHECK(at <= (COUNT - 1) * SIZE);
  }
  CHECK_EQ(stats().boxes_reserved, COUNT);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(refused, "a reserve that does not fit is refused, none is needed") {
  wp_config config = fixture_config(1);
  config.box_count = 64;
  config.box_bytes = FIXTURE_BYTES / 64;
  CHECK_EQ(fixture_open(&f, &config), WP_E_NO_MEMORY);
  fixture_close(&f);
  config.box_bytes = UINT64_MAX - 1;
  CHECK_EQ(fixture_open(&f, &config), WP_E_INVALID_ARGUMENT);
  fixture_close(&f);
  config.box_bytes = UINT64_MAX / 16;
  CHECK_EQ(fixture_open(&f, &config), WP_E_INVALID_ARGUMENT);
  fixture_close(&f);
  uint32_t w = open_pool(64, 0);
  wp_status status = WP_OK;
  uint32_t box = make(w, 100, &status);
  CHECK_EQ(status, WP_OK);
  CHECK_EQ(stats().boxes_leased, 1);
  CHECK_EQ(stats().boxes_reserved, 0);
  wp_box_drop(f.pool, w, box);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}
