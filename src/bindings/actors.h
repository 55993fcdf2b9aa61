/*
 * Purpose  Mailboxes in a form for JavaScript: handles are two numbers, and calls return an index or a negative status.
 * Owns     nothing
 * Threads  as in mailbox.h
 * Kill     as in mailbox.h
 * See      js/actor/mailbox.js
 */
#ifndef WP_BINDINGS_ACTORS_H
#define WP_BINDINGS_ACTORS_H

#include "mailbox.h"

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

double wp_js_dead_letters(const wp_pool *pool);

#endif
