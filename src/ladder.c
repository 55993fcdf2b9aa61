#include "ladder.h"
#include "critical.h"
#include "worker.h"

/* The time between two looks grows with the time already waited (an eighth of it), up to this. */
static const double look_most_ms = 5;

/* The flag's time for a C task that has not checked the flag since it began. A task that has gets the whole of flag_ms, even if it checks
 * only now: then it knows, and is on its way out. */
static const double blind_ms = 0.05;

/* For a thread that waits for a processor: how much of one it gets before it is ended, as a part of check_ms; it reaches a loop check
 * within microseconds. How often it is measured, which costs main some 20 us. And for how long in all: a machine on which this is too short
 * does nothing else, either. */
static const double ran_part = 0.1, measure_ms = 2, starved_most_ms = 2000;

static uint32_t traps_of(const wp_pool *pool, uint32_t thread) {
  /* The worker counts a trap after it has happened. Used only to name the rung. */
  return wp_atomic_load_acquire_u32(&pool->threads[thread].stopped);
}

void wp_suspicion_begin(wp_suspicion *suspicion, const wp_pool *pool, uint32_t kind,
                        uint32_t thread, wp_handle task, double grace_ms, double now_ms) {
  *suspicion = (wp_suspicion){.kind = kind,
                              .thread = thread,
                              .traps = traps_of(pool, thread),
                              .task = task,
                              .began_ms = now_ms,
                              .since_ms = now_ms,
                              .grace_ms = grace_ms};
}

bool wp_suspicion_holds(const wp_suspicion *suspicion, const wp_pool *pool) {
  const wp_thread *record = &pool->threads[suspicion->thread];
  switch (suspicion->kind) {
  case WP_SUSPECT_TASK:
    return wp_worker_runs(pool, suspicion->thread, suspicion->task.index,
                          suspicion->task.generation);
  case WP_SUSPECT_POISONED:
    return wp_atomic_load_acquire_u32(&record->poisoned) != 0;
  case WP_SUSPECT_SILENT:
    return wp_atomic_load_acquire_u32(&record->beat) == suspicion->beat; /* wp_thread_beat */
  }
  return false;
}

bool wp_suspicion_runs(const wp_suspicion *suspicion, const wp_pool *pool) {
  if (suspicion->task.index == WP_NONE) return wp_suspicion_holds(suspicion, pool);
  return wp_worker_runs(pool, suspicion->thread, suspicion->task.index, suspicion->task.generation);
}

/* A task that trapped may already run again on the same thread. A silent task that gave a sign of life was not stopped. */
enum wp_rung wp_suspicion_rung(const wp_suspicion *suspicion, const wp_pool *pool) {
  if (suspicion->named) return WP_RUNG_NONE;
  bool trapped = traps_of(pool, suspicion->thread) != suspicion->traps;
  if (!wp_suspicion_runs(suspicion, pool)) return trapped ? WP_RUNG_CHECK : WP_RUNG_FLAG;
  bool can_trap =
      suspicion->task.index != WP_NONE && wp_slot_at(&pool->slots, suspicion->task.index)->c_task;
  return trapped && can_trap ? WP_RUNG_CHECK : WP_RUNG_NONE;
}

void wp_ladder_disarm(wp_pool *pool, wp_ladder *ladder, uint32_t thread) {
  if (ladder->armed) wp_worker_stop_end(pool, thread);
  ladder->armed = false;
}

/* False: the thread runs no C task that could trap. */
static bool arm(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder, uint32_t thread,
                bool any) {
  if (!config->checks) return false;
  if (ladder->armed) return true;
  enum wp_stop answer = wp_worker_stop(pool, thread, any);
  ladder->armed = answer == WP_STOP_ASKED;
  return answer != WP_STOP_NONE;
}

void wp_ladder_arm(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                   uint32_t thread) {
  arm(config, pool, ladder, thread, true);
  if (ladder->armed) wp_worker_stop_press(pool, thread, UINT32_MAX);
}

static void move(wp_suspicion *suspicion, uint32_t phase, double now_ms) {
  suspicion->phase = phase;
  suspicion->since_ms = now_ms;
}

/* When to look again, for a phase that began at since_ms. */
static double soon(double since_ms, double now_ms) {
  double part_ms = (now_ms - since_ms) / 8;
  return now_ms + (part_ms < look_most_ms ? part_ms : look_most_ms);
}

static double sooner(double a_ms, double b_ms) { return a_ms < b_ms ? a_ms : b_ms; }

/* Whether the thread runs a C task that has not checked its flag; JavaScript handlers leave no record of that. A hint: the thread may have
 * gone on to another task, which is found out when the doomed thread stands still. */
static bool runs_blindly(const wp_pool *pool, uint32_t thread) {
  const wp_thread *record = &pool->threads[thread];
  uint32_t tag = wp_atomic_load_acquire_u32(&record->tag);
  return tag && wp_atomic_load_relaxed_u32(&record->looked) != tag; /* a hint */
}

static double flag_ms(const wp_ladder_config *config, const wp_pool *pool,
                      const wp_suspicion *suspicion) {
  if (suspicion->grace_ms >= 0) return suspicion->grace_ms;
  bool blind = config->flag_ms > blind_ms && runs_blindly(pool, suspicion->thread);
  return blind ? blind_ms : config->flag_ms;
}

/* The flag. With loop checks one turn is enough: a task that checks the flag does so often, and the next rung does no harm. */
static bool flag_is_over(const wp_ladder_config *config, const wp_pool *pool,
                         const wp_suspicion *suspicion, double now_ms, double *again_ms) {
  if (suspicion->grace_ms < 0 && config->checks && suspicion->looks > 1) return true;
  double end_ms = suspicion->began_ms + flag_ms(config, pool, suspicion);
  if (now_ms >= end_ms && suspicion->looks > 1) return true;
  *again_ms = suspicion->looks > 1 ? sooner(end_ms, soon(suspicion->since_ms, now_ms)) : now_ms;
  return false;
}

static uint32_t holds(const wp_pool *pool, const wp_suspicion *suspicion) {
  return wp_critical_holds(&pool->threads[suspicion->thread]);
}

void wp_suspicion_measured(wp_suspicion *suspicion, double ran_ms, double now_ms) {
  if (suspicion->phase != WP_SUSPICION_CHECK) return; /* another suspicion of the thread asked */
  if (suspicion->measured_ms <= 0) suspicion->ran_from_ms = ran_ms;
  suspicion->ran_ms = ran_ms;
  suspicion->measured_ms = now_ms;
}

/* Whether a thread that may trap has had a processor in this phase, and so has passed no check. The first measurement is made when half of
 * the time is over: most threads have trapped by then. */
static bool has_run(const wp_ladder_config *config, wp_suspicion *suspicion, double now_ms) {
  if (!config->measures || now_ms - suspicion->since_ms >= starved_most_ms) return true;
  bool known = suspicion->measured_ms > 0;
  if (known && (suspicion->ran_ms < 0 ||
                suspicion->ran_ms - suspicion->ran_from_ms >= ran_part * config->check_ms))
    return true;
  bool is_half = now_ms - suspicion->since_ms >= config->check_ms / 2;
  if (is_half && (!known || now_ms - suspicion->measured_ms >= measure_ms)) suspicion->measure = 1;
  return false;
}

/* The loop checks. Armed at each look, because a task that was only just taken may not have begun. */
static bool checks_are_over(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                            wp_suspicion *suspicion, double now_ms, double *again_ms) {
  bool possible =
      arm(config, pool, ladder, suspicion->thread, suspicion->kind == WP_SUSPECT_SILENT);
  double end_ms = suspicion->since_ms;
  if (possible)
    end_ms += config->check_ms;
  else if (config->checks && suspicion->grace_ms < 0)
    end_ms = suspicion->began_ms + config->flag_ms;
  bool ran = !possible || has_run(config, suspicion, now_ms);
  bool over = now_ms >= end_ms && ran;
  if (over && (config->stops || (config->checks && holds(pool, suspicion)))) return true;
  *again_ms = soon(suspicion->since_ms, now_ms);
  if (now_ms < end_ms) *again_ms = sooner(end_ms, *again_ms);
  return false;
}

/* The loop checks where the task holds locks. It may be in a short section, in which it changes what others share, within a long one of its
 * own, as in a database: so its outermost section is cut off first, which reaches it when the inner one has ended. */
static bool locks_are_over(const wp_ladder_config *config, wp_pool *pool, const wp_ladder *ladder,
                           const wp_suspicion *suspicion, double now_ms, double *again_ms) {
  double end_ms = suspicion->since_ms + config->locks_ms;
  bool deep = now_ms - suspicion->since_ms >= config->locks_ms / 2;
  if (ladder->armed) wp_worker_stop_press(pool, suspicion->thread, deep ? UINT32_MAX : 1);
  if (now_ms >= end_ms && config->stops) return true;
  *again_ms =
      sooner(soon(suspicion->since_ms, now_ms), now_ms < end_ms ? end_ms : now_ms + look_most_ms);
  return false;
}

static enum wp_verdict spare(wp_pool *pool, wp_ladder *ladder, wp_suspicion *suspicion) {
  wp_ladder_disarm(pool, ladder, suspicion->thread); /* other suspicions arm it again if needed */
  bool doomed = suspicion->phase == WP_SUSPICION_DOOM;
  if (doomed && --ladder->doomers == 0) wp_gate_pardon(&pool->threads[suspicion->thread]);
  return WP_VERDICT_SPARED;
}

/* A doomed thread goes on to the end of its critical section; if that takes too long, it is held up wherever it is. With loop checks a rung
 * of their own has waited already. False: it may still be in the section. */
static bool wait_for_locks(const wp_ladder_config *config, wp_pool *pool,
                           const wp_suspicion *suspicion, double now_ms) {
  wp_thread *record = &pool->threads[suspicion->thread];
  bool softly = wp_atomic_load_relaxed_u32(&record->doomed) == WP_DOOM_SOON; /* main's own word */
  if (!softly || !wp_critical_holds(record)) return true;
  if (!config->checks && now_ms - suspicion->since_ms < config->locks_ms) return false;
  wp_gate_doom(record); /* before the look whether it is inside */
  return true;
}

/* ASK AGAIN: the record of a doomed thread outside the gate cannot change; only then is the answer exact. */
static enum wp_verdict judge(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                             wp_suspicion *suspicion, double now_ms, double *again_ms) {
  const wp_thread *record = &pool->threads[suspicion->thread];
  /* Read before its sections as well: inside the gate, which it may have entered before the doom, it may yet begin one. */
  bool was_inside = wp_gate_inside(record);
  bool waits = !wait_for_locks(config, pool, suspicion, now_ms);
  bool inside = !waits && wp_gate_inside(record);
  if (inside && now_ms - suspicion->since_ms >= config->inside_ms) return WP_VERDICT_BROKEN;
  if (waits || inside || was_inside) {
    *again_ms = soon(suspicion->since_ms, now_ms);
    return WP_VERDICT_OPEN;
  }
  return wp_suspicion_holds(suspicion, pool) ? WP_VERDICT_GUILTY : spare(pool, ladder, suspicion);
}

static void doom(wp_pool *pool, wp_ladder *ladder, wp_suspicion *suspicion, double now_ms) {
  move(suspicion, WP_SUSPICION_DOOM, now_ms);
  if (ladder->doomers++ == 0) wp_gate_doom_softly(&pool->threads[suspicion->thread]);
}

/* No points: main only. */
enum wp_verdict wp_ladder_climb(const wp_ladder_config *config, wp_pool *pool, wp_ladder *ladder,
                                wp_suspicion *suspicion, double now_ms, double *again_ms) {
  if (suspicion->phase != WP_SUSPICION_DOOM && !wp_suspicion_holds(suspicion, pool))
    return spare(pool, ladder, suspicion);
  if (suspicion->looks < 2) suspicion->looks++;
  if (suspicion->phase == WP_SUSPICION_FLAG) {
    if (!flag_is_over(config, pool, suspicion, now_ms, again_ms)) return WP_VERDICT_OPEN;
    move(suspicion, WP_SUSPICION_CHECK, now_ms);
  }
  if (suspicion->phase == WP_SUSPICION_CHECK) {
    if (!checks_are_over(config, pool, ladder, suspicion, now_ms, again_ms)) return WP_VERDICT_OPEN;
    move(suspicion, WP_SUSPICION_LOCKS, now_ms);
    if (!config->checks || !holds(pool, suspicion)) doom(pool, ladder, suspicion, now_ms);
  }
  if (suspicion->phase == WP_SUSPICION_LOCKS) {
    if (!locks_are_over(config, pool, ladder, suspicion, now_ms, again_ms)) return WP_VERDICT_OPEN;
    doom(pool, ladder, suspicion, now_ms);
  }
  return judge(config, pool, ladder, suspicion, now_ms, again_ms);
}
