/*
 * Purpose  What kinds of values may have which size. For tasks in the pool's memory and for those in one of their own.
 * Threads  any
 * See      wasmpool.h (enum wp_type)
 */
#ifndef WP_TYPE_H
#define WP_TYPE_H

#include "wasmpool.h"

/* Whether a value of this type may have this size; false for types that are not in enum wp_type. */
static inline bool wp_type_holds(uint32_t type, size_t bytes) {
  switch (type) {
  case WP_TYPE_UNDEFINED:
    return bytes == 0;
  case WP_TYPE_NUMBER:
    return bytes == sizeof(double);
  case WP_TYPE_JSON:
  case WP_TYPE_CBOR:
    return bytes > 0;
  default:
    return type <= WP_TYPE_LAST;
  }
}

#endif
