#include "recount.h"
#include "port/port.h"
#include "rooms.h"

/* How often to look at a thread inside the gate. Sections are short, but the thread may be preempted, or dead as well. */
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
    thread->softly =
        wp_atomic_load_relaxed_u32(&thread->doomed) == WP_DOOM_SOON; /* main's own word */
    thread->marked = !wp_gate_doomed(thread) || thread->softly; /* halted here, so let go below */
    if (thread->marked) wp_gate_doom(thread);
  }
  for (uint32_t i = 1; quiet && i < wp_pool_threads_end(pool); i++)
    quiet = comes_out(&pool->threads[i]);
  if (quiet) {
    pool->recount_due = 0;
    wp_rooms_recount(pool);
  }
  /* WAKE ALL: the dead thread may have cleared a worker's idle bit without waking it yet. The pardon wakes it. */
  for (uint32_t i = 1; i < wp_pool_threads_end(pool); i++) {
    wp_thread *thread = &pool->threads[i];
    if (thread->softly)
      wp_gate_doom_softly(thread);
    else if (thread->marked)
      wp_gate_pardon(thread);
    thread->marked = thread->softly = false;
  }
  return quiet;
}
