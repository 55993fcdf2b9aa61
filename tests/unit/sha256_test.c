/* The demo's SHA-256 against published vectors. Needs demo/sha256.c besides this file. */
#include "../../demo/sha256.h"
#include "test.h"

#ifdef WP_KILL_POINTS
void (*wp__point_hook)(const char *name); /* the library has its wrapped locks in every program */
#endif

static void hex(const uint8_t digest[SHA256_DIGEST_BYTES], char text[2 * SHA256_DIGEST_BYTES + 1]) {
  for (size_t i = 0; i < SHA256_DIGEST_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static int digest_is(const void *data, size_t length, const char *expected) {
  uint8_t digest[SHA256_DIGEST_BYTES];
  char text[2 * SHA256_DIGEST_BYTES + 1];
  sha256(data, length, digest);
  hex(digest, text);
  if (strcmp(text, expected) != 0) printf("# %zu bytes: %s, expected %s\n", length, text, expected);
  return strcmp(text, expected) == 0;
}

TEST(empty, "sha256: the empty message (NIST CAVP SHA256ShortMsg, Len = 0)") {
  const char *expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  CHECK(digest_is(NULL, 0, expected));
  CHECK(digest_is("", 0, expected));
}

TEST(one_block, "sha256: one block (FIPS 180-2, B.1)") {
  CHECK(digest_is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

TEST(two_blocks, "sha256: 56 bytes, whose padding needs a second block (FIPS 180-2, B.2)") {
  const char *message = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  CHECK(digest_is(message, strlen(message),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
}

TEST(long_message, "sha256: a million letters a (FIPS 180-2, B.3)") {
  size_t length = 1000000;
  char *message = malloc(length);
  CHECK(message != NULL);
  memset(message, 'a', length);
  int ok = digest_is(message, length,
                     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free(message);
  CHECK(ok);
}

/* One digest over the digests of every length around the block borders: made with coreutils'
 * sha256sum. */
TEST(borders, "sha256: every length from 0 to 130 bytes, at an odd address") {
  uint8_t storage[1 + 130], digests[131 * SHA256_DIGEST_BYTES];
  for (size_t i = 0; i < sizeof storage; i++) storage[i] = (uint8_t)(i * 7 + 3);
  for (size_t n = 0; n <= 130; n++) sha256(storage + 1, n, digests + n * SHA256_DIGEST_BYTES);
  CHECK(digest_is(digests, sizeof digests,
                  "fe9162fb63a8319a552f30d31f20ea0eebe3151bdf7f4cbb1fd88d4451655e21"));
}
