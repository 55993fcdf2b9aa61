/* Supervision under a fake clock: strategies, budgets, delays, groups, shutdown. */
#include "supervision_fixture.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name);
#endif

static host h;

/* A root group with this strategy and policy, and `count` actors that handle messages. */
static bool open_with(uint32_t strategy, wp_restart_policy retry, uint32_t count) {
  wp_supervision_config config = usual_config();
  config.strategy = strategy;
  config.retry = retry;
  if (!host_open(&h, &config)) return false;
  for (uint32_t i = 0; i < count; i++) {
    spawn(&h);
    report(&h, WP_SUPERVISION_STARTED, (char)('A' + i));
  }
  said(&h);
  return true;
}

static bool open(uint32_t strategy, uint32_t count) {
  return open_with(strategy, unlimited, count);
}

static void link_pair(char a, char b) { pair(&h, WP_SUPERVISION_LINK, at(&h, a), at(&h, b)); }

/* It fails, its thread ends, and everything that is due within a second happens. */
static void crash(char actor) {
  fail(&h, actor);
  gone(&h, actor);
  host_sleep(&h, 1000);
}

static wp_restart_policy limited(uint32_t max) {
  return (wp_restart_policy){
      .max = max, .window_ms = 60000, .min_ms = 100, .max_ms = 1e9, .growth = WP_RESTART_DOUBLES};
}

/* ---- Strategies ---- */

TEST(one_for_one, "one-for-one restarts only the actor that has failed [NF-51]") {
  CHECK(open(WP_ONE_FOR_ONE, 3));
  crash('B');
  CHECK_SAID(&h, "dead B error, stop B, boxes B, mailbox B, writes B, restart B 1, start B 2");
  CHECK_EQ(info(&h, 'A').incarnation, 1);
  CHECK_EQ(info(&h, 'C').incarnation, 1);
  host_close(&h);
}

TEST(one_for_all, "one-for-all stops all members, the youngest first, and starts all in the order "
                  "of spawning when the last one has ended [NF-52]") {
  CHECK(open(WP_ONE_FOR_ALL, 3));
  fail(&h, 'B');
  gone(&h, 'B');
  CHECK_SAID(&h,
             "dead B error, stop B, boxes B, mailbox B, writes B, restart B 1, dead C restarted, "
             "stop C, dead A restarted, stop A");
  gone(&h, 'C');
  host_sleep(&h, 1000);
  CHECK_SAID(&h, "boxes C, mailbox C, writes C, restart C 1");
  gone(&h, 'A');
  CHECK_SAID(&h, "boxes A, mailbox A, writes A, restart A 0, start A 2, start B 2, start C 2");
  CHECK_EQ(wp_supervision_counts_of(h.s)->failures, 1);
  host_close(&h);
}

TEST(rest_for_one, "rest-for-one restarts the failed one and those spawned after it, in order; "
                   "earlier ones go on [NF-53]") {
  CHECK(open(WP_REST_FOR_ONE, 4));
  fail(&h, 'B');
  gone(&h, 'B');
  gone(&h, 'C');
  gone(&h, 'D');
  host_sleep(&h, 1);
  CHECK_SAID(&h,
             "dead B error, stop B, boxes B, mailbox B, writes B, restart B 1, dead D restarted, "
             "stop D, dead C restarted, stop C, boxes C, mailbox C, writes C, restart C 1, "
             "boxes D, mailbox D, writes D, restart D 1, start B 2, start C 2, start D 2");
  CHECK_EQ(info(&h, 'A').incarnation, 1);
  crash('D');
  CHECK_SAID(&h, "dead D error, stop D, boxes D, mailbox D, writes D, restart D 1, start D 3");
  host_close(&h);
}

TEST(order, "a group keeps its order over restarts [NF-57]") {
  CHECK(open(WP_REST_FOR_ONE, 3));
  crash('C');
  crash('A');
  gone(&h, 'B');
  gone(&h, 'C');
  host_sleep(&h, 1);
  said(&h);
  fail(&h, 'B');
  gone(&h, 'B');
  gone(&h, 'C');
  host_sleep(&h, 1);
  CHECK_SAID(&h,
             "dead B error, stop B, boxes B, mailbox B, writes B, restart B 1, dead C restarted, "
             "stop C, boxes C, mailbox C, writes C, restart C 1, start B 3, start C 4");
  host_close(&h);
}

TEST(ended_siblings, "who was ended is not brought back by its group's strategy [NF-45]") {
  CHECK(open(WP_ONE_FOR_ALL, 3));
  terminate(&h, 'C');
  fail(&h, 'A');
  gone(&h, 'A');
  gone(&h, 'B');
  host_sleep(&h, 1000);
  said(&h);
  gone(&h, 'C');
  CHECK_SAID(&h, "boxes C, mailbox C, writes C, ended C terminated, start A 2, start B 2");
  host_close(&h);
}

TEST(newcomer, "who is spawned while its group restarts is not restarted with it") {
  CHECK(open(WP_ONE_FOR_ALL, 2));
  fail(&h, 'A');
  gone(&h, 'A');
  spawn(&h);
  said(&h);
  gone(&h, 'B');
  host_sleep(&h, 1);
  CHECK_SAID(&h, "boxes B, mailbox B, writes B, restart B 1, start A 2, start B 2");
  host_close(&h);
}

TEST(two_failures,
     "two members that fail at the same time are one restart of an all-for-one group") {
  CHECK(open_with(WP_ONE_FOR_ALL, limited(1), 2));
  fail(&h, 'A');
  fail(&h, 'B');
  gone(&h, 'A');
  gone(&h, 'B');
  host_sleep(&h, 1000);
  CHECK_SAID(&h,
             "dead A error, stop A, dead B error, stop B, boxes A, mailbox A, writes A, restart A "
             "100, boxes B, mailbox B, writes B, restart B 100, start A 2, start B 2");
  host_close(&h);
}

TEST(linked_earlier, "with rest-for-one, who dies of a link counts as a failure as well: those "
                     "spawned after it are restarted [NF-53, NF-61]") {
  CHECK(open_with(WP_REST_FOR_ONE, limited(1), 3));
  link_pair('A', 'C');
  fail(&h, 'C');
  gone(&h, 'C');
  gone(&h, 'A');
  gone(&h, 'B');
  host_sleep(&h, 1000);
  CHECK_SAID(&h,
             "dead C error, stop C, boxes C, mailbox C, dead A linked_actor_died, stop A, writes "
             "C, restart C 100, boxes A, mailbox A, writes A, restart A 100, dead B restarted, "
             "stop B, boxes B, mailbox B, writes B, restart B 100, start A 2, start B 2, "
             "start C 2");
  host_close(&h);
}

/* ---- Budgets and delays ---- */

TEST(delays, "the delay of restart n is base times 2 to the n, base times n + 1, or base; at least "
             "a millisecond, and short again after a quiet window [NF-54]") {
  static const double expected[][4] = {
      {100, 200, 400, 800}, {100, 200, 300, 400}, {100, 100, 100, 100}};
  for (uint32_t growth = WP_RESTART_DOUBLES; growth <= WP_RESTART_KEEPS; growth++) {
    wp_restart_policy retry = limited(WP_NONE);
    retry.growth = growth;
    CHECK(open_with(WP_ONE_FOR_ONE, retry, 1));
    for (uint32_t i = 0; i < 5; i++) {
      fail(&h, 'A');
      gone(&h, 'A');
      double delay_ms = i < 4 ? expected[growth][i] : 100;
      CHECK_EQ(h.next_ms, h.now_ms + delay_ms);
      host_sleep(&h, delay_ms - 1);
      CHECK_EQ(info(&h, 'A').incarnation, i + 1);
      host_sleep(&h, 1);
      CHECK_EQ(info(&h, 'A').incarnation, i + 2);
      if (i == 3) host_sleep(&h, 60000);
    }
    CHECK(!h.broken);
    host_close(&h);
  }
}

TEST(own_delays, "an actor's delay does not grow with other actors' failures") {
  CHECK(open_with(WP_ONE_FOR_ONE, limited(WP_NONE), 2));
  for (uint32_t i = 0; i < 5; i++) crash('A');
  fail(&h, 'B');
  gone(&h, 'B');
  CHECK_EQ(h.next_ms, h.now_ms + 100);
  host_close(&h);
}

TEST(cascade, "one failure more than the budget allows within the window ends the whole group, and "
              "no other [NF-55, C-16]") {
  CHECK(open_with(WP_ONE_FOR_ONE, limited(3), 2));
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  spawn_in(&h, 1, (wp_handle){0, 0});
  for (uint32_t i = 0; i < 3; i++) crash('A');
  CHECK_EQ(info(&h, 'A').incarnation, 4);
  said(&h);
  fail(&h, 'A');
  gone(&h, 'A');
  CHECK_SAID(&h,
             "dead A error, stop A, boxes A, mailbox A, writes A, cascade A, dead B cascade, stop "
             "B, ended A cascade");
  gone(&h, 'B');
  host_sleep(&h, 100000);
  CHECK_SAID(&h, "boxes B, mailbox B, writes B, ended B cascade");
  CHECK_EQ(info(&h, 'C').phase, WP_ACTOR_STARTING);
  host_close(&h);
}

TEST(cascade_held,
     "a cascade also ends who waits for its restart or is dying; what is spawned there "
     "later has the whole budget [NF-55]") {
  CHECK(open_with(WP_ONE_FOR_ONE, limited(1), 3));
  fail(&h, 'C');
  fail(&h, 'A');
  gone(&h, 'A');
  said(&h);
  fail(&h, 'B');
  gone(&h, 'B');
  CHECK_SAID(&h, "dead B error, stop B, boxes B, mailbox B, writes B, cascade B, ended B cascade, "
                 "ended A cascade");
  gone(&h, 'C');
  CHECK_SAID(&h, "boxes C, mailbox C, writes C, ended C error");
  spawn(&h);
  crash('D');
  CHECK_SAID(&h,
             "spawned D, start D, dead D error, stop D, boxes D, mailbox D, writes D, restart D "
             "100, start D 2");
  host_close(&h);
}

TEST(window, "restarts leave the budget when the window has passed them [NF-55]") {
  wp_restart_policy retry = limited(2);
  retry.growth = WP_RESTART_KEEPS;
  CHECK(open_with(WP_ONE_FOR_ONE, retry, 1));
  for (uint32_t i = 0; i < 10; i++) {
    crash('A');
    host_sleep(&h, 30000);
  }
  CHECK_EQ(info(&h, 'A').incarnation, 11);
  CHECK_EQ(wp_supervision_counts_of(h.s)->cascades, 0);
  host_close(&h);
}

TEST(one_charge, "who dies of another member's failure costs no restart of its own [NF-61]") {
  CHECK(open_with(WP_ONE_FOR_ONE, limited(2), 3));
  link_pair('A', 'B');
  link_pair('B', 'C');
  for (uint32_t i = 0; i < 2; i++) {
    fail(&h, 'A');
    gone(&h, 'A');
    gone(&h, 'B');
    gone(&h, 'C');
    host_sleep(&h, 1000);
  }
  CHECK_EQ(info(&h, 'C').incarnation, 3);
  CHECK_EQ(wp_supervision_counts_of(h.s)->failures, 6);
  fail(&h, 'A');
  gone(&h, 'A');
  CHECK_EQ(wp_supervision_counts_of(h.s)->cascades, 1);
  host_close(&h);
}

TEST(other_charge, "who dies of a link with another group's actor costs its own group a restart") {
  CHECK(open_with(WP_ONE_FOR_ONE, limited(0), 1));
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  spawn_in(&h, 1, (wp_handle){0, 0});
  link_pair('A', 'B');
  said(&h);
  fail(&h, 'B');
  gone(&h, 'B');
  gone(&h, 'A');
  host_sleep(&h, 1);
  CHECK_SAID(&h,
             "dead B error, stop B, boxes B, mailbox B, dead A linked_actor_died, stop A, writes "
             "B, restart B 1, boxes A, mailbox A, writes A, cascade A, ended A cascade, start "
             "B 2");
  host_close(&h);
}

TEST(endless, "without a policy an actor that crashes at once is restarted for ever, once per tick "
              "[NF-56]") {
  CHECK(open(WP_ONE_FOR_ONE, 1));
  for (uint32_t i = 0; i < 20; i++) {
    fail(&h, 'A');
    gone(&h, 'A');
    host_step(&h, NULL); /* no time has passed */
    CHECK_EQ(info(&h, 'A').phase, WP_ACTOR_HELD);
    host_sleep(&h, 1);
    CHECK_EQ(info(&h, 'A').incarnation, i + 2);
  }
  host_close(&h);
}

/* ---- Groups ---- */

TEST(groups, "groups have strategies of their own; there are only so many [NF-59]") {
  CHECK(open(WP_ONE_FOR_ONE, 1));
  make_group(&h, WP_ONE_FOR_ALL, unlimited);
  for (uint32_t i = 0; i < 2; i++) spawn_in(&h, 1, (wp_handle){0, 0});
  said(&h);
  crash('A');
  CHECK_SAID(&h, "dead A error, stop A, boxes A, mailbox A, writes A, restart A 1, start A 2");
  crash('B');
  CHECK_SAID(&h,
             "dead B error, stop B, boxes B, mailbox B, writes B, restart B 1, dead C restarted, "
             "stop C");
  make_group(&h, WP_REST_FOR_ONE + 1, unlimited);
  CHECK_EQ(h.status, WP_E_INVALID_ARGUMENT);
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  CHECK_SAID(&h, "refused, grouped, grouped, refused");
  CHECK_EQ(h.status, WP_E_TABLE_FULL);
  host_close(&h);
}

TEST(terminate_group, "all members of a group end, the youngest first, and nobody else; it goes on "
                      "serving [NF-59]") {
  CHECK(open(WP_ONE_FOR_ONE, 1));
  make_group(&h, WP_ONE_FOR_ALL, unlimited);
  for (uint32_t i = 0; i < 3; i++) spawn_in(&h, 1, (wp_handle){0, 0});
  fail(&h, 'C');
  said(&h);
  tell_group(&h, WP_SUPERVISION_TERMINATE_GROUP, 1);
  CHECK_SAID(&h, "dead D terminated, stop D, dead B terminated, stop B");
  gone(&h, 'B');
  gone(&h, 'C');
  gone(&h, 'D');
  CHECK_EQ(wp_supervision_counts_of(h.s)->active, 1);
  said(&h);
  spawn_in(&h, 1, (wp_handle){0, 0});
  CHECK_SAID(&h, "spawned E, start E");
  host_close(&h);
}

TEST(forgotten, "a group that its user has forgotten goes with its last member, and its handle is "
                "stale then; root stays") {
  CHECK(open(WP_ONE_FOR_ONE, 0));
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  spawn_in(&h, 1, (wp_handle){0, 0});
  said(&h);
  tell_group(&h, WP_SUPERVISION_FORGET_GROUP, 1);
  tell_group(&h, WP_SUPERVISION_FORGET_GROUP, 0);
  spawn_in(&h, 1, (wp_handle){0, 0});
  CHECK_SAID(&h, "refused");
  spawn_in(&h, 1, at(&h, 'A'));
  CHECK_SAID(&h, "spawned B, start B");
  CHECK_EQ(wp_supervision_counts_of(h.s)->groups, 2);
  crash('A'); /* its members are supervised */
  CHECK_EQ(info(&h, 'A').incarnation, 2);
  gone(&h, 'B');
  terminate(&h, 'A');
  gone(&h, 'A');
  CHECK_EQ(wp_supervision_counts_of(h.s)->groups, 1);
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  CHECK_EQ(h.groups[2].index, h.groups[1].index);
  tell_group(&h, WP_SUPERVISION_TERMINATE_GROUP, 1);
  CHECK_EQ(wp_supervision_counts_of(h.s)->stale, 1);
  said(&h);
  spawn(&h);
  CHECK_SAID(&h, "spawned C, start C");
  host_close(&h);
}

/* ---- Shutdown ---- */

TEST(shutdown, "a shutdown ends everybody without restarts, is over when the last thread is gone, "
               "and lets nobody in [NF-49, C-23]") {
  CHECK(open(WP_ONE_FOR_ALL, 3));
  fail(&h, 'A');
  gone(&h, 'A'); /* all are on their way to a restart */
  gone(&h, 'B');
  said(&h);
  wp_supervision_event event = {.kind = WP_SUPERVISION_SHUTDOWN};
  host_step(&h, &event);
  host_step(&h, &event);
  CHECK_SAID(&h, "ended B shutdown, ended A shutdown");
  spawn(&h);
  CHECK_EQ(h.status, WP_E_SHUTTING_DOWN);
  make_group(&h, WP_ONE_FOR_ONE, unlimited);
  CHECK_SAID(&h, "refused, refused");
  gone(&h, 'C');
  CHECK_SAID(&h, "boxes C, mailbox C, writes C, ended C restarted, closed");
  host_step(&h, &event);
  CHECK_SAID(&h, "");
  host_close(&h);
}

TEST(shutdown_all,
     "a shutdown of actors that run stops the youngest first; main's monitors hear of "
     "each [NF-49]") {
  CHECK(open(WP_ONE_FOR_ONE, 2));
  pair(&h, WP_SUPERVISION_MONITOR, (wp_handle){0, 0}, at(&h, 'A'));
  pair(&h, WP_SUPERVISION_MONITOR, at(&h, 'B'), at(&h, 'A'));
  pair(&h, WP_SUPERVISION_LINK, at(&h, 'B'), at(&h, 'A'));
  wp_supervision_event event = {.kind = WP_SUPERVISION_SHUTDOWN};
  host_step(&h, &event);
  gone(&h, 'A');
  gone(&h, 'B');
  CHECK_SAID(&h, "dead B shutdown, stop B, dead A shutdown, stop A, boxes A, mailbox A, down A to "
                 "main shutdown, writes A, ended A shutdown, boxes B, mailbox B, writes B, ended B "
                 "shutdown, closed");
  host_close(&h);
}

TEST(shutdown_empty, "a shutdown of nobody is over at once [NF-49]") {
  CHECK(open(WP_ONE_FOR_ONE, 0));
  wp_supervision_event event = {.kind = WP_SUPERVISION_SHUTDOWN};
  host_step(&h, &event);
  CHECK_SAID(&h, "closed");
  host_close(&h);
}

TEST(many, "1,024 actors in 64 groups fail one by one and all come back") {
  wp_supervision_config config = usual_config();
  config.actors_max = 1024;
  config.groups_max = 64;
  CHECK(host_open(&h, &config));
  for (uint32_t i = 1; i < 64; i++) make_group(&h, i % 3, unlimited);
  for (uint32_t i = 0; i < 1024; i++) spawn_in(&h, i % 64, (wp_handle){0, 0});
  for (uint32_t i = 0; i < 1024; i++) report_number(&h, WP_SUPERVISION_FAILED, i, WP_ACTOR_ERROR);
  for (uint32_t i = 0; i < 1024; i++) report_number(&h, WP_SUPERVISION_GONE, i, 0);
  host_sleep(&h, 1);
  CHECK_EQ(wp_supervision_counts_of(h.s)->starts, 2048);
  CHECK(!h.broken);
  host_close(&h);
}
