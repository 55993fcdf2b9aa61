#!/bin/sh
# Makes .toolchain/bin/emcc (and em++, emar, em-config) stand for a suitable Emscripten: the one on PATH when it is new enough, else
# one that this script installs. Does nothing, and needs no network, when that is already so.
#
# The installed one is Debian 13's package on Debian 12: Debian 12's own (3.1.6) cannot make ES modules that run on
# Node 20. Nothing of it enters the system: it is unpacked into a directory of its own, its compiler is this release's
# clang-19, and its one native program (Binaryen) runs with the libc that it was built for, unpacked beside it.
#
# WASMPOOL_TOOLCHAIN=DIR   where to install, or to find, the prefix; default .toolchain/emscripten
set -eu
. "$(dirname "$0")/common.sh"

least=3.1.69 # the first version that all tests have passed with
suite=trixie # the Debian release that carries it
links=$root/.toolchain/bin
tools='emcc em++ emar emranlib emnm em-config'
prefix=${WASMPOOL_TOOLCHAIN:-$root/.toolchain/emscripten}

# Prints the version of an emcc, or nothing if it does not run.
version_of() {
  "$1" --version 2>/dev/null | sed -n '1s/^emcc .* \([0-9][0-9]*\.[0-9]*\.[0-9]*\).*/\1/p'
}

is_suitable() {
  found=$(version_of "$1")
  [ -n "$found" ] && [ "$(printf '%s\n' "$least" "$found" | sort -V | head -n 1)" = "$least" ]
}

# .toolchain/bin/* are scripts rather than links, since emcc finds its files from the path that it was called by.
use() {
  mkdir -p "$links"
  for tool in $tools; do
    [ -x "$1/$tool" ] || continue
    printf '#!/bin/sh\nexec "%s/%s" "$@"\n' "$1" "$tool" >"$links/$tool.new"
    chmod +x "$links/$tool.new"
    mv "$links/$tool.new" "$links/$tool"
  done
}

# Downloads packages of `suite` into $stage/debs.
download() {
  mkdir -p "$stage/debs"
  private_apt "$stage/apt" deb "$suite"
  apt-get -q update
  (cd "$stage/debs" && apt-get -q download "$@")
}

unpack() {
  mkdir -p "$stage/root"
  for package in binaryen libc6 libstdc++6 libgcc-s1; do
    dpkg-deb -x "$stage"/debs/"$package"_*.deb "$stage/root"
  done
  # A third of the package is tests and sanitizer libraries that no target of ours links.
  dpkg-deb --fsys-tarfile "$stage"/debs/emscripten_*.deb | tar -x -C "$stage/root" \
    --exclude='./usr/share/emscripten/test' --exclude='./usr/share/doc' \
    --exclude='*-asan*' --exclude='*-ubsan*'
  # The one npm package that emcc itself needs comes from our lock file.
  mkdir -p "$stage/root/usr/share/emscripten/node_modules"
  cp -R "$root/node_modules/acorn" "$stage/root/usr/share/emscripten/node_modules/"
  # The prefix may lie below a package.json that makes every .js a module; Emscripten's are not.
  echo '{ "type": "commonjs" }' >"$stage/package.json"
}

# Every path is derived when a tool starts from where the tool lies, so the prefix can be built in one place and moved.
write_wrappers() {
  mkdir -p "$stage/bin" "$stage/binaryen/bin"
  for program in "$stage"/root/usr/bin/wasm*; do
    tool=$(basename "$program")
    cat >"$stage/binaryen/bin/$tool" <<'EOF'
#!/bin/sh
root=$(cd "$(dirname "$0")/../../root" && pwd)
libraries=$(echo "$root"/usr/lib/*-linux-gnu)
exec "$(echo "$libraries"/ld-linux-*.so.*)" --library-path "$libraries" "$root/usr/bin/$(basename "$0")" "$@"
EOF
  done
  for tool in $tools; do
    cat >"$stage/bin/$tool" <<'EOF'
#!/bin/sh
prefix=$(cd "$(dirname "$0")/.." && pwd)
EM_CONFIG="$prefix/emscripten.config" exec "$prefix/root/usr/share/emscripten/$(basename "$0")" "$@"
EOF
  done
  chmod +x "$stage"/bin/* "$stage"/binaryen/bin/*
  cat >"$stage/emscripten.config" <<'EOF'
import os
import shutil
LLVM_ROOT = '/usr/bin'
LLVM_ADD_VERSION = '19'
CLANG_ADD_VERSION = '19'
BINARYEN_ROOT = os.path.join(os.path.dirname(os.environ['EM_CONFIG']), 'binaryen')
NODE_JS = shutil.which('node')
# The package has all its system libraries ready-made, so two emcc that run at once need no lock.
FROZEN_CACHE = True
EOF
}

# Ends an unfinished installation: shows why it failed, and leaves nothing behind.
leave_install() {
  [ -z "$log" ] || tail -n 20 "$log" >&2
  rm -rf "$stage"
  fail "toolchain: could not install Emscripten"
}

# Builds the prefix under another name and moves it into place when it has compiled something: an interrupted run leaves
# nothing that looks finished.
install_prefix() {
  "$root/scripts/packages.sh" toolchain
  "$root/scripts/npm.sh"
  mkdir -p "$(dirname "$prefix")" "$root/.cache"
  log=
  stage=$(mktemp -d "$(dirname "$prefix")/.emscripten.XXXXXX")
  trap leave_install EXIT
  say "toolchain: installing Emscripten into $prefix (250 MB to download)"
  log=$root/.cache/toolchain.log
  {
    download emscripten binaryen libc6 libstdc++6 libgcc-s1
    unpack
    write_wrappers
  } >"$log" 2>&1
  log=
  rm -rf "$stage/apt" "$stage/debs"
  echo 'int main(void) { return 0; }' >"$stage/try.c"
  "$stage/bin/emcc" -O2 -pthread "$stage/try.c" -o "$stage/try.mjs"
  rm -f "$stage"/try.*
  chmod 755 "$stage"
  rm -rf "$prefix"
  mv "$stage" "$prefix"
  trap - EXIT
}

if [ -x "$links/em++" ] && is_suitable "$links/emcc"; then
  # Said once: each step of `make test` runs this script.
  [ "${MAKELEVEL:-0}" -gt 1 ] || say "toolchain: Emscripten $found is ready"
  exit 0
fi
on_path=$(command -v emcc || true)
if [ -n "$on_path" ] && is_suitable "$on_path"; then
  use "$(cd "$(dirname "$on_path")" && pwd)"
  say "toolchain: using Emscripten $found from PATH"
  exit 0
fi
is_suitable "$prefix/bin/emcc" || install_prefix
use "$(cd "$prefix/bin" && pwd)"
is_suitable "$links/emcc" || fail "toolchain: $prefix has no Emscripten of version $least or newer"
say "toolchain: using Emscripten $found"
