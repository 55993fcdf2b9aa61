/*
 * Purpose  Who runs what next: inbox, lanes, seats. A monitor: whoever holds the lock runs it.
 * Owns     lock, inbox, lanes, seat lanes, the line for boxes
 * Threads  push: main. take: workers. help: any, never waits
 * Order    push stores the inbox, then wakes (idle.h); a worker enters the idle set, then reads the inbox
 * Kill     the lock is held only inside the gate. A holder that dies there unplanned is found by its number and incarnation
 *          in the lock word; wp_sched_break_lock rebuilds lanes from the slots
 * See      tests/unit/scheduler_test.c, tests/model/gate.pml
 */
#ifndef WP_SCHEDULER_H
#define WP_SCHEDULER_H

#include "pool.h"

/* Publishes a FILLING slot and wakes an idle worker for it. main. */
void wp_sched_push(wp_pool *pool, uint32_t index);

/* Main has learned of many ends and is about to push what takes their places; or this burst is over. Pushes of a burst are
 * patient (wp_idle_wake_any) whatever the workers are doing, but for one in 32; the end of a burst wakes a worker if there is
 * something to do. main. */
void wp_sched_burst(wp_pool *pool, bool begins);

/* The next slot for a worker, RUNNING and entered into its record, as index + 1; 0 when there is none: the worker is then
 * in the idle set and may wait on its wake word, as it was before the call. now_ms: of the clock that threads share. When thread->ring is set afterwards, the worker
 * must clear it and ring the bell: it has come across tasks whose batch had failed. Worker, outside the gate. */
uint32_t wp_sched_take(wp_pool *pool, uint32_t self, double now_ms);

/* A slot that this worker runs has come to its end: its time goes into the worker's mean (REQUIREMENTS TW-48: a quarter of it, three
 * quarters of what it was), and into the slot, if it is traced. now_ms: as for wp_sched_take. Worker, inside the gate. */
void wp_sched_note_end(const wp_pool *pool, uint32_t self, wp_slot *slot, double now_ms);

/* Asks for chores (enum wp_chore bits, beside those that are due) and does them if the lock is free; if not, its holder will
 * after unlocking. Never waits. Any thread. */
void wp_sched_help(wp_pool *pool, uint32_t self, uint32_t chores);

/* Lock for rare needs: try never waits; wait only on workers inside the gate. Unlocking does what came up meanwhile. */
bool wp_sched_try_lock(wp_pool *pool, uint32_t self);
void wp_sched_wait_lock(wp_pool *pool, uint32_t self);
void wp_sched_unlock(wp_pool *pool, uint32_t self);

/* Puts a READY slot that ran and was lost back at the head of its lane. Under the lock. */
void wp_sched_requeue_locked(wp_pool *pool, uint32_t index);

/* True when a dead thread holds the lock. If so, breaks it: the lock becomes main's and all lanes are rebuilt from the
 * slots. main, after the thread's confirmed death. */
bool wp_sched_break_lock(wp_pool *pool, uint32_t dead);

#endif
