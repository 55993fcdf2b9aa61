#!/bin/sh
# Installs the Debian packages that a group of targets needs. Touches neither network nor locks when they are all there.
#
# usage: packages.sh GROUP…      native      the C compiler of the native build
#                                toolchain   what our Emscripten prefix takes from the system
#                                test        sanitizers, linters, the browser of the smoke tests, build systems of users
#                                runtimes    a browser that only make test-all runs on
#                                examples    tools that the examples with other people's C code are compared with
#                                hosts       what fetches Wasmtime's library, and Go
#                                bench       what the native library is measured beside
set -eu
. "$(dirname "$0")/common.sh"

# Waits for an apt or dpkg that is already running (a fresh machine's unattended upgrade).
lock_wait=600

packages_of() {
  case $1 in
    native) echo gcc libc6-dev ;;
    # clang-19 is what Emscripten 3.1.69 was released against; Debian 12 has it beside its default clang 14.
    toolchain) echo clang-19 lld-19 llvm-19 python3 xz-utils ca-certificates ;;
    test) echo clang-19 libclang-rt-19-dev clang-tidy-19 clang-format-19 chromium spin libfuzzer-19-dev cmake meson ninja-build pkg-config g++ libjsmn-dev ;;
    runtimes) echo firefox-esr ;;
    # grep -P, to compare PCRE2 with, and make, for QuickJS's own tool, are on every system that runs `make examples`.
    examples) echo sqlite3 netpbm ;;
    hosts) echo python3 python3-pip ;;
    bench) echo g++ pkg-config libuv1-dev libglib2.0-dev libtbb-dev ;;
    *) fail "packages.sh: unknown group '$1'" ;;
  esac
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=$lock_wait \
    -o Acquire::Retries=3 "$@"
}

missing=
for group in "$@"; do
  for package in $(packages_of "$group"); do
    case " $missing " in *" $package "*) continue ;; esac
    command -v dpkg-query >/dev/null 2>&1 || fail "not a Debian system: please install $(packages_of "$group")"
    is_installed "$package" || missing="$missing $package"
  done
done
[ -n "$missing" ] || exit 0

say "packages: installing$missing"
mkdir -p "$root/.cache"
log=$root/.cache/packages.log
# A foreign source that does not answer makes `update` fail although Debian's own lists are fresh, so only a failing
# install is an error.
apt update >"$log" 2>&1 || say "packages: apt-get update reported errors, going on (see .cache/packages.log)"
# shellcheck disable=SC2086 # a list of words
if ! apt install --no-install-recommends $missing >>"$log" 2>&1; then
  tail -n 20 "$log" >&2
  fail "packages: apt-get could not install$missing"
fi
