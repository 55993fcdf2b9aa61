/*
 * Purpose  What the port for wasm hosts other than JavaScript's glue has for the room above it (src/hosts/): a thread's start, and its
 *          end as the host reports it.
 * Owns     the start records, one for each thread number, with the thread's stack and thread-local data
 * Threads  as noted
 * Order    `ended` is stored by the host after the thread's last instruction, and read by main (both seq)
 * Kill     the block of a thread belongs to its number: nothing of it is reused before the fleet starts another thread of that number,
 *          which is after the reaping of the last one. A thread that dies leaves its block as it is
 * See      docs/host-abi.md
 */
#ifndef WP_PORT_HOST_H
#define WP_PORT_HOST_H

#include "port/port.h"

/* What a new thread needs to know; hosts see the first words (docs/host-abi.md). Written by main before the host is asked for the
 * thread. */
typedef struct wp_port_thread {
  uint32_t stack_top, stack_end, tls_base;
  uint32_t record; /* of the pool, for loop checks */
  wp_atomic_u32
      ended; /* 1: nothing of the thread executes any more; written by the host, reset by main */
  wp_atomic_u32
      asked; /* 1: the thread is to end; written by main, read by the thread where it waits */
  wp_atomic_u32
      waits; /* address of the word that the thread waits on while it may be ended, or 0; written by the thread */
  uint32_t number;
  uint32_t incarnation;
  uint32_t block_bytes;
  void (*run)(void *);
  void *argument;
  uint8_t *block;      /* stack, then thread-local data */
  uint8_t *locals_end; /* of thread-local data */
} wp_port_thread;

/* The calling thread becomes this one; before it runs anything else. */
void wp__host_begin(wp_port_thread *start);

/* False: the module was built without threads, and main runs tasks when it is asked to (wp_host_step). */
bool wp__host_has_threads(void);

/* Whether the module's loops have checks. */
bool wp__host_has_checks(void);

/* Whether `start` is the record of a thread that was asked for and has not ended. Any thread. */
bool wp__host_is_thread(const wp_port_thread *start);

/* What the host says it can do (enum wp_host_caps in hosts/host.h). main, before the pool is opened. */
void wp__host_can(bool ends);

#endif
