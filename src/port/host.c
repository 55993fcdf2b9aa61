/* The port for wasm in hosts that run the module without Emscripten's glue, freestanding: docs/host-abi.md. What all wasm has in common is
 * in wasm.c. */
#include "port/host.h"
#include "status.h"
#include <stdlib.h>

/* ---- What the host gives ---- */

#define WP_IMPORT(name) __attribute__((import_module("wasmpool"), import_name(name)))
WP_IMPORT("now") double wp_host_now(void);
WP_IMPORT("ring") void wp_host_ring(void);
#ifdef __wasm_atomics__
WP_IMPORT("start")
uint32_t wp_host_start(wp_port_thread *start, uint32_t number, uint32_t incarnation);
WP_IMPORT("stop") void wp_host_stop(uint32_t number, uint32_t incarnation);
bool wp__host_has_threads(void) { return true; }
#else
bool wp__host_has_threads(void) { return false; }
static uint32_t wp_host_start(wp_port_thread *start, uint32_t number, uint32_t incarnation) {
  (void)start, (void)number, (void)incarnation;
  return 1;
}
static void wp_host_stop(uint32_t number, uint32_t incarnation) { (void)number, (void)incarnation; }
#endif

double wp_port_now_ms(void) { return wp_host_now(); }

static _Thread_local wp_port_thread *self; /* NULL: main */
static _Thread_local bool may_end;
static bool can_end;

bool wp_port_is_main(void) { return !self; }

/* ---- Waiting ---- */

#ifdef __wasm_atomics__
static void wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms) {
  __builtin_wasm_memory_atomic_wait32((int *)word, (int)expected, (int64_t)(timeout_ms * 1e6));
}
void wp_port_wake(wp_atomic_u32 *word, uint32_t count) {
  __builtin_wasm_memory_atomic_notify((int *)word, count);
}
#else
static void wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms) {
  (void)word, (void)expected, (void)timeout_ms; /* nobody else could change the word */
}
void wp_port_wake(wp_atomic_u32 *word, uint32_t count) { (void)word, (void)count; }
#endif

/* Leaves wasm for good if main has asked for that and nothing forbids it: not every host can interrupt a wait. */
static void leave_if_asked(void) {
  if (self && may_end && wp_atomic_load_seq_u32(&self->asked)) __builtin_trap();
}

/* No points: its own words, which no room of the core reads. */
void wp_port_wait(wp_atomic_u32 *word, uint32_t expected, double timeout_ms) {
  /* Pairs with wp_port_thread_cancel: it sees the address, or this thread sees that it is asked. */
  if (self) wp_atomic_store_seq_u32(&self->waits, (uint32_t)(uintptr_t)word);
  leave_if_asked();
  wait(word, expected, timeout_ms);
  if (self) wp_atomic_store_seq_u32(&self->waits, 0);
  leave_if_asked();
}

void wp_port_ring(wp_atomic_u32 *bell, uint32_t descriptor) {
  (void)descriptor;
  wp_port_wake(bell, 1);
  wp_host_ring();
}

/* ---- Threads ---- */

enum {
  THREADS_MAX = 2049, /* as many numbers as a pool has (thread.h) */
  STACK_BYTES = 256 << 10,
  STACK_ALIGN = 16,
};

static wp_port_thread
    *threads[THREADS_MAX]; /* by number; made with the first thread of that number */

#ifdef __wasm_atomics__
static size_t tls_bytes(void) { return __builtin_wasm_tls_size(); }
static size_t tls_align(void) { return __builtin_wasm_tls_align(); }
#else
static size_t tls_bytes(void) { return 0; }
static size_t tls_align(void) { return STACK_ALIGN; }
#endif

static size_t aligned(size_t bytes, size_t align) { return (bytes + align - 1) / align * align; }

/* Gives the record a stack of so many bytes. A record's block stays as it is, unless a larger one is wanted. */
static bool give_block(wp_port_thread *thread, size_t stack_bytes) {
  size_t align = tls_align() > STACK_ALIGN ? tls_align() : STACK_ALIGN;
  size_t stack = aligned(stack_bytes ? stack_bytes : STACK_BYTES, align);
  if (!thread->block) thread->block = aligned_alloc(align, stack + aligned(tls_bytes(), align));
  if (!thread->block) return false;
  thread->stack_end = (uint32_t)(uintptr_t)thread->block;
  thread->stack_top = thread->tls_base = thread->stack_end + (uint32_t)stack;
  thread->locals_end = thread->block + stack + tls_bytes();
  return true;
}

/* No points: main only. */
int wp_port_thread_start(wp_port_thread **thread, const wp_port_start *start) {
  if (start->number >= THREADS_MAX) return WP_E_START_FAILED;
  wp_port_thread *found = threads[start->number];
  if (!found) found = calloc(1, sizeof *found);
  if (!found) return WP_E_NO_MEMORY;
  threads[start->number] = found;
  if (!give_block(found, start->stack_bytes)) return WP_E_NO_MEMORY;
  found->number = start->number;
  found->incarnation = start->incarnation;
  found->run = start->run;
  found->argument = start->argument;
  wp_atomic_store_seq_u32(&found->asked, 0);
  wp_atomic_store_seq_u32(&found->waits, 0);
  wp_atomic_store_seq_u32(&found->ended, 0);
  if (!wp_host_start(found, start->number, start->incarnation)) {
    wp_atomic_store_seq_u32(&found->ended, 1);
    return WP_E_START_FAILED;
  }
  *thread = found;
  return WP_OK;
}

/* No points: main only. */
void wp_port_thread_cancel(wp_port_thread *thread) {
  if (wp_atomic_load_seq_u32(&thread->ended)) return;
  wp_atomic_store_seq_u32(&thread->asked, 1);
  uint32_t word = wp_atomic_load_seq_u32(&thread->waits);
  if (word) wp_port_wake((wp_atomic_u32 *)(uintptr_t)word, UINT32_MAX);
  wp_host_stop(thread->number, thread->incarnation);
  if (!wp__host_has_threads()) wp_atomic_store_seq_u32(&thread->ended, 1);
}

bool wp_port_thread_gone(wp_port_thread *thread) { return wp_port_thread_left(thread); }

bool wp_port_thread_left(const wp_port_thread *thread) {
  return wp_atomic_load_seq_u32(&thread->ended);
}

void wp_port_thread_detach(wp_port_thread *thread) { (void)thread; }

bool wp_port_thread_killable(bool killable) {
  bool before = may_end;
  may_end = killable;
  leave_if_asked();
  return before;
}

void wp_port_thread_introduce(const char *name, uint32_t number, uint32_t cpu) {
  (void)name, (void)number, (void)cpu; /* the thread is the host's */
}

void wp__host_begin(wp_port_thread *start) {
  self = start;
  may_end = false;
}

bool wp__host_is_thread(const wp_port_thread *start) {
  for (uint32_t i = 0; i < THREADS_MAX; i++)
    if (start && threads[i] == start) return true;
  return false;
}

/* ---- What the host can do ---- */

/* Globals of the module, which hosts/entry.S defines. A global of wasm has no address, so C reads it by its name. */
#define READ_GLOBAL(name, value)                                                                   \
  __asm__(".globaltype " name ", i32\n\tglobal.get " name "\n\tlocal.set %0" : "=r"(value))

bool wp__host_has_checks(void) {
  uint32_t checks;
  READ_GLOBAL("wasmpool_checks", checks);
  return checks;
}

static uint32_t stack_left(void) {
  uint32_t pointer, end;
  READ_GLOBAL("__stack_pointer", pointer);
  READ_GLOBAL("wasmpool_stack_end", end);
  return pointer - end;
}

void wp__host_can(bool ends) { can_end = ends; }

wp_port_powers wp_port_can(void) {
  enum { AGAIN_MS = 5 }; /* a host may ask before the thread can be interrupted */
  return (wp_port_powers){.checks = wp__host_has_checks(), .ends = can_end, .again_ms = AGAIN_MS};
}

/* The word lies below the static data, where the link leaves room (wasm/flags.txt). */
static wp_atomic_u32 *stop_flag(void) { return (wp_atomic_u32 *)WP_STOP_FLAG; }

bool wp_port_stops_possible(void) { return true; }

/* No points: main only. */
void wp_port_count_stops(int32_t by) { wp_atomic_fetch_add_seq_u32(stop_flag(), (uint32_t)by); }

void wp_port_stack_probe(void) {
  enum { RESERVE_BYTES = 4096 }; /* several times what the core's deepest call needs */
  if (stack_left() < RESERVE_BYTES) __builtin_trap();
}

/* ---- What this host has none of ---- */

void wp_port_thread_reset(uint32_t thread) { (void)thread; }
void wp_port_flush(void) {}

bool wp_port_alarm_open(wp_port_alarm *alarm) {
  (void)alarm;
  return false;
}
void wp_port_alarm_close(const wp_port_alarm *alarm) { (void)alarm; }
void wp_port_alarm_set(const wp_port_alarm *alarm, double after_ms) { (void)alarm, (void)after_ms; }
void wp_port_alarm_clear(const wp_port_alarm *alarm) { (void)alarm; }
