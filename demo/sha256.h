/*
 * SHA-256 (FIPS 180-4), for the demo: one call over bytes in memory.
 *
 * Purpose: real work with a known answer: what sha256sum prints.
 * Owns:    nothing. Threads: any. Kill: no shared state, nothing is left behind.
 * See:     tests/unit/sha256_test.c
 */
#ifndef DEMO_SHA256_H
#define DEMO_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_DIGEST_BYTES 32
#define SHA256_BLOCK_BYTES 64

/* Writes the digest of `length` bytes. `data` may be NULL if length is 0. Below 2^61 bytes (FIPS
 * 180-4, 1). */
void sha256(const void *data, size_t length, uint8_t digest[SHA256_DIGEST_BYTES]);

#endif
