#include "sha256.h"
#include <string.h>

/* Section and equation numbers are those of FIPS 180-4. */

#define ROUNDS 64
#define LENGTH_BYTES 8 /* the message's length in bits, at the end of the last block */

/* 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* 5.3.3: likewise, of the square roots of the first eight. */
static const uint32_t initial_hash[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint32_t rotate_right(uint32_t x, unsigned n) { return (x >> n) | (x << (32 - n)); }

static uint32_t load_big_endian(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static void store_big_endian(uint8_t *p, uint32_t x) {
  p[0] = (uint8_t)(x >> 24);
  p[1] = (uint8_t)(x >> 16);
  p[2] = (uint8_t)(x >> 8);
  p[3] = (uint8_t)x;
}

/* 4.1.2, equations 4.2 to 4.7 */
static uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (~x & z); }
static uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (x & z) ^ (y & z); }
static uint32_t big_sigma0(uint32_t x) {
  return rotate_right(x, 2) ^ rotate_right(x, 13) ^ rotate_right(x, 22);
}
static uint32_t big_sigma1(uint32_t x) {
  return rotate_right(x, 6) ^ rotate_right(x, 11) ^ rotate_right(x, 25);
}
static uint32_t small_sigma0(uint32_t x) {
  return rotate_right(x, 7) ^ rotate_right(x, 18) ^ (x >> 3);
}
static uint32_t small_sigma1(uint32_t x) {
  return rotate_right(x, 17) ^ rotate_right(x, 19) ^ (x >> 10);
}

/* 6.2.2, step 1 */
static void expand(uint32_t schedule[ROUNDS], const uint8_t *block) {
  for (unsigned t = 0; t < 16; t++) schedule[t] = load_big_endian(block + 4 * t);
  for (unsigned t = 16; t < ROUNDS; t++)
    schedule[t] = small_sigma1(schedule[t - 2]) + schedule[t - 7] + small_sigma0(schedule[t - 15]) +
                  schedule[t - 16];
}

/* 6.2.2, steps 2 to 4: one block into the hash */
static void compress(uint32_t hash[8], const uint8_t *block) {
  uint32_t schedule[ROUNDS];
  expand(schedule, block);
  uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
  uint32_t e = hash[4], f = hash[5], g = hash[6], h = hash[7];
  for (unsigned t = 0; t < ROUNDS; t++) {
    uint32_t t1 = h + big_sigma1(e) + choose(e, f, g) + round_constants[t] + schedule[t];
    uint32_t t2 = big_sigma0(a) + majority(a, b, c);
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  hash[0] += a;
  hash[1] += b;
  hash[2] += c;
  hash[3] += d;
  hash[4] += e;
  hash[5] += f;
  hash[6] += g;
  hash[7] += h;
}

/* 5.1.1: the rest of the message, a one bit, zeros, the length in bits; one block, or two if it
 * does not fit */
static size_t pad(uint8_t tail[2 * SHA256_BLOCK_BYTES], const uint8_t *rest, size_t rest_bytes,
                  uint64_t message_bytes) {
  size_t total = rest_bytes + 1 + LENGTH_BYTES <= SHA256_BLOCK_BYTES ? SHA256_BLOCK_BYTES
                                                                     : 2 * SHA256_BLOCK_BYTES;
  memset(tail, 0, total);
  if (rest_bytes) memcpy(tail, rest, rest_bytes);
  tail[rest_bytes] = 0x80;
  uint64_t bits = message_bytes * 8;
  store_big_endian(tail + total - 8, (uint32_t)(bits >> 32));
  store_big_endian(tail + total - 4, (uint32_t)bits);
  return total;
}

void sha256(const void *data, size_t length, uint8_t digest[SHA256_DIGEST_BYTES]) {
  uint32_t hash[8];
  memcpy(hash, initial_hash, sizeof hash);
  const uint8_t *bytes = data;
  size_t whole = length - length % SHA256_BLOCK_BYTES;
  for (size_t at = 0; at < whole; at += SHA256_BLOCK_BYTES) compress(hash, bytes + at);

  uint8_t tail[2 * SHA256_BLOCK_BYTES];
  size_t tail_bytes = pad(tail, whole ? bytes + whole : bytes, length - whole, length);
  for (size_t at = 0; at < tail_bytes; at += SHA256_BLOCK_BYTES) compress(hash, tail + at);
  for (unsigned i = 0; i < 8; i++) store_big_endian(digest + 4 * i, hash[i]);
}
