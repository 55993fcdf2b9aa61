/* Drives a map by bytes, beside a reference model: three visitors, one of which may die between two calls; keys of several lengths; memory
 * that is sometimes exhausted. */
#ifndef WP_MAP_FUZZ_H
#define WP_MAP_FUZZ_H

#include "store_fixture.h"

enum { FUZZ_KEYS = 32, FUZZ_VISITORS = 3, FUZZ_LARGE = 20000 };

typedef struct fuzz_state {
  uint32_t map;
  wp_access visitors[FUZZ_VISITORS];
  uint32_t bytes[FUZZ_KEYS]; /* of each key's value, plus 1; 0: it has none */
  uint8_t first[FUZZ_KEYS];  /* what the value consists of */
} fuzz_state;

static inline wp_key fuzz_key(uint32_t i) {
  static uint8_t text[FUZZ_KEYS * 9];
  for (uint32_t at = 0; at < i * 9; at++) text[at] = (uint8_t)(i + at % 3);
  return (wp_key){text, i * 9};
}

/* What the map has for a key is what the model has. */
static inline bool fuzz_agrees(const fuzz_state *s, const wp_access *a, uint32_t i) {
  wp_store_pin(a, 0);
  uint32_t found = wp_map_find(a, s->map, fuzz_key(i));
  bool right = !found == !s->bytes[i];
  if (found && right) {
    const wp_shared_value *value = wp_map_value_at(store, found);
    const uint8_t *bytes = (const uint8_t *)(value + 1);
    right = value->bytes == s->bytes[i] - 1;
    for (uint32_t at = 0; right && at < value->bytes; at++) right = bytes[at] == s->first[i];
  }
  wp_store_unpin(a);
  return right;
}

static inline void fuzz_put(fuzz_state *s, const wp_access *a, uint32_t i, uint8_t what,
                            bool keeps) {
  uint32_t bytes = what % 16 ? what : what * (FUZZ_LARGE / 256), found;
  uint32_t value = wp_map_value_new(a, bytes, 0, 0);
  if (!value) return;
  memset(wp_map_value_at(store, value) + 1, what, bytes);
  wp_status status = keeps ? wp_map_put_new(a, s->map, fuzz_key(i), value, &found)
                           : wp_map_put(a, s->map, fuzz_key(i), value);
  if (status || (keeps && found != value)) return;
  s->bytes[i] = bytes + 1;
  s->first[i] = what;
}

static inline bool fuzz_step(fuzz_state *s, const uint8_t *data) {
  wp_access *a = &s->visitors[data[0] % FUZZ_VISITORS];
  uint32_t i = data[1] % FUZZ_KEYS;
  switch (data[0] / FUZZ_VISITORS % 8) {
  case 0:
  case 1:
  case 2:
    fuzz_put(s, a, i, data[2], false);
    break;
  case 3:
    fuzz_put(s, a, i, data[2], true);
    break;
  case 4:
  case 5:
    if (wp_map_remove(a, s->map, fuzz_key(i)) != !!s->bytes[i]) return false;
    s->bytes[i] = 0;
    break;
  case 6: { /* it dies, and the next one may get its place */
    uint32_t tag = (uint32_t)(a - s->visitors) + 1;
    if (data[2] % 2) wp_store_pin(a, s->map);
    wp_store_bury(store, tag);
    *a = store_visit(tag);
    break;
  }
  default:
    if (data[2] % 16 == 0) {
      wp_map_clear(a, s->map);
      memset(s->bytes, 0, sizeof s->bytes);
    }
  }
  return fuzz_agrees(s, a, i);
}

/* Whether the map did what the model did, is whole, and has lost no memory. */
static inline bool fuzz_one(const uint8_t *data, size_t size) {
  fuzz_state s;
  memset(&s, 0, sizeof s);
  store_make(sizeof(wp_store) + (size && data[0] % 4 == 0 ? 400 << 10 : 8 << 20));
  for (uint32_t i = 0; i < FUZZ_VISITORS; i++) s.visitors[i] = store_visit(i + 1);
  s.map = wp_map_new(&s.visitors[0]);
  wp_store_let_go(&s.visitors[0], WP_HAND_NODE);
  bool right = s.map;
  for (; right && size >= 3; size -= 3, data += 3) right = fuzz_step(&s, data);
  uint32_t keys = 0;
  for (uint32_t i = 0; i < FUZZ_KEYS; i++) {
    right = right && fuzz_agrees(&s, &s.visitors[0], i);
    keys += !!s.bytes[i];
  }
  right = right && wp_map_size(&s.visitors[0], s.map) == keys &&
          lost_bytes(&s.visitors[0], s.map) <= 8 * (uint64_t)16;
  store_end();
  return right;
}

#endif
