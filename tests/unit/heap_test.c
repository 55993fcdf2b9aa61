#include "heap.h"
#include "kill.h"
#include "status.h"
#include "test.h"
#include <pthread.h>

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

enum { HEADER = 16, LIMIT = 32 << 20 };

/* What a test knows of a block, which is filled from its seed. */
typedef struct shadow {
  uint8_t *p;
  size_t bytes;
  uint32_t tag;
  uint8_t seed;
} shadow;

static void fill(const shadow *s) {
  for (size_t i = 0; i < s->bytes; i++) s->p[i] = (uint8_t)(s->seed + i * 7);
}

static bool intact(const shadow *s, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    if (s->p[i] != (uint8_t)(s->seed + i * 7)) return false;
  }
  return true;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static wp_segments segments;
static wp_heap heap, other;

static int start(void) {
  int status = wp_segments_open(&segments, LIMIT);
  if (status) return status;
  status = wp_heap_open(&heap, &segments, 1);
  return status ? status : wp_heap_open(&other, &segments, 2);
}

/* The granules of the map and of `count` small segments. */
static uint64_t segments_of(uint64_t count) {
  return WP_GRANULE_BYTES + count * WP_HEAP_SEGMENT_BYTES;
}

TEST(zeroed,
     "heap: zeroed blocks are zero in memory that was used before, and in memory that was not") {
  CHECK_EQ(start(), WP_OK);
  for (int round = 0; round < 3; round++) {
    for (size_t bytes = 1; bytes < 1 << 20; bytes = bytes * 3 + 1) {
      uint8_t *p = wp_heap_alloc_zeroed(&heap, 64, bytes);
      CHECK(p);
      CHECK_EQ((uintptr_t)p % 64, 0);
      for (size_t i = 0; i < bytes; i++) CHECK_EQ(p[i], 0);
      memset(p, 0xff, wp_heap_usable(p));
      wp_heap_free(&heap, p);
    }
  }
  CHECK(!wp_heap_alloc_zeroed(&heap, 64, LIMIT));
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  wp_segments_close(&segments);
}

TEST(basics, "heap: zero bytes, alignment, usable size, sizes that cannot be had") {
  CHECK_EQ(start(), WP_OK);
  CHECK_EQ(wp_heap_open(&other, &segments, WP_SEGMENT_OWNER_MAP), WP_E_INVALID_ARGUMENT);
  void *a = wp_heap_alloc(&heap, 0, 0), *b = wp_heap_alloc(&heap, 0, 0);
  CHECK(a && b && a != b);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 2);
  for (size_t bytes = 1; bytes < 1 << 20; bytes = bytes * 3 + 1) {
    for (size_t align = 1; align <= 65536; align *= 4) {
      shadow s = {wp_heap_alloc_aligned(&heap, align, bytes, 3), bytes, 3, 1};
      CHECK(s.p);
      CHECK_EQ((uintptr_t)s.p % (align < 16 ? 16 : align), 0);
      CHECK(wp_heap_usable(s.p) >= bytes);
      s.bytes = wp_heap_usable(s.p);
      fill(&s);
    }
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    wp_heap_free_tagged(&heap, 3);
    CHECK_EQ(wp_heap_blocks_in_use(&heap), 2);
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
  }
  CHECK(!wp_heap_alloc_aligned(&heap, 24, 1, 0));
  CHECK(!wp_heap_alloc_aligned(&heap, 1 << 17, 1, 0));
  CHECK(!wp_heap_alloc(&heap, SIZE_MAX, 0));
  CHECK(!wp_heap_alloc(&heap, LIMIT, 0));
  CHECK(!wp_heap_realloc(&heap, a, SIZE_MAX, 0));
  wp_heap_free(&heap, NULL);
  wp_heap_free(&heap, a);
  wp_heap_free(&heap, a); /* not live: left alone */
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 1);
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  wp_segments_close(&segments);
}

TEST(exhausted,
     "heap: out of memory is NULL, what is freed can be had again, empty segments go back") {
  CHECK_EQ(start(), WP_OK);
  for (int round = 0; round < 2; round++) {
    size_t count = 0;
    while (wp_heap_alloc(&heap, 1000, 5)) count++;
    CHECK(count > LIMIT / 1100);
    CHECK(!wp_heap_alloc(&other, 1, 0));
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    wp_heap_free_tagged(&heap, 5);
    CHECK_EQ(wp_heap_bytes_in_use(&heap), 0);
    CHECK_EQ(wp_segments_bytes(&segments), segments_of(1));
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
  }
  void *big = wp_heap_alloc(&other, LIMIT / 2, 0);
  CHECK(big);
  wp_heap_free(&other, big);
  CHECK_EQ(wp_segments_bytes(&segments), segments_of(1));
  wp_segments_close(&segments);
}

TEST(joining, "heap: blocks freed in any order become one free block again") {
  enum { COUNT = 2000 };
  static void *block[COUNT];
  uint64_t random = wp_test_env("SEED", 1);
  CHECK_EQ(start(), WP_OK);
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < COUNT; i++) {
      block[i] = wp_heap_alloc(&heap, wp_test_random(&random) % 400, 0);
      CHECK(block[i]);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
      int k = (int)(wp_test_random(&random) % (uint64_t)(i + 1));
      wp_heap_free(&heap, block[k]);
      block[k] = block[i];
    }
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    CHECK_EQ(wp_heap_bytes_in_use(&heap), 0);
    CHECK_EQ(wp_segments_bytes(&segments), segments_of(1));
  }
  void *half = wp_heap_alloc(&heap, WP_HEAP_BIG_BYTES - HEADER, 0);
  CHECK(half);
  CHECK_EQ(wp_segments_bytes(&segments), segments_of(1)); /* so the rest is one block */
  wp_segments_close(&segments);
}

/* ---- Random operations against a shadow ---- */

enum { SHADOWS = 400 };
static shadow model[SHADOWS];

static size_t random_bytes(uint64_t r) {
  switch (r % 16) {
  case 0:
    return 0;
  case 1:
    return 100000 + (r >> 8) % 200000;
  case 2:
  case 3:
    return (r >> 8) % 30000;
  default:
    return (r >> 8) % 700;
  }
}

static uint64_t model_bytes(uint64_t *blocks) {
  uint64_t bytes = *blocks = 0;
  for (int i = 0; i < SHADOWS; i++) {
    if (!model[i].p) continue;
    bytes += wp_heap_usable(model[i].p) + HEADER;
    ++*blocks;
  }
  return bytes;
}

static bool model_free_tagged(uint32_t tag) {
  for (int i = 0; i < SHADOWS; i++) {
    if (model[i].p && model[i].tag == tag) {
      if (!intact(&model[i], model[i].bytes)) return false;
      model[i].p = NULL;
    }
  }
  wp_heap_free_tagged(&heap, tag);
  return true;
}

static bool model_step(uint64_t r, uint64_t r2) {
  shadow *s = &model[r % SHADOWS];
  uint32_t op = (r >> 16) % 8, tag = (r >> 24) % 4;
  size_t bytes = random_bytes(r2);
  if (r >> 52 == 0 && tag) return model_free_tagged(tag);
  if (!s->p) {
    size_t align = op < 2 ? (size_t)1 << (r2 >> 56) % 13 : 16;
    *s = (shadow){wp_heap_alloc_aligned(&heap, align, bytes, tag), bytes, tag, (uint8_t)(r >> 32)};
    if ((uintptr_t)s->p % align) return false;
    if (s->p) fill(s);
  } else if (op < 3) {
    uint8_t *p = wp_heap_realloc(&heap, s->p, bytes, tag);
    if (!p) return true;
    shadow was = {p, least(s->bytes, bytes), tag, s->seed};
    if (!intact(&was, was.bytes)) return false;
    *s = (shadow){p, bytes, tag, s->seed};
    fill(s);
  } else if (op < 4) {
    wp_heap_retag(s->p, s->tag = tag);
  } else {
    if (!intact(s, s->bytes)) return false;
    wp_heap_free(&heap, s->p);
    s->p = NULL;
  }
  return true;
}

TEST(model_test, "heap: random operations agree with a shadow") {
  uint64_t seed = wp_test_env("SEED", 1), random = seed, steps = 60000 * wp_test_env("SCALE", 1);
  printf("# SEED=%llu\n", (unsigned long long)seed);
  CHECK_EQ(start(), WP_OK);
  memset(model, 0, sizeof model);
  for (uint64_t i = 0; i < steps; i++) {
    uint64_t blocks, r = wp_test_random(&random);
    CHECK(model_step(r, wp_test_random(&random)));
    if (i % 128) continue;
    CHECK_EQ(wp_heap_check(&heap), WP_OK);
    CHECK_EQ(wp_heap_bytes_in_use(&heap), model_bytes(&blocks));
    CHECK_EQ(wp_heap_blocks_in_use(&heap), blocks);
  }
  for (int i = 0; i < SHADOWS; i++) wp_heap_free(&heap, model[i].p);
  CHECK_EQ(wp_heap_bytes_in_use(&heap), 0);
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  CHECK_EQ(wp_segments_bytes(&segments), segments_of(1));
  wp_segments_close(&segments);
}

/* ---- Blocks that other threads free ---- */

enum { THREADS = 3, PLACES = 16 };

typedef struct peer {
  wp_heap heap;
  uint32_t index;
  uint64_t seed;
} peer;

static peer peers[THREADS];
static wp_atomic_u64 places
    [PLACES]; /* a block on its way to the other thread, or 0; the block begins with its size */
static wp_atomic_u32 wrong;

static void consume(wp_heap *self, uint64_t at) {
  if (!at) return;
  shadow s = {(uint8_t *)(uintptr_t)at, 0, 0, 0};
  memcpy(&s.bytes, s.p, sizeof s.bytes);
  s.seed = s.p[sizeof s.bytes];
  for (size_t i = sizeof s.bytes; i < s.bytes; i++) {
    if (s.p[i] != s.seed) wp_atomic_fetch_add_seq_u32(&wrong, 1);
  }
  wp_heap_free(self, s.p);
}

static void *exchange_blocks(void *context) {
  peer *self = context;
  uint64_t random = self->seed, rounds = 20000 * wp_test_env("SCALE", 1);
  for (uint64_t i = 0; i < rounds; i++) {
    uint64_t r = wp_test_random(&random);
    size_t bytes = 16 + (r % 64 ? (r >> 8) % 2000 : (r >> 8) % 200000);
    uint8_t *p = wp_heap_alloc(&self->heap, bytes, 0);
    if (!p) continue;
    memset(p, (int)(r >> 40), bytes);
    memcpy(p, &bytes, sizeof bytes);
    consume(&self->heap, wp_atomic_exchange_seq_u64(&places[r % PLACES], (uint64_t)(uintptr_t)p));
  }
  return NULL;
}

TEST(threads, "three threads free each other's blocks while they allocate; all comes back "
              "to its owner [XP-03]") {
  pthread_t thread[THREADS];
  uint64_t seed = wp_test_env("SEED", 1);
  printf("# SEED=%llu\n", (unsigned long long)seed);
  CHECK_EQ(wp_segments_open(&segments, LIMIT), WP_OK);
  for (uint32_t i = 0; i < THREADS; i++) {
    peers[i].index = i;
    peers[i].seed = seed * 6007 + i + 1;
    CHECK_EQ(wp_heap_open(&peers[i].heap, &segments, i), WP_OK);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK_EQ(pthread_create(&thread[i], NULL, exchange_blocks, &peers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < PLACES; i++) consume(NULL, wp_atomic_exchange_seq_u64(&places[i], 0));
  CHECK_EQ(wp_atomic_load_seq_u32(&wrong), 0);
  for (int i = 0; i < THREADS; i++) {
    wp_heap_drain(&peers[i].heap);
    CHECK_EQ(wp_heap_check(&peers[i].heap), WP_OK);
    CHECK_EQ(wp_heap_blocks_in_use(&peers[i].heap), 0);
    CHECK_EQ(wp_heap_bytes_in_use(&peers[i].heap), 0);
  }
  CHECK(wp_segments_bytes(&segments) <= segments_of(THREADS));
  wp_segments_close(&segments);
}

TEST(remote_once,
     "heap: a block that another thread has freed is not freed again, by it or by its tag") {
  CHECK_EQ(start(), WP_OK);
  void *kept = wp_heap_alloc(&heap, 10, 7), *p = wp_heap_alloc(&heap, 100, 7);
  wp_heap_free(&other, p);
  wp_heap_free(&other, p);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 2); /* until it is drained */
  wp_heap_free_tagged(&heap, 7);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 0);
  wp_heap_free(&other, kept);
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  void *moved =
      wp_heap_realloc(&other, wp_heap_alloc(&heap, 1000, 0), 5000, 0); /* to the caller's heap */
  CHECK(moved);
  wp_heap_drain(&heap);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 0);
  CHECK_EQ(wp_heap_blocks_in_use(&other), 1);
  wp_segments_close(&segments);
}

TEST(big_at_once, "what another thread frees is free at once, if it has a segment of its "
                  "own; its owner does nothing [NF-87]") {
  CHECK_EQ(start(), WP_OK);
  for (int i = 0; i < 20; i++) {
    wp_heap *owner = i % 2 ? &heap : &other;
    void *p = wp_heap_alloc(owner, LIMIT * 2 / 3, 0);
    CHECK(p);
    CHECK(wp_segments_big_bytes(&segments) >= LIMIT * 2 / 3);
    wp_heap_retag(p, 5);
    wp_heap_free(i % 3 ? (i % 2 ? &other : &heap) : NULL, p);
    CHECK_EQ(wp_segments_big_bytes(&segments), 0);
    CHECK_EQ(wp_segments_check(&segments), WP_OK);
  }
  void *p = wp_heap_alloc(&heap, LIMIT / 2, 5);
  wp_heap_retag(p, 0);
  wp_heap_free_tagged(&heap, 5);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 1);
  wp_heap_retag(p, 5);
  wp_heap_free_tagged(&heap, 5);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 0);
  wp_segments_close(&segments);
}

TEST(rebuild_kept, "rebuild frees the tags of the dead and keeps all else where it was; "
                   "untagged is no tag [XP-03]") {
  enum { COUNT = 3000 };
  static shadow s[COUNT];
  uint64_t random = wp_test_env("SEED", 1), bytes = 0;
  const uint32_t dead[] = {2, 0, 5};
  CHECK_EQ(start(), WP_OK);
  for (int i = 0; i < COUNT; i++) {
    uint64_t r = wp_test_random(&random);
    s[i] = (shadow){NULL, i % 500 ? r % 3000 : 200000, (uint32_t)(r >> 40) % 6, (uint8_t)i};
    s[i].p = wp_heap_alloc(&heap, s[i].bytes, s[i].tag);
    CHECK(s[i].p);
    fill(&s[i]);
  }
  heap.bins[3][3] = (void *)s; /* nothing that a death leaves in the indexes is looked at */
  heap.level_map = 0xdead;
  wp_heap_rebuild(&heap, dead, 3);
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  for (int i = 0; i < COUNT; i++) {
    if (s[i].tag == 2 || s[i].tag == 5) continue;
    CHECK(intact(&s[i], s[i].bytes));
    bytes += wp_heap_usable(s[i].p) + HEADER;
    wp_heap_retag(s[i].p, 9);
  }
  CHECK_EQ(wp_heap_bytes_in_use(&heap), bytes);
  wp_heap_rebuild(&heap, &(uint32_t){9}, 1);
  CHECK_EQ(wp_heap_blocks_in_use(&heap), 0);
  CHECK_EQ(wp_segments_bytes(&segments), segments_of(1));
  CHECK_EQ(wp_heap_check(&heap), WP_OK);
  wp_segments_close(&segments);
}
