#!/bin/sh
# Checks the models with spin: what is right must hold, and each broken rule must be refused, so that the models are known
# to see it. One line for each: what was found, states, seconds. Two run at a time.
#
# Each rule is checked with at least 3 workers, 4 tasks and 2 deaths. Where that has too many states to see them all, it is
# checked exhaustively within smaller bounds, and sampled (spin's bitstate hashing: some of the states, no error in those)
# within the full ones. The line says which; "sampled, 1 in N bits" is how full the table of hashes was at the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-build/model}
rm -rf "$out"
mkdir -p "$out"

# run NAME EXPECTED MODEL FLAGS…: EXPECTED is "holds" or "refused".
run() {
  name=$1 expected=$2 model=$3
  shift 3
  dir=$out/$name
  mkdir "$dir"
  (
    cd "$dir"
    spin -a "$@" "$here/$model.pml" >spin.log 2>&1
    # shellcheck disable=SC2086 # several flags
    ${CC:-cc} -w -O"${optimize:-2}" -DSAFETY ${search_cc:--DCOLLAPSE} -DMEMLIM=6000 -o pan pan.c >cc.log 2>&1
    ./pan -m100000 ${search_pan:-} >pan.log 2>&1
  ) || true
  found=broken
  if grep -q 'errors: [1-9]' "$dir/pan.log"; then found=refused; fi
  if grep -q 'errors: 0' "$dir/pan.log"; then found=holds; fi
  if grep -q 'too small\|out of memory\|memory exceeded\|error: max' "$dir/pan.log"; then found=incomplete; fi
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$dir/pan.log")
  seconds=$(sed -n 's/^pan: elapsed time \([0-9.]*\) .*/\1/p' "$dir/pan.log")
  why=$(sed -n 's/^pan:1: \(.*\) (at depth.*/ (\1)/p' "$dir/pan.log" | cut -c1-100)
  factor=$(sed -n 's/^hash factor: \([0-9.]*\) .*/\1/p' "$dir/pan.log")
  [ -z "$factor" ] || found="$found (sampled, 1 in $factor bits)"
  verdict=ok
  [ "${found%% *}" = "$expected" ] || verdict="NOT OK, it must be: $expected"
  echo "model: $name: $found, $states states, $seconds s: $verdict$why" | tee "$dir/verdict"
}

# sample NAME EXPECTED MODEL FLAGS…: run, but only as many states as fit into the hash table.
sample() {
  search_cc=-DBITSTATE search_pan="-w${bits:-$SAMPLE_BITS} -k3"
  run "$@"
  unset search_cc search_pan
}
SAMPLE_BITS=${SAMPLE_BITS:-27}

# What is right.
right() {
  run gate-full holds gate -DW=3 -DTASKS=4 -DDEATHS=2 -DDOOMS=3
  run gate-losses holds gate -DW=3 -DTASKS=3 -DDEATHS=1 -DDOOMS=1 -DLOSSES
  sample gate-losses-full holds gate -DW=3 -DTASKS=4 -DDEATHS=2 -DDOOMS=3 -DLOSSES
  run gate-fine holds gate -DFINE -DW=2 -DTASKS=3 -DDEATHS=2 -DDOOMS=3 -DLOSSES
  sample gate-fine-full holds gate -DFINE -DW=3 -DTASKS=4 -DDEATHS=2 -DDOOMS=3 -DLOSSES
  run fleet-full holds fleet -DSEATS=3 -DSPARES=1 -DDEATHS=3
  run fleet-ladder holds fleet -DSEATS=2 -DRECORDS=4 -DDEATHS=1 -DSUSPICIONS=2
  run leave-resize holds leave -DRESIZES=2
  run leave-farewell holds leave -DRESIZES=1 -DASKS=1 -DTASKS=1 -DFAREWELLS=1
  optimize=0 # a large program with few states: compiling it takes longer than running it
  run leave-replace holds leave -DASKS=2 -DTASKS=1 -DRECORDS=4
  run leave-elastic holds leave -DLEAST=1 -DMOST=2 -DOPENED=1
  run leave-wishes holds leave -DWISHES=2
  run leave-deaths holds leave -DRESIZES=1 -DDEATHS=1 -DTASKS=1
  unset optimize
  bits=24 # its states are slow
  sample leave-full holds leave -DSEATS=3 -DRECORDS=5 -DTASKS=4 -DRESIZES=2 -DASKS=1 -DDEATHS=2 -DFAREWELLS=1
  unset bits
  run bell-full holds bell -DW=3 -DTASKS=4 -DDEATHS=2
  run bell-limited holds bell -DW=3 -DTASKS=4 -DDEATHS=2 -DLIMITED
  run sleep-wide holds sleep -DW=3 -DTASKS=1 -DDEATHS=1
  run sleep-long holds sleep -DW=2 -DTASKS=4 -DDEATHS=2
  run weights-full holds weights -DW=3 -DHEAVY=4 -DMEMBERS=4 -DDEATHS=2
  optimize=0
  for strategy in 0 1 2; do
    for links in 0 1 5; do
      run "supervision-$strategy-$links" holds supervision -DSTRATEGY=$strategy -DLINKS=$links
    done
    run "supervision-$strategy-7" holds supervision -DSTRATEGY=$strategy -DLINKS=7 -DFAILURES=4 -DENDS=2
    run "supervision-$strategy-budget" holds supervision -DSTRATEGY=$strategy -DLINKS=7 -DFAILURES=5 -DENDS=0 -DBUDGET=3
    run "supervision-$strategy-child" holds supervision -DSTRATEGY=$strategy -DLINKS=5 -DCHILD=1 -DFAILURES=4
  done
  unset optimize
  run sleep-retired holds sleep -DW=2 -DTASKS=3 -DDEATHS=1 -DNEVER_SERVED
}

# Broken rules, each by the flag of that name; and as much of what is right as makes both halves take the same time.
wrong() {
  run death-full holds death -DTASKS=4 -DDEATHS=2 -DSTOPS=0
  run death-stops holds death -DTASKS=3 -DDEATHS=1
  sample sleep-full holds sleep -DW=3 -DTASKS=4 -DDEATHS=2
  sample sleep-retired-full holds sleep -DW=3 -DTASKS=4 -DDEATHS=2 -DNEVER_SERVED
  sample death-stops-full holds death -DTASKS=4 -DDEATHS=2 -DSTOPS=2
  for rule in NO_GATE DOOM_BLIND NO_ASK SEEN_AFTER_IDLE NO_SECOND_LOOK NO_CHAIN_WAKE STALE_IDLE; do
    refuse gate $rule -DTASKS=4 -DDEATHS=1 -DDOOMS=1
  done
  for rule in NO_HELP_AFTER_DOOM NO_CHORES_AFTER_UNLOCK WAKES_DOOMED IDLE_AFTER_DEATH; do
    refuse gate $rule -DTASKS=3 -DDEATHS=1 -DDOOMS=1 -DLOSSES
  done
  refuse gate LOOK_BEFORE_ENTER -DFINE -DW=2 -DTASKS=3 -DDEATHS=1 -DDOOMS=1
  for rule in NO_BREAK FORGET_INBOX NO_WAKE_ALL RELIST_DELIVERED SHARED_WAKE; do
    refuse death $rule -DTASKS=3 -DDEATHS=1
  done
  for rule in REDELIVER_UNLOCKED REDELIVER_SLEEPS REDELIVER_UNCAPPED; do
    refuse death $rule -DTASKS=3 -DDEATHS=1
  done
  for rule in STALE_IDLE KEEP_RECORD NO_CAP; do
    refuse death $rule -DTASKS=3 -DDEATHS=2
  done
  for rule in ARM_AFTER_LOOK BELL_BEFORE_PUSH KEEP_LIST NO_DRAIN_AFTER_REAP; do
    refuse bell $rule -DTASKS=3 -DDEATHS=1
  done
  refuse bell KEEP_UNDELIVERED -DTASKS=3 -DDEATHS=1 -DLIMITED
  for rule in SLEEP_LATE WAKE_EARLY LONG_PASSED NO_RELOOK LATE_NOT; do
    refuse sleep $rule -DW=2 -DTASKS=3 -DDEATHS=1
  done
  refuse sleep NO_REAP_WAKE -DW=2 -DTASKS=3 -DDEATHS=1 -DNEVER_SERVED
  for rule in OPEN_LATE NO_WAKE_AT_END NO_LOOK_AGAIN NO_GATE; do
    refuse weights $rule -DW=2 -DDEATHS=0
  done
  refuse weights NO_RECOUNT -DW=2
  run fleet-budget holds fleet -DSEATS=2 -DRECORDS=4 -DDEATHS=3 -DBUDGET=1 -DCLOSING
  run fleet-closing holds fleet -DSEATS=2 -DRECORDS=4 -DDEATHS=1 -DSUSPICIONS=2 -DBUDGET=0 -DCLOSING
  for rule in PARDON_ALL NO_DOOM KEEP_SUSPICION; do
    refuse fleet $rule -DSEATS=2 -DRECORDS=4 -DDEATHS=1 -DSUSPICIONS=2
  done
  for rule in NO_BUDGET SERVE_RETIRED; do
    refuse fleet $rule -DSEATS=2 -DRECORDS=4 -DBUDGET=1
  done
  refuse fleet START_REFUSED -DSEATS=2 -DRECORDS=4 -DBUDGET=0
  refuse fleet START_CLOSING -DSEATS=2 -DRECORDS=4 -DCLOSING
  run leave-hangs holds leave -DRESIZES=2 -DHANGS=1
  run leave-kills holds leave -DRESIZES=1 -DKILLS=1
  optimize=0
  run leave-pauses holds leave -DRESIZES=1 -DPAUSES=1
  refuse leave RESUME_STAYING -DRESIZES=1 -DPAUSES=1
  run leave-successor-fails holds leave -DASKS=1 -DTASKS=1 -DDEATHS=1 -DSPARE_BUDGET=0
  for rule in NO_DOOM NO_LOOK_INSIDE NO_ASK PARDON_AT_END LEAVING_TAKES_ALL SUBMIT_CLOSED RESIZED_EARLY; do
    refuse leave $rule -DRESIZES=1
  done
  for rule in REST_DOOMED REST_TAKES; do refuse leave $rule -DASKS=1 -DFAREWELLS=1; done
  refuse leave STAY_RESTING -DRESIZES=2 -DFAREWELLS=1
  for rule in STAY_DOOMED KEEP_LEAVING; do refuse leave $rule -DRESIZES=2; done
  refuse leave STAY_ASLEEP -DRESIZES=2 -DHANGS=1
  refuse leave NO_HELP -DRESIZES=1 -DHANGS=1
  refuse leave PARDON_ALL -DRESIZES=1 -DKILLS=1 -DTASKS=1
  for rule in NO_RESERVE FORGET_VACANT; do refuse leave $rule -DASKS=2 -DTASKS=1 -DRECORDS=4; done
  refuse leave SURPLUS_FIRST -DASKS=1 -DTASKS=1
  refuse leave NO_SURPLUS -DASKS=1 -DRESIZES=1 -DTASKS=1
  refuse leave NO_STAY_IF_ASKED -DASKS=1 -DRESIZES=2 -DTASKS=1
  for rule in TELL_FIRST HEAR_FIRST; do refuse leave $rule -DWISHES=2; done
  for rule in NO_DRAIN NO_DRAIN_AFTER_REAP; do refuse leave $rule -DRESIZES=1 -DDEATHS=1 -DTASKS=1; done
  refuse leave SHRINK_BY_OPEN -DLEAST=1 -DMOST=2 -DOPENED=2 -DDEATHS=1 -DBUDGET=0 -DTASKS=1
  unset optimize
  optimize=0
  for rule in NO_LINKS NO_WAIT_FOR_PARTNER LOOK_WHEN_DUE; do refuse supervision $rule -DLINKS=7; done
  for rule in KEEP_HELD NO_TELL NO_CONFIRMATION FORGET_END; do refuse supervision $rule; done
  for rule in NO_WAIT_FOR_GROUP STOP_NOBODY LAST_FIRST; do refuse supervision $rule -DSTRATEGY=1; done
  refuse supervision STOP_ALL -DSTRATEGY=2
  refuse supervision CHARGE_ALL -DLINKS=7 -DENDS=0
  for rule in NO_CASCADE KEEP_PAID; do refuse supervision $rule -DSTRATEGY=1 -DENDS=0; done
  refuse supervision NO_CHILDREN -DCHILD=1
  unset optimize
  for rule in REUSE_DYING SPARE_NOT_READY SPARE_NOT_REPLACED FORGET_UNSERVED; do
    refuse fleet $rule
  done
}

# refuse MODEL RULE FLAGS…
refuse() {
  model=$1 rule=$2
  shift 2
  run "$model-$rule" refused "$model" "-D$rule" "$@"
}

node "$here/names.mjs"
right &
right_pid=$!
wrong
wait "$right_pid"
failed=$(cat "$out"/*/verdict | grep -c 'NOT OK' || true)
passed=$(cat "$out"/*/verdict | grep -c ': ok' || true)
echo "model: $passed passed, $failed failed"
[ "$failed" = 0 ]
