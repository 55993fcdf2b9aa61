#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr, names of registers: before any header */
#endif
#include "port/native_stop.h"
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

/* The word `timed`. */
enum wp_stopper_timed { WP_TIMED_NOT = 0, WP_TIMED = 1, WP_TIMED_NO_MORE = 2 };

/* Between two signals for one thread: the first delay, what each one adds to it (a quarter), and the longest. */
static const long first_delay_ns = 20000, longest_delay_ns = 10000000;

static _Thread_local wp_stopper *own;

/* ---- Libraries in which no thread is ended ---- */

/* Names begin so. What is C code only, and calls no code that throws exceptions, comes first. */
static const char *const names[] = {
    "libc.",   "libc-",    "libpthread", "libresolv", "libnss_",   "librt.",      "libdl.",
    "libanl.", "ld-",      "libstdc++",  "libc++",    "libgcc_s",  "libunwind",   "libasan",
    "libtsan", "libubsan", "liblsan",    "libclang_", "libmimall", "libjemalloc", "libtcmalloc"};
enum { PLAIN_NAMES = 8, LIBRARIES_MAX = 64 };

typedef struct library {
  uintptr_t begin, end; /* its code */
  bool plain;           /* a return address in it may be changed: see trap_return */
} library;

static library libraries[LIBRARIES_MAX];
static wp_atomic_u32 library_count; /* only grows */
/* 1: a thread changes what all pools share here. Not one of pthread's locks, which would be a critical section of a task that calls its pool. */
static wp_atomic_u32 changing;

/* No points: the thread cannot be killed. */
static void begin_change(void) {
  uint32_t open = 0;
  while (!wp_atomic_cas_acq_rel_u32(&changing, &open, 1)) {
    sched_yield();
    open = 0;
  }
}

/* No points: as above. */
static void end_change(void) { wp_atomic_store_release_u32(&changing, 0); }

static const library *library_at(uintptr_t address) {
  uint32_t count = wp_atomic_load_acquire_u32(&library_count);
  for (uint32_t i = 0; i < count; i++)
    if (address >= libraries[i].begin && address < libraries[i].end) return &libraries[i];
  return NULL;
}

/* No points: not for threads that run a task. */
static int list_library(struct dl_phdr_info *info, size_t size, void *argument) {
  (void)size;
  (void)argument;
  const char *slash = strrchr(info->dlpi_name, '/');
  const char *name = slash ? slash + 1 : info->dlpi_name;
  size_t which = 0, known = sizeof names / sizeof *names;
  while (which < known && strncmp(name, names[which], strlen(names[which])) != 0) which++;
  if (which == known) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    uintptr_t begin = (uintptr_t)info->dlpi_addr + part->p_vaddr;
    uint32_t count = wp_atomic_load_relaxed_u32(&library_count); /* under the lock */
    bool is_code = part->p_type == PT_LOAD && part->p_flags & PF_X;
    if (!is_code || library_at(begin) || count == LIBRARIES_MAX) continue;
    libraries[count] = (library){begin, begin + part->p_memsz, which < PLAIN_NAMES};
    wp_atomic_store_release_u32(&library_count, count + 1); /* pairs with library_at */
  }
  return 0;
}

/* Again for each kill: name services and the unwinder, for instance, are loaded late. */
static void list_libraries(void) {
  begin_change();
  dl_iterate_phdr(list_library, NULL);
  end_change();
}

/* ---- The end ---- */

static _Noreturn void end_here(wp_stopper *stopper) {
  stopper->ending = 1;
  siglongjmp(stopper->start, 1);
}

bool wp__stop_wanted(void) { return own && wp_atomic_load_seq_u32(&own->wanted); }

void wp__stop_check(void) {
  if (own && own->killable && !own->ending && wp_atomic_load_seq_u32(&own->wanted)) end_here(own);
}

void wp__stopper_killable(wp_stopper *stopper, bool killable) {
  stopper->killable = killable;
  wp_atomic_compiler_order(); /* the handler runs on this thread */
  wp__stop_check();
}

/* ---- The return from a library ---- */

#if defined(__x86_64__)
typedef struct walk {
  uintptr_t interrupted; /* frames further in are the handler's */
  bool found;            /* the interrupted frame was passed */
  bool ends;             /* it returns to no library: may end there */
  uint32_t frames;
  uintptr_t *slot; /* of the address to which the C library returns */
} walk;

enum { FRAMES_MAX = 100 };

/* Steps from the interrupted frame to the first that is not of the C library. */
static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *context, void *argument) {
  walk *w = argument;
  uintptr_t address = _Unwind_GetIP(context);
  if (++w->frames > FRAMES_MAX) return _URC_END_OF_STACK;
  if (!w->found) {
    w->found = address == w->interrupted;
    if (!w->found) return _URC_NO_REASON;
  }
  const library *at = library_at(address);
  if (at && at->plain) return _URC_NO_REASON;
  uintptr_t *slot = (uintptr_t *)_Unwind_GetCFA(context) - 1;
  /* Not where tables and stack disagree. */
  if (*slot == address) w->slot = slot;
  w->ends = !at;
  return _URC_END_OF_STACK;
}

static __attribute__((used)) _Noreturn void wp__stop_returned(void) { end_here(own); }

/* Where a library returns to; the stack is as after any return. Unwinders look at the instruction before it, and find that the stack ends. */
__attribute__((visibility("hidden"))) extern const char wp__stop_landing[];
__asm__(".text\n"
        ".hidden wp__stop_landing\n"
        ".globl wp__stop_landing\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "  nop\n"
        "wp__stop_landing:\n"
        "  andq $-16, %rsp\n"
        "  call wp__stop_returned\n"
        "  ud2\n"
        ".cfi_endproc\n");
#endif

/* If the thread is in a wait of the C library, it is cancelled there, and this does not return. Nowhere else: a cancellation unwinds the
 * stack, and one that meets a destructor, or another function that may not throw, ends the process. */
static void cancel_wait(void) {
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

/* The thread is in the C library: makes it end in its wait, or where it returns to other code. Not where it returns to the runtime of C++:
 * an exception on its way would find no handler. */
#if defined(__x86_64__)
static void trap_return(uintptr_t interrupted) {
  walk w = {.interrupted = interrupted};
  _Unwind_Backtrace(look_at_frame, &w);
  if (!w.slot) return;
  uintptr_t before = *w.slot;
  *w.slot = (uintptr_t)wp__stop_landing; /* the frames of the task are not unwound */
  cancel_wait();
  if (!w.ends) *w.slot = before;
}

static uintptr_t interrupted_at(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}
#elif defined(__aarch64__)
static void trap_return(uintptr_t interrupted) {
  (void)interrupted;
  cancel_wait();
}
static uintptr_t interrupted_at(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.pc;
}
#else
#error "native pools end threads on x86-64 and AArch64 only"
#endif

/* ---- The signal ---- */

/* Sends it again after a while. */
static void set_timer(wp_stopper *stopper, long delay_ns) {
  const struct itimerspec once = {.it_value = {.tv_nsec = delay_ns}};
  timer_settime(stopper->timer, 0, &once, NULL);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  wp_stopper *self = own;
  if (!self || !self->killable || self->ending || !wp_atomic_load_seq_u32(&self->wanted)) return;
  uintptr_t at = interrupted_at(context);
  const library *in = library_at(at);
  if (!in) end_here(self);
  int error = errno;
  if (in->plain) trap_return(at);
  self->delay_ns += self->delay_ns / 4;
  if (self->delay_ns > longest_delay_ns) self->delay_ns = longest_delay_ns;
  if (wp_atomic_load_acquire_u32(&self->timed) == WP_TIMED) set_timer(self, self->delay_ns);
  errno = error;
}

static int stop_signal; /* 0: none yet */

/* No points: no thread of a pool. */
static void choose_signal(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART}, old;
  action.sa_sigaction = on_signal;
  sigfillset(&action.sa_mask);
  for (int number = SIGRTMAX; number >= SIGRTMIN && !stop_signal; number--)
    if (!sigaction(number, NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
        old.sa_handler == SIG_DFL && !sigaction(number, &action, NULL))
      stop_signal = number;
}

bool wp__stopper_open(void) {
  begin_change();
  choose_signal();
  end_change();
  list_libraries();
  return stop_signal != 0;
}

static _Unwind_Reason_Code stop_walk(struct _Unwind_Context *context, void *argument) {
  (void)context;
  (void)argument;
  return _URC_END_OF_STACK;
}

void wp__stopper_begin(wp_stopper *stopper) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, stop_signal);
  own = stopper;
  stopper->delay_ns = first_delay_ns;
  _Unwind_Backtrace(stop_walk, NULL); /* what it does on its first call, a handler may not */
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  /* no point: the thread is starting */
  wp_atomic_store_release_u32(&stopper->system_number, (uint32_t)syscall(SYS_gettid));
}

void wp__stopper_end(wp_stopper *stopper) {
  stopper->killable = 0;
  wp_atomic_compiler_order();
  /* no point: the thread is ending */
  if (wp_atomic_exchange_seq_u32(&stopper->timed, WP_TIMED_NO_MORE) == WP_TIMED)
    timer_delete(stopper->timer);
}

/* No points: main only. */
static void make_timer(wp_stopper *stopper) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = stop_signal};
  event._sigev_un._tid = (pid_t)wp_atomic_load_acquire_u32(&stopper->system_number);
  if (!event._sigev_un._tid || timer_create(CLOCK_MONOTONIC, &event, &stopper->timer)) return;
  uint32_t none = WP_TIMED_NOT;
  /* It may have begun to end. Release: pairs with the handler's load */
  if (!wp_atomic_cas_seq_u32(&stopper->timed, &none, WP_TIMED)) timer_delete(stopper->timer);
}

/* No points: main only. */
void wp__stopper_ask(wp_stopper *stopper, pthread_t thread) {
  wp_atomic_store_seq_u32(&stopper->wanted, 1); /* pairs with wp__stop_check */
  list_libraries();
  if (wp_atomic_load_acquire_u32(&stopper->timed) == WP_TIMED_NOT) make_timer(stopper);
  pthread_cancel(thread); /* takes effect in cancel_wait only */
  pthread_kill(thread, stop_signal);
}
