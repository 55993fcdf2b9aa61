/* What the ports for wasm have in common: memory, traps, where the program's variables are. */
#include "port/port.h"
#include "status.h"

enum { PAGE_BYTES = 65536 };

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

void wp_port_trap(void) { __builtin_trap(); }

extern unsigned char __global_base, __data_end;

bool wp_port_statics(const void **start, const void **end) {
  *start = &__global_base;
  *end = &__data_end;
  return true;
}

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
