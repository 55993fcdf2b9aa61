/* A thread of the pool: its start, its loop and its end. */
#include "completion.h"
#include "embed.h"
#include "fork.h"
#include "scheduler.h"
#include "task_life.h"
#include "worker.h"
#include <stdlib.h>

/* How often a thread that ends looks whether others still run parts of its task. */
static const double busy_look_ms = 0.02;

enum {
  END_STACK_BYTES = 32 << 10, /* for the hook on_thread_end and what else runs at a thread's end */
};

/* Names the calling thread NAME-NUMBER, and tells the system and the user of it. */
static void introduce(const wp_pool *pool, uint32_t number) {
  const wp_embedder *embedder = pool->embedder;
  const wp_config *config = &pool->config;
  wp_port_thread_introduce(embedder->name, number,
                           config->cpu_count ? embedder->cpus[(number - 1) % config->cpu_count]
                                             : WP_NONE);
  if (config->on_thread_start) config->on_thread_start(config->thread_user, number);
}

/* Parts of a task on other workers may write to this worker's stack, to the frames of the task, until they are ended. The gap keeps what
 * the thread does in its end handlers, meanwhile, away from those frames. */
static __attribute__((noinline)) wp_status run_below(wp_pool *pool, uint32_t self, uint32_t index) {
  volatile uint8_t gap[END_STACK_BYTES] __attribute__((unused));
  gap[0] = 0;
  wp_status status = wp_worker_run(pool, self, index);
  gap[0] = 1; /* so that it stays in use over the call */
  return status;
}

void wp__embed_worker_begin(wp_embed_thread *self) {
  wp_pool *pool = self->pool;
  wp__self = &pool->threads[self->number];
  wp__self_pool = pool;
  wp_worker_ready(pool, self->number);
  if (wp__task_ring_due(pool)) wp_pool_ring(pool); /* main reports STARTED */
}

bool wp__embed_worker_look(wp_embed_thread *self, double *now_ms) {
  wp_pool *pool = self->pool;
  wp_thread *thread = &pool->threads[self->number];
  uint32_t taken = wp_sched_take(pool, self->number, *now_ms);
  bool ring = thread->ring != 0;
  thread->ring = 0;
  if (taken) {
    wp_status status = run_below(pool, self->number, taken - 1);
    *now_ms = wp_port_now_ms(); /* for the next take as well */
    ring |= wp_task_finish_at(pool, self->number, taken - 1, status, *now_ms);
  }
  if (ring) wp_pool_ring(pool);
  return taken;
}

static void worker_main(void *argument) {
  wp_embed_thread *self = argument;
  wp_pool *pool = self->pool;
  const wp_thread *thread = &pool->threads[self->number];
  introduce(pool, self->number);
  wp__embed_worker_begin(self);
  double now_ms = wp_port_now_ms();
  for (bool waited = false;;) { /* ends by cancellation: while it runs a task, or is parked */
    /* Read the wake word before looking for work: see scheduler.h. */
    uint32_t seen = wp_atomic_load_acquire_u32(&thread->wake);
    bool ran = wp__embed_worker_look(self, &now_ms);
    if (!ran) {
      wp_worker_wait(pool, self->number, seen, waited ? WP_PARK_MS : WP_SHORT_WAIT_MS);
      now_ms = wp_port_now_ms();
    }
    waited = !ran;
  }
}

/* The last user of the embedder frees it, and with its segments the pool. No points: the thread is ending, or it is main. */
void wp__embed_let_go(wp_embedder *embedder) {
  if (wp_atomic_fetch_sub_acq_rel_u32(&embedder->alive, 1) != 1) return;
  wp__embed_shared_close(embedder);
  wp__embed_memory_close(embedder);
  if (embedder->has_alarm) wp_port_alarm_close(&embedder->alarm);
  free(embedder->mail.letters);
  free(embedder->tickets);
  free(embedder->box_holds);
  free(embedder);
}

static void worker_ended(void *argument) {
  const wp_embed_thread *self = argument;
  wp_embedder *embedder = self->pool->embedder;
  const wp_config *config = &self->pool->config;
  /* Set while a task ran: its end did not clear it. */
  bool killed = wp_atomic_load_relaxed_u32(&self->pool->threads[self->number].tag) != 0;
  wp__self = NULL; /* memory that the C library frees for this thread is not the pool's */
  wp__self_pool = NULL;
  wp_fork_died(self->pool, self->number);
  if (config->on_thread_end) config->on_thread_end(config->thread_user, self->number, killed);
  /* Parts of its task on other workers may use this thread's stack. They are ended as well. */
  wp_atomic_u32 none = 0;
  while (wp_fork_is_busy(self->pool, self->number)) wp_port_wait(&none, 0, busy_look_ms);
  wp__embed_let_go(embedder);
}

void wp__embed_start_thread(wp_pool *pool, const wp_fleet_action *action) {
  wp_embedder *embedder = pool->embedder;
  wp_embed_thread *thread = &embedder->threads[action->thread];
  *thread =
      (wp_embed_thread){.pool = pool, .number = action->thread, .incarnation = action->incarnation};
  wp_atomic_fetch_add_acq_rel_u32(&embedder->alive, 1); /* no point: main only */
  thread->failed = wp_port_thread_start(&thread->thread,
                                        &(wp_port_start){.number = action->thread,
                                                         .incarnation = action->incarnation,
                                                         .stack_bytes = pool->config.stack_bytes,
                                                         .run = worker_main,
                                                         .on_end = worker_ended,
                                                         .argument = thread}) != WP_OK;
  if (!thread->failed) return;
  wp_atomic_fetch_sub_acq_rel_u32(&embedder->alive, 1); /* no point: main only */
}
