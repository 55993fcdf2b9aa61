/*
 * Purpose  Whether JavaScript and a module that was linked with the core agree on structs and numbers. A module that was linked with
 *          another version of the package would destroy memory, so it is refused.
 * Owns     nothing
 * Threads  any
 * Kill     touches nothing shared
 * See      src/bindings/layout.def, js/threads/open.js
 */
#ifndef WP_BINDINGS_LAYOUT_H
#define WP_BINDINGS_LAYOUT_H

#include <stdint.h>

/* A hash of all rows of layout.def; LAYOUT in js/generated/layout.js. */
uint32_t wp_js_layout(void);

#endif
