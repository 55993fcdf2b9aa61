/* Loops and reductions over a range, in halves: each half may run on another worker. */
#include "wasmpool.h"
#include <string.h>

enum {
  PIECES =
      64, /* into which a range is cut, if the caller does not say: enough for most workers' shares to come out even */
};

typedef struct loop {
  size_t grain;
  wp_reduction how; /* no bytes: a plain loop */
  void *context;
  const void *neutral;
} loop;

typedef struct range {
  const loop *loop;
  size_t begin, end;
  _Alignas(16) uint8_t partial[WP_PARTIAL_BYTES];
} range;

/* Runs a range whose partial result is neutral. */
static wp_status run(wp_task *task, void *context) {
  range *all = context;
  const loop *l = all->loop;
  if (all->end - all->begin <= l->grain)
    return l->how.body(task, l->context, all->begin, all->end, all->partial);
  size_t middle = all->begin + (all->end - all->begin) / 2;
  range right, left;
  right.loop = left.loop = l;
  right.begin = middle;
  right.end = all->end;
  left.begin = all->begin;
  left.end = middle;
  if (l->how.bytes) {
    memcpy(right.partial, l->neutral, l->how.bytes);
    memcpy(left.partial, l->neutral, l->how.bytes);
  }
  wp_subtask child;
  wp_task_spawn(task, &child, run, &right);
  wp_status status = run(task, &left);
  wp_status other = wp_task_await(task, &child);
  if (!status) status = other;
  if (status || !l->how.bytes) return status;
  l->how.combine(l->context, left.partial, right.partial);
  memcpy(all->partial, left.partial, l->how.bytes);
  return WP_OK;
}

static wp_status run_all(wp_task *task, size_t begin, size_t end, loop *l, void *result) {
  if (begin >= end) return WP_OK;
  if (!l->grain) l->grain = (end - begin + PIECES - 1) / PIECES;
  range all;
  all.loop = l;
  all.begin = begin;
  all.end = end;
  if (result) memcpy(all.partial, result, l->how.bytes);
  wp_status status = run(task, &all);
  if (!status && result) memcpy(result, all.partial, l->how.bytes);
  return status;
}

wp_status wp_parallel_for(wp_task *task, size_t begin, size_t end, size_t grain,
                          wp_range_function body, void *context) {
  loop l = {.grain = grain, .how.body = body, .context = context};
  return run_all(task, begin, end, &l, NULL);
}

wp_status wp_parallel_reduce(wp_task *task, size_t begin, size_t end, size_t grain,
                             const wp_reduction *reduction, void *context, void *result) {
  uint8_t neutral[WP_PARTIAL_BYTES];
  if (!reduction->bytes || reduction->bytes > sizeof neutral) return WP_E_TOO_LARGE;
  memcpy(neutral, result, reduction->bytes);
  loop l = {grain, *reduction, context, neutral};
  return run_all(task, begin, end, &l, result);
}
