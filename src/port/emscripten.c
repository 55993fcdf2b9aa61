/* The port for wasm in JavaScript hosts, where JavaScript starts and ends the threads: time, waiting, memory. */
#include "port/port.h"
#include "status.h"
#include <emscripten/stack.h>

enum { PAGE_BYTES = 65536 };

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

/* wasm has no pause instruction. A chain of dependent divisions, about 50 ns, leaves the core's execution units to its other hardware
 * thread, which may be main's. */
void wp_port_pause(void) {
  enum { DIVISIONS = 10 };
  double value = 3;
  for (int i = 0; i < DIVISIONS; i++) {
    value = 7 / value;
    __asm__ volatile("" : "+r"(value));
  }
}

void wp_port_stack_probe(void) {
  enum { RESERVE_BYTES = 4096 }; /* several times what the core's deepest call needs */
  if (emscripten_stack_get_free() < RESERVE_BYTES) wp_js_stack_overflow();
}

void wp_port_trap(void) { __builtin_trap(); }

void wp_port_ring(wp_atomic_u32 *bell, uint32_t descriptor) {
  (void)descriptor;
  (void)bell; /* JavaScript's workers have one main each, so there is nothing to choose */
  wp_js_ring();
}

bool wp_port_thread_killable(bool killable) { return killable; }

/* ---- Memory: everything behind the static data ---- */

extern unsigned char __heap_base;

int wp_port_region_open(wp_region *region, uint64_t limit_bytes) {
  uintptr_t base = ((uintptr_t)&__heap_base + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
  /* without the last page, so that no address wraps to 0 */
  uint64_t most = (UINT64_C(1) << 32) - PAGE_BYTES - base;
  region->base = (uint8_t *)base;
  region->limit_bytes = limit_bytes < most ? limit_bytes : most;
  return WP_OK;
}

int wp_port_region_extend(const wp_region *region, uint64_t used_bytes) {
  uint64_t end = (uintptr_t)region->base + used_bytes;
  for (;;) {
    uint64_t pages = __builtin_wasm_memory_size(0);
    if (end <= pages * PAGE_BYTES) return WP_OK;
    uint64_t missing = (end + PAGE_BYTES - 1) / PAGE_BYTES - pages;
    /* Growing is atomic. Two threads that grow at once get more than they need; later calls use the rest. */
    if (__builtin_wasm_memory_grow(0, (size_t)missing) == (size_t)-1) return WP_E_NO_MEMORY;
  }
}

void wp_port_region_close(wp_region *region) { (void)region; }

bool wp_port_holds(const void *at, size_t bytes) {
  uint64_t end = (uint64_t)(uintptr_t)at + bytes;
  return at && (uintptr_t)at % sizeof(uint64_t) == 0 &&
         end <= (uint64_t)__builtin_wasm_memory_size(0) * PAGE_BYTES;
}

/* ---- Loop checks ---- */

extern unsigned char __global_base, __data_end;

bool wp_port_statics(const void **start, const void **end) {
  *start = &__global_base;
  *end = &__data_end;
  return true;
}

static wp_atomic_u32 *stop_flag(void) {
  bool free = (uintptr_t)&__global_base >= WP_STOP_FLAG + sizeof(wp_atomic_u32) &&
              emscripten_stack_get_end() >= WP_STOP_FLAG + sizeof(wp_atomic_u32);
  return free ? (wp_atomic_u32 *)WP_STOP_FLAG : NULL;
}

bool wp_port_stops_possible(void) { return stop_flag(); }

/* No points: main only. */
void wp_port_count_stops(int32_t by) { wp_atomic_fetch_add_seq_u32(stop_flag(), (uint32_t)by); }
