#!/bin/sh
# Gets the C sources that the examples are built of: .cache/examples/NAME/ for each NAME. They come from package
# registries, are pinned by their hash, and are kept: later runs need no network.
#
# usage: example-sources.sh NAME…      prints the names that are there now. Why another one is not stands on stderr and in
#                                      .cache/examples/NAME.missing; it is tried again by the next call
set -eu
. "$(dirname "$0")/common.sh"
cache=$root/.cache/examples
suite=trixie # the Debian release whose upstream sources the hashes are of

# archive_of NAME: its file, its SHA-256, and where it comes from
archive_of() {
  case $1 in
    quickjs) echo quickjs_2025.04.26.orig.tar.xz ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe debian quickjs ;;
    pcre2) echo pcre2_10.46.orig.tar.gz 8d28d7f2c3b970c3a4bf3776bcbb5adfc923183ce74bc8df1ebaad8c1985bd07 debian pcre2 ;;
    thumbnails) echo libstb_0.0~git20241109.5c20573+ds.orig.tar.xz a3a5820445a7dd063516bb542a5cd54ced8efc9c5a30bfbaae1bab6dec2c1a74 debian libstb ;;
    sqlite) echo better-sqlite3-12.11.1.tgz ebf0ed75a7a59dbcb3b24bbd014ef49d9f15bc328e4adcbf516f2a8fadfa2835 npm better-sqlite3@12.11.1 ;;
    *) fail "example-sources.sh: unknown example '$1'" ;;
  esac
}

# Upstream's archive alone: it stays the same while Debian's own part changes with each security update.
from_debian() {
  private_apt "$cache/apt" deb-src "$suite"
  if [ ! -s "$cache/apt/updated" ]; then
    apt-get -q update || return 1
    echo "$suite" >"$cache/apt/updated"
  fi
  apt-get -q source --download-only --tar-only "$1" && return
  rm -f "$cache/apt/updated" # the lists may be too old
  return 1
}

from_npm() {
  npm pack --silent --ignore-scripts "$1"
}

matches() {
  echo "$2  $1" | sha256sum --check --status 2>/dev/null
}

# PCRE2 as its NON-AUTOTOOLS-BUILD says; it has everything ready-made.
prepare() {
  [ "$1" = pcre2 ] || return 0
  cp "$2/src/config.h.generic" "$2/src/config.h"
  cp "$2/src/pcre2.h.generic" "$2/src/pcre2.h"
  cp "$2/src/pcre2_chartables.c.dist" "$2/src/pcre2_chartables.c"
}

# get NAME FILE HASH REGISTRY PACKAGE
get() {
  stamp=$cache/$1/.hash
  [ "$(cat "$stamp" 2>/dev/null)" != "$3" ] || return 0
  if ! matches "$2" "$3"; then
    rm -f "$2"
    "from_$4" "$5" || return 1
    [ -f "$2" ] || { echo "the registry has another version of $5 than $2 now" && return 1; }
    matches "$2" "$3" || { echo "$2 does not have the hash that it is pinned to" && return 1; }
  fi
  rm -rf "$1.new" "$1"
  mkdir "$1.new"
  tar -x -f "$2" -C "$1.new" --strip-components=1 || return 1
  prepare "$1" "$1.new"
  echo "$3" >"$1.new/.hash"
  mv "$1.new" "$1"
}

mkdir -p "$cache"
cd "$cache"
for name in "$@"; do
  archive=$(archive_of "$name")
  # shellcheck disable=SC2086 # a list of words
  if (get "$name" $archive) >"$name.log" 2>&1; then
    rm -f "$name.missing"
    echo "$name"
  else
    tail -n 3 "$name.log" | tr '\n' ' ' >"$name.missing"
    say "examples: no sources of $name: $(cat "$name.missing")" >&2
  fi
done
