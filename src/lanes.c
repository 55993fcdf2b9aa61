#include "lanes.h"
#include "base/point.h"
#include "task_life.h"
#include <string.h>

enum { CLASS_BITS = (1 << WP_CLASS_COUNT) - 1 };

/* ---- Lists ---- */

static wp_slot *slot_at(const wp_pool *pool, uint32_t index) {
  return wp_slot_at(&pool->slots, index);
}
static wp_list *list_of(wp_pool *pool, uint32_t level, enum wp_class class) {
  return &pool->lanes.lists[level][class];
}

static enum wp_class class_of(const wp_slot *slot) {
  if (slot->flags & WP_SLOT_SLICE) return WP_CLASS_SLICE;
  if (slot->flags & (WP_SLOT_LIGHT | WP_SLOT_AGED)) return WP_CLASS_LIGHT;
  return slot->flags & WP_SLOT_HEAVY ? WP_CLASS_HEAVY : WP_CLASS_PLAIN;
}

/* Critical tasks ignore the gate for weights. */
static bool knows_no_gate(uint32_t level) { return level == WP_LEVEL_CRITICAL; }

static void count(wp_atomic_u32 *word, uint32_t change) {
  uint32_t before = wp_atomic_load_relaxed_u32(word); /* written under the lock only */
  WP_POINT("lane.count");
  wp_atomic_store_seq_u32(word, before + change);
}

/* A slot has entered (change 1) or left (change -1) a list of a level. */
static void count_in(wp_pool *pool, uint32_t level, enum wp_class class, uint32_t change) {
  wp_lanes *lanes = &pool->lanes;
  WP_POINT("lane.counts");
  uint32_t bit = UINT32_C(1) << (level * WP_CLASS_COUNT + class);
  uint32_t slots = lanes->counts[level][class] += change;
  if (pool->telemetry && slots > lanes->peaks[level][class]) lanes->peaks[level][class] = slots;
  lanes->filled = slots ? lanes->filled | bit : lanes->filled & ~bit;
  bool held = class == WP_CLASS_HEAVY && !knows_no_gate(level);
  count(held ? &pool->held : &pool->ready, change);
}

/* Links a slot in between `before` and `after` (indexes + 1; 0: the end of the list). */
static void link_slot(wp_pool *pool, wp_list *list, uint32_t index, uint32_t before,
                      uint32_t after) {
  WP_POINT("lane.next");
  wp_atomic_store_relaxed_u32(&slot_at(pool, index)->next, after); /* lists are under the lock */
  WP_POINT("lane.link");
  if (before)
    wp_atomic_store_relaxed_u32(&slot_at(pool, before - 1)->next, index + 1);
  else
    list->first = index + 1;
  WP_POINT("lane.last");
  if (!after) list->last = index + 1;
}

static uint32_t unlink_first(wp_pool *pool, wp_list *list) {
  uint32_t index = list->first - 1;
  WP_POINT("lane.take");
  list->first = wp_atomic_load_relaxed_u32(&slot_at(pool, index)->next);
  if (!list->first) list->last = 0;
  return index;
}

static bool goes_before(const wp_slot *a, const wp_slot *b) {
  uint32_t a_bound = a->flags & WP_SLOT_BOUND, b_bound = b->flags & WP_SLOT_BOUND;
  if (a_bound != b_bound) return b_bound != 0; /* only seat lanes hold bound tasks */
  uint32_t a_aged = a->flags & WP_SLOT_AGED, b_aged = b->flags & WP_SLOT_AGED;
  if (a_aged != b_aged) return a_aged != 0;
  return a->priority != b->priority ? a->priority < b->priority : a->sequence < b->sequence;
}

/* Inserts in order: aged tasks, then by level (a seat's lane may hold several levels), then by submission. In a seat's lane bound tasks
 * come last, because the others there go before everything else. */
static void insert(wp_pool *pool, wp_list *list, uint32_t index) {
  const wp_slot *slot = slot_at(pool, index);
  uint32_t before = list->last, after = 0;
  if (before && goes_before(slot, slot_at(pool, before - 1))) {
    before = 0;
    after = list->first; /* a requeued or aged task: its place is near the head */
    while (after && !goes_before(slot, slot_at(pool, after - 1))) {
      before = after;
      after = wp_atomic_load_relaxed_u32(&slot_at(pool, after - 1)->next); /* under the lock */
    }
  }
  link_slot(pool, list, index, before, after);
}

void wp_lanes_add(wp_pool *pool, uint32_t index) {
  const wp_slot *slot = slot_at(pool, index);
  enum wp_class class = class_of(slot);
  insert(pool,
         slot->seat ? &pool->lanes.seats[slot->seat - 1] : list_of(pool, slot->priority, class),
         index);
  if (!slot->seat) count_in(pool, slot->priority, class, 1);
}

wp_status wp_lanes_open(wp_pool *pool, wp_heap *heap) {
  pool->lanes.seats = wp_pool_alloc(heap, pool->seat_count, sizeof *pool->lanes.seats);
  return pool->lanes.seats ? WP_OK : WP_E_NO_MEMORY;
}

/* No points: main only. */
void wp_lanes_reset(wp_pool *pool) {
  wp_list *seats = pool->lanes.seats;
  memset(seats, 0, sizeof *seats * pool->seat_count);
  pool->lanes = (wp_lanes){.seats = seats};
  wp_atomic_store_seq_u32(&pool->ready, 0);
  wp_atomic_store_seq_u32(&pool->held, 0);
}

static bool is_cancelled(const wp_pool *pool, const wp_list *list) {
  return list->first && wp_slot_state_of(slot_at(pool, list->first - 1)) == WP_SLOT_CANCELLED;
}

/* Keeps list heads live: ageing and gating look only there. */
static void drop_cancelled(wp_pool *pool, uint32_t self, uint32_t level, enum wp_class class) {
  wp_list *list = list_of(pool, level, class);
  while (is_cancelled(pool, list)) {
    uint32_t index = unlink_first(pool, list);
    count_in(pool, level, class, (uint32_t)-1);
    wp_task_free(pool, self, index);
  }
}

static uint32_t remove_first(wp_pool *pool, uint32_t self, uint32_t level, enum wp_class class) {
  uint32_t index = unlink_first(pool, list_of(pool, level, class));
  if (pool->telemetry) pool->lanes.left |= UINT32_C(1) << (level * WP_CLASS_COUNT + class);
  count_in(pool, level, class, (uint32_t)-1);
  drop_cancelled(pool, self, level, class);
  return index;
}

void wp_lanes_purge(wp_pool *pool, uint32_t self) {
  for (uint32_t level = 0; level < WP_LEVEL_COUNT; level++) {
    for (uint32_t class = 0; class < WP_CLASS_COUNT; class ++)
      drop_cancelled(pool, self, level, class);
  }
  for (uint32_t seat = 0; seat < pool->seat_count; seat++) wp_lanes_seat_waits(pool, self, seat);
}

bool wp_lanes_seat_waits(wp_pool *pool, uint32_t self, uint32_t seat) {
  wp_list *list = &pool->lanes.seats[seat];
  while (is_cancelled(pool, list)) wp_task_free(pool, self, unlink_first(pool, list));
  return list->first != 0;
}

/* ---- The gate for weights ---- */

static const wp_slot *first_of(const wp_pool *pool, uint32_t level, enum wp_class class) {
  uint32_t first = pool->lanes.lists[level][class].first;
  return first ? slot_at(pool, first - 1) : NULL;
}

static bool is_due(const wp_slot *slice, double now_ms) { return slice && now_ms >= slice->due_ms; }

static bool some_worker_is_slow(const wp_pool *pool) {
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    const wp_thread *thread = &pool->threads[i];
    if (wp_atomic_load_acquire_u32(&thread->running) &&
        wp_atomic_load_relaxed_u32(&thread->exec_us) / 1000 >= pool->config.slow_ms) /* a hint */
      return true;
  }
  return false;
}

/* Whether a light task may run beside an active bulk job. */
static bool light_may_pass(const wp_pool *pool, double now_ms) {
  const wp_slot *first_slice = NULL;
  for (uint32_t level = 0; !first_slice && level < WP_LEVEL_COUNT; level++)
    first_slice = first_of(pool, level, WP_CLASS_SLICE);
  return !first_slice || is_due(first_slice, now_ms) || some_worker_is_slow(pool);
}

/* ---- Taking ---- */

static uint32_t lists_filled(const wp_pool *pool, uint32_t level) {
  return pool->lanes.filled >> (level * WP_CLASS_COUNT) & CLASS_BITS;
}

/* The light or heavy task that may run next on this level, or NULL. */
static const wp_slot *next_weighted(const wp_pool *pool, uint32_t level, bool is_open,
                                    double now_ms) {
  const wp_slot *light = first_of(pool, level, WP_CLASS_LIGHT);
  if (!light) return is_open ? first_of(pool, level, WP_CLASS_HEAVY) : NULL;
  bool may_go = is_open || light->flags & WP_SLOT_AGED || light_may_pass(pool, now_ms);
  return may_go ? light : NULL;
}

static const wp_slot *earlier(const wp_slot *a, const wp_slot *b) {
  if (!a || !b) return a ? a : b;
  return a->sequence <= b->sequence ? a : b;
}

/* The slot that goes next on a level, or NULL. `forced`: ignore the gate for weights. */
static const wp_slot *choose(const wp_pool *pool, uint32_t level, bool forced, double now_ms) {
  uint32_t filled = lists_filled(pool, level);
  const wp_slot *plain = first_of(pool, level, WP_CLASS_PLAIN);
  if (!(filled & ~(UINT32_C(1) << WP_CLASS_PLAIN))) return plain;
  bool is_open = forced || knows_no_gate(level) || !wp_atomic_load_seq_u32(&pool->bulks);
  const wp_slot *slice = first_of(pool, level, WP_CLASS_SLICE);
  const wp_slot *weighted = next_weighted(pool, level, is_open, now_ms);
  if (weighted && weighted->flags & WP_SLOT_AGED) return weighted;
  if (is_due(slice, now_ms)) return slice;
  return earlier(earlier(plain, slice), weighted);
}

static bool suits(const wp_pool *pool, uint32_t self, const wp_slot *slot) {
  return !(slot->flags & WP_SLOT_EXCLUSIVE) ||
         !wp_atomic_load_relaxed_u32(&pool->threads[self].running); /* own word */
}

enum {
  TAKE_AGAIN = WP_NONE,     /* the slot was cancelled; look again, as it may have gated others */
  TAKE_DRAIN = WP_NONE - 1, /* the next task is exclusive, and this worker runs something */
};

/* Index + 1; 0: no task for this worker; or TAKE_… */
static uint32_t take_from_level(wp_pool *pool, uint32_t self, uint32_t level, bool forced,
                                double now_ms) {
  const wp_slot *slot = lists_filled(pool, level) ? choose(pool, level, forced, now_ms) : NULL;
  if (!slot) return 0;
  if (!suits(pool, self, slot)) return TAKE_DRAIN;
  uint32_t index = remove_first(pool, self, level, class_of(slot));
  return wp_task_begin(pool, self, index, now_ms) ? index + 1 : TAKE_AGAIN;
}

static const wp_slot *first_of_seat(const wp_pool *pool, uint32_t seat) {
  uint32_t first = seat ? pool->lanes.seats[seat - 1].first : 0;
  return first ? slot_at(pool, first - 1) : NULL;
}

/* Returns as take_from_level. The seat's list must not be empty. */
static uint32_t take_first_of_seat(wp_pool *pool, uint32_t self, uint32_t seat, double now_ms) {
  if (!suits(pool, self, first_of_seat(pool, seat))) return TAKE_DRAIN;
  uint32_t index = unlink_first(pool, &pool->lanes.seats[seat - 1]);
  return wp_task_begin(pool, self, index, now_ms) ? index + 1 : TAKE_AGAIN;
}

/* A seat's own tasks go before everything else; tasks that are only bound to it do not. */
static uint32_t take_from_seat(wp_pool *pool, uint32_t self, uint32_t seat, double now_ms) {
  for (const wp_slot *slot; (slot = first_of_seat(pool, seat)) != NULL;) {
    if (slot->flags & WP_SLOT_BOUND) return 0;
    uint32_t taken = take_first_of_seat(pool, self, seat, now_ms);
    if (taken == TAKE_DRAIN) return 0;
    if (taken != TAKE_AGAIN) return taken;
  }
  return 0;
}

/* The first task of the seat's list if it is a bound one, or NULL. */
static const wp_slot *bound_to(const wp_pool *pool, uint32_t seat) {
  const wp_slot *slot = first_of_seat(pool, seat);
  return slot && slot->flags & WP_SLOT_BOUND ? slot : NULL;
}

/* Whether the bound task is next on this level. */
static bool bound_goes_first(const wp_pool *pool, const wp_slot *bound, uint32_t level,
                             double now_ms) {
  if (!bound || bound->priority != level) return false;
  return earlier(bound, choose(pool, level, false, now_ms)) == bound;
}

/* ---- Ageing ---- */

static void raise(uint32_t *skips) {
  if (*skips + 1 < WP_NONE) ++*skips; /* a limit of WP_NONE ("never") is not reached */
}

/* Moves the first heavy task of the highest level that has one to the head of its level's light tasks. */
static void promote_heavy(wp_pool *pool, uint32_t self) {
  for (uint32_t level = WP_LEVEL_CRITICAL + 1; level < WP_LEVEL_COUNT; level++) {
    if (!first_of(pool, level, WP_CLASS_HEAVY)) continue;
    uint32_t index = remove_first(pool, self, level, WP_CLASS_HEAVY);
    WP_POINT("lane.age");
    slot_at(pool, index)->flags |= WP_SLOT_AGED; /* its class from now on */
    wp_lanes_add(pool, index);
    return;
  }
}

static void age_heavy(wp_pool *pool, uint32_t self) {
  wp_lanes *lanes = &pool->lanes;
  if (!wp_atomic_load_relaxed_u32(&pool->held) || !wp_atomic_load_seq_u32(&pool->bulks)) {
    lanes->heavy_skips = 0;
    return;
  }
  raise(&lanes->heavy_skips);
  if (lanes->heavy_skips < pool->config.heavy_skips) return;
  lanes->heavy_skips = 0;
  promote_heavy(pool, self);
}

/* A task of this level was taken: counts the classes of tasks that were passed over. */
static void age(wp_pool *pool, uint32_t self, uint32_t level) {
  wp_lanes *lanes = &pool->lanes;
  age_heavy(pool, self);
  if (level == WP_LEVEL_LOW || !lists_filled(pool, WP_LEVEL_LOW))
    lanes->low_skips = 0;
  else
    raise(&lanes->low_skips);
}

static uint32_t take_in_order(wp_pool *pool, uint32_t self, uint32_t seat, double now_ms) {
  bool low_first = pool->lanes.low_skips >= pool->config.low_skips;
  const wp_slot *bound = bound_to(pool, seat);
  uint32_t taken = low_first ? take_from_level(pool, self, WP_LEVEL_LOW, true, now_ms) : 0;
  for (uint32_t level = 0; !taken && level < WP_LEVEL_COUNT; level++) {
    if (bound_goes_first(pool, bound, level, now_ms))
      return take_first_of_seat(pool, self, seat, now_ms);
    taken = take_from_level(pool, self, level, false, now_ms);
  }
  return taken;
}

uint32_t wp_lanes_take(wp_pool *pool, uint32_t self, double now_ms) {
  const wp_thread *thread = &pool->threads[self];
  uint32_t seat = wp_atomic_load_relaxed_u32(&thread->seat); /* constant while it is LIVE */
  uint32_t taken = take_from_seat(pool, self, seat, now_ms);
  if (taken) return taken;
  do taken = take_in_order(pool, self, seat, now_ms);
  while (taken == TAKE_AGAIN);
  /* DRAIN: take nothing, or a stream of lower-level tasks would keep this worker from ever being free. */
  if (taken == TAKE_DRAIN) return 0;
  if (taken) age(pool, self, slot_at(pool, taken - 1)->priority);
  return taken;
}

uint32_t wp_lanes_take_of_seat(wp_pool *pool, uint32_t self, double now_ms) {
  uint32_t seat = wp_atomic_load_relaxed_u32(&pool->threads[self].seat); /* constant, as above */
  uint32_t taken = TAKE_AGAIN;
  while (taken == TAKE_AGAIN)
    taken = first_of_seat(pool, seat) ? take_first_of_seat(pool, self, seat, now_ms) : 0;
  return taken == TAKE_DRAIN ? 0 : taken;
}

/* ---- Checking ---- */

/* Number of slots in a list, all READY or CANCELLED; WP_NONE if the list is damaged. */
static uint32_t list_length(const wp_pool *pool, const wp_list *list) {
  uint32_t count = 0, last = 0, capacity = wp_atomic_load_relaxed_u32(&pool->slots.capacity);
  for (uint32_t at = list->first; at;) {
    if (at > capacity || ++count > capacity) return WP_NONE;
    const wp_slot *slot = wp_slot_at(&pool->slots, at - 1);
    uint32_t state = wp_slot_state_of(slot);
    if (state != WP_SLOT_READY && state != WP_SLOT_CANCELLED) return WP_NONE;
    last = at;
    at = wp_atomic_load_relaxed_u32(&slot->next);
  }
  return last == list->last ? count : WP_NONE;
}

bool wp_lanes_check(const wp_pool *pool) {
  uint32_t waiting = 0;
  for (uint32_t level = 0; level < WP_LEVEL_COUNT; level++) {
    for (uint32_t class = 0; class < WP_CLASS_COUNT; class ++) {
      uint32_t length = list_length(pool, &pool->lanes.lists[level][class]);
      bool filled = pool->lanes.filled >> (level * WP_CLASS_COUNT + class) & 1;
      if (length != pool->lanes.counts[level][class] || filled != (length > 0)) return false;
      waiting += length;
    }
  }
  for (uint32_t seat = 0; seat < pool->seat_count; seat++) {
    if (list_length(pool, &pool->lanes.seats[seat]) == WP_NONE) return false;
  }
  return waiting ==
         wp_atomic_load_relaxed_u32(&pool->ready) + wp_atomic_load_relaxed_u32(&pool->held);
}
