/* A host without threads: main plays the one worker, for some tasks at a time. */
#include "hosts/hosts.h"
#include "worker.h"

static wp_embed_thread *worker(const wp_pool *pool) {
  return &((const wp_embedder *)pool->embedder)->threads[1];
}

wp_port_thread *wp_host_inline(wp_pool *pool) { return worker(pool)->thread; }

static void become_main(void) {
  wp__self = NULL;
  wp__self_pool = NULL;
}

uint32_t wp_host_step(wp_pool *pool, uint32_t limit) {
  wp_embed_thread *self = worker(pool);
  uint32_t done = 0;
  if (!self->thread) return 0; /* not asked for, or it has ended */
  wp__embed_worker_begin(self);
  double now_ms = wp_port_now_ms();
  while (done < limit && wp__embed_worker_look(self, &now_ms)) done++;
  become_main();
  return done;
}
