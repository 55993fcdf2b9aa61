#include "pool_fixture.h"
#include <pthread.h>

#ifdef WP_KILL_POINTS
#include "kill.h"
void (*wp__point_hook)(const char *name);
#endif

static wp_segments segments;
static wp_heap heaps[3];
static wp_table table;

typedef struct item {
  wp_record record;
  uint32_t holder;
} item;

static int start(uint32_t ceiling) {
  int status = wp_segments_open(&segments, FIXTURE_BYTES);
  for (uint32_t i = 0; !status && i < 3; i++) status = wp_heap_open(&heaps[i], &segments, i);
  return status ? status : wp_table_open(&table, &heaps[0], sizeof(item), ceiling);
}

static item *item_at(uint32_t index) { return wp_table_at(&table, index); }

static uint32_t in_use(void) { return wp_atomic_load_relaxed_u32(&table.in_use); }

TEST(grows,
     "a table grows by chunks to its ceiling, then says TABLE_FULL; records never move [XP-17]") {
  enum { COUNT = 3 * WP_TABLE_CHUNK };
  static item *address[COUNT];
  uint32_t index = 0;
  CHECK_EQ(start(COUNT - 5), WP_OK); /* whole chunks */
  for (uint32_t i = 0; i < COUNT; i++) {
    CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_OK);
    CHECK_EQ(item_at(index)->holder, 0); /* nobody has it yet, and it is all zero */
    CHECK_EQ(wp_word_generation(wp_atomic_load_acquire_u64(&item_at(index)->record.word)), 1);
    item_at(index)->holder = 1;
    address[index] = item_at(index);
  }
  CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_E_TABLE_FULL);
  CHECK_EQ(in_use(), COUNT);
  for (uint32_t i = 0; i < COUNT; i++) CHECK(item_at(i) == address[i]);
  for (uint32_t i = 0; i < COUNT; i += 3) wp_table_put(&table, i);
  for (uint32_t i = 0; i < COUNT; i += 3) {
    CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_OK);
    CHECK_EQ(index % 3, 0);
  }
  CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_E_TABLE_FULL);
  wp_segments_close(&segments);
}

TEST(no_memory, "no memory for a chunk is NO_MEMORY, and what there is goes on [XP-17]") {
  uint32_t index = 0, got = 0;
  CHECK_EQ(start(WP_TABLE_RECORDS_MAX), WP_OK);
  while (wp_heap_alloc(&heaps[1], 1 << 20, 0)) got++;
  while (wp_heap_alloc(&heaps[1], 1000, 0)) got++;
  int status = WP_OK;
  while (!status) status = wp_table_take(&table, &heaps[1], &index);
  CHECK_EQ(status, WP_E_NO_MEMORY);
  uint32_t before = in_use();
  CHECK(got > 10);
  if (before) {
    wp_table_put(&table, 0);
    CHECK_EQ(wp_table_take(&table, &heaps[1], &index), WP_OK);
    CHECK_EQ(index, 0);
  }
  wp_segments_close(&segments);
}

TEST(generations, "generations skip 0 at the wrap and fill 32 bits beside the state [XP-11]") {
  CHECK_EQ(wp_generation_after(0xfffffffd), 0xfffffffe);
  CHECK_EQ(wp_generation_after(0xfffffffe), 0xffffffff);
  CHECK_EQ(wp_generation_after(0xffffffff), 1);
  for (uint32_t state = 0; state < 256; state += 15) {
    uint64_t word = wp_word(0xffffffff, state);
    CHECK_EQ(wp_word_generation(word), 0xffffffff);
    CHECK_EQ(wp_word_state(word), state);
  }
}

TEST(tag_wrap, "the free list's tag wraps without touching the index [XP-11]") {
  uint32_t index = 0;
  CHECK_EQ(start(WP_TABLE_CHUNK), WP_OK);
  CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_OK);
  wp_table_put(&table, index);
  uint64_t head = wp_atomic_load_acquire_u64(&table.free);
  wp_atomic_store_release_u64(&table.free, (head & 0xffffffff) | UINT64_C(0xfffffffd) << 32);
  for (int i = 0; i < 6; i++) {
    uint32_t first = WP_NONE, second = WP_NONE;
    CHECK_EQ(wp_table_take(&table, &heaps[0], &first), WP_OK);
    CHECK_EQ(wp_table_take(&table, &heaps[0], &second), WP_OK);
    CHECK(first != second && first < WP_TABLE_CHUNK && second < WP_TABLE_CHUNK);
    wp_table_put(&table, second);
    wp_table_put(&table, first);
  }
  CHECK_EQ(in_use(), 0);
  wp_segments_close(&segments);
}

/* ---- With threads ---- */

enum { HELD = 40, TURNS = 20000 };
static wp_atomic_u32 doubled;

static void *take_and_put(void *argument) {
  wp_heap *heap = argument;
  uint32_t self = (uint32_t)(heap - heaps) + 1, held[HELD] = {0}, count = 0;
  uint64_t random = self;
  for (int turn = 0; turn < TURNS; turn++) {
    bool more = count < HELD && wp_test_random(&random) % 2;
    if (more && !wp_table_take(&table, heap, &held[count])) {
      if (item_at(held[count])->holder) wp_atomic_fetch_add_relaxed_u32(&doubled, 1);
      item_at(held[count++])->holder = self;
    } else if (count) {
      if (item_at(held[--count])->holder != self) wp_atomic_fetch_add_relaxed_u32(&doubled, 1);
      item_at(held[count])->holder = 0;
      wp_table_put(&table, held[count]);
    }
  }
  while (count) {
    item_at(held[--count])->holder = 0;
    wp_table_put(&table, held[count]);
  }
  return NULL;
}

TEST(threads,
     "takers and givers on three threads never hold one record twice, and lose none [XP-01]") {
  pthread_t others[3];
  uint32_t index = 0;
  wp_atomic_store_relaxed_u32(&doubled, 0);
  CHECK_EQ(start(WP_TABLE_CHUNK), WP_OK);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(pthread_create(&others[i], NULL, take_and_put, &heaps[i]), 0);
  for (int i = 0; i < 3; i++) pthread_join(others[i], NULL);
  CHECK_EQ(wp_atomic_load_relaxed_u32(&doubled), 0);
  CHECK_EQ(in_use(), 0);
  for (int i = 0; i < WP_TABLE_CHUNK; i++)
    CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_OK);
  CHECK_EQ(wp_table_take(&table, &heaps[0], &index), WP_E_TABLE_FULL);
  wp_segments_close(&segments);
}

#ifdef WP_KILL_POINTS
static void script_take_put(void *unused) {
  uint32_t index = 0;
  (void)unused;
  if (!wp_table_take(&table, &heaps[1], &index)) wp_table_put(&table, index);
}

/* The allocation of its chunk may be left half done; what then becomes of that heap is tested in
 * heap_kill_test.c. */
TEST(dies,
     "a death at any point of taking and putting loses one record or one chunk at most [XP-01]") {
  uint64_t n = 1;
  for (bool died = true; died; n++) {
    uint32_t index = 0, count = 0;
    CHECK_EQ(start(2 * WP_TABLE_CHUNK), WP_OK);
    died = kill_run(n, script_take_put, NULL);
    while (!wp_table_take(&table, &heaps[0], &index)) {
      CHECK_EQ(item_at(index)->holder, 0);
      item_at(index)->holder = 1;
      count++;
    }
    CHECK(count >= WP_TABLE_CHUNK);
    CHECK(count == WP_TABLE_CHUNK || count >= 2 * WP_TABLE_CHUNK - 1);
    wp_segments_close(&segments);
  }
  CHECK(n > 4);
}
#endif
