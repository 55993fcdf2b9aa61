#!/bin/sh
# Runs the demo: `make demo` calls it when everything is installed and the core is built. Arguments go to demo/run.mjs.
# The C tasks are built as a user of the package builds theirs, with the emcc in EMCC or on PATH.
set -eu
. "$(dirname "$0")/common.sh"
cd "$root"

emcc=${EMCC:-emcc}
module=build/demo/digest.mjs
command -v "$emcc" >/dev/null 2>&1 || fail "demo: there is no '$emcc'; 'make demo' installs one"

# Anything that goes into the module is newer than it: build it again.
if [ ! -f "$module" ] || [ -n "$(find demo/*.[ch] src wasm/flags.txt wasm/exports.txt wasm/library.js \
  -newer "$module" -type f | head -n 1)" ]; then
  say "  EMCC   $module"
  mkdir -p "$(dirname "$module")"
  # shellcheck disable=SC2046 # the words of wasmpool-config are separate arguments
  "$emcc" demo/digest.c demo/sha256.c $(bin/wasmpool-config --emscripten) -o "$module"
fi
exec node demo/run.mjs "$@"
