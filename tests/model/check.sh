#!/bin/sh
# Checks the model with spin: it must hold, and each broken variant must fail (so that the model is known to see the rule).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-build/model}
mkdir -p "$out"
passed=0 failed=0

# run NAME EXPECTED FLAGS…: EXPECTED is "holds" or "fails"
run() {
  name=$1 expected=$2
  shift 2
  dir=$out/$name
  mkdir -p "$dir"
  (cd "$dir" && spin -a "$@" "$here/gate.pml" >spin.log && cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m2000000 >pan.log)
  found=fails
  grep -q 'errors: 0' "$dir/pan.log" && found=holds
  if grep -q 'max search depth too small\|out of memory' "$dir/pan.log"; then found=incomplete; fi
  states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$dir/pan.log")
  if [ "$found" = "$expected" ]; then
    passed=$((passed + 1))
    echo "model: $name $found, as it must ($states states)"
  else
    failed=$((failed + 1))
    echo "model: $name $found, but it must be: $expected (see $dir/pan.log)"
  fi
}

run two-workers holds -DW=2 -DTASKS=2
run no-gate fails -DW=2 -DTASKS=2 -DNO_GATE
run no-second-look fails -DW=2 -DTASKS=3 -DNO_SECOND_LOOK
run seen-after-idle fails -DW=2 -DTASKS=2 -DSEEN_AFTER_IDLE
echo "model: $passed passed, $failed failed"
[ "$failed" = 0 ]
