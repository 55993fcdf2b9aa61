/*
 * Purpose  The C library's standard streams in wasm, among threads that may end at any instruction.
 * Owns     the streams' buffers as they were when the program began
 * Threads  main; wp_port_flush and wp_port_thread_reset (port.h) as noted there
 * Kill     a stream's lock carries the number of the thread that holds it, so it can be opened when that thread is dead
 * See      src/port/emscripten_stdio.c
 */
#ifndef WP_PORT_EMSCRIPTEN_STDIO_H
#define WP_PORT_EMSCRIPTEN_STDIO_H

/* Worker i is the C library's thread WP_FIRST_TID + i; the runtime's own numbers are far below. */
enum { WP_FIRST_TID = 0x20000000 };

/* Makes the C library lock the standard streams whenever they are used. Before the first worker. */
void wp_port_streams_open(void);

#endif
