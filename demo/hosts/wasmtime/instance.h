/* An instance of the module, for one thread; and calls of what it exports. */
#ifndef WT_INSTANCE_H
#define WT_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

enum { ARGUMENTS_MAX = 7 };

typedef struct instance {
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_instance_t wasm;
} instance;

/* What wp_host_trapped wants to know of a trap. Frees both; each may be NULL. */
uint32_t kind_of(wasmtime_error_t *error, wasm_trap_t *trap);

/* Calls an export, with ARGUMENTS_MAX values. False: it trapped. */
bool call_raw(instance *i, const char *name, wasmtime_val_raw_t *values, uint32_t *kind);

/* The same with numbers of 32 bits. */
bool call(instance *i, const char *name, const uint32_t *arguments, size_t count, uint32_t *result,
          uint32_t *kind);

#endif
