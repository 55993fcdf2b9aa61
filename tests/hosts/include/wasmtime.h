/* What demo/hosts/wasmtime/ uses of Wasmtime's C API, version 50, written down from its documentation: the library comes from PyPI's wheel,
 * which has no headers. Programs of users include the official wasmtime.h instead. */
#ifndef TESTS_WASMTIME_H
#define TESTS_WASMTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_memorytype_t wasm_memorytype_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasmtime_caller wasmtime_caller_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_error wasmtime_error_t;
typedef struct wasmtime_linker wasmtime_linker_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_sharedmemory wasmtime_sharedmemory_t;
typedef struct wasmtime_store wasmtime_store_t;

typedef struct {
  size_t size;
  char *data;
} wasm_byte_vec_t;

typedef struct {
  size_t size;
  wasm_valtype_t **data;
} wasm_valtype_vec_t;

enum { WASM_I32 = 0, WASM_F64 = 3 };

typedef union {
  int32_t i32;
  double f64;
  uint8_t v128[16];
  void *funcref;
} wasmtime_val_raw_t;

typedef struct {
  uint64_t store_id;
  void *internal;
} wasmtime_func_t;

typedef struct {
  uint64_t store_id;
  size_t internal;
} wasmtime_instance_t;

enum { WASMTIME_EXTERN_FUNC = 0, WASMTIME_EXTERN_SHAREDMEMORY = 4 };

typedef struct {
  uint8_t kind;
  union {
    wasmtime_func_t func;
    wasmtime_sharedmemory_t *sharedmemory;
    uint8_t others[24];
  } of;
} wasmtime_extern_t;

typedef uint8_t wasmtime_trap_code_t;
enum { WASMTIME_TRAP_CODE_STACK_OVERFLOW = 0, WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS = 1 };

typedef uint8_t wasmtime_update_deadline_kind_t;
enum { WASMTIME_UPDATE_DEADLINE_CONTINUE = 0 };

typedef wasm_trap_t *(*wasmtime_func_unchecked_callback_t)(void *, wasmtime_caller_t *,
                                                           wasmtime_val_raw_t *, size_t);

wasm_config_t *wasm_config_new(void);
void wasmtime_config_wasm_threads_set(wasm_config_t *, bool);
void wasmtime_config_shared_memory_set(wasm_config_t *, bool);
void wasmtime_config_epoch_interruption_set(wasm_config_t *, bool);
wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *);
void wasm_engine_delete(wasm_engine_t *);
void wasmtime_engine_increment_epoch(wasm_engine_t *);

wasmtime_error_t *wasmtime_module_new(wasm_engine_t *, const uint8_t *, size_t,
                                      wasmtime_module_t **);
void wasmtime_module_delete(wasmtime_module_t *);

wasmtime_error_t *wasmtime_memorytype_new(uint64_t, bool, uint64_t, bool, bool, uint8_t,
                                          wasm_memorytype_t **);
void wasm_memorytype_delete(wasm_memorytype_t *);
wasmtime_error_t *wasmtime_sharedmemory_new(const wasm_engine_t *, const wasm_memorytype_t *,
                                            wasmtime_sharedmemory_t **);
void wasmtime_sharedmemory_delete(wasmtime_sharedmemory_t *);
uint8_t *wasmtime_sharedmemory_data(const wasmtime_sharedmemory_t *);

wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *, void (*)(void *));
void wasmtime_store_delete(wasmtime_store_t *);
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_context_set_epoch_deadline(wasmtime_context_t *, uint64_t);
void wasmtime_store_epoch_deadline_callback(
    wasmtime_store_t *,
    wasmtime_error_t *(*)(const wasmtime_context_t *, void *, uint64_t *,
                          wasmtime_update_deadline_kind_t *),
    void *, void (*)(void *));

wasm_valtype_t *wasm_valtype_new(uint8_t);
void wasm_valtype_vec_new(wasm_valtype_vec_t *, size_t, wasm_valtype_t *const[]);
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *, wasm_valtype_vec_t *);
void wasm_functype_delete(wasm_functype_t *);

wasmtime_linker_t *wasmtime_linker_new(wasm_engine_t *);
void wasmtime_linker_delete(wasmtime_linker_t *);
wasmtime_error_t *wasmtime_linker_define(wasmtime_linker_t *, wasmtime_context_t *, const char *,
                                         size_t, const char *, size_t, const wasmtime_extern_t *);
wasmtime_error_t *wasmtime_linker_define_func_unchecked(wasmtime_linker_t *, const char *, size_t,
                                                        const char *, size_t,
                                                        const wasm_functype_t *,
                                                        wasmtime_func_unchecked_callback_t, void *,
                                                        void (*)(void *));
wasmtime_error_t *wasmtime_linker_instantiate(const wasmtime_linker_t *, wasmtime_context_t *,
                                              const wasmtime_module_t *, wasmtime_instance_t *,
                                              wasm_trap_t **);
bool wasmtime_instance_export_get(wasmtime_context_t *, const wasmtime_instance_t *, const char *,
                                  size_t, wasmtime_extern_t *);
wasmtime_error_t *wasmtime_func_call_unchecked(wasmtime_context_t *, const wasmtime_func_t *,
                                               wasmtime_val_raw_t *, size_t, wasm_trap_t **);

wasmtime_error_t *wasmtime_error_new(const char *);
void wasmtime_error_message(const wasmtime_error_t *, wasm_byte_vec_t *);
void wasmtime_error_delete(wasmtime_error_t *);
bool wasmtime_trap_code(const wasm_trap_t *, wasmtime_trap_code_t *);
void wasm_trap_message(const wasm_trap_t *, wasm_byte_vec_t *);
void wasm_trap_delete(wasm_trap_t *);

#endif
