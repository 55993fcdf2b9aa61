#include "actors_fixture.h"

static wp_lease_over over[4];
static uint32_t tick(double now_ms) { return wp_lease_tick(f.pool, now_ms, over, 4); }

TEST(levels, "each box has the lease of its writer [NF-35]") {
  wp_handle boxes[3];
  CHECK_EQ(start(1, 4), WP_OK);
  for (uint32_t i = 0; i < 3; i++) {
    CHECK_EQ(begin(1, 1000 * (i + 1), &boxes[i]), WP_OK);
    CHECK_EQ(commit(1, boxes[i], 8), WP_OK);
  }
  CHECK_EQ(tick(0), 0);
  for (uint32_t i = 0; i < 3; i++) {
    tick(1000 * (i + 1) - 1);
    CHECK_EQ(box_state(boxes[i]), WP_BOX_READY);
    tick(1000 * (i + 1));
    CHECK_EQ(box_state(boxes[i]), WP_BOX_FREE);
  }
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(commit_again, "the lease begins again when the box is committed [NF-35]") {
  wp_handle box;
  CHECK_EQ(start(1, 4), WP_OK);
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  CHECK_EQ(tick(0) + tick(900), 0);
  CHECK_EQ(commit(1, box, 8), WP_OK);
  CHECK_EQ(tick(990) + tick(1900), 0);
  CHECK_EQ(box_state(box), WP_BOX_READY);
  tick(1990);
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  fixture_close(&f);
}

TEST(writer, "a writer whose lease is over is named, once, and its box comes back with its death "
             "[NF-37]") {
  wp_handle box;
  CHECK_EQ(start(2, 1), WP_OK);
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  CHECK_EQ(wp_box_request(f.pool, 2), WP_E_NOT_GRANTED);
  CHECK_EQ(tick(0) + tick(999), 0);
  CHECK_EQ(tick(1000), 1);
  CHECK_EQ(over[0].thread, 1);
  CHECK_EQ(over[0].mailbox, actors[1].index + 1);
  CHECK_EQ(over[0].incarnation, wp_atomic_load_relaxed_u32(&f.pool->threads[1].incarnation));
  CHECK_EQ(tick(5000), 0);
  CHECK_EQ(box_state(box), WP_BOX_WRITING);
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK(wp_box_granted(f.pool, 2));
  fixture_close(&f);
}

TEST(many, "more writers than there is room for are named by the next look") {
  wp_handle box;
  CHECK_EQ(start(6, 8), WP_OK);
  for (uint32_t i = 1; i <= 6; i++) CHECK_EQ(begin(i, LEASE_MS, &box), WP_OK);
  CHECK_EQ(tick(0), 0);
  CHECK_EQ(tick(1000), 4);
  CHECK_EQ(tick(1000), 2);
  CHECK_EQ(tick(1000), 0);
  fixture_close(&f);
}

TEST(readers,
     "at the end of the lease of a box that is read, readers and deliveries lose it [NF-38]") {
  wp_handle box;
  CHECK_EQ(start(3, 1), WP_OK);
  for (uint32_t i = 1; i <= 3; i++) wp_actor_set_group(f.pool, actors[i], 1);
  CHECK_EQ(write_one(1, 1, WP_SHARE_GROUP, &box), WP_OK);
  CHECK(same(hear(2), box));
  CHECK_EQ(read_box(2, box), WP_OK);
  tick(0);
  tick(999);
  CHECK_EQ(box_state(box), WP_BOX_READY);
  tick(1000);
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK_EQ(read_box(2, box), WP_E_STALE_HANDLE);
  CHECK(!release(2, box));
  CHECK_EQ(hear(3).generation, 0);
  CHECK(same(hear(0), box)); /* main is told, and finds it gone */
  CHECK_EQ(read_box(0, box), WP_E_STALE_HANDLE);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_box_request(f.pool, 3), WP_OK); /* all live on */
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(orphans, "100 boxes that nobody reads come back, one after the other, with the ends of their "
              "leases [NF-34 NF-39]") {
  wp_handle box;
  CHECK_EQ(start(1, 1), WP_OK);
  for (uint32_t i = 0; i < 100; i++) {
    CHECK_EQ(write_one(1, 1, WP_SHARE_OWNER, &box), WP_OK);
    hear(0);
    tick(LEASE_MS * i);
    tick(LEASE_MS * (i + 1));
    CHECK_EQ(boxes_in_use(), 0);
  }
  fixture_close(&f);
}

TEST(signs,
     "each interaction of a holder extends its leases, another actor's does not [NF-36 NF-40]") {
  wp_handle boxes[2], own;
  CHECK_EQ(start(3, 4), WP_OK);
  for (uint32_t i = 1; i <= 2; i++) {
    CHECK_EQ(begin(i, LEASE_MS, &boxes[i - 1]), WP_OK);
    CHECK_EQ(commit(i, boxes[i - 1], 8), WP_OK);
  }
  CHECK_EQ(begin(3, LEASE_MS, &own), WP_OK);
  for (int round = 0; round < 6; round++) {
    tick(800 * round);
    uint32_t letter = 0;
    if (round == 1) CHECK_EQ(read_box(1, boxes[0]), WP_OK);
    if (round == 2) CHECK(!release(1, (wp_handle){77, 1}));
    if (round == 3) wp_letter_reserve(f.pool, 1, actors[1], actors[3], &letter);
    if (round == 3) CHECK_EQ(wp_letter_send(f.pool, 1, letter), WP_OK);
    if (round == 4) wp_thread_touch(&f.pool->threads[1]); /* ctx.heartbeat() */
    CHECK_EQ(box_state(boxes[0]), WP_BOX_READY);
  }
  CHECK_EQ(box_state(boxes[1]), WP_BOX_FREE);
  tick(5 * 800 + 999);
  CHECK_EQ(box_state(boxes[0]), WP_BOX_READY);
  tick(5 * 800 + 1000);
  CHECK_EQ(box_state(boxes[0]), WP_BOX_FREE);
  fixture_close(&f);
}
