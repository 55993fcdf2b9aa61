/*
 * Purpose  The registry as a wasm module of its own (wasm/dist/registry.wasm): what JavaScript calls. The module has no data and no memory:
 *          each thread makes an instance, over the one memory that all threads of the process share.
 * Owns     nothing; the store begins at WP_SHARED_AT of that memory
 * Threads  each with its own instance and its own visitor `v`, whose `stack` its instance's stack pointer has been set to
 * Kill     JavaScript threads are ended here at any instruction: there is no gate (store.h, map.h)
 * See      js/registry/core.js, docs/decisions/0035-shared-registry.md
 */
#ifndef WP_SHARED_H
#define WP_SHARED_H

#include "registry.h"
#include <stddef.h>

enum { WP_SHARED_AT = 65536 };

/* What js/host/node/registry/memory.js reads and writes without an instance. */
_Static_assert(offsetof(wp_store, fired) == 0 && offsetof(wp_store, wanted) == 4 &&
                   offsetof(wp_store, armed) == 8 && offsetof(wp_store, owners) == 16,
               "these places are known to JavaScript");

#endif
