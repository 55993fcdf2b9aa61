#!/bin/sh
# usage: compare.sh NEW COMMITTED…      in pairs; fails, with the difference, when a committed generated file is not new
set -u
status=0
while [ $# -gt 0 ]; do
  diff -u "$2" "$1" || {
    printf '%s: generated: not what its source makes of it, run `make generate`\n' "$2:1"
    status=1
  }
  shift 2
done
exit $status
