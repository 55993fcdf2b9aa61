#!/bin/sh
# Links a wasm module that has nothing of Emscripten's and gets its memory: scripts/link-bare.sh OUT.wasm OBJECT…
set -eu
config=$(dirname "$0")/../.toolchain/bin/em-config
version=$("$config" LLVM_ADD_VERSION 2>/dev/null || true)
case $version in '' | None) linker=wasm-ld ;; *) linker=wasm-ld-$version ;; esac
out=$1
shift
"$("$config" LLVM_ROOT)/$linker" --no-entry --import-memory --shared-memory --max-memory=4294967296 --export-dynamic \
  --export=__stack_pointer --gc-sections --strip-all "$@" -o "$out"
