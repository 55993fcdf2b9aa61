#include "instance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t kind_of(wasmtime_error_t *error, wasm_trap_t *trap) {
  wasmtime_trap_code_t code = 0;
  uint32_t kind = 0;
  if (trap && wasmtime_trap_code(trap, &code)) {
    if (code == WASMTIME_TRAP_CODE_STACK_OVERFLOW) kind = 1;
    if (code == WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS) kind = 2;
  }
  if (error) wasmtime_error_delete(error);
  if (trap) wasm_trap_delete(trap);
  return kind;
}

bool call_raw(instance *i, const char *name, wasmtime_val_raw_t *values, uint32_t *kind) {
  wasmtime_extern_t found;
  wasm_trap_t *trap = NULL;
  if (!wasmtime_instance_export_get(i->context, &i->wasm, name, strlen(name), &found)) {
    fprintf(stderr, "the module has no %s\n", name);
    abort();
  }
  wasmtime_error_t *error =
      wasmtime_func_call_unchecked(i->context, &found.of.func, values, ARGUMENTS_MAX, &trap);
  if (!error && !trap) return true;
  *kind = kind_of(error, trap);
  return false;
}

bool call(instance *i, const char *name, const uint32_t *arguments, size_t count, uint32_t *result,
          uint32_t *kind) {
  wasmtime_val_raw_t values[ARGUMENTS_MAX] = {0};
  for (size_t n = 0; n < count; n++) values[n].i32 = (int32_t)arguments[n];
  if (!call_raw(i, name, values, kind)) return false;
  *result = (uint32_t)values[0].i32;
  return true;
}
