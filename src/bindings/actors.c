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
  return wp_mailbox_drop(pool, (wp_handle){index, generation});
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

double wp_js_dead_letters(const wp_pool *pool) { return (double)wp_mailbox_dead_letters(pool); }
