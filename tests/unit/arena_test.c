#include "arena.h"
#include "kill.h"
#include "status.h"
#include "test.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static wp_segments segments;
static wp_heap heap;
static wp_arena arena;

static int start(void) {
  int status = wp_segments_open(&segments, 16 << 20);
  if (status) return status;
  wp_arena_open(&arena, &heap);
  return wp_heap_open(&heap, &segments, 1);
}

TEST(alignment, "arena: alignment, zero bytes, absurd sizes") {
  CHECK_EQ(start(), WP_OK);
  for (size_t align = 1; align <= 65536; align *= 2) {
    uint8_t *p = wp_arena_alloc(&arena, 3, align);
    CHECK(p);
    CHECK_EQ((uintptr_t)p % (align < 16 ? 16 : align), 0);
  }
  CHECK(!wp_arena_alloc(&arena, 1, 48));
  CHECK(!wp_arena_alloc(&arena, 1, 131072));
  CHECK(!wp_arena_alloc(&arena, SIZE_MAX, 16));
  CHECK(!wp_arena_alloc(&arena, SIZE_MAX - 64, 16));
  CHECK(!wp_arena_alloc(&arena, 17 << 20, 16));
  CHECK(wp_arena_alloc(&arena, 0, 1));
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  wp_segments_close(&segments);
}

TEST(reset, "arena: blocks do not overlap; a reset keeps one small chunk and frees the others") {
  CHECK_EQ(start(), WP_OK);
  uint64_t random = wp_test_env("SEED", 1);
  printf("# SEED=%llu\n", (unsigned long long)random);
  for (int round = 0; round < 20; round++) {
    uint8_t *block[200];
    size_t bytes[200];
    for (int i = 0; i < 200; i++) {
      uint64_t r = wp_test_random(&random);
      bytes[i] = r % (i % 50 ? 2000 : 300000);
      block[i] = wp_arena_alloc(&arena, bytes[i], (size_t)1 << (r >> 40) % 9);
      CHECK(block[i]);
      memset(block[i], i, bytes[i]);
    }
    for (int i = 0; i < 200; i++) {
      for (size_t k = 0; k < bytes[i]; k++) CHECK_EQ(block[i][k], i);
    }
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    wp_arena_reset(&arena);
    CHECK(wp_heap_blocks_in_use(&heap) <= 1);
    CHECK(wp_heap_bytes_in_use(&heap) <= 2 * WP_ARENA_CHUNK_BYTES);
  }
  CHECK(wp_arena_alloc(&arena, 10, 16));
  uint64_t before = wp_heap_bytes_in_use(&heap);
  for (int i = 0; i < 100; i++) {
    wp_arena_reset(&arena);
    CHECK(wp_arena_alloc(&arena, 10000, 16));
    CHECK_EQ(wp_heap_bytes_in_use(&heap), before); /* the kept chunk is used again */
  }
  wp_segments_close(&segments);
}

TEST(exhausted, "arena: out of memory is NULL, and a reset makes it usable again") {
  CHECK_EQ(start(), WP_OK);
  int count = 0;
  while (wp_arena_alloc(&arena, 100000, 16)) count++;
  CHECK(count > 100);
  wp_arena_reset(&arena);
  for (int i = 0; i < count; i++) CHECK(wp_arena_alloc(&arena, 100000, 16));
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  wp_segments_close(&segments);
}

#ifdef WP_KILL_POINTS
static void run_script(void *context) {
  (void)context;
  for (int i = 0; i < 3; i++) {
    for (size_t bytes = 1000; bytes < 400000; bytes *= 2) wp_arena_alloc(&arena, bytes, 16);
    wp_arena_reset(&arena);
  }
}

TEST(deaths, "an arena whose owner died at any step gives all its memory back [XP-01, XP-03]") {
  uint64_t n = 1;
  for (bool killed = true; killed; n++) {
    CHECK_EQ(start(), WP_OK);
    uint8_t *kept = wp_heap_alloc(&heap, 100, 0);
    memset(kept, 0x5a, 100);
    uint64_t before = wp_heap_bytes_in_use(&heap);
    killed = kill_run(n, run_script, NULL);
    wp_heap_rebuild(&heap, NULL, 0);
    wp_arena_abandon(&arena);
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    CHECK_EQ(wp_segments_check(&segments), WP_OK);
    CHECK_EQ(wp_heap_bytes_in_use(&heap), before);
    for (int i = 0; i < 100; i++) CHECK_EQ(kept[i], 0x5a);
    run_script(NULL);
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    wp_segments_close(&segments);
  }
  printf("# %llu points\n", (unsigned long long)n - 2);
  CHECK(n > 50);
}
#endif
