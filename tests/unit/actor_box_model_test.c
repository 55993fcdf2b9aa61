/* Random operations on actors' boxes beside a plain model: SEED=, SCALE=. Each step's result and each box's fate must be the model's. */
#include "actors_fixture.h"

enum { WORKERS = 5, BOXES = 3, STEPS = 3000, KNOWN = 64, QUEUE = 256, STEP_MS = 100 };

/* A box as the model sees it. */
typedef struct model_box {
  wp_handle handle;
  uint32_t number; /* in the order of creation */
  bool writing, ready, for_main;
  uint32_t writer;
  bool holds[WORKERS + 1]; /* readers, main among them; of an owner's box also its writer */
  uint32_t letters;        /* that will hand it over */
  double end_ms;           /* of its lease, if nobody gives a sign */
} model_box;

static struct {
  model_box boxes[KNOWN]; /* the last ones; older ones are gone */
  uint32_t count;
  uint32_t queues[WORKERS + 1][QUEUE]; /* numbers of boxes that wait in a mailbox, as in `boxes` */
  uint32_t heads[WORKERS + 1], tails[WORKERS + 1];
  uint32_t line[WORKERS]; /* threads that wait for a box, first come, first served */
  uint32_t line_count, in_use;
  bool granted[WORKERS + 1];
  uint32_t group[WORKERS + 1];
  bool linked[WORKERS + 1][WORKERS + 1];
  double now_ms;
} model;

static uint64_t seed;
static const char *complaint;

static uint32_t below(uint32_t end) { return (uint32_t)(wp_test_random(&seed) % end); }
static void expect(bool is_so, const char *what) {
  if (!is_so && !complaint) complaint = what;
}

static model_box *box_at(uint32_t number) { return &model.boxes[number % KNOWN]; }

/* ---- What the model knows ---- */

static void serve_line(void) {
  while (model.line_count && model.in_use < BOXES) {
    model.granted[model.line[0]] = true;
    memmove(model.line, model.line + 1, sizeof model.line - sizeof *model.line);
    model.line_count--;
    model.in_use++;
  }
}

static bool is_held(const model_box *box) {
  bool held = box->writing || box->letters;
  for (uint32_t i = 0; i <= WORKERS; i++) held = held || box->holds[i];
  return held;
}

static void settle(model_box *box) {
  if (!(box->writing || box->ready) || is_held(box)) return;
  box->ready = false;
  model.in_use--;
  serve_line();
}

/* The holders are others, or one has given a sign. */
static void renew(model_box *box) { box->end_ms = -1; }

static void sign(uint32_t self) {
  for (uint32_t i = 0; i < KNOWN; i++) {
    model_box *box = &model.boxes[i];
    bool is_holder = box->writing ? box->writer == self : box->ready && box->holds[self];
    if (is_holder) renew(box);
  }
}

static void hand_to(uint32_t to, uint32_t number) {
  model.queues[to][model.tails[to]++ % QUEUE] = number;
  if (to != WP_MAIN) box_at(number)->letters++;
}

/* ---- The operations ---- */

static void do_request(uint32_t self) {
  bool waits = false;
  for (uint32_t i = 0; i < model.line_count; i++) waits = waits || model.line[i] == self;
  wp_status status = wp_box_request(f.pool, self);
  if (!model.granted[self] && !waits) {
    model.line[model.line_count++] = self;
    serve_line();
  }
  expect(status == (model.granted[self] ? WP_OK : WP_E_NOT_GRANTED), "a request");
}

/* The actor's box in this state, or NULL. */
static model_box *own_writing(uint32_t self) {
  for (uint32_t i = 0; i < KNOWN; i++) {
    if (model.boxes[i].writing && model.boxes[i].writer == self) return &model.boxes[i];
  }
  return NULL;
}

static void do_create(uint32_t self) {
  uint32_t index = 0;
  wp_status status = wp_actor_box_create(f.pool, self, below(BOX_SIZE + 1), LEASE_MS, &index);
  expect(status == (model.granted[self] ? WP_OK : WP_E_NOT_GRANTED), "a creation");
  sign(self);
  if (status) return;
  model.granted[self] = false;
  uint32_t number = model.count++;
  model_box *box = box_at(number);
  expect(!box->writing && !box->ready, "a box that the model has forgotten");
  *box = (model_box){
      .handle = handle_of(index), .number = number, .writing = true, .writer = self, .end_ms = -1};
}

static bool is_told(uint32_t self, uint32_t to, uint32_t share, uint32_t listed) {
  if (to == self) return share == WP_SHARE_LINKED + 1 && listed == to;
  if (share == WP_SHARE_GROUP) return model.group[self] && model.group[self] == model.group[to];
  if (share == WP_SHARE_LINKED) return model.linked[self][to];
  return share == WP_SHARE_LINKED + 1 && listed == to;
}

static void do_commit(uint32_t self) {
  model_box *box = own_writing(self);
  if (!box) return;
  uint32_t share = below(WP_SHARE_LINKED + 2), listed = 1 + below(WORKERS), told = 0;
  expect(!commit(self, box->handle, below(BOX_SIZE + 1)), "a commit");
  expect(commit(self, box->handle, 0) == WP_E_STALE_HANDLE, "a second commit");
  for (uint32_t to = 1; to <= WORKERS; to++) {
    if (!is_told(self, to, share, listed)) continue;
    hand_to(to, box->number);
    told++;
  }
  hand_to(0, box->number);
  box->writing = false;
  box->ready = true;
  box->for_main = !told;
  box->holds[self] = !told;
  sign(self);
  renew(box);
  wp_handle on_list = share == WP_SHARE_LINKED + 1 ? actors[listed] : WP_NOBODY;
  expect(tell_all(self, box->handle, share, on_list) == told, "those who were told");
}

static void do_hear(uint32_t self) {
  wp_handle got = hear(self);
  model_box *box = NULL;
  while (!box && model.heads[self] != model.tails[self]) {
    uint32_t number = model.queues[self][model.heads[self]++ % QUEUE];
    model_box *next = box_at(number);
    /* No letters: the end of its lease has taken all of them. */
    if (next->number == number && next->letters) box = next;
    if (self == WP_MAIN) { /* is told in any case */
      expect(next->number != number || same(got, next->handle), "what main was told");
      return;
    }
  }
  if (self == WP_MAIN)
    expect(!got.generation, "main's last letter");
  else
    expect(box ? same(got, box->handle) : !got.generation, "what was delivered");
  if (!box) return;
  box->letters--;
  if (!box->holds[self]) {
    box->holds[self] = true;
    renew(box);
  }
  settle(box);
}

static void do_read(uint32_t self) {
  model_box *box = box_at(below(KNOWN));
  if (!box->handle.generation) return;
  bool is_reader = box->ready && (self == WP_MAIN || box->holds[self]);
  wp_status wanted = is_reader ? WP_OK : box->ready ? WP_E_DENIED : WP_E_STALE_HANDLE;
  expect(read_box(self, box->handle) == wanted, "a read");
  sign(self);
  if (is_reader && self == WP_MAIN) {
    box->holds[0] = true;
    renew(box);
  }
}

static void do_release(uint32_t self) {
  model_box *box = box_at(below(KNOWN));
  if (!box->handle.generation) return;
  bool is_reader = box->ready && box->holds[self];
  expect(release(self, box->handle) == is_reader, "a release");
  sign(self);
  if (!is_reader) return;
  box->holds[self] = false;
  if (self == WP_MAIN && box->for_main) box->holds[box->writer] = false;
  renew(box);
  settle(box);
}

static void do_relate(uint32_t self) {
  uint32_t other = 1 + below(WORKERS);
  model.group[self] = below(3);
  wp_actor_set_group(f.pool, actors[self], model.group[self]);
  if (other == self) return;
  bool link = below(2);
  model.linked[self][other] = model.linked[other][self] = link;
  if (link)
    expect(!wp_actor_link(f.pool, actors[self], actors[other]), "a link");
  else
    wp_actor_unlink(f.pool, actors[self], actors[other]);
}

static void do_die(uint32_t self) {
  expect(!kill_worker(f.pool, self), "a death");
  expect(start_worker(f.pool, self - 1) == self, "a restart");
  expect(!wp_mailbox_attach(f.pool, self, actors[self]), "a successor's mailbox");
  for (uint32_t i = 0; i < model.line_count; i++) {
    if (model.line[i] != self) continue;
    memmove(model.line + i, model.line + i + 1,
            (WORKERS - 1 - i) * sizeof *model.line); /* a thread waits once */
    model.line_count--;
    break;
  }
  for (uint32_t i = 0; i < KNOWN; i++) {
    model_box *box = &model.boxes[i];
    if (box->writing && box->writer == self) {
      box->writing = false;
      model.in_use--;
    } else if (box->ready && box->holds[self]) {
      box->holds[self] = false;
      renew(box);
      settle(box);
    }
  }
  if (model.granted[self]) model.in_use--;
  model.granted[self] = false;
  serve_line();
}

static void end_lease(model_box *box) {
  box->letters = 0;
  memset(box->holds, 0, sizeof box->holds);
  settle(box);
}

static void do_tick(void) {
  wp_lease_over over[WORKERS];
  bool late[WORKERS + 1] = {false};
  model.now_ms += below(4) * STEP_MS;
  uint32_t count = wp_lease_tick(f.pool, model.now_ms, over, WORKERS), wanted = 0;
  for (uint32_t i = 0; i < KNOWN; i++) {
    model_box *box = &model.boxes[i];
    if (!box->writing && !box->ready) continue;
    if (box->end_ms < 0)
      box->end_ms = model.now_ms + (double)LEASE_MS;
    else if (model.now_ms >= box->end_ms && box->ready)
      end_lease(box);
    else if (model.now_ms >= box->end_ms) {
      box->end_ms = 1e300;
      late[box->writer] = true;
      wanted++;
    }
  }
  expect(count == wanted, "writers that are late");
  for (uint32_t i = 0; i < count; i++) {
    expect(late[over[i].thread], "a writer that is not late");
    do_die(over[i].thread);
  }
}

static void step(void) {
  uint32_t self = below(WORKERS + 1), worker = 1 + below(WORKERS);
  switch (below(16)) {
  case 0:
  case 1:
    do_request(worker);
    break;
  case 2:
  case 3:
    if (model.count < KNOWN || !is_held(box_at(model.count))) do_create(worker);
    break;
  case 4:
  case 5:
    do_commit(worker);
    break;
  case 6:
  case 7:
  case 8:
    do_hear(self);
    break;
  case 9:
  case 10:
    do_read(self);
    break;
  case 11:
  case 12:
    do_release(self);
    break;
  case 13:
    do_relate(worker);
    break;
  case 14:
    if (!below(4)) do_die(worker);
    break;
  default:
    do_tick();
  }
}

/* Each box is in the state in which the model has it, and as many are in use. */
static void compare(bool whole) {
  uint32_t in_use = 0;
  for (uint32_t i = 0; i < KNOWN; i++) {
    const model_box *box = &model.boxes[i];
    if (!box->handle.generation) continue;
    uint32_t wanted = box->writing ? WP_BOX_WRITING : box->ready ? WP_BOX_READY : WP_BOX_FREE;
    expect(box_state(box->handle) == wanted, "a box's state");
    in_use += wanted != WP_BOX_FREE;
  }
  expect(boxes_in_use() == in_use, "boxes in use");
  for (uint32_t i = 1; i <= WORKERS; i++)
    expect(wp_box_granted(f.pool, i) == model.granted[i], "a grant");
  if (whole) expect(!wp_pool_check(f.pool), "the pool is whole");
}

static void play(uint64_t first) {
  seed = first;
  memset(&model, 0, sizeof model);
  expect(!start(WORKERS, BOXES), "a start");
  uint32_t n = 0;
  for (; n < STEPS && !complaint; n++) {
    step();
    compare(n % 16 == 0);
  }
  if (complaint) printf("# SEED=%llu, step %u: %s\n", (unsigned long long)first, n, complaint);
  fixture_close(&f);
}

TEST(random,
     "random writes, shares, reads, releases, leases and deaths have the effect that a plain "
     "model has [NF-16 NF-18 NF-25 NF-26 NF-27 NF-37 NF-38]") {
  uint64_t first = wp_test_env("SEED", 1), rounds = 20 * wp_test_env("SCALE", 1);
  for (uint64_t i = 0; i < rounds && !complaint; i++) play(first + i);
  CHECK(!complaint);
}
