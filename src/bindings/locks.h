/*
 * Purpose  The C library's locks in wasm, for threads that may be stopped at any instruction: those of musl itself, pthread's mutexes, spin
 *          locks and once, read-write locks, C++'s guards of static variables. They take the place of the library's own, and each counts as
 *          a critical section of its task.
 * Owns     nothing: each lock is its user's
 * Threads  any
 * Order    a lock's word is taken and given back by sequentially consistent operations
 * Kill     A lock's word names its holder, so it can be opened when that thread is dead. A thread that dies between opening a lock and
 *          waking the next one costs a waiter WP_LOCK_WAIT_MS: all waits are bounded. Read-write locks count readers, who are not named;
 *          they are taken and given back inside the gate, together with the entry in the list of the thread
 * See      src/critical.h, docs/decisions/0020-locks-and-statics.md
 */
#ifndef WP_BINDINGS_LOCKS_H
#define WP_BINDINGS_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

enum { WP_LOCK_WAIT_MS = 10 }; /* after so long a waiter looks again, woken or not */

/* Takes a lock whose word is 0 while it is open, with an entry in the list of the calling thread. */
void wp__word_lock(volatile int *word);
/* Gives it back. The holder. */
void wp__word_unlock(volatile int *word);

/* A wp_release for such a word. */
bool wp__word_release(void *word, uint32_t thread);

/* The calling thread's number, as it stands in words. */
int wp__word_self(void);
/* Whether the word names this number. */
bool wp__word_names(int word, int self);
/* Sleeps while the word is `seen`, for at most WP_LOCK_WAIT_MS; first marks the word, so that its holder wakes the caller. */
void wp__word_wait(volatile int *word, int seen);
/* Makes the word `left` and wakes waiters, up to `count`, if the word was marked. */
void wp__word_leave(volatile int *word, int left, int count);

#endif
