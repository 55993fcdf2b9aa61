/* The port for wasm in JavaScript hosts, where JavaScript starts and ends the threads. What all wasm has in common is in wasm.c. */
#include "port/port.h"
#include <emscripten/stack.h>
#include <emscripten/threading.h>

/* wasm/library.js */
extern double wp_js_now(void);
extern void wp_js_ring(void);
extern void wp_js_stack_overflow(void);

double wp_port_now_ms(void) { return wp_js_now(); }

void wp_port_wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms) {
  __builtin_wasm_memory_atomic_wait32((int *)word, (int)expected, (int64_t)(timeout_ms * 1e6));
}

void wp_port_wake(wp_atomic_u32 *word, uint32_t count) {
  __builtin_wasm_memory_atomic_notify((int *)word, count);
}

void wp_port_stack_probe(void) {
  enum { RESERVE_BYTES = 4096 }; /* several times what the core's deepest call needs */
  if (emscripten_stack_get_free() < RESERVE_BYTES) wp_js_stack_overflow();
}

void wp_port_ring(wp_atomic_u32 *bell, uint32_t descriptor) {
  (void)descriptor;
  (void)bell; /* JavaScript's workers have one main each, so there is nothing to choose */
  wp_js_ring();
}

bool wp_port_thread_killable(bool killable) { return killable; }

bool wp_port_is_main(void) { return emscripten_is_main_runtime_thread(); }

/* ---- Loop checks ---- */

extern unsigned char __global_base;

static wp_atomic_u32 *stop_flag(void) {
  bool free = (uintptr_t)&__global_base >= WP_STOP_FLAG + sizeof(wp_atomic_u32) &&
              emscripten_stack_get_end() >= WP_STOP_FLAG + sizeof(wp_atomic_u32);
  return free ? (wp_atomic_u32 *)WP_STOP_FLAG : NULL;
}

bool wp_port_stops_possible(void) { return stop_flag(); }

/* No points: main only. */
void wp_port_count_stops(int32_t by) { wp_atomic_fetch_add_seq_u32(stop_flag(), (uint32_t)by); }
