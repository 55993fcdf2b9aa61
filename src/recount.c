#include "recount.h"
#include "port/port.h"
#include "rooms.h"

/* Looks at a thread that is inside: sections are short, but their thread may not be running now, or be dead as well. */
enum { LOOKS_MAX = 10000 };

static bool comes_out(const wp_thread *thread) {
  for (uint32_t looks = 0; wp_gate_inside(thread); looks++) {
    if (looks == LOOKS_MAX) return false;
    wp_port_pause();
  }
  return true;
}

bool wp_pool_recount(wp_pool *pool) {
  bool quiet = true;
  if (!pool->recount_due) return true;
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    wp_thread *thread = &pool->threads[i];
    thread->marked = !wp_gate_doomed(thread); /* those that are halted here */
    if (thread->marked) wp_gate_doom(thread);
  }
  for (uint32_t i = 1; quiet && i < wp_pool_threads_end(pool); i++)
    quiet = comes_out(&pool->threads[i]);
  if (quiet) {
    pool->recount_due = 0;
    wp_rooms_recount(pool);
  }
  /* WAKE ALL: the dead thread may have cleared a worker's idle bit and not woken it yet. The pardon does. */
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    if (pool->threads[i].marked) wp_gate_pardon(&pool->threads[i]);
    pool->threads[i].marked = false;
  }
  return quiet;
}
