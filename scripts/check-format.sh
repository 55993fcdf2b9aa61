#!/bin/sh
# usage: check-format.sh FILE…      names each C file that clang-format would change; fails when there is any
set -u
status=0
for file in "$@"; do
  clang-format-19 "$file" | cmp -s - "$file" || {
    printf '%s:1: format: not as clang-format has it, run `make format`\n' "$file"
    status=1
  }
done
exit $status
