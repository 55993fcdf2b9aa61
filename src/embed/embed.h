/*
 * Purpose  The pool side of wasmpool.h for hosts whose main thread may wait and starts threads through port.h: submitting,
 *          completions, and the driver of the fleet, which performs its actions and reports events.
 * Owns     wp_embedder: the pool's memory, its threads, what it knows of each task, and completions that nobody has asked for yet
 * Threads  main, which is whoever has its turn (turn.h), except `alive`
 * Order    `alive` counts the users of the embedder: main, and each thread until it has ended. The last one frees it, so the
 *          decrement is acquire-release
 * Kill     a thread that is cancelled runs its end handler (port.h, wp_port_thread_start), whatever it was doing
 * See      tests/unit/embed_test.c, tests/unit/embed_threads_test.c
 */
#ifndef WP_EMBED_H
#define WP_EMBED_H

#include "embed/turn.h"
#include "fleet.h"
#include "port/port.h"

/* What the caller wants to know of the task in the slot with the same index. */
typedef struct wp_ticket {
  uint32_t generation;
  uint32_t
      mail; /* index + 1 of the oldest completion in the mail with this index in its handle, or 0 */
  void *user;
  bool ended; /* its end is in the mail, or was given to the caller */
} wp_ticket;

/* A completion that waits for its caller, in a list of all and in one of its ticket; links are indexes + 1. */
typedef struct wp_letter {
  wp_completion completion;
  uint32_t next, previous; /* next: also of the free letters */
  uint32_t next_same;
} wp_letter;

/* Completions that wait for their callers, oldest first. Letters are reserved before they are needed, so that no end is lost for lack of
 * memory. */
typedef struct wp_mail {
  wp_letter *letters;
  uint32_t capacity, count;
  uint32_t first, last, free;
} wp_mail;

/* The host's side of a thread record. */
typedef struct wp_embed_thread {
  wp_port_thread *thread; /* NULL: there is none */
  struct wp_pool *pool;
  uint32_t number;
  uint32_t incarnation;
  bool reported; /* STARTED was reported */
  bool failed;   /* the thread could not be made: START_FAILED is due */
  bool stopping; /* STOP was performed: GONE is due when the thread has ended */
} wp_embed_thread;

typedef struct wp_embedder {
  wp_segments *segments;
  wp_thread_memory *memory; /* main's */
  wp_embed_thread *threads; /* by number, in main's heap: they go with the segments */
  wp_atomic_u32 alive;
  wp_fleet *fleet;
  wp_fleet_next next;
  bool opened, refused;
  wp_turn turn;
  wp_ticket *tickets; /* by slot */
  uint32_t ticket_count;
  wp_mail mail;
  wp_atomic_u64 shared; /* the store of shared state (shared.c), once a task has asked for it */
  uint32_t blocked;     /* threads that wait for room in the queue */
  bool timed;           /* a task with a time limit was submitted */
  wp_port_alarm alarm;
  bool has_alarm;
  bool raised;     /* the alarm was raised because there is something to do, and not cleared yet */
  double alarm_ms; /* when its timer will raise it; 0: never */
  uint32_t *box_holds; /* by box: how often the caller holds it (boxes.c) */
  uint32_t box_hold_count;
  char name[16];  /* of threads: config.name, cut off */
  uint32_t *cpus; /* config.cpu_count of them, in main's heap */
} wp_embedder;

/* Shared state: the thread's end is confirmed; the pool ends. */
void wp__embed_shared_bury(const wp_pool *pool, uint32_t thread);
void wp__embed_shared_close(wp_embedder *embedder);

/* Begins and ends a call for the pool. */
void wp__embed_enter(wp_pool *pool);
void wp__embed_leave(wp_pool *pool);

/* Steps the fleet, reports what has happened to its threads, and performs its actions; `event` may be NULL. Does not wait. */
void wp__embed_step(wp_pool *pool, const wp_fleet_event *event);

/* Sleeps until a task has finished, a thread has started, or the next step is due; at most for limit_ms or some milliseconds. */
void wp__embed_sleep(wp_pool *pool, double limit_ms);

/* Arms the bell for a main that waits elsewhere than in the pool's calls. Returns how long it may wait at most, in ms (1e15: for ever), or 0:
 * there is something for wp_poll to do. */
double wp__embed_rest(wp_pool *pool);

/* Lays a pool out and asks for its first threads. Does not wait: embedder->opened or embedder->refused tells what became of them. */
wp_status wp__embed_open(const wp_config *config, wp_pool **pool);

/* ---- memory.c; instance.c in wasm ---- */

/* Opens the memory that the pool lies in, at most limit_bytes. WP_E_NO_MEMORY. */
wp_status wp__embed_memory_open(wp_embedder *embedder, uint64_t limit_bytes);

/* Gives it back. */
void wp__embed_memory_close(wp_embedder *embedder);

/* ---- thread.c ---- */

/* Performs START. A thread that cannot be made is marked as failed, and reported at the next step. */
void wp__embed_start_thread(wp_pool *pool, const wp_fleet_action *action);

/* The calling thread becomes the worker: the first thing that its thread does for the pool. May be repeated after a trap. */
void wp__embed_worker_begin(wp_embed_thread *self);

/* Takes a task and runs it; false: there is none. *now_ms: the time before, and afterwards, if it has run one. */
bool wp__embed_worker_look(wp_embed_thread *self, double *now_ms);

/* A user of the embedder, main or a thread, is done with it; the last one frees it. */
void wp__embed_let_go(wp_embedder *embedder);

/* ---- mail.c ---- */

/* Makes room in the mail for the ends of all present tasks and of one more. False: no memory. */
bool wp__mail_reserve(wp_pool *pool);

/* A task was put into the slot of this handle. False: no memory. */
bool wp__mail_register(wp_pool *pool, wp_handle handle, void *user);

/* Puts the end of a task into the mail which its worker will not report; wp__mail_reserve has made room for it. */
void wp__embed_settle(wp_pool *pool, wp_handle handle, wp_status status);

/* Takes the oldest completion in the mail; or the oldest of one task. */
bool wp__mail_take(wp_pool *pool, wp_completion *completion);
bool wp__mail_take_of(wp_pool *pool, wp_handle handle, wp_completion *completion);

/* Takes the next completion that no mail holds yet. */
bool wp__mail_drain(wp_pool *pool, wp_completion *completion);

/* Moves all of them to the mail. WP_E_NO_MEMORY: some are left. */
wp_status wp__mail_collect(wp_pool *pool);

/* Whether the end of this task has still to come. */
bool wp__mail_expects(const wp_pool *pool, wp_handle handle);

#endif
