/*
 * The kill gate, the scheduler lock with its chores, the inbox, the idle set and the wake words, with workers that hang, one
 * that is killed or pardoned, and producers that never wait. Checked: no interleaving loses a wake-up or a task, takes one
 * twice, or deadlocks (an invalid end state is any state in which main still waits for a task).
 *
 * The names in capitals are those of comments in src/: ENTER, DOOM, LEAVE (thread.c), IDLE (scheduler.c).
 * Rules can be broken by a -D flag. check.sh runs those that a deadlock or a wrong count shows at these bounds; the others
 * (NO_CHAIN_WAKE, NO_HELP_AFTER_DOOM, NO_CHORES_AFTER_UNLOCK) need a liveness property, as another worker picks the task up later.
 */
#ifndef W
#define W 2
#endif
#ifndef TASKS
#define TASKS 2
#endif

bool inside[W], doomed[W], dead[W], idle[W], running[W];
bool woken[W];           /* whether the wake word changed since its worker last read it */
byte inbox, ready;       /* tasks published; tasks applied to lanes */
byte taken, finished;
bool lock, chores;
bool held[W];            /* which worker holds the lock */

inline wake_worker(x) { woken[x] = true }

/* Clears the idle bit of one worker, if there is one, and wakes it. One step: the word of idle bits is read once, and a bit is
 * cleared and known to have been set at once; a worker that goes idle later looks again by itself. */
inline wake_any(i) {
  d_step {
    i = 0;
    do
    :: i < W && !idle[i] -> i++
    :: i < W && idle[i] -> idle[i] = false; wake_worker(i); break
    :: else -> break
    od;
    i = 0
  }
}

inline wake_ready(n, i) {
  n = ready;
  do :: n > 0 -> wake_any(i); n-- :: else -> break od;
  n = 0
}

inline apply() { d_step { ready = ready + inbox; inbox = 0 } }

/* wp_sched_unlock: what came up meanwhile is done by whoever finds the lock free again. */
inline unlock(n, i) {
  lock = false;
#ifndef NO_CHORES_AFTER_UNLOCK
  do
  :: atomic { chores && !lock -> lock = true }; chores = false; apply(); lock = false; wake_ready(n, i)
  :: else -> break
  od
#endif
}

/* wp_sched_help: never waits. */
inline help(n, i) {
  chores = true;
  if
  :: atomic { !lock -> lock = true }; chores = false; apply(); unlock(n, i); wake_ready(n, i)
  :: else -> skip
  fi
}

proctype worker(byte w) {
  byte n, i;
  bool got, more;
  do
  :: finished == TASKS -> break
  :: else ->
#ifndef SEEN_AFTER_IDLE
     woken[w] = false;
#endif
enter: inside[w] = true; /* ENTER */
#ifndef NO_GATE
     if
     :: doomed[w] -> inside[w] = false; (!doomed[w] || dead[w]);
        if :: dead[w] -> goto gone :: else -> goto enter fi
     :: else -> skip
     fi;
#endif
again:
     atomic { !lock -> lock = true; held[w] = true };
     apply();
     if
     :: ready > 0 -> ready--; taken++; running[w] = true; got = true
     :: else -> got = false; idle[w] = true /* IDLE */
     fi;
     more = ready > 0;
     held[w] = false;
     unlock(n, i);
#ifndef NO_CHAIN_WAKE
     if :: got && more -> wake_any(i) :: else -> skip fi;
#endif
#ifndef NO_SECOND_LOOK
     if
     :: !got && inbox > 0 -> idle[w] = false; goto again
     :: else -> skip
     fi;
#endif
     inside[w] = false; /* LEAVE */
     if
     :: got ->
        if
        :: w == 0 -> (dead[0]); goto gone /* hangs: only the killer ends it */
        :: true -> skip
        fi;
        inside[w] = true;
        if
        :: doomed[w] -> inside[w] = false; (!doomed[w] || dead[w]);
           if :: dead[w] -> goto gone :: else -> inside[w] = true fi
        :: else -> skip
        fi;
        running[w] = false; finished++;
        inside[w] = false
     :: else ->
#ifdef SEEN_AFTER_IDLE
        woken[w] = false;
#endif
        (woken[w] || dead[w] || finished == TASKS);
        if :: dead[w] -> goto gone :: else -> skip fi
     fi
  od;
gone: skip
}

/* Dooms worker 0, then kills or pardons it: pardons it if it runs nothing (what it was to die for is over). */
proctype killer() {
  byte n, i;
  doomed[0] = true; /* DOOM */
  wake_worker(0);
#ifndef NO_GATE
  (!inside[0]);
#endif
  if
  :: !running[0] -> doomed[0] = false; wake_worker(0); /* a later hang is killed by the second round */
     (running[0] || finished == TASKS);
     if :: finished == TASKS -> goto done :: else -> skip fi;
     doomed[0] = true; wake_worker(0);
     (!inside[0])
  :: true -> skip
  fi;
  dead[0] = true;
  assert(!held[0]); /* a planned kill never finds the lock held */
#ifndef NO_HELP_AFTER_DOOM
  idle[0] = false;
  help(n, i);
  wake_ready(n, i);
#endif
  /* reap: its task ends as lost */
  if :: running[0] -> running[0] = false; finished++ :: else -> skip fi;
done: skip
}

active proctype main() {
  byte k, n, i;
  for (i : 0 .. W - 1) { run worker(i) }
  run killer();
  for (k : 1 .. TASKS) {
    inbox++;
    wake_any(i);
    if :: true -> help(n, i) :: true -> skip fi
  }
  (finished == TASKS);
  assert(taken == TASKS && inbox == 0 && ready == 0)
}
