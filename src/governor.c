#include "governor.h"

void wp_governor_tick(wp_pool *pool) {
  const wp_governor *before = &pool->governor;
  bool was_over = before->had_to_wait || before->used_ms > pool->config.dispatch_budget_ms;
  pool->governor = (wp_governor){.was_over = was_over};
}

bool wp_governor_admits(wp_pool *pool) {
  wp_governor *governor = &pool->governor;
  bool admits = governor->used_ms <= 0 || governor->used_ms < pool->config.dispatch_budget_ms;
  governor->had_to_wait = !admits; /* stays true for the rest of the tick: used_ms only grows */
  return admits;
}

void wp_governor_spend(wp_pool *pool, double ms) { pool->governor.used_ms += ms; }
