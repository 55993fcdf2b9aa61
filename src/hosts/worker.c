/* A worker's part: its start, its tasks, and what comes after a trap. */
#include "worker.h"
#include "critical.h"
#include "hosts/hosts.h"
#include "task.h"
#include "task_side.h"

/* entry.S loads these words. */
_Static_assert(offsetof(wp_port_thread, stack_top) == 0 &&
                   offsetof(wp_port_thread, stack_end) == 4 &&
                   offsetof(wp_port_thread, tls_base) == 8 &&
                   offsetof(wp_port_thread, record) == 12,
               "the layout is shared with entry.S");

static wp_thread *record_of(const wp_port_thread *start) {
  const wp_embed_thread *thread = start->argument;
  return &thread->pool->threads[thread->number];
}

void wp__hosts_attach(wp_port_thread *start) {
  wp_thread_memory *memory;
  const wp_embed_thread *thread = start->argument;
  wp__host_begin(start);
  memory = wp_pool_memory(thread->pool, thread->number);
  memory->locals = (const void *)(uintptr_t)start->tls_base;
  memory->locals_end = start->locals_end;
  /* No point: the thread has no task yet. The check's global is set from it. */
  start->record = (uint32_t)(uintptr_t)record_of(start);
}

void wp_host_run(wp_port_thread *start) { start->run(start->argument); }

/* No call and no loop, so no check: a check would trap again. */
uint32_t wp_host_unstop(wp_port_thread *start) {
  wp_thread *thread = record_of(start);
  uint32_t asked = wp_atomic_load_seq_u32(&thread->stop);
  uint32_t tag = wp_atomic_load_seq_u32(&thread->tag);
  /* Where the task held locks, the word says that as well. */
  if ((tag ^ WP_STOP_MARK ^ asked) & ~(uint32_t)WP_MARK_BITS) return 0;
  WP_POINT("host.unstop");
  wp_atomic_store_seq_u32(&thread->stop, 0);
  WP_POINT("host.stopped");
  wp_atomic_fetch_add_seq_u32(&thread->stopped, 1);
  return 1;
}

/* The slot of the task that the thread runs, index + 1, or 0. */
static uint32_t running(const wp_thread *thread) {
  uint32_t index = 0;
  for (uint32_t place = 0; !index && place < WP_CONCURRENCY_MAX; place++)
    index = wp_atomic_load_relaxed_u32(&thread->slots[place]); /* own record */
  return index;
}

/* Ends the task that has trapped. Returns whether main's bell must be rung. */
static bool end_task(wp_pool *pool, uint32_t self, uint32_t index, uint32_t kind, bool stopped) {
  static const char *const texts[] = {"the task trapped", "the task used up its stack",
                                      "the task used an address that is not there"};
  wp_slot *slot = wp_slot_at(&pool->slots, index);
  wp_worker_clean_up(pool, self, index);
  /* It was not given up, so it was stopped because it was silent. */
  if (stopped && wp_slot_state_of(slot) == WP_SLOT_RUNNING)
    return wp_task_recover(pool, self, index);
  wp_task view = {.pool = pool, .slot = slot, .self = self, .index = index};
  const char *text = texts[kind < sizeof texts / sizeof *texts ? kind : WP_TRAP_OTHER];
  wp_status status = wp_task_seal(&view, wp_task_fail(&view, text));
  return wp_task_finish_at(pool, self, index, status, wp_port_now_ms());
}

uint32_t wp__hosts_trapped(wp_port_thread *start, uint32_t kind, uint32_t stopped) {
  const wp_embed_thread *thread = start->argument;
  wp_pool *pool = thread->pool;
  uint32_t self = thread->number;
  wp_port_thread_killable(false); /* as at the end of a task; inside wp_worker_run it was true */
  if (wp_gate_inside(&pool->threads[self])) return 0;  /* the core itself broke */
  if (wp_atomic_load_seq_u32(&start->asked)) return 0; /* main knows */
  uint32_t index = running(&pool->threads[self]);
  if (!index) return 0; /* it ran no task: the core broke outside the gate */
  if (end_task(pool, self, index - 1, kind, stopped)) wp_pool_ring(pool);
  wp__self = NULL; /* until it runs again: without threads the caller is main */
  return 1;
}
