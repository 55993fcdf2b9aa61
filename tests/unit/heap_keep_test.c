/* What a killed task has allocated, and others still point to. */
#include "heap.h"
#include "status.h"
#include "test.h"

#ifdef WP_KILL_POINTS
#include "base/point.h"
void (*wp__point_hook)(const char *name);
#endif

enum { LIMIT = 64 << 20, TASK = 5, EARLIER = 3, LARGE = 300000 };

static wp_segments segments;
static wp_heap heap, other;
static void *statics[8]; /* the program's variables */
static void *then[4];    /* the first of them before the first task */

static bool range(const void *context, uint32_t number, wp_heap_range *found) {
  (void)context;
  *found = (wp_heap_range){
      .start = statics, .end = statics + 8, .then = then, .then_bytes = sizeof then};
  return number == 0;
}

static const wp_heap_roots roots = {range, NULL, 3};

static wp_status open(void) {
  memset(statics, 0, sizeof statics);
  wp_status status = wp_segments_open(&segments, LIMIT);
  if (!status) status = wp_heap_open(&heap, &segments, 1);
  return status ? status : wp_heap_open(&other, &segments, 2);
}

static void **make(wp_heap *in, size_t bytes, uint32_t tag) {
  void **block = wp_heap_alloc(in, bytes, tag);
  memset(block, 0, bytes);
  return block;
}

/* Ends the task as a kill does; returns how many blocks of the heap are left. */
static uint64_t kill(uint64_t *kept) {
  *kept = wp_heap_keep(&heap, TASK, &roots);
  wp_heap_free_tagged(&heap, TASK);
  return wp_heap_check(&heap) ? 999 : wp_heap_blocks_in_use(&heap);
}

TEST(nothing, "a task that left nothing, or nothing that anything points to, leaves no memory") {
  uint64_t kept = 1;
  CHECK_EQ(open(), WP_OK);
  CHECK_EQ(kill(&kept), 0);
  CHECK_EQ(kept, 0);
  void **first = make(&heap, 100, TASK);
  first[0] = make(&heap, 100, TASK); /* a ring of its own */
  ((void **)first[0])[1] = first;
  make(&heap, LARGE, TASK)[7] = first;
  CHECK_EQ(kill(&kept), 0);
  CHECK_EQ(kept, 0);
  CHECK_EQ(wp_segments_big_bytes(&segments), 0);
  wp_segments_close(&segments);
}

TEST(pointers, "blocks stay to which a static, an earlier task's block, another heap's, or another "
               "kept one points, at any place, small or big") {
  uint64_t kept = 0;
  CHECK_EQ(open(), WP_OK);
  void **by_static = make(&heap, 64, TASK), **inside = make(&heap, 4000, TASK);
  void **by_earlier = make(&heap, 64, TASK), **by_other = make(&heap, 64, TASK);
  void **by_big = make(&heap, 64, TASK), **big = make(&heap, LARGE, TASK);
  void **by_other_big = make(&heap, 64, TASK), **at_end = make(&heap, 64, TASK);
  void **gone = make(&heap, 64, TASK);
  void **earlier = make(&heap, 500, EARLIER), **foreign = make(&other, 500, EARLIER);
  void **foreign_big = make(&other, LARGE, WP_TAG_PROGRAM);
  statics[1] = by_static;
  by_static[3] = (char *)inside + 511;
  inside[499] = big;
  big[LARGE / sizeof *big - 1] = by_big;
  earlier[20] = by_earlier;
  foreign[30] = by_other;
  foreign_big[77] = by_other_big;
  statics[2] = (char *)at_end + 63;
  gone[0] = by_static;
  statics[3] = (char *)gone - 1; /* its header, or the end of the block before it */
  CHECK_EQ(kill(&kept), 9);      /* eight, and the earlier task's */
  CHECK(kept > 7 * 64 + 4000 + LARGE);
  CHECK_EQ(wp_heap_tag(by_static), WP_TAG_PROGRAM);
  CHECK_EQ(wp_heap_tag(big), WP_TAG_PROGRAM);
  CHECK(by_static[3] == (char *)inside + 511);
  CHECK_EQ(kill(&kept), 9);
  CHECK_EQ(kept, 0);
  wp_heap_free(&heap, big);
  wp_heap_free(&heap, by_static);
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  wp_segments_close(&segments);
}

TEST(own, "memory of the pool itself keeps nothing: blocks without a tag, and arenas") {
  uint64_t kept = 0;
  CHECK_EQ(open(), WP_OK);
  make(&heap, 100, 0)[1] = make(&heap, 100, TASK);
  make(&heap, 100, WP_TAG_ARENA)[1] = make(&heap, 100, TASK);
  make(&other, LARGE, 0)[1] = make(&heap, 100, TASK);
  CHECK_EQ(kill(&kept), 2);
  CHECK_EQ(kept, 0);
  wp_segments_close(&segments);
}

TEST(numbers, "a static that has not changed since before the first task is no pointer, nor is a "
              "number far inside a block") {
  uint64_t kept = 0;
  CHECK_EQ(open(), WP_OK);
  statics[0] = then[0] = make(&heap, 100, TASK);
  statics[6] = (char *)make(&heap, LARGE, TASK) + 512;
  statics[7] = (char *)make(&heap, 4000, TASK) + 4000;
  CHECK_EQ(kill(&kept), 0);
  then[0] = NULL;
  wp_segments_close(&segments);
}

TEST(many, "a list of many blocks, made in any order, is kept whole or goes whole") {
  enum { COUNT = 20000 };
  uint64_t kept = 0;
  for (int keeps = 0; keeps < 2; keeps++) {
    CHECK_EQ(open(), WP_OK);
    void **last = NULL;
    for (int i = 0; i < COUNT; i++) {
      void **block = make(&heap, i % 1000 ? 16 + (size_t)(i * 7919 % 200) : LARGE, TASK);
      block[0] = last;
      last = block;
      if (i % 3 == 0) wp_heap_free(&heap, make(&heap, 32, TASK));
    }
    if (keeps) statics[5] = last;
    CHECK_EQ(kill(&kept), keeps ? COUNT : 0);
    CHECK(keeps ? kept > 16 * COUNT : kept == 0);
    int length = 0;
    if (keeps)
      for (void **at = last; at; at = at[0]) length++;
    CHECK_EQ(length, keeps ? COUNT : 0);
    wp_segments_close(&segments);
  }
}

TEST(full, "without memory for the search nothing is kept: the task's memory comes back") {
  uint64_t kept = 1;
  CHECK_EQ(open(), WP_OK);
  statics[0] = make(&heap, 100, TASK);
  while (wp_heap_alloc(&heap, 60000, TASK)) {
  }
  wp_segment rest;
  while (!wp_segment_acquire(&segments, 1, 3, &rest)) {
  }
  CHECK_EQ(kill(&kept), 0);
  CHECK_EQ(kept, 0);
  wp_segments_close(&segments);
}
