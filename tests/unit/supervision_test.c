/* Supervision under a fake clock: spawning, the sequence of a death, links, monitors, children. */
#include "supervision_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static host h;

/* A supervision with `count` actors that handle messages. */
static bool open_config(const wp_supervision_config *config, uint32_t count) {
  if (!host_open(&h, config)) return false;
  for (uint32_t i = 0; i < count; i++) {
    spawn(&h);
    report(&h, WP_SUPERVISION_STARTED, (char)('A' + i));
  }
  said(&h);
  return true;
}

static bool open(uint32_t count) {
  wp_supervision_config config = usual_config();
  return open_config(&config, count);
}

static void relate(uint32_t kind, char a, char b) { pair(&h, kind, at(&h, a), at(&h, b)); }
static void link_pair(char a, char b) { relate(WP_SUPERVISION_LINK, a, b); }
static void watch(char watcher, char watched) { relate(WP_SUPERVISION_MONITOR, watcher, watched); }

/* ---- Spawning ---- */

TEST(spawning, "an actor exists and its thread is asked for in the step that spawns it") {
  CHECK(open(0));
  spawn(&h);
  CHECK_SAID(&h, "spawned A, start A");
  CHECK_EQ(info(&h, 'A').phase, WP_ACTOR_STARTING);
  report(&h, WP_SUPERVISION_STARTED, 'A');
  CHECK_EQ(info(&h, 'A').phase, WP_ACTOR_LIVE);
  CHECK_EQ(info(&h, 'A').incarnation, 1);
  host_close(&h);
}

TEST(limit, "no more actors live than maxActors, children included; a death frees the place at "
            "once [NF-04]") {
  wp_supervision_config config = usual_config();
  config.actors_max = 2;
  CHECK(open_config(&config, 1));
  spawn_in(&h, 0, at(&h, 'A'));
  spawn(&h);
  CHECK_SAID(&h, "spawned B, start B, refused");
  CHECK_EQ(h.status, WP_E_MAX_ACTORS);
  terminate(&h, 'B');
  spawn(&h);
  CHECK_SAID(&h, "dead B terminated, stop B, spawned C, start C");
  host_close(&h);
}

TEST(records, "an actor whose thread has not ended yet needs its record: spawning is refused when "
              "there are none left, and works when one has ended") {
  wp_supervision_config config = usual_config();
  config.actors_max = 1;
  CHECK(open_config(&config, 1));
  terminate(&h, 'A');
  spawn(&h);
  terminate(&h, 'B');
  said(&h);
  spawn(&h);
  CHECK_SAID(&h, "refused");
  CHECK_EQ(h.status, WP_E_TABLE_FULL);
  gone(&h, 'A');
  said(&h);
  spawn(&h);
  CHECK_SAID(&h, "spawned C, start C");
  host_close(&h);
}

TEST(leases, "an actor's lease is what its spawn says, else what its name says, else the default "
             "[NF-35]") {
  CHECK(open(1));
  CHECK_EQ(info(&h, 'A').lease_ms, 5000);
  wp_supervision_event event = {
      .kind = WP_SUPERVISION_SPAWN, .group = h.groups[0], .name_lease_ms = 700};
  host_step(&h, &event);
  CHECK_EQ(info(&h, 'B').lease_ms, 700);
  event.lease_ms = 30;
  host_step(&h, &event);
  CHECK_EQ(info(&h, 'C').lease_ms, 30);
  host_close(&h);
}

TEST(configs, "a configuration out of its bounds is refused") {
  wp_supervision_config config = usual_config();
  CHECK(wp_supervision_bytes(&config) > 0);
  wp_supervision_config bad = config;
  bad.actors_max = 0;
  CHECK_EQ(wp_supervision_bytes(&bad), 0);
  bad = config;
  bad.actors_max = WP_ACTORS_MAX + 1;
  CHECK_EQ(wp_supervision_bytes(&bad), 0);
  bad = config;
  bad.groups_max = 0;
  CHECK_EQ(wp_supervision_bytes(&bad), 0);
  bad = config;
  bad.strategy = WP_REST_FOR_ONE + 1;
  CHECK_EQ(wp_supervision_bytes(&bad), 0);
  bad = config;
  bad.retry.max = bad.retries_max + 1;
  CHECK_EQ(wp_supervision_bytes(&bad), 0);
  CHECK(!wp_supervision_create(NULL, &bad));
  bad = config;
  bad.retry.growth = WP_RESTART_KEEPS + 1;
  CHECK_EQ(wp_supervision_bytes(&bad), 0);
}

/* ---- Death ---- */

TEST(sequence,
     "a death goes in one order: dead, stop, boxes, mailbox, who is linked, children, "
     "watchers, queued writes, the group's decision; all but the first two wait until its "
     "thread has ended [NF-43]") {
  CHECK(open(3));
  spawn_in(&h, 0, at(&h, 'A'));
  link_pair('A', 'B');
  watch('C', 'A');
  pair(&h, WP_SUPERVISION_MONITOR, (wp_handle){0, 0}, at(&h, 'A'));
  said(&h);
  fail(&h, 'A');
  CHECK_SAID(&h, "dead A error, stop A");
  gone(&h, 'A');
  CHECK_SAID(&h,
             "boxes A, mailbox A, dead B linked_actor_died, stop B, dead D parent_died, stop D, "
             "down A to C error, down A to main error, writes A, restart A 1");
  gone(&h, 'D');
  CHECK_SAID(&h, "boxes D, mailbox D, writes D, ended D parent_died");
  gone(&h, 'B');
  CHECK_SAID(&h, "boxes B, mailbox B, writes B, restart B 1");
  host_sleep(&h, 1);
  CHECK_SAID(&h, "start A 2, start B 2");
  CHECK(wp_supervision_linked(h.s, at(&h, 'A'), at(&h, 'B')));
  host_close(&h);
}

TEST(reasons, "each kind of failure has a reason of its own, and is one failure [NF-50]") {
  CHECK(open(1));
  pair(&h, WP_SUPERVISION_MONITOR, (wp_handle){0, 0}, at(&h, 'A'));
  static const char *const texts[] = {"error",     "exited",        "not_started",
                                      "no_memory", "lease_expired", "hung"};
  for (uint32_t reason = WP_ACTOR_ERROR; reason <= WP_ACTOR_SILENT; reason++) {
    report_number(&h, WP_SUPERVISION_FAILED, 0, reason);
    gone(&h, 'A');
    char expected[200];
    snprintf(expected, sizeof expected,
             "dead A %s, stop A, boxes A, mailbox A, down A to main %s, writes A, restart A 1",
             texts[reason - 1], texts[reason - 1]);
    CHECK_SAID(&h, expected);
    CHECK_EQ(wp_supervision_counts_of(h.s)->failures, reason);
    host_sleep(&h, 1);
    said(&h);
  }
  host_close(&h);
}

TEST(exits, "a thread that ends by itself is a failure, and is not stopped again [NF-50]") {
  CHECK(open(1));
  gone(&h, 'A');
  CHECK_SAID(&h, "dead A exited, boxes A, mailbox A, writes A, restart A 1");
  host_close(&h);
}

TEST(terminated, "what the user ends does not come back, also when it is ended twice, is dying, or "
                 "waits for its restart [NF-44, NF-45]") {
  CHECK(open(3));
  terminate(&h, 'A');
  terminate(&h, 'A');
  CHECK_SAID(&h, "dead A terminated, stop A");
  gone(&h, 'A');
  terminate(&h, 'A');
  CHECK_SAID(&h, "boxes A, mailbox A, writes A, ended A terminated");
  fail(&h, 'B');
  terminate(&h, 'B');
  gone(&h, 'B');
  CHECK_SAID(&h, "dead B error, stop B, boxes B, mailbox B, writes B, ended B error");
  fail(&h, 'C');
  gone(&h, 'C');
  said(&h);
  terminate(&h, 'C');
  CHECK_SAID(&h, "ended C terminated");
  host_sleep(&h, 100000);
  CHECK_SAID(&h, "");
  CHECK_EQ(wp_supervision_counts_of(h.s)->failures, 2);
  CHECK_EQ(wp_supervision_counts_of(h.s)->active, 0);
  host_close(&h);
}

TEST(left, "an actor that ends itself is not restarted [NF-46]") {
  CHECK(open(1));
  report(&h, WP_SUPERVISION_LEFT, 'A');
  gone(&h, 'A');
  CHECK_SAID(&h, "dead A terminated, stop A, boxes A, mailbox A, writes A, ended A terminated");
  host_close(&h);
}

TEST(stale, "events about older threads and actors that have ended do nothing [NF-48]") {
  CHECK(open(1));
  fail(&h, 'A');
  fail(&h, 'A');
  gone(&h, 'A');
  gone(&h, 'A');
  host_sleep(&h, 1);
  said(&h);
  wp_supervision_event old = {
      .kind = WP_SUPERVISION_FAILED, .actor = at(&h, 'A'), .incarnation = 1};
  host_step(&h, &old);
  wp_handle nobody = {7, 1}, next = {at(&h, 'A').index, at(&h, 'A').generation + 1};
  pair(&h, WP_SUPERVISION_TERMINATE, nobody, nobody);
  pair(&h, WP_SUPERVISION_TERMINATE, next, nobody);
  pair(&h, WP_SUPERVISION_UNLINK, nobody, at(&h, 'A'));
  pair(&h, WP_SUPERVISION_MONITOR, nobody, at(&h, 'A'));
  CHECK_SAID(&h, "");
  CHECK_EQ(wp_supervision_counts_of(h.s)->stale, 7);
  wp_actor_info ignored;
  CHECK_EQ(wp_supervision_info(h.s, nobody, &ignored), WP_E_STALE_HANDLE);
  host_close(&h);
}

TEST(reused, "a record is used again under another handle; the old one stays stale [NF-57]") {
  CHECK(open(1));
  terminate(&h, 'A');
  gone(&h, 'A');
  spawn(&h);
  said(&h);
  CHECK_EQ(at(&h, 'A').index, at(&h, 'B').index);
  terminate(&h, 'A');
  CHECK_SAID(&h, "");
  host_close(&h);
}

/* ---- Links ---- */

TEST(linked, "linked actors die together, both ways, whatever the reason, and come back together, "
             "still linked [NF-60, NF-61]") {
  CHECK(open(3));
  link_pair('A', 'B');
  fail(&h, 'B');
  gone(&h, 'B');
  gone(&h, 'A');
  CHECK_SAID(&h,
             "dead B error, stop B, boxes B, mailbox B, dead A linked_actor_died, stop A, writes "
             "B, restart B 1, boxes A, mailbox A, writes A, restart A 1");
  host_sleep(&h, 1);
  CHECK_SAID(&h, "start A 2, start B 2");
  fail(&h, 'A');
  gone(&h, 'A');
  CHECK_SAID(&h,
             "dead A error, stop A, boxes A, mailbox A, dead B linked_actor_died, stop B, writes "
             "A, restart A 1");
  host_close(&h);
}

TEST(terminated_linked, "of a linked pair the terminated one stays down, its partner is killed and "
                        "restarted unless it is terminated too [NF-45, NF-60, C-22]") {
  CHECK(open(3));
  link_pair('A', 'B');
  link_pair('A', 'C');
  terminate(&h, 'A');
  gone(&h, 'A');
  terminate(&h, 'C');
  gone(&h, 'B');
  gone(&h, 'C');
  host_sleep(&h, 1);
  CHECK_SAID(
      &h, "dead A terminated, stop A, boxes A, mailbox A, dead B linked_actor_died, stop B, dead "
          "C linked_actor_died, stop C, writes A, ended A terminated, boxes B, mailbox B, "
          "writes B, restart B 1, boxes C, mailbox C, writes C, ended C linked_actor_died, "
          "start B 2");
  CHECK_EQ(wp_supervision_counts_of(h.s)->relations, 0);
  host_close(&h);
}

TEST(waits, "nobody is restarted while a partner is still dying, so one crash kills it once") {
  CHECK(open(2));
  link_pair('A', 'B');
  fail(&h, 'A');
  gone(&h, 'A');
  said(&h);
  host_sleep(&h, 5000);
  CHECK_SAID(&h, "");
  gone(&h, 'B');
  CHECK_SAID(&h, "boxes B, mailbox B, writes B, restart B 0, start A 2, start B 2");
  host_close(&h);
}

TEST(unlinked, "who is unlinked neither dies with its partner nor waits for it") {
  CHECK(open(3));
  link_pair('A', 'B');
  relate(WP_SUPERVISION_UNLINK, 'B', 'A');
  fail(&h, 'A');
  gone(&h, 'A');
  host_sleep(&h, 1);
  CHECK_SAID(&h, "dead A error, stop A, boxes A, mailbox A, writes A, restart A 1, start A 2");
  link_pair('A', 'C');
  fail(&h, 'A');
  gone(&h, 'A');
  host_sleep(&h, 100);
  said(&h);
  relate(WP_SUPERVISION_UNLINK, 'A', 'C');
  CHECK_SAID(&h, "start A 3");
  host_close(&h);
}

TEST(self_links, "linking with itself, or once more, changes nothing [NF-60]") {
  CHECK(open(2));
  link_pair('A', 'A');
  CHECK_EQ(wp_supervision_counts_of(h.s)->relations, 0);
  link_pair('A', 'B');
  link_pair('A', 'B');
  link_pair('B', 'A');
  CHECK_EQ(wp_supervision_counts_of(h.s)->relations, 1);
  CHECK(!wp_supervision_linked(h.s, at(&h, 'A'), at(&h, 'A')));
  fail(&h, 'A');
  gone(&h, 'A');
  CHECK_SAID(&h,
             "dead A error, stop A, boxes A, mailbox A, dead B linked_actor_died, stop B, writes "
             "A, restart A 1");
  host_close(&h);
}

TEST(dead_links, "who links itself with a dead actor is killed; a link that main asks for is "
                 "refused [NF-62]") {
  CHECK(open(3));
  terminate(&h, 'C');
  said(&h);
  link_pair('A', 'C');
  link_pair('C', 'A');
  CHECK_SAID(&h, "refused, refused");
  CHECK_EQ(h.status, WP_E_STALE_HANDLE);
  gone(&h, 'C');
  said(&h);
  link_pair('A', 'C');
  CHECK_SAID(&h, "refused");
  wp_supervision_event event = {.kind = WP_SUPERVISION_LINK,
                                .actor = at(&h, 'B'),
                                .other = at(&h, 'C'),
                                .incarnation = 1,
                                .by_actor = 1};
  host_step(&h, &event);
  CHECK_SAID(&h, "dead B linked_actor_died, stop B");
  host_step(&h, &event); /* the dead one asks again */
  CHECK_SAID(&h, "");
  host_close(&h);
}

TEST(dying_links, "who links itself with an actor that is dying, and comes back, dies with it") {
  CHECK(open(2));
  fail(&h, 'A');
  link_pair('B', 'A');
  said(&h);
  gone(&h, 'A');
  CHECK_SAID(&h, "boxes A, mailbox A, dead B linked_actor_died, stop B, writes A, restart A 1");
  host_close(&h);
}

TEST(full,
     "a link or monitor that there is no room for is refused, and fits when another is gone") {
  wp_supervision_config config = usual_config();
  config.relations_max = 1;
  CHECK(open_config(&config, 3));
  link_pair('A', 'B');
  link_pair('B', 'C');
  watch('B', 'C');
  CHECK_SAID(&h, "refused, refused");
  CHECK_EQ(h.status, WP_E_TABLE_FULL);
  relate(WP_SUPERVISION_UNLINK, 'A', 'B');
  link_pair('B', 'C');
  CHECK_SAID(&h, "");
  CHECK(wp_supervision_linked(h.s, at(&h, 'C'), at(&h, 'B')));
  host_close(&h);
}

/* Kills the first of `count` linked actors and lets all others die as they are told to. Returns how many died. */
static uint32_t die_all(uint32_t count) {
  static bool dead[1024];
  memset(dead, 0, sizeof dead);
  uint32_t found = 1;
  report_number(&h, WP_SUPERVISION_FAILED, 0, WP_ACTOR_ERROR);
  report_number(&h, WP_SUPERVISION_GONE, 0, 0);
  dead[0] = true;
  for (bool again = true; again;) {
    again = false;
    for (uint32_t i = 0; i < count; i++) {
      wp_actor_info found_info;
      if (dead[i] || wp_supervision_info(h.s, h.actors[i], &found_info) ||
          found_info.phase != WP_ACTOR_DYING)
        continue;
      dead[i] = again = true;
      found++;
      report_number(&h, WP_SUPERVISION_GONE, i, 0);
    }
  }
  return found;
}

TEST(rings, "a ring and a star of 1,024 linked actors die of one crash and all come back "
            "[NF-60, NF-61]") {
  wp_supervision_config config = usual_config();
  config.actors_max = config.relations_max = 1024;
  for (uint32_t star = 0; star < 2; star++) {
    CHECK(host_open(&h, &config));
    for (uint32_t i = 0; i < 1024; i++) spawn(&h);
    for (uint32_t i = 0; i < 1024; i++)
      pair(&h, WP_SUPERVISION_LINK, h.actors[star ? 0 : i], h.actors[(i + 1) % 1024]);
    CHECK_EQ(wp_supervision_counts_of(h.s)->relations, star ? 1023 : 1024);
    CHECK_EQ(die_all(1024), 1024);
    host_sleep(&h, 1);
    CHECK_EQ(wp_supervision_counts_of(h.s)->starts, 2048);
    CHECK_EQ(wp_supervision_counts_of(h.s)->dying, 0);
    CHECK(!h.broken);
    host_close(&h);
  }
}

/* ---- Monitors ---- */

TEST(monitors, "each watcher is told once of each death, and is not affected [NF-63, NF-64]") {
  CHECK(open(3));
  watch('A', 'C');
  watch('A', 'C');
  watch('B', 'C');
  fail(&h, 'C');
  gone(&h, 'C');
  CHECK_SAID(&h, "dead C error, stop C, boxes C, mailbox C, down C to A error, down C to B error, "
                 "writes C, restart C 1");
  host_sleep(&h, 1);
  said(&h);
  terminate(&h, 'C'); /* the monitors are kept over the restart */
  gone(&h, 'C');
  CHECK_SAID(&h,
             "dead C terminated, stop C, boxes C, mailbox C, down C to A terminated, down C to B "
             "terminated, writes C, ended C terminated");
  CHECK_EQ(wp_supervision_counts_of(h.s)->relations, 0);
  host_close(&h);
}

TEST(watchers, "a watcher's death leaves the watched one alone; one that has restarted is still "
               "told, one that has ended is not [NF-57, NF-63]") {
  CHECK(open(3));
  watch('A', 'C');
  watch('B', 'C');
  fail(&h, 'A');
  terminate(&h, 'B');
  gone(&h, 'A');
  host_sleep(&h, 1);
  CHECK_EQ(info(&h, 'C').phase, WP_ACTOR_LIVE);
  said(&h);
  fail(&h, 'C');
  gone(&h, 'C');
  CHECK_SAID(&h,
             "dead C error, stop C, boxes C, mailbox C, down C to A error, writes C, restart C 1");
  host_close(&h);
}

TEST(demonitor, "who has stopped watching is not told") {
  CHECK(open(2));
  watch('A', 'B');
  relate(WP_SUPERVISION_DEMONITOR, 'A', 'B');
  fail(&h, 'B');
  gone(&h, 'B');
  CHECK_SAID(&h, "dead B error, stop B, boxes B, mailbox B, writes B, restart B 1");
  host_close(&h);
}

TEST(noproc, "watching a dead actor gives a notice at once, with the reason noproc [NF-65]") {
  CHECK(open(2));
  terminate(&h, 'B');
  said(&h);
  watch('A', 'B');
  gone(&h, 'B');
  watch('A', 'B');
  pair(&h, WP_SUPERVISION_MONITOR, (wp_handle){0, 0}, at(&h, 'B'));
  CHECK_SAID(&h,
             "down B to A noproc, boxes B, mailbox B, writes B, ended B terminated, down B to A "
             "noproc, down B to main noproc");
  host_close(&h);
}

/* ---- Children ---- */

TEST(children, "children die with their parent, and theirs with them, for good; a dead parent has "
               "no more children [NF-67]") {
  CHECK(open(1));
  spawn_in(&h, 0, at(&h, 'A'));
  spawn_in(&h, 0, at(&h, 'B'));
  spawn_in(&h, 0, at(&h, 'A'));
  CHECK_EQ(info(&h, 'A').children, 2);
  said(&h);
  fail(&h, 'A');
  spawn_in(&h, 0, at(&h, 'A'));
  CHECK_SAID(&h, "dead A error, stop A, refused");
  CHECK_EQ(h.status, WP_E_STALE_HANDLE);
  gone(&h, 'A');
  gone(&h, 'B');
  gone(&h, 'D');
  gone(&h, 'C');
  CHECK_SAID(&h,
             "boxes A, mailbox A, dead D parent_died, stop D, dead B parent_died, stop B, writes "
             "A, restart A 1, boxes B, mailbox B, dead C parent_died, stop C, writes B, "
             "ended B parent_died, boxes D, mailbox D, writes D, ended D parent_died, boxes "
             "C, mailbox C, writes C, ended C parent_died");
  CHECK_EQ(wp_supervision_counts_of(h.s)->active, 1);
  host_close(&h);
}

TEST(child_restart, "a child that fails is restarted, unless its parent dies meanwhile [NF-67]") {
  CHECK(open(1));
  spawn_in(&h, 0, at(&h, 'A'));
  fail(&h, 'B');
  gone(&h, 'B');
  host_sleep(&h, 1);
  said(&h);
  CHECK_EQ(info(&h, 'B').incarnation, 2);
  fail(&h, 'B');
  gone(&h, 'B');
  said(&h);
  terminate(&h, 'A');
  gone(&h, 'A');
  CHECK_SAID(&h,
             "dead A terminated, stop A, boxes A, mailbox A, ended B parent_died, writes A, ended "
             "A terminated");
  CHECK_EQ(wp_supervision_counts_of(h.s)->active, 0);
  host_close(&h);
}

TEST(texts, "each reason has a text, and no other number has one") {
  for (uint32_t reason = WP_ACTOR_ERROR; reason <= WP_ACTOR_NOPROC; reason++)
    CHECK(wp_actor_reason_text(reason)[0]);
  CHECK(!wp_actor_reason_text(WP_ACTOR_ALIVE)[0]);
  CHECK(!wp_actor_reason_text(WP_ACTOR_NOPROC + 1)[0]);
}
