/* Thumbnails of images that strangers uploaded: `thumbnail` takes the bytes of a JPEG, PNG, GIF or BMP file, and answers
 * with those of a PNG file that is at most 128 pixels wide and high. A file that is damaged fails its task; one that
 * unpacks to more than the instance may have is NO_MEMORY, one that takes too long is killed. */
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_WRITE_NO_STDIO
#include <stb_image.h>
#include <stb_image_resize2.h>
#include <stb_image_write.h>
#include <string.h>
#include <wasmpool.h>

enum { SIDE = 128 };

static int at_least_one(int pixels) { return pixels > 0 ? pixels : 1; }

WP_TASK(thumbnail) {
  size_t bytes;
  const unsigned char *file = wp_task_input(task, &bytes, NULL);
  int width, height, channels, png_bytes;
  unsigned char *pixels = stbi_load_from_memory(file, (int)bytes, &width, &height, &channels, 0);
  if (!pixels && strcmp(stbi_failure_reason(), "outofmem") == 0) return WP_E_NO_MEMORY;
  if (!pixels) return wp_task_fail(task, stbi_failure_reason());
  int longer = width > height ? width : height, side = longer < SIDE ? longer : SIDE;
  int small_width = at_least_one((int)((long long)width * side / longer));
  int small_height = at_least_one((int)((long long)height * side / longer));
  static const stbir_pixel_layout layouts[] = {0, STBIR_1CHANNEL, STBIR_RA, STBIR_RGB, STBIR_RGBA};
  unsigned char *small = stbir_resize_uint8_srgb(pixels, width, height, 0, NULL, small_width,
                                                 small_height, 0, layouts[channels]);
  unsigned char *png =
      small ? stbi_write_png_to_mem(small, 0, small_width, small_height, channels, &png_bytes)
            : NULL;
  wp_status status =
      png ? wp_task_result(task, WP_TYPE_BINARY, png, (size_t)png_bytes) : WP_E_NO_MEMORY;
  STBIW_FREE(png);
  STBIR_FREE(small, NULL);
  stbi_image_free(pixels);
  return status;
}
