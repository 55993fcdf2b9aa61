/*
 * Purpose  The only way to the C11 atomics: the memory order is part of every name, so that grep shows all of them.
 * Owns     nothing
 * Threads  any
 * Order    emcc emits sequentially consistent opcodes whatever is asked for; the orders matter (and are checked by
 *          ThreadSanitizer) in the native build only, so a wrong one can show only there and in review.
 * Kill     each operation is one instruction: it has happened or it has not
 * See      scripts/lint-rules.mjs (rule `atomics`), scripts/lint-points.mjs
 */
#ifndef WP_BASE_ATOMIC_H
#define WP_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint32_t wp_atomic_u32;
typedef _Atomic uint64_t wp_atomic_u64;

/*
 * For T in {u32, u64}:
 *   wp_atomic_load_{relaxed,acquire,seq}_T(p)          wp_atomic_store_{relaxed,release,seq}_T(p, v)
 *   wp_atomic_exchange_{acq_rel,seq}_T(p, v)           wp_atomic_cas_{acq_rel,seq}_T(p, &expected, v)  (strong)
 *   wp_atomic_fetch_{add,sub,or,and}_{relaxed,acq_rel,seq}_T(p, v)
 */
/* For a function of main's that reads a slot which its worker may free and another thread may take meanwhile: what it has read counts only
 * if the slot's generation is the same afterwards. */
#define WP_READS_STALE __attribute__((no_sanitize("thread")))

#define WP__ATOMIC_LOAD(T, type, name, order)                                                      \
  static inline type wp_atomic_load_##name##_##T(const _Atomic type *p) {                          \
    return atomic_load_explicit(p, order);                                                         \
  }
#define WP__ATOMIC_STORE(T, type, name, order)                                                     \
  static inline void wp_atomic_store_##name##_##T(_Atomic type *p, type v) {                       \
    atomic_store_explicit(p, v, order);                                                            \
  }
#define WP__ATOMIC_EXCHANGE(T, type, name, order)                                                  \
  static inline type wp_atomic_exchange_##name##_##T(_Atomic type *p, type v) {                    \
    return atomic_exchange_explicit(p, v, order);                                                  \
  }
#define WP__ATOMIC_CAS(T, type, name, order, fail)                                                 \
  static inline bool wp_atomic_cas_##name##_##T(_Atomic type *p, type *expected, type v) {         \
    return atomic_compare_exchange_strong_explicit(p, expected, v, order, fail);                   \
  }
#define WP__ATOMIC_FETCH(T, type, op, name, order)                                                 \
  static inline type wp_atomic_fetch_##op##_##name##_##T(_Atomic type *p, type v) {                \
    return atomic_fetch_##op##_explicit(p, v, order);                                              \
  }
#define WP__ATOMIC_FETCHES(T, type, op)                                                            \
  WP__ATOMIC_FETCH(T, type, op, relaxed, memory_order_relaxed)                                     \
  WP__ATOMIC_FETCH(T, type, op, acq_rel, memory_order_acq_rel)                                     \
  WP__ATOMIC_FETCH(T, type, op, seq, memory_order_seq_cst)
#define WP__ATOMIC_ALL(T, type)                                                                    \
  WP__ATOMIC_LOAD(T, type, relaxed, memory_order_relaxed)                                          \
  WP__ATOMIC_LOAD(T, type, acquire, memory_order_acquire)                                          \
  WP__ATOMIC_LOAD(T, type, seq, memory_order_seq_cst)                                              \
  WP__ATOMIC_STORE(T, type, relaxed, memory_order_relaxed)                                         \
  WP__ATOMIC_STORE(T, type, release, memory_order_release)                                         \
  WP__ATOMIC_STORE(T, type, seq, memory_order_seq_cst)                                             \
  WP__ATOMIC_EXCHANGE(T, type, acq_rel, memory_order_acq_rel)                                      \
  WP__ATOMIC_EXCHANGE(T, type, seq, memory_order_seq_cst)                                          \
  WP__ATOMIC_CAS(T, type, acq_rel, memory_order_acq_rel, memory_order_acquire)                     \
  WP__ATOMIC_CAS(T, type, seq, memory_order_seq_cst, memory_order_seq_cst)                         \
  WP__ATOMIC_FETCHES(T, type, add)                                                                 \
  WP__ATOMIC_FETCHES(T, type, sub)                                                                 \
  WP__ATOMIC_FETCHES(T, type, or)                                                                  \
  WP__ATOMIC_FETCHES(T, type, and)

WP__ATOMIC_ALL(u32, uint32_t)
WP__ATOMIC_ALL(u64, uint64_t)

/* Stores before it are not moved behind it: for words that only their own thread uses, until its death, which may come at any instruction. */
static inline void wp_atomic_compiler_order(void) { atomic_signal_fence(memory_order_seq_cst); }

#endif
