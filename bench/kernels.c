/*
 * Small programs of different kinds, to measure what loop checks cost (bench/checks.mjs). Each runs `rounds` times over the same
 * data and returns a sum that shows whether it computed the same.
 */
#include <stddef.h>
#include <stdint.h>

#define KERNEL(name) __attribute__((export_name(#name))) uint32_t name(uint32_t rounds)

enum { SIZE = 4096, SIDE = 64 };

static uint32_t words[SIZE];
static uint8_t bytes[SIZE];
static float floats[3][SIZE];
static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static void fill_words(void) {
  uint32_t state = 1;
  for (size_t i = 0; i < SIZE; i++) words[i] = next_random(&state);
}

/* A loop of two instructions: the worst that there is. */
KERNEL(tight) {
  uint32_t value = 1;
  for (uint32_t i = 0; i < rounds * 100000; i++) value = value * 3 + i;
  return value;
}

/* Integer arithmetic in longer chains. */
KERNEL(arithmetic) {
  uint32_t a = 1, b = 2, c = 3;
  for (uint32_t i = 0; i < rounds * 20000; i++) {
    a = (a << 5 | a >> 27) ^ b;
    b = b * 0x9e3779b1u + c;
    c = (c ^ a) - (b >> 3);
    a += c / (b | 1);
  }
  return a ^ b ^ c;
}

KERNEL(matrix) {
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) left[i][j] = i + j, right[i][j] = i - j;
  double sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < SIDE; i++)
      for (int j = 0; j < SIDE; j++) {
        double cell = 0;
        for (int k = 0; k < SIDE; k++) cell += left[i][k] * right[k][j];
        product[i][j] = cell;
      }
    sum += product[round % SIDE][7];
  }
  return (uint32_t)sum;
}

/* A hash's rounds over a block at a time. */
KERNEL(hash) {
  fill_words();
  uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (uint32_t round = 0; round < rounds * 4; round++) {
    for (size_t block = 0; block < SIZE; block += 16) {
      for (int i = 0; i < 64; i++) {
        uint32_t e = h[4],
                 t = h[7] + ((e >> 6 | e << 26) ^ (e >> 11 | e << 21)) + ((e & h[5]) ^ (~e & h[6]));
        t += words[block + (size_t)(i & 15)];
        h[7] = h[6], h[6] = h[5], h[5] = e, h[4] = h[3] + t, h[3] = h[2], h[2] = h[1], h[1] = h[0],
        h[0] = t;
      }
    }
  }
  return h[0] ^ h[4];
}

static void sort(uint32_t *from, uint32_t *to) {
  while (from < to) {
    uint32_t pivot = from[(to - from) / 2], *a = from, *b = to;
    while (a <= b) {
      while (*a < pivot) a++;
      while (*b > pivot) b--;
      if (a > b) break;
      uint32_t swap = *a;
      *a++ = *b, *b-- = swap;
    }
    sort(from, b);
    from = a;
  }
}

KERNEL(quicksort) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    fill_words();
    sort(words, words + SIZE - 1);
    sum += words[round % SIZE];
  }
  return sum;
}

static uint32_t fibonacci(uint32_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

KERNEL(recursion) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) sum += fibonacci(20 + (round & 1));
  return sum;
}

/* Bytes one by one: what is in a text. */
KERNEL(text) {
  static const char words_of[] = "the quick brown fox jumps over the lazy dog\n";
  uint32_t lines = 0, count = 0;
  for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)words_of[i % (sizeof words_of - 1)];
  for (uint32_t round = 0; round < rounds * 4; round++) {
    int inside = 0;
    for (size_t i = 0; i < SIZE; i++) {
      uint8_t byte = bytes[i];
      lines += byte == '\n';
      int letter = byte > ' ';
      count += (uint32_t)(letter && !inside);
      inside = letter;
    }
    bytes[round % SIZE] ^= 1;
  }
  return lines * 31 + count;
}

/* Calls through pointers, as interpreters make them. */
typedef uint32_t (*instruction)(uint32_t accumulator, uint32_t operand);
static uint32_t add(uint32_t a, uint32_t b) { return a + b; }
static uint32_t multiply(uint32_t a, uint32_t b) { return a * (b | 1); }
static uint32_t rotate(uint32_t a, uint32_t b) { return a << (b & 15) | a >> (31 - (b & 15)); }
static uint32_t exclusive(uint32_t a, uint32_t b) { return a ^ b; }

KERNEL(interpreter) {
  static const instruction table[] = {add, multiply, rotate, exclusive};
  fill_words();
  uint32_t value = 1;
  for (uint32_t round = 0; round < rounds * 4; round++)
    for (size_t i = 0; i < SIZE; i++) value = table[words[i] >> 30](value, words[i]);
  return value;
}

/* What -O3 with SIMD makes vectors of. */
KERNEL(vectors) {
  for (size_t i = 0; i < SIZE; i++) floats[0][i] = (float)i, floats[1][i] = 1.0f / (float)(i + 1);
  float sum = 0;
  for (uint32_t round = 0; round < rounds * 8; round++) {
    float factor = (float)(round & 7);
    for (size_t i = 0; i < SIZE; i++) floats[2][i] = floats[0][i] * factor + floats[1][i];
    sum += floats[2][round % SIZE];
  }
  return (uint32_t)sum;
}

/* Pointers from place to place: memory, not arithmetic. */
KERNEL(chain) {
  for (uint32_t i = 0; i < SIZE; i++) words[i] = (i * 1021 + 7) % SIZE;
  uint32_t at = 0;
  for (uint32_t i = 0; i < rounds * 20000; i++) at = words[at] ^ (i & 1);
  return at;
}

/* Small inner loops with calls between them. */
__attribute__((noinline)) static uint32_t digits(uint32_t value, uint8_t *out) {
  uint32_t count = 0;
  do out[count++] = (uint8_t)('0' + value % 10);
  while ((value /= 10) != 0);
  return count;
}

KERNEL(numbers) {
  uint32_t sum = 0, state = 1;
  for (uint32_t i = 0; i < rounds * 2000; i++) sum += digits(next_random(&state), bytes) + bytes[0];
  return sum;
}
