#include "bindings/layout.h"
#include "bindings/actors.h"
#include "bindings/bindings.h"
#include "box.h"
#include "critical.h"
#include "fleet.h"
#include "group.h"
#include "isolated/isolated.h"
#include "lease.h"
#include "mailbox.h"
#include "name.h"
#include "pool.h"
#include "scheduler.h"
#include "task.h"
#include "telemetry.h"
#include "tick.h"
#include "worker.h"
#include <stddef.h>

/* A step of FNV-1a, a word at a time. */
static uint32_t mix(uint32_t hash, uint64_t value) {
  return (hash ^ (uint32_t)value) * UINT32_C(16777619);
}

uint32_t wp_js_layout(void) {
  uint32_t hash = UINT32_C(2166136261);
#define STRUCT(type) hash = mix(hash, sizeof(type));
#define FIELD(type, field) hash = mix(hash, offsetof(type, field));
#define CONST(value) hash = mix(hash, (uint64_t)(value));
#include "layout.def"
#undef STRUCT
#undef FIELD
#undef CONST
  return hash;
}
