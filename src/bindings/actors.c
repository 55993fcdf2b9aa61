#include "bindings/actors.h"

int32_t wp_js_mail_open(wp_pool *pool, uint32_t limit) {
  wp_handle mailbox = WP_NOBODY;
  wp_status status = wp_mailbox_open(pool, limit, &mailbox);
  return status ? status : (int32_t)mailbox.index;
}

wp_status wp_js_mail_close(wp_pool *pool, uint32_t index, uint32_t generation) {
  return wp_mailbox_close(pool, (wp_handle){index, generation});
}

uint32_t wp_js_mail_clear(wp_pool *pool, uint32_t index, uint32_t generation) {
  return wp_mailbox_clear(pool, (wp_handle){index, generation});
}

wp_status wp_js_mail_drop(wp_pool *pool, uint32_t index, uint32_t generation) {
  wp_handle mailbox = {index, generation};
  wp_status status = wp_mailbox_drop(pool, mailbox);
  if (!status) wp_actor_unlink_all(pool, mailbox);
  return status;
}

wp_status wp_js_mail_attach(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation) {
  return wp_mailbox_attach(pool, self, (wp_handle){index, generation});
}

void wp_js_mail_detach(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation) {
  wp_mailbox_detach(pool, self, (wp_handle){index, generation});
}

int32_t wp_js_letter_reserve(wp_pool *pool, uint32_t self, uint32_t from, uint32_t from_generation,
                             uint32_t to, uint32_t to_generation) {
  uint32_t letter = 0;
  wp_handle sender = {from, from_generation}, receiver = {to, to_generation};
  wp_status status = wp_letter_reserve(pool, self, sender, receiver, &letter);
  return status ? status : (int32_t)letter;
}

wp_status wp_js_letter_share(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t box,
                             uint32_t generation) {
  return wp_letter_share(pool, self, letter, (wp_handle){box, generation});
}

void wp_js_actor_group(wp_pool *pool, uint32_t index, uint32_t generation, uint32_t group) {
  wp_actor_set_group(pool, (wp_handle){index, generation}, group);
}

wp_status wp_js_actor_link(wp_pool *pool, uint32_t a, uint32_t a_generation, uint32_t b,
                           uint32_t b_generation) {
  return wp_actor_link(pool, (wp_handle){a, a_generation}, (wp_handle){b, b_generation});
}

void wp_js_actor_unlink(wp_pool *pool, uint32_t a, uint32_t a_generation, uint32_t b,
                        uint32_t b_generation) {
  wp_actor_unlink(pool, (wp_handle){a, a_generation}, (wp_handle){b, b_generation});
}

int32_t wp_js_actor_box_create(wp_pool *pool, uint32_t self, uint32_t bytes, uint32_t lease_ms) {
  uint32_t index = 0;
  wp_status status = wp_actor_box_create(pool, self, bytes, lease_ms, &index);
  return status ? status : (int32_t)index;
}

wp_status wp_js_actor_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                                 uint32_t bytes) {
  return wp_actor_box_commit(pool, self, index, type, 0, bytes);
}

wp_status wp_js_letter_copy(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t to,
                            uint32_t generation) {
  return wp_letter_copy(pool, self, letter, (wp_handle){to, generation});
}

uint32_t wp_js_letter_publish(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t writer,
                              uint32_t generation, uint32_t share) {
  return wp_letter_publish(pool, self, letter, (wp_handle){writer, generation}, share);
}

void wp_js_actor_box_told(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation,
                          uint32_t readers) {
  wp_actor_box_told(pool, self, (wp_handle){index, generation}, readers);
}

wp_status wp_js_actor_box_read(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation) {
  return wp_actor_box_read(pool, self, (wp_handle){index, generation});
}

bool wp_js_actor_box_release(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation) {
  return wp_actor_box_release(pool, self, (wp_handle){index, generation});
}

wp_status wp_js_letter_mention(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t box,
                               uint32_t generation) {
  return wp_letter_mention(pool, self, letter, (wp_handle){box, generation});
}

double wp_js_actor_count(const wp_pool *pool, uint32_t which) {
  const wp_atomic_u64 *const counts[] = {&pool->counters.dead_letters, &pool->counters.denied,
                                         &pool->counters.stale};
  return which < 3 ? (double)wp_atomic_load_relaxed_u64(counts[which]) : 0; /* gauges */
}
