#include "heap.h"
#include "status.h"
#include "test.h"
#include <string.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { BLOCKS = 40, BLOCK_BYTES = 1000, LIMIT_BYTES = 16 << 20 };

static wp_segments segments;
static wp_heap heaps[2];
static unsigned char *blocks[BLOCKS];

static void open_heaps(void) {
  CHECK_EQ(wp_segments_open(&segments, LIMIT_BYTES), WP_OK);
  for (uint32_t i = 0; i < 2; i++) CHECK_EQ(wp_heap_open(&heaps[i], &segments, i), WP_OK);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = wp_heap_alloc(&heaps[1], BLOCK_BYTES, 7);
}

static void use_heap(void) {
  void *more[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    more[i] = wp_heap_alloc(&heaps[1], BLOCK_BYTES, 8);
    CHECK(more[i] != NULL);
    memset(more[i], 1, BLOCK_BYTES);
  }
  for (int i = 0; i < BLOCKS; i++) wp_heap_free(&heaps[1], more[i]);
}

TEST(overrun,
     "a rebuild sets aside what follows a header that was written over, and the heap is whole "
     "again") {
  static const unsigned char fills[] = {0, 0xa5, 0xff, 0x24};
  const uint32_t tag = 7;
  for (size_t i = 0; i < sizeof fills; i++) {
    for (int at = 0; at < BLOCKS; at += 13) {
      open_heaps();
      memset(blocks[at], fills[i], BLOCK_BYTES + 4096);
      wp_heap_rebuild(&heaps[1], &tag, 1);
      CHECK_EQ(wp_heap_check(&heaps[1]), WP_OK);
      use_heap();
      CHECK_EQ(wp_heap_check(&heaps[1]), WP_OK);
      wp_segments_close(&segments);
    }
  }
}

static bool no_range(const void *context, uint32_t number, wp_heap_range *range) {
  (void)context;
  (void)number;
  (void)range;
  return false;
}

TEST(search,
     "the search for what is to be kept ends at a header that was written over, whatever is "
     "written there") {
  static const unsigned char fills[] = {0, 0xa5, 0xff, 0x24};
  static const wp_heap_roots roots = {no_range, NULL, 2};
  for (size_t i = 0; i < sizeof fills; i++) {
    open_heaps();
    memset(blocks[3], fills[i], BLOCK_BYTES + 4096);
    CHECK_EQ(wp_heap_keep(&heaps[1], 7, &roots), 0);
    wp_segments_close(&segments);
  }
}

TEST(segment_head, "a segment whose own header was written over stays with its heap") {
  const uint32_t tag = 7;
  open_heaps();
  unsigned char *first = blocks[0];
  memset(first - 16 - WP_SEGMENT_CLEARED_BYTES, 0xa5, WP_SEGMENT_CLEARED_BYTES);
  wp_heap_rebuild(&heaps[1], &tag, 1);
  CHECK_EQ(wp_heap_check(&heaps[1]), WP_OK);
  use_heap();
  wp_segments_close(&segments);
}

TEST(underrun, "a block whose header was written over is left alone when it is freed") {
  static const unsigned char fills[] = {0xa5, 0xff};
  for (size_t i = 0; i < sizeof fills; i++) {
    open_heaps();
    memset(blocks[3] - 16, fills[i], 16);
    wp_heap_free(&heaps[0], blocks[3]);
    wp_heap_free(&heaps[0], blocks[4]);
    use_heap();
    wp_segments_close(&segments);
  }
}
