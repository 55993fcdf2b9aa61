#include "actors_fixture.h"

static uint64_t denied(void) { return wp_atomic_load_relaxed_u64(&f.pool->counters.denied); }
static uint64_t stale(void) { return wp_atomic_load_relaxed_u64(&f.pool->counters.stale); }

TEST(owner, "a box that is shared with nobody is main's: others hear nothing of it, and main's "
            "release frees it [NF-28 NF-33 NF-34]") {
  wp_handle box;
  CHECK_EQ(start(2, 4), WP_OK);
  CHECK_EQ(write_one(1, 7, WP_SHARE_OWNER, &box), WP_OK);
  CHECK_EQ(hear(2).generation, 0);
  CHECK_EQ(read_box(2, box), WP_E_DENIED);
  CHECK_EQ(denied(), 1);
  CHECK(same(hear(0), box));
  CHECK_EQ(read_box(0, box), WP_OK);
  CHECK_EQ(box_state(box), WP_BOX_READY);
  CHECK(release(0, box));
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK(!release(0, box));
  CHECK_EQ(read_box(0, box), WP_E_STALE_HANDLE);
  CHECK_EQ(stale(), 1);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(kept, "a box that nobody has read is there until its writer releases it [NF-34]") {
  wp_handle box;
  CHECK_EQ(start(1, 4), WP_OK);
  CHECK_EQ(write_one(1, 7, WP_SHARE_OWNER, &box), WP_OK);
  CHECK(same(hear(0), box));
  CHECK_EQ(box_state(box), WP_BOX_READY);
  CHECK_EQ(read_box(1, box), WP_OK);
  CHECK(release(1, box));
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK_EQ(boxes_in_use(), 0);
  fixture_close(&f);
}

TEST(group,
     "a box for the group reaches its other members, in order, and nobody else [NF-29 NF-32]") {
  wp_handle boxes[2];
  CHECK_EQ(start(4, 4), WP_OK);
  for (uint32_t i = 1; i <= 3; i++) wp_actor_set_group(f.pool, actors[i], 5);
  wp_actor_set_group(f.pool, actors[4], 6);
  for (int i = 0; i < 2; i++) CHECK_EQ(write_one(1, 7, WP_SHARE_GROUP, &boxes[i]), WP_OK);
  for (uint32_t reader = 2; reader <= 3; reader++) {
    for (int i = 0; i < 2; i++) CHECK(same(hear(reader), boxes[i]));
  }
  CHECK_EQ(hear(1).generation, 0);
  CHECK_EQ(hear(4).generation, 0);
  CHECK_EQ(read_box(4, boxes[0]), WP_E_DENIED);
  CHECK_EQ(read_box(1, boxes[0]), WP_E_DENIED);
  for (int i = 0; i < 2; i++) CHECK(same(hear(0), boxes[i]));
  CHECK(release(2, boxes[0]));
  CHECK(!release(2, boxes[0]));
  CHECK(!release(4, boxes[0]));
  CHECK_EQ(box_state(boxes[0]), WP_BOX_READY);
  CHECK(release(3, boxes[0]));
  CHECK_EQ(box_state(boxes[0]), WP_BOX_FREE);
  CHECK_EQ(box_state(boxes[1]), WP_BOX_READY);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(linked, "a box for those that are linked reaches those that are when it is written [NF-30]") {
  wp_handle box;
  CHECK_EQ(start(4, 4), WP_OK);
  CHECK_EQ(wp_actor_link(f.pool, actors[1], actors[2]), WP_OK);
  CHECK_EQ(wp_actor_link(f.pool, actors[2], actors[1]), WP_OK); /* the same link */
  CHECK_EQ(wp_actor_link(f.pool, actors[3], actors[1]), WP_OK);
  CHECK_EQ(wp_actor_link(f.pool, actors[1], actors[4]), WP_OK);
  CHECK_EQ(wp_actor_link(f.pool, actors[1], actors[1]), WP_OK); /* no link */
  wp_actor_unlink(f.pool, actors[4], actors[1]);
  wp_actor_unlink(f.pool, actors[4], actors[3]);
  CHECK_EQ(write_one(1, 7, WP_SHARE_LINKED, &box), WP_OK);
  CHECK(same(hear(2), box) && same(hear(3), box));
  CHECK_EQ(hear(2).generation + hear(4).generation + hear(1).generation, 0);
  wp_actor_unlink_all(f.pool, actors[1]);
  CHECK_EQ(write_one(1, 7, WP_SHARE_LINKED, &box), WP_OK);
  CHECK_EQ(hear(2).generation + hear(3).generation, 0);
  CHECK_EQ(wp_actor_link(f.pool, actors[1], (wp_handle){1, 77}), WP_E_STALE_HANDLE);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(list, "a box for a list reaches those on it; the dead are passed over [NF-31]") {
  wp_handle box;
  CHECK_EQ(start(3, 4), WP_OK);
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  CHECK_EQ(commit(1, box, 3), WP_OK);
  CHECK_EQ(tell_all(1, box, WP_SHARE_OWNER, actors[2]), 1);
  CHECK(same(hear(2), box));
  CHECK_EQ(hear(3).generation, 0);
  CHECK(release(2, box));
  CHECK_EQ(kill_worker(f.pool, 2), WP_OK);
  CHECK_EQ(wp_mailbox_drop(f.pool, actors[2]), WP_OK);
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  CHECK_EQ(commit(1, box, 3), WP_OK);
  CHECK_EQ(tell_all(1, box, WP_SHARE_OWNER, actors[2]), 0);
  CHECK_EQ(box_state(box), WP_BOX_READY);
  fixture_close(&f);
}

TEST(forwarded, "a reader may hand a box on, and nobody else can [NF-85]") {
  wp_handle box;
  uint32_t letter = 0;
  CHECK_EQ(start(4, 4), WP_OK);
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  CHECK_EQ(commit(1, box, 3), WP_OK);
  CHECK_EQ(tell_all(1, box, WP_SHARE_OWNER, actors[2]), 1);
  CHECK_EQ(wp_letter_reserve(f.pool, 2, actors[2], actors[3], &letter), WP_OK);
  CHECK_EQ(wp_letter_share(f.pool, 2, letter, box), WP_E_DENIED); /* not before it has got it */
  CHECK(same(hear(2), box));
  CHECK_EQ(wp_letter_share(f.pool, 2, letter, box), WP_OK);
  CHECK_EQ(wp_letter_share(f.pool, 2, letter, box), WP_E_INVALID_ARGUMENT);
  CHECK_EQ(wp_letter_send(f.pool, 2, letter), WP_OK);
  CHECK(release(2, box));
  CHECK(same(hear(3), box));
  CHECK_EQ(read_box(3, box), WP_OK);
  CHECK_EQ(wp_letter_reserve(f.pool, 4, actors[4], actors[3], &letter), WP_OK);
  CHECK_EQ(wp_letter_share(f.pool, 4, letter, box), WP_E_DENIED);
  CHECK_EQ(wp_letter_share(f.pool, 4, letter, (wp_handle){box.index, box.generation + 1}),
           WP_E_STALE_HANDLE);
  CHECK_EQ(denied(), 2);
  fixture_close(&f);
}

TEST(sizes, "a box takes at most its size, and has exactly what was written [NF-20 NF-21]") {
  wp_handle box;
  uint32_t index = 0;
  wp_completion content;
  CHECK_EQ(start(2, 1), WP_OK);
  CHECK_EQ(wp_box_request(f.pool, 1), WP_OK);
  CHECK_EQ(wp_actor_box_create(f.pool, 1, BOX_SIZE + 1, LEASE_MS, &index), WP_E_TOO_LARGE);
  CHECK_EQ(boxes_in_use(), 0);
  CHECK_EQ(write_one(1, 0xee, WP_SHARE_OWNER, &box), WP_OK); /* with the same grant */
  hear(0);
  CHECK(release(1, box));
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  memcpy((void *)(uintptr_t)wp_box_at(f.pool, box.index)->address, "\1\0\0", 3);
  CHECK_EQ(commit(1, box, 3), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, box.index, box.generation, 1, &content), WP_OK);
  CHECK_EQ(content.bytes, 3);
  CHECK(!memcmp(content.data, "\1\0\0", 3));
  CHECK(release(1, box));
  CHECK_EQ(begin(1, LEASE_MS, &box), WP_OK);
  CHECK_EQ(commit(1, box, 0), WP_OK);
  CHECK_EQ(wp_box_read(f.pool, box.index, box.generation, 1, &content), WP_OK);
  CHECK_EQ(content.bytes, 0);
  fixture_close(&f);
}

TEST(line, "boxes are granted in the order of the requests, however one comes back: by release, by "
           "the end of a lease, by a death [NF-18]") {
  wp_handle box, next;
  CHECK_EQ(start(5, 1), WP_OK);
  CHECK_EQ(write_one(1, 1, WP_SHARE_OWNER, &box), WP_OK);
  hear(0);
  for (uint32_t i = 2; i <= 5; i++) CHECK_EQ(wp_box_request(f.pool, i), WP_E_NOT_GRANTED);
  CHECK(release(1, box));
  CHECK(wp_box_granted(f.pool, 2) && !wp_box_granted(f.pool, 3));
  CHECK_EQ(write_one(2, 1, WP_SHARE_OWNER, &box), WP_OK);
  hear(0);
  for (uint32_t now_ms = 0; now_ms <= LEASE_MS; now_ms += LEASE_MS)
    wp_lease_tick(f.pool, now_ms, NULL, 0);
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  CHECK(wp_box_granted(f.pool, 3) && !wp_box_granted(f.pool, 4));
  CHECK_EQ(begin(3, LEASE_MS, &next), WP_OK);
  CHECK_EQ(kill_worker(f.pool, 3), WP_OK); /* a writer */
  CHECK(wp_box_granted(f.pool, 4) && !wp_box_granted(f.pool, 5));
  CHECK_EQ(kill_worker(f.pool, 4), WP_OK); /* one that has been granted */
  CHECK(wp_box_granted(f.pool, 5));
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(deaths, "whatever state a box is in, the death of its writer or of a reader takes back that "
             "actor's part, and no other [NF-43 NF-87]") {
  wp_handle writing, ready, told, dropped;
  CHECK_EQ(start(3, 8), WP_OK);
  for (uint32_t i = 1; i <= 3; i++) wp_actor_set_group(f.pool, actors[i], 1);
  CHECK_EQ(begin(1, LEASE_MS, &writing), WP_OK);
  CHECK_EQ(begin(1, LEASE_MS, &ready), WP_OK);
  CHECK_EQ(commit(1, ready, 8), WP_OK); /* and nobody was told */
  CHECK_EQ(write_one(1, 1, WP_SHARE_GROUP, &told), WP_OK);
  CHECK_EQ(write_one(1, 1, WP_SHARE_GROUP, &dropped), WP_OK);
  while (hear(0).generation) {
  }
  CHECK(same(hear(2), told) &&
        same(hear(3), told)); /* and the other one waits in their mailboxes */
  CHECK_EQ(kill_worker(f.pool, 1), WP_OK);
  CHECK_EQ(box_state(writing), WP_BOX_FREE);
  CHECK_EQ(box_state(ready), WP_BOX_FREE);
  CHECK_EQ(box_state(told), WP_BOX_READY);
  CHECK_EQ(read_box(2, told), WP_OK);
  CHECK_EQ(kill_worker(f.pool, 2), WP_OK);
  CHECK_EQ(read_box(3, told), WP_OK);
  CHECK_EQ(box_state(dropped), WP_BOX_READY); /* for 3, and for whoever takes 2's letters next */
  CHECK_EQ(wp_mailbox_drop(f.pool, actors[2]), WP_OK);
  CHECK(same(hear(3), dropped));
  CHECK(release(3, dropped));
  CHECK_EQ(box_state(dropped), WP_BOX_FREE);
  CHECK_EQ(kill_worker(f.pool, 3), WP_OK);
  CHECK_EQ(boxes_in_use(), 0);
  CHECK_EQ(letters_in_use(), 0);
  CHECK_EQ(wp_pool_check(f.pool), WP_OK);
  fixture_close(&f);
}

TEST(full, "a reader whose mailbox is full does not hold a box, and a dead letter is counted") {
  wp_handle box, small;
  CHECK_EQ(start(2, 4), WP_OK);
  CHECK_EQ(wp_mailbox_open(f.pool, 0, &small), WP_OK);
  wp_actor_set_group(f.pool, small, 1);
  for (uint32_t i = 1; i <= 2; i++) wp_actor_set_group(f.pool, actors[i], 1);
  CHECK_EQ(write_one(1, 1, WP_SHARE_GROUP, &box), WP_OK);
  CHECK_EQ(wp_mailbox_dead_letters(f.pool), 1);
  CHECK(same(hear(0), box) && same(hear(2), box) && release(2, box));
  CHECK_EQ(box_state(box), WP_BOX_FREE);
  fixture_close(&f);
}
