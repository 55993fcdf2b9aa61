/*
 * Purpose  The C library's standard streams in wasm, among threads that may end at any instruction.
 * Owns     the streams' buffers as they were when the program began
 * Threads  as noted; wp_port_flush and wp_port_thread_reset (port.h) as noted there
 * Kill     a stream's lock carries the number of the thread that holds it, so it can be opened when that thread is dead
 * See      src/port/emscripten_stdio.c, src/bindings/streams.c
 */
#ifndef WP_PORT_EMSCRIPTEN_STDIO_H
#define WP_PORT_EMSCRIPTEN_STDIO_H

#include <stdbool.h>
#include <stdint.h>

/* Worker i is the C library's thread WP_FIRST_TID + i; the runtime's own numbers are far below. */
enum { WP_FIRST_TID = 0x20000000 };

/* Opens the lock of a FILE that a thread held when it was stopped; a standard stream drops what it still buffers. False: the lock is not
 * that thread's. The thread itself, or main after its death. */
bool wp_port_stream_release(void *stream, uint32_t thread);

/* Opens the lock of a FILE, and wakes a thread that waits for it. Its holder. */
void wp_port_stream_unlock(void *stream);

/* main. Makes the C library lock the standard streams whenever they are used. Before the first worker. */
void wp_port_streams_open(void);

#endif
