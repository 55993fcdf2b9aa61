/* The owner of a heap dies at every kill point. Does nothing unless built with WP_KILL_POINTS. */
#include "heap.h"
#include "kill.h"
#include "status.h"
#include "test.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);

enum { HEADER = 16, LIMIT = 8 << 20, KEPT = 24, DEAD = 7, MOVING = 9 };

typedef struct shadow {
  uint8_t *p;
  size_t bytes;
  uint8_t seed;
} shadow;

static wp_segments segments;
static wp_heap heap, other; /* the victim's, and a living thread's */

static shadow
    kept[KEPT]; /* untagged blocks of `heap`, noted down as soon as their address is known */
static shadow foreign[KEPT]; /* untagged blocks of `other` */
static shadow moving;        /* a block with the tag MOVING that is resized */
static shadow *going;        /* the shadow whose free or resizing is under way */

static void fill(const shadow *s) { memset(s->p, s->seed, s->bytes); }

static bool intact(const shadow *s) {
  for (size_t i = 0; i < s->bytes; i++) {
    if (s->p[i] != s->seed) return false;
  }
  return true;
}

static void make(wp_heap *owner, shadow *s, size_t align, size_t bytes, uint8_t seed) {
  uint8_t *p = wp_heap_alloc_aligned(owner, align, bytes, 0);
  *s = (shadow){p, bytes, seed};
  fill(s);
}

static void drop(shadow *s) {
  going = s;
  wp_heap_free(&heap, s->p);
  s->p = NULL;
  going = NULL;
}

static void move(size_t bytes) {
  going = &moving;
  uint8_t *p = wp_heap_realloc(&heap, moving.p, bytes, MOVING);
  moving = (shadow){p, bytes, moving.seed};
  fill(&moving);
  going = NULL;
}

/* The living thread frees a block of the victim, which is no part of the victim's death. */
static void drop_from_outside(shadow *s) {
  uint64_t left = kill_points_left;
  kill_points_left = 0;
  wp_heap_free(&other, s->p);
  s->p = NULL;
  kill_points_left = left;
}

static void run_script(void *context) {
  (void)context;
  static const size_t sizes[KEPT] = {0,    40,     700,   16,    5000,  130000, 100, 33000,
                                     64,   64,     90000, 1,     60000, 50000,  17,  900,
                                     4000, 300000, 250,   80000, 32,    31,     33,  12};
  for (int i = 0; i < KEPT; i++) {
    make(&heap, &kept[i], i % 5 ? 16 : 256, sizes[i], (uint8_t)(i + 1));
    wp_heap_alloc(&heap, sizes[KEPT - 1 - i], DEAD);
  }
  going = &moving;
  moving = (shadow){wp_heap_alloc(&heap, 500, MOVING), 500, 99};
  fill(&moving);
  going = NULL;
  drop(&kept[3]); /* neighbours in use, then one free, then both */
  drop(&kept[4]);
  drop(&kept[10]);
  drop(&kept[17]); /* a segment of its own */
  move(400);
  move(3000);
  move(200000);
  move(150000);
  move(100);
  for (int i = 0; i < 6; i++) drop_from_outside(&kept[18 + i]);
  for (int i = 0; i < 6; i++) drop(&foreign[i]);
  make(&heap, &kept[3], 4096, 10000, 200); /* drains */
  wp_heap_free_tagged(&heap, DEAD);
  for (int i = 0; i < 6; i++) drop(&foreign[6 + i]);
  for (int i = 12; i < 17; i++) drop(&kept[i]);
}

static void start(void) {
  memset(kept, 0, sizeof kept);
  moving = (shadow){NULL, 0, 0};
  going = NULL;
  if (wp_segments_open(&segments, LIMIT) || wp_heap_open(&heap, &segments, 1) ||
      wp_heap_open(&other, &segments, 2)) {
    abort();
  }
  for (int i = 0; i < KEPT; i++)
    make(&other, &foreign[i], 16, i % 8 ? 300 : 140000, (uint8_t)(i + 50));
}

/* The shadows' blocks are the owner's only ones, and as they were. A block whose free was cut off
 * is either: freed now. */
static bool agrees(wp_heap *owner, shadow *shadows) {
  uint64_t bytes = 0, blocks = 0;
  for (int i = 0; i < KEPT; i++) {
    shadow *s = &shadows[i];
    if (!s->p || s == going) continue;
    if (!intact(s)) return false;
    bytes += wp_heap_usable(s->p) + HEADER;
    blocks++;
  }
  if (going && going >= shadows && going < shadows + KEPT &&
      wp_heap_blocks_in_use(owner) == blocks + 1) {
    wp_heap_free(owner, going->p);
  }
  return wp_heap_check(owner) == WP_OK && wp_heap_blocks_in_use(owner) == blocks &&
         wp_heap_bytes_in_use(owner) == bytes;
}

static bool recovers(void) {
  const uint32_t dead[] = {DEAD};
  wp_heap_rebuild(&heap, dead, 1);
  if (wp_heap_check(&heap) || wp_segments_check(&segments)) return false;
  if (moving.p && going != &moving && !intact(&moving)) return false;
  wp_heap_free_tagged(&heap, MOVING);
  wp_heap_drain(&other); /* looks for blocks that the dead thread had freed and not pushed */
  return agrees(&heap, kept) && agrees(&other, foreign);
}

TEST(deaths, "a heap survives its owner's death at every step: dead tasks' blocks "
             "go, others stay [XP-01, XP-03]") {
  uint64_t n = 1;
  for (bool killed = true; killed; n++) {
    start();
    killed = kill_run(n, run_script, NULL);
    bool good = recovers();
    if (!good) printf("# died at point %llu, %s\n", (unsigned long long)n, kill_name);
    CHECK(good);
    memset(kept, 0, sizeof kept); /* a new thread takes the heap over */
    wp_heap_rebuild(&heap, NULL, 0);
    for (int i = 0; i < 2; i++) {
      for (int k = 0; k < 50; k++) CHECK(wp_heap_alloc(&heap, (size_t)k * 97, DEAD));
      wp_heap_free_tagged(&heap, DEAD);
      CHECK_EQ(wp_heap_check(&heap), WP_OK);
    }
    wp_segments_close(&segments);
  }
  printf("# %llu points\n", (unsigned long long)n - 2);
  CHECK(n > 300);
}

static void run_rebuild(void *context) {
  const uint32_t dead[] = {DEAD};
  (void)context;
  wp_heap_rebuild(&heap, dead, 1);
}

TEST(deaths_again, "a rebuild that was itself cut off at any step can be done again [XP-01]") {
  uint64_t seed = wp_test_env("SEED", 1), random = seed;
  printf("# SEED=%llu\n", (unsigned long long)seed);
  for (int i = 0; i < 4; i++) {
    uint64_t died_at = 1 + wp_test_random(&random) % 600, n = 1;
    for (bool killed = true; killed; n++) {
      start();
      kill_run(died_at, run_script, NULL);
      killed = kill_run(n, run_rebuild, NULL);
      CHECK(recovers());
      wp_segments_close(&segments);
    }
    CHECK(n > 3);
  }
}

/* ---- A death while another thread is in the middle of a free ---- */

static uint64_t rebuild_in;
static size_t freed_bytes;

static void rebuild_hook(const char *name) {
  (void)name;
  if (!rebuild_in) return;
  rebuild_in--;
  if (rebuild_in) return;
  const uint32_t dead[] = {DEAD};
  wp_heap_rebuild(&heap, dead, 1); /* the owner is dead; the calling thread is alive */
}

static void rebuild_while_freeing(void) {
  uint64_t n = 0;
  for (rebuild_in = 0; !rebuild_in;) {
    start();
    void *p = wp_heap_alloc(&heap, freed_bytes, 0), *before = wp_heap_alloc(&heap, 100, DEAD);
    CHECK(p && before);
    rebuild_in = ++n;
    wp__point_hook = rebuild_hook;
    wp_heap_free(&other, p);
    wp__point_hook = NULL;
    wp_heap_drain(&heap);
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    CHECK_EQ(wp_heap_blocks_in_use(&heap),
             rebuild_in ? 1 : 0); /* at the end nobody has rebuilt it */
    CHECK(wp_heap_alloc(&heap, 100, 0));
    wp_segments_close(&segments);
  }
  CHECK(n > 3);
}

TEST(
    rebuild_meanwhile,
    "a heap is rebuilt while a living thread is at any step of freeing one of its blocks [XP-01]") {
  freed_bytes = 100;
  rebuild_while_freeing();
}

TEST(rebuild_meanwhile_big, "the same for a block with a segment of its own [XP-01]") {
  freed_bytes = 300000;
  rebuild_while_freeing();
}

/* The rebuild and the thread that frees want the same block, and one of them gets it. */
static void free_moving(const char *name) {
  if (strcmp(name, "segment.take")) return;
  wp__point_hook = NULL;
  wp_heap_free(&other, moving.p);
}

TEST(big_once,
     "a block with a segment of its own goes once, whoever wants it at the same time [XP-01]") {
  start();
  uint64_t before = wp_segments_bytes(&segments), big = wp_segments_big_bytes(&segments);
  for (int by_tag = 0; by_tag < 2; by_tag++) {
    moving.p = wp_heap_alloc(&heap, 300000, MOVING);
    CHECK(moving.p);
    wp__point_hook = free_moving;
    if (by_tag)
      wp_heap_free_tagged(&heap, MOVING);
    else
      wp_heap_free(&heap, moving.p);
    wp__point_hook = NULL;
    CHECK_EQ(wp_segments_bytes(&segments), before);
    CHECK_EQ(wp_segments_check(&segments), WP_OK);
    CHECK_EQ(wp_segments_big_bytes(&segments), big);
  }
  wp_segments_close(&segments);
}
#endif
