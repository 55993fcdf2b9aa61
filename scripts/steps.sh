#!/bin/sh
# Runs targets one after the other, goes on after a failure so that one run shows everything, and ends with a summary.
#
# usage: steps.sh TARGET…      MAKE is the make to use
set -u
failed=
for step in "$@"; do
  printf '\n== %s\n' "$step"
  # Rules run side by side with the output of each kept together, except where a person wants to watch tests go by.
  case $step in node | smoke) sync=none ;; *) sync=target ;; esac
  "${MAKE:-make}" --no-print-directory --keep-going --output-sync=$sync -j "$(nproc)" "$step" ||
    failed="$failed $step"
done
if [ -n "$failed" ]; then
  printf '\nFAILED:%s\n' "$failed"
  exit 1
fi
printf '\nall passed: %s\n' "$*"
