/* The libFuzzer target for the shared map (make fuzz); tests/unit/map_fuzz_test.c replays inputs of the same kind in every test run. */
#include "../unit/map_fuzz.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!fuzz_one(data, size)) abort(); /* how libFuzzer is told */
  return 0;
}
