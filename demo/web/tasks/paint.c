/*
 * The page's C tasks. Build: emcc -O3 -msimd128 paint.c $(wasmpool-config --emscripten) -o paint.mjs
 *
 * Purpose: real work on pictures (paint), small work in great numbers (grain), and a task that never ends (hang_in_c).
 * Owns:    nothing. Threads: the worker that runs the task.
 * Kill:    the pool takes everything back. See: demo/web/app/picture/tiles.js, tests/page/run.mjs
 */
#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>
#include <wasmpool.h>

enum { PIXEL_BYTES = 4, SECTORS = 4 };

/* The largest brush, and the largest side of a tile with its margins: their products stay far below 32 bits. */
#define RADIUS_MAX 32
#define SIDE_MAX 4096

/* A tile with a margin of `radius` pixels on each side, as RGBA. */
typedef struct tile {
  const uint8_t *pixels;
  size_t stride; /* in bytes */
  uint32_t width, height, radius;
} tile;

/* The four bytes of a pixel as four numbers. */
static v128_t channels(const uint8_t *pixel) {
  v128_t bytes = wasm_v128_load32_zero(pixel);
  return wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes));
}

/*
 * Adds what a sector says of its middle: its mean colour, and a weight that falls with how much the colours differ there. So flat sectors
 * win, edges stay sharp, and the rest flows together as under a brush.
 */
static void add_sector(const uint8_t *corner, const tile *t, v128_t *colour, v128_t *weight) {
  v128_t sum = wasm_i32x4_const_splat(0);
  v128_t squares = wasm_i32x4_const_splat(0);
  for (uint32_t y = 0; y <= t->radius; y++) {
    const uint8_t *row = corner + y * t->stride;
    for (uint32_t x = 0; x <= t->radius; x++) {
      v128_t value = channels(row + x * PIXEL_BYTES);
      sum = wasm_i32x4_add(sum, value);
      squares = wasm_i32x4_add(squares, wasm_i32x4_mul(value, value));
    }
  }
  float side = (float)(t->radius + 1);
  v128_t part = wasm_f32x4_splat(1.0F / (side * side));
  v128_t mean = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), part);
  v128_t variance = wasm_f32x4_sub(wasm_f32x4_mul(wasm_f32x4_convert_i32x4(squares), part),
                                   wasm_f32x4_mul(mean, mean));
  float spread = wasm_f32x4_extract_lane(variance, 0) + wasm_f32x4_extract_lane(variance, 1) +
                 wasm_f32x4_extract_lane(variance, 2);
  if (spread < 1) spread = 1;
  v128_t share = wasm_f32x4_splat(1.0F / (spread * spread * spread));
  *colour = wasm_f32x4_add(*colour, wasm_f32x4_mul(mean, share));
  *weight = wasm_f32x4_add(*weight, share);
}

static void paint_pixel(const tile *t, const uint8_t *middle, uint8_t *out) {
  size_t left = (size_t)t->radius * PIXEL_BYTES;
  size_t up = (size_t)t->radius * t->stride;
  const uint8_t *corners[SECTORS] = {middle - up - left, middle - up, middle - left, middle};
  v128_t colour = wasm_f32x4_const_splat(0);
  v128_t weight = wasm_f32x4_const_splat(0);
  for (int i = 0; i < SECTORS; i++) add_sector(corners[i], t, &colour, &weight);
  v128_t rounded = wasm_i32x4_trunc_sat_f32x4(
      wasm_f32x4_add(wasm_f32x4_div(colour, weight), wasm_f32x4_const_splat(0.5F)));
  v128_t halves = wasm_i16x8_narrow_i32x4(rounded, rounded);
  uint32_t pixel = (uint32_t)wasm_i32x4_extract_lane(wasm_u8x16_narrow_i16x8(halves, halves), 0);
  memcpy(out, &pixel, sizeof pixel);
}

static bool read_size(const wp_task *task, uint32_t index, uint32_t most, uint32_t *value) {
  double number;
  if (!wp_task_argument_number(task, index, &number) || !(number >= 0 && number <= most))
    return false;
  *value = (uint32_t)number;
  return true;
}

/* In: width, height, radius, and a tile of that size with its margins. Out: the tile, painted. */
WP_TASK(paint) {
  tile t = {0};
  size_t bytes = 0;
  bool ok = read_size(task, 0, SIDE_MAX, &t.width) && read_size(task, 1, SIDE_MAX, &t.height) &&
            read_size(task, 2, RADIUS_MAX, &t.radius);
  t.pixels = wp_task_argument(task, 3, &bytes, NULL);
  t.stride = (size_t)PIXEL_BYTES * (t.width + 2 * t.radius);
  if (!ok || !t.pixels || bytes != t.stride * (t.height + 2 * t.radius))
    return wp_task_fail(task, "paint: expected width, height, radius and a tile with its margins");

  uint8_t *out =
      wp_task_result_alloc(task, WP_TYPE_BINARY, (size_t)PIXEL_BYTES * t.width * t.height);
  if (!out) return WP_E_NO_MEMORY;
  const uint8_t *first = t.pixels + t.radius * t.stride + (size_t)t.radius * PIXEL_BYTES;
  for (uint32_t y = 0; y < t.height; y++)
    for (uint32_t x = 0; x < t.width; x++, out += PIXEL_BYTES)
      paint_pixel(&t, first + y * t.stride + (size_t)x * PIXEL_BYTES, out);
  return WP_OK;
}

/* In: a number of rounds. Out: where a random walk of so many steps ends, which tells whether the work was done. */
WP_TASK(grain) {
  double rounds = 0;
  if (!wp_task_number(task, &rounds) || !(rounds >= 0 && rounds <= UINT32_MAX))
    return wp_task_fail(task, "grain: expected a number of rounds");
  uint32_t state = 1;
  for (uint32_t left = (uint32_t)rounds; left; left--) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
  }
  double end = state;
  return wp_task_result(task, WP_TYPE_NUMBER, &end, sizeof end);
}

/* A loop without an end, as after a mistake in the condition. */
WP_TASK(hang_in_c) {
  for (volatile uint32_t turns = 0;; turns++) {
  }
  return wp_task_fail(task, "unreachable");
}
