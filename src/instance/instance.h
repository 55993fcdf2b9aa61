/*
 * Purpose  The memory of a wasm instance: the pool and the program's malloc share it. Not in native builds.
 * Owns     the segments that cover all memory behind the static data, and main's heap in them
 * Threads  as noted
 * Order    opened on the main thread before there is any other
 * Kill     malloc and its relatives work inside the gate, so a planned kill leaves no heap half-changed
 * See      docs/decisions/0003-per-thread-heaps.md
 */
#ifndef WP_INSTANCE_H
#define WP_INSTANCE_H

#include "pool.h"

/* Main's part of the instance's memory, which malloc and the pool share; NULL when out of memory. The first call opens it. main. */
wp_thread_memory *wp__process_memory(wp_segments **segments);

#endif
