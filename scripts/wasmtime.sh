#!/bin/sh
# Puts Wasmtime's C library into .cache/wasmtime: the one in its package for Python, which is a ZIP file. Does nothing, and needs no network,
# when it is there. tests/hosts/include/wasmtime.h has the declarations.
set -eu
. "$(dirname "$0")/common.sh"

version=50.0.1
place=$root/.cache/wasmtime
[ ! -f "$place/$version/_libwasmtime.so" ] || exit 0
[ "$(uname -sm)" = 'Linux x86_64' ] || fail "wasmtime: the package for $(uname -sm) has not been tried"
"$root/scripts/packages.sh" hosts
say "wasmtime: installing version $version"
mkdir -p "$place"
stage=$(mktemp -d "$place/new.XXXXXX")
trap 'rm -rf "$stage"' EXIT
cat >"$stage/requirements.txt" <<END
wasmtime==$version --hash=sha256:cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4
END
python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes --dest "$stage" -r "$stage/requirements.txt"
python3 -m zipfile -e "$stage"/*.whl "$stage/package"
rm -rf "${place:?}/$version"
mv "$stage/package/wasmtime/linux-x86_64" "$place/$version"
