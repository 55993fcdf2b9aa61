/* The pool's memory in wasm: the one that the instance has, which the program's malloc shares. So an instance has one pool. */
#include "instance/instance.h"
#include "embed/embed.h"

static bool taken;

wp_status wp__embed_memory_open(wp_embedder *embedder, uint64_t limit_bytes) {
  (void)limit_bytes; /* the host has set the limit of the instance's memory */
  if (taken) return WP_E_UNSUPPORTED;
  embedder->memory = wp__process_memory(&embedder->segments);
  if (!embedder->memory) return WP_E_NO_MEMORY;
  taken = true;
  return WP_OK;
}

/* The memory lives as long as the instance. */
void wp__embed_memory_close(wp_embedder *embedder) { (void)embedder; }
