/* A wasm module without a host: all that the registry's rooms need is memory (src/shared/). */
#include "port/port.h"
#include "status.h"

enum { PAGE_BYTES = 65536, STEP_PAGES = 16 /* a choice: 1 MiB at a time */ };

/* The memory is already there up to some page; threads that grow it at once make it larger than needed. */
int wp_port_region_extend(const wp_region *region, uint64_t used_bytes) {
  uint64_t end = (uint64_t)(uintptr_t)region->base + used_bytes;
  uint64_t pages = (end + PAGE_BYTES - 1) / PAGE_BYTES;
  uint64_t most = ((uint64_t)(uintptr_t)region->base + region->limit_bytes) / PAGE_BYTES;
  uint64_t now = __builtin_wasm_memory_size(0);
  if (pages <= now) return WP_OK;
  if (pages > most) return WP_E_NO_MEMORY;
  uint64_t step = pages - now < STEP_PAGES && most - now >= STEP_PAGES ? STEP_PAGES : pages - now;
  if (__builtin_wasm_memory_grow(0, (uintptr_t)step) != (uintptr_t)-1) return WP_OK;
  return pages <= __builtin_wasm_memory_size(0) ? WP_OK : WP_E_NO_MEMORY;
}
