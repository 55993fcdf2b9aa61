/* Main's part. */
#include "completion.h"
#include "hosts/hosts.h"
#include "pool.h"
#include "rooms.h"

extern void __wasm_call_ctors(void);

static wp_config config;

uint32_t wp__hosts_init(void) {
  __wasm_call_ctors();
  wp_config_defaults(&config);
  return WP_HOST_ABI;
}

wp_config *wp_host_config(void) { return &config; }

/* What these point to would be a function or memory of the module's: a host has none. */
static void drop_native_fields(void) {
  config.name = NULL;
  config.cpus = NULL;
  config.cpu_count = 0;
  config.on_thread_start = NULL;
  config.on_thread_end = NULL;
}

wp_pool *wp_host_open(uint32_t caps, int32_t *status) {
  wp_pool *pool = NULL;
  drop_native_fields();
  wp__host_can(caps & WP_HOST_ENDS);
  if (!wp__host_has_threads()) {
    config.workers = config.workers_min = 1;
    config.spares = 0;
  }
  *status = config.concurrency == 1 ? wp__embed_open(&config, &pool) : WP_E_INVALID_ARGUMENT;
  return *status ? NULL : pool;
}

uint32_t wp_host_state(const wp_pool *pool) {
  const wp_embedder *embedder = pool->embedder;
  if (wp_fleet_closed(embedder->fleet)) return WP_HOST_CLOSED;
  if (embedder->refused) return WP_HOST_REFUSED;
  return embedder->opened ? WP_HOST_OPEN : WP_HOST_OPENING;
}

double wp_host_rest(wp_pool *pool) {
  wp__embed_enter(pool);
  double rest_ms = wp__embed_rest(pool);
  wp__embed_leave(pool);
  return rest_ms;
}

wp_atomic_u32 *wp_host_bell(wp_pool *pool) { return &pool->bell; }

void wp_host_wake(wp_pool *pool) {
  wp_atomic_store_seq_u32(&pool->bell, 0); /* no point: holds nothing */
  wp_port_wake(&pool->bell, 1);
}

void wp_host_ended(wp_port_thread *start) {
  if (!wp__host_is_thread(start)) return;
  wp_atomic_store_seq_u32(&start->ended, 1); /* no point: the thread is not one any more */
  const wp_embed_thread *thread = start->argument;
  wp_host_wake(thread->pool); /* it may have taken the bell, and not rung it */
}

uint32_t wp_host_close(wp_pool *pool) {
  const wp_fleet_event close = {.kind = WP_FLEET_CLOSE};
  wp__embed_enter(pool);
  wp__embed_step(pool, &close);
  bool closed = wp_fleet_closed(((const wp_embedder *)pool->embedder)->fleet);
  wp__embed_leave(pool);
  return closed;
}

const char *wp_host_task_name(const wp_pool *pool, uint32_t index) {
  return index < pool->task_count ? pool->tasks[index]->name : NULL;
}

const wp_fleet_counts *wp_host_counts(const wp_pool *pool) {
  return wp_fleet_counts_of(((const wp_embedder *)pool->embedder)->fleet);
}

wp_status wp_host_check(wp_pool *pool) { return wp_pool_check(pool); }
