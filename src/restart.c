#include "restart.h"

bool wp_restart_valid(const wp_restart_policy *policy) {
  return policy->kind <= WP_RESTART_NEVER && policy->window_ms >= 0 && policy->min_ms >= 0 &&
         policy->max_ms >= 0 && policy->jitter >= 0 && policy->jitter <= 1 &&
         policy->growth <= WP_RESTART_KEEPS;
}

uint32_t wp_restart_capacity(const wp_restart_policy *policy) {
  if (policy->max > WP_RESTARTS_MAX) return WP_DOUBLINGS_MAX;
  return policy->max ? policy->max : 1;
}

/* Number of restarts within the window. Times do not decrease, so the count ends at the first one that is too old. */
static uint32_t recent(const wp_restart_policy *policy, const wp_restart_log *log, double now_ms) {
  uint32_t capacity = wp_restart_capacity(policy), found = 0;
  while (found < log->count && found < capacity) {
    double then_ms = log->times_ms[(log->count - 1 - found) % capacity];
    if (policy->window_ms > 0 && now_ms - then_ms >= policy->window_ms) break;
    found++;
  }
  return found;
}

double wp_restart_delay(const wp_restart_policy *policy, uint32_t restarts, double chance) {
  double delay_ms = policy->min_ms;
  if (policy->growth == WP_RESTART_ADDS) delay_ms *= restarts + 1.0;
  if (policy->growth == WP_RESTART_DOUBLES)
    while (restarts-- && delay_ms > 0 && delay_ms < policy->max_ms) delay_ms *= 2;
  if (delay_ms > policy->max_ms) delay_ms = policy->max_ms;
  return delay_ms * (1 + policy->jitter * (2 * chance - 1));
}

void wp_restart_renew(wp_restart_log *log) {
  log->count = 0;
  log->spent = false;
}

double wp_restart_take(const wp_restart_policy *policy, wp_restart_log *log, double now_ms,
                       bool clean, double chance) {
  uint32_t used = recent(policy, log, now_ms);
  if (policy->kind == WP_RESTART_NEVER || (policy->kind == WP_RESTART_ON_FAILURE && clean) ||
      (policy->max <= WP_RESTARTS_MAX && used >= policy->max)) {
    log->spent = true;
    return -1;
  }
  uint32_t capacity = wp_restart_capacity(policy);
  log->times_ms[log->count % capacity] = now_ms;
  log->count++;
  /* the same position in the ring; keeps the count from wrapping */
  if (log->count == 2 * capacity) log->count = capacity;
  return wp_restart_delay(policy, used, chance);
}
