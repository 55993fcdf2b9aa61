#include "governor.h"

void wp_governor_tick(wp_pool *pool) {
  bool was_over = pool->governor.is_over;
  pool->governor = (wp_governor){.was_over = was_over};
}

bool wp_governor_admits(wp_pool *pool) {
  wp_governor *governor = &pool->governor;
  bool admits = governor->used_ms <= 0 || governor->used_ms < pool->config.dispatch_budget_ms;
  governor->is_over = governor->is_over || !admits;
  return admits;
}

void wp_governor_spend(wp_pool *pool, double ms) { pool->governor.used_ms += ms; }
