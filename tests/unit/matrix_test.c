/* The kill matrix: a worker dies at every point of every operation. Does nothing unless built with WP_KILL_POINTS. */
#include "kill.h"
#include "test.h"

#ifdef WP_KILL_POINTS
#include "matrix_ops.h"

void (*wp__point_hook)(const char *name);

enum { NAMES_MAX = 256 };

/* Points that a worker does not reach by itself, and where they are tested. */
static const char *const elsewhere[] = {
    "critical.reset",     /* a task ends while it holds a lock: critical_test.c */
    "gate.back",          /* a doomed thread that goes on: matrix_threads_test.c */
    "gate.park",          /* likewise */
    "heap.keep",          /* native hosts do not know all statics: heap_keep_test.c */
    "pool.keep",          /* likewise */
    "heap.orphan",        /* main, in wp_heap_rebuild: heap_kill_test.c */
    "segment.generation", /* main, in wp_heap_rebuild: heap_kill_test.c */
    "stop.look",          /* main: worker_test.c */
};

/* Where a death inside the gate may lose one block or group: see heap.h (an untagged block that nobody has noted
 * down), box.h (the bytes of a box that is being freed), table.h (a chunk), task.h (a group). */
static const char *const losses[] = {"group.leave",  "heap.blocks", "heap.bytes",
                                     "heap.mark",    "heap.target", "heap.word",
                                     "segment.take", "table.grow",  "fork.list"};

/* Things that a worker changes outside the gate, in one step each: the gate, words to wait on, its idle bit, hints and gauges, the tag of
 * the C task that it is about to run, and that it is ready. */
static const char *const outside[] = {
    "critical.holds", "critical.listed", "gate.enter", "gate.left", "thread.wake", "thread.sleep",
    "thread.awake", "thread.beat", "idle.clear", "pace.note", "tag.set", "box.denied",
    "worker.ready", "mailbox.arm", "mailbox.up", "task.look", "event.wait", "event.go",
    /* A part's word is enough by itself: fork.h. */
    "fork.number", "fork.helpers", "fork.calls", "fork.family", "fork.top", "fork.ready",
    "fork.pop", "fork.back", "fork.hungry", "fork.asleep", "fork.awake", "fork.free", "fork.settle",
    "fork.settled", "fork.steal", "fork.done", "fork.end", "fork.revoke", "fork.invite",
    "fork.leave", "fork.again", "fork.enough", "fork.feed", "fork.join"};

static bool is_in(const char *name, const char *const *names, size_t count) {
  bool found = false;
  for (size_t i = 0; i < count; i++) found = found || !strcmp(names[i], name);
  return found;
}

#define IS_IN(name, names) is_in(name, names, sizeof(names) / sizeof *(names))

/* ---- What was covered ---- */

static const char *met[OPERATIONS][NAMES_MAX];
static uint64_t met_at[OPERATIONS][NAMES_MAX]; /* number of the first point with this name */
static uint32_t met_count[OPERATIONS], deaths;

static bool was_met(int op, const char *name) {
  for (uint32_t i = 0; i < met_count[op]; i++) {
    if (!strcmp(met[op][i], name)) return true;
  }
  return false;
}

static void note_death(int op, uint64_t n) {
  deaths++;
  if (was_met(op, kill_name) || met_count[op] == NAMES_MAX) return;
  met_at[op][met_count[op]] = n;
  met[op][met_count[op]++] = kill_name;
}

static bool was_met_anywhere(const char *name) {
  bool found = false;
  for (int op = 0; op < OPERATIONS; op++) found = found || was_met(op, name);
  return found;
}

/* ---- How the victim ends ---- */

static bool reached; /* the n-th point */

/* Main acts meanwhile; its points do not count. */
static void interrupt(void (*act)(void)) {
  void (*hook)(const char *) = wp__point_hook;
  wp__point_hook = NULL;
  play(WP_MAIN);
  act();
  play(VICTIM);
  wp__point_hook = hook;
}

/* True at the nth point only. */
static bool reach(const char *name) {
  answer_nap(name);
  if (!is_of_interest(name) || !kill_points_left) return false;
  kill_points_left--;
  if (kill_points_left) return false;
  reached = true;
  kill_name = name;
  if (!wp_gate_inside(&s.f.pool->threads[VICTIM]) && !IS_IN(name, outside))
    complain("a shared store outside the gate");
  return true;
}

/* Unplanned: dies where it stands. */
static void die_hook(const char *name) {
  if (reach(name)) kill_now(name);
}

static void doom(void) { wp_gate_doom(&s.f.pool->threads[VICTIM]); }

/* Planned: is doomed where it stands, and stopped when it is next seen outside the gate. */
static void doom_hook(const char *name) {
  if (reach(name)) interrupt(doom);
  if (reached && !wp_gate_inside(&s.f.pool->threads[VICTIM])) kill_now(kill_name);
}

static void pardon(void) { wp_gate_pardon(&s.f.pool->threads[VICTIM]); }

/* Is doomed where it stands, and pardoned when it is next seen outside: the killer has changed its mind. */
static void pardon_hook(const char *name) {
  const wp_thread *victim = &s.f.pool->threads[VICTIM];
  if (reach(name)) interrupt(doom);
  if (wp_gate_doomed(victim) && !wp_gate_inside(victim)) interrupt(pardon);
}

static void take_away(void) {
  cancel_all();
  run_clock(LATER_MS);
  collect();
  wp_lock_help(s.f.pool, WP_MAIN, WP_CHORE_INBOX | WP_CHORE_BOXES | WP_CHORE_PURGE);
}

/* Lives on while main cancels, times out, delivers and expires everything that it can at this moment. */
static void meddle_hook(const char *name) {
  if (reach(name)) interrupt(take_away);
}

typedef struct ending {
  const char *name;
  void (*hook)(const char *name);
  bool trusted;
} ending;

static const ending killed = {"killed", doom_hook, true};
static const ending dead = {"dead", die_hook, false};
static const ending pardoned = {"pardoned", pardon_hook, true};
static const ending cancelled = {"cancelled", meddle_hook, true};

/* ---- The matrix ---- */

static void run_script(void *op) { operations[*(const int *)op].run(); }

/* The other worker works between a death and its confirmation, with what the dead one has just given back and is thus not reaped. */
static uint32_t begin_other_box(void) {
  uint32_t box = WP_NONE;
  if (wp_box_create(s.f.pool, OTHER, BOX_BYTES, &box)) complain("no box for the other");
  return box;
}

static void end_other_box(uint32_t box) {
  if (wp_box_commit(s.f.pool, OTHER, box, WP_TYPE_BINARY, 0, BOX_BYTES))
    complain("the other's box was taken away");
  wp_box_drop(s.f.pool, OTHER, box);
}

/* Plays one end at the nth point; false: the operation has fewer points. */
static bool play_once(int op, const ending *end, uint64_t n) {
  if (!open_scene()) {
    complain("no scene");
    return false;
  }
  reached = false;
  naps_are_answered = true;
  makes_room = true;
  kill_name = "the end";
  operations[op].prepare();
  play(VICTIM);
  kill_run_with(end->hook, n, run_script, &op);
  play(WP_MAIN);
  block_lock(false);
  bool inside = wp_gate_inside(&s.f.pool->threads[VICTIM]);
  if (inside && end->trusted) complain("a planned kill inside the gate");
  uint32_t other_box = begin_other_box();
  if (wp_worker_reap(s.f.pool, VICTIM, end->trusted)) complain("the dead one cannot be reaped");
  end_other_box(other_box);
  if (operations[op].end) operations[op].end();
  check_whole("damaged after the death");
  if (start_worker(s.f.pool, VICTIM - 1) != VICTIM)
    complain("the dead one's record is not used again");
  check_end(inside && !end->trusted && IS_IN(kill_name, losses));
  fixture_close(&s.f);
  return reached;
}

static bool tell_complaint(int op, const ending *end, uint64_t n) {
  printf("# %s, %s at point %llu, %s: %s\n", operations[op].name, end->name, (unsigned long long)n,
         kill_name, s.complaint);
  return false;
}

static bool play_all(const ending *end) {
  uint32_t before = deaths;
  for (int op = 0; op < OPERATIONS; op++) {
    uint64_t n = 1;
    while (play_once(op, end, n) && !s.complaint) {
      note_death(op, n);
      n++;
    }
    if (s.complaint) return tell_complaint(op, end, n);
  }
  printf("# %s at %u points in %d operations\n", end->name, deaths - before, OPERATIONS);
  return true;
}

TEST(planned, "a worker is killed at any point of any operation: the "
              "pool is whole, all tasks end once, nothing is left [XP-01, XP-03, XP-16, NF-87]") {
  CHECK(play_all(&killed));
}

TEST(unplanned, "a worker dies at any point of any "
                "operation, inside the gate too: the same, but for one block [XP-01, XP-03, XP-05, "
                "XP-16, NF-43, NF-87]") {
  CHECK(play_all(&dead));
}

TEST(changed_mind, "a worker that was doomed at any point and pardoned goes on [XP-01, AM-45]") {
  CHECK(play_all(&pardoned));
}

TEST(meddled, "tasks are cancelled, timed out and delivered at any point of any "
              "operation: all end once, nothing is left [XP-16, AM-44]") {
  CHECK(play_all(&cancelled));
}

/* One end for each kind of point of each operation, at its first occurrence. */
static bool play_samples(const ending *end) {
  for (int op = 0; op < OPERATIONS; op++) {
    for (uint32_t i = 0; i < met_count[op]; i++) {
      play_once(op, end, met_at[op][i]);
      if (s.complaint) return tell_complaint(op, end, met_at[op][i]);
    }
  }
  return true;
}

TEST(crowd,
     "the same among 300 others: a set of threads has many words, and a number more than 8 bits "
     "[XP-01, XP-03]") {
  CHECK(deaths || play_all(&dead)); /* the tests above have found the samples */
  bystanders = 300;
  CHECK(play_samples(&killed));
  CHECK(play_samples(&dead));
  bystanders = 0;
}

static bool retained_outside;

static void inside_hook(const char *name) {
  if (!strcmp(name, "box.retain") && !wp_gate_inside(&s.f.pool->threads[VICTIM]))
    retained_outside = true;
}

static void retain(void *unused) {
  (void)unused;
  wp_value value;
  uint32_t box = write_box(VICTIM, &value, BOX_BYTES);
  if (!wp_box_retain(s.f.pool, VICTIM, box, epoch_of(box))) complain("not retained");
}

TEST(retains, "a worker counts its reference inside the gate, wherever it calls from [XP-01]") {
  CHECK(open_scene());
  kill_run_with(inside_hook, 1, retain, NULL);
  CHECK(!s.complaint && !retained_outside);
  fixture_close(&s.f);
}

TEST(covered, "every kill point of the core is one of those [XP-01]") {
  uint32_t missing = 0, kinds = 0;
  for (int op = 0; op < OPERATIONS; op++) kinds += met_count[op];
  for (const char **name = __start_wp_points; name < __stop_wp_points; name++) {
    if (was_met_anywhere(*name) != IS_IN(*name, elsewhere)) continue;
    printf("# %s: %s\n", IS_IN(*name, elsewhere) ? "met after all" : "never met", *name);
    missing++;
  }
  printf("# %u ends at %u kinds of points x operations\n", deaths, kinds);
  CHECK_EQ(missing, 0);
}
#endif
