/*
 * Purpose  Mailboxes and actors' boxes in a form for JavaScript: handles are two numbers, and calls return an index or a negative status.
 * Owns     nothing
 * Threads  as in mailbox.h, actor_box.h
 * Kill     as in mailbox.h, actor_box.h
 * See      js/actor/mailbox.js, js/actor/boxes.js
 */
#ifndef WP_BINDINGS_ACTORS_H
#define WP_BINDINGS_ACTORS_H

#include "actor_box.h"

/* The mailbox's index; its generation is the upper half of its `inbox`. */
int32_t wp_js_mail_open(wp_pool *pool, uint32_t limit);
wp_status wp_js_mail_close(wp_pool *pool, uint32_t index, uint32_t generation);
uint32_t wp_js_mail_clear(wp_pool *pool, uint32_t index, uint32_t generation);
wp_status wp_js_mail_drop(wp_pool *pool, uint32_t index, uint32_t generation);
wp_status wp_js_mail_attach(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation);
void wp_js_mail_detach(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation);

/* from_generation 0: from no actor. The letter's index. */
int32_t wp_js_letter_reserve(wp_pool *pool, uint32_t self, uint32_t from, uint32_t from_generation,
                             uint32_t to, uint32_t to_generation);

wp_status wp_js_letter_share(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t box,
                             uint32_t generation);

/* Who belongs together. */
void wp_js_actor_group(wp_pool *pool, uint32_t index, uint32_t generation, uint32_t group);
wp_status wp_js_actor_link(wp_pool *pool, uint32_t a, uint32_t a_generation, uint32_t b,
                           uint32_t b_generation);
void wp_js_actor_unlink(wp_pool *pool, uint32_t a, uint32_t a_generation, uint32_t b,
                        uint32_t b_generation);

/* Boxes. */
int32_t wp_js_actor_box_create(wp_pool *pool, uint32_t self, uint32_t bytes, uint32_t lease_ms);
wp_status wp_js_actor_box_commit(wp_pool *pool, uint32_t self, uint32_t index, uint32_t type,
                                 uint32_t bytes);
wp_status wp_js_letter_copy(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t to,
                            uint32_t generation);
uint32_t wp_js_letter_publish(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t writer,
                              uint32_t generation, uint32_t share);
void wp_js_actor_box_told(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation,
                          uint32_t readers);
wp_status wp_js_actor_box_read(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation);
bool wp_js_actor_box_release(wp_pool *pool, uint32_t self, uint32_t index, uint32_t generation);

/* What is counted, of all actors of the pool. */
enum wp_js_count { WP_COUNT_DEAD_LETTERS = 0, WP_COUNT_DENIED = 1, WP_COUNT_STALE = 2 };
wp_status wp_js_letter_mention(wp_pool *pool, uint32_t self, uint32_t letter, uint32_t box,
                               uint32_t generation);

double wp_js_actor_count(const wp_pool *pool, uint32_t which);

#endif
