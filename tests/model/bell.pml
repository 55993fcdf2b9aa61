/*
 * Completion lists and the doorbell: workers finish tasks, main sleeps between them, and workers die anywhere on the
 * way, also when they have taken it on themselves to ring. Checked: main never sleeps over a completion, and delivers
 * each exactly once.
 *
 * Names in capitals are those of comments in src/: COMPLETE, RING, ARM (completion.c), COLLECT (task_life.c), RELIST (task_reap.c), POST
 * (loop.js).
 *
 * Each look at the bell or at a list is a step of its own, with a DEATH before each store; DONE and COMPLETE are one,
 * as main does not look at a slot before it is listed. A list is a number: which slot is where, death.pml knows. A dead
 * worker's record is used again at once, as its list is still main's to read.
 *
 * A -D flag breaks a rule; check.sh lists them all.
 */
#ifndef W
#define W 3
#endif
#ifndef TASKS
#define TASKS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define BIT(w) (1 << (w))

byte left = TASKS, delivered, deaths;
byte done[W];        /* slots DONE and owned by the worker: the truth */
byte list[W];        /* of them, those in its completion list */
byte undelivered[W]; /* of them, those that main has collected */
bool bell;
byte messages;

/* Sets of workers. */
byte running, inside;
byte ringing; /* between COMPLETE and POST: follows from where they are */
byte dead;

inline die() { d_step { deaths++; dead = dead | BIT(w); ringing = ringing & ~BIT(w) } }

#define DEATH if :: deaths < DEATHS -> die(); goto died :: true fi

proctype worker(byte w) {
  bool seen;
start:
  do
  :: atomic { left > 0 -> left--; running = running | BIT(w) };
     atomic {
       DEATH;
       inside = inside | BIT(w);
       DEATH;
#ifdef BELL_BEFORE_PUSH
       seen = bell
     };
     atomic {
#endif
       running = running & ~BIT(w); done[w]++;
       DEATH;
       list[w]++; ringing = ringing | BIT(w) /* COMPLETE */
     };
     atomic {
       DEATH;
#ifndef BELL_BEFORE_PUSH
       seen = bell;
#endif
       if
       :: !seen -> goto leave
       :: else
       fi
     };
     atomic {
       DEATH;
       seen = bell; bell = false; /* RING: an exchange, as others may see the bell, too */
       DEATH;
       if
       :: !seen -> goto leave
       :: else -> inside = inside & ~BIT(w)
       fi
     };
     atomic {
       DEATH;
       messages++; /* POST: outside the gate */
       seen = false; ringing = ringing & ~BIT(w);
       goto start
     };
leave:
     atomic { seen = false; inside = inside & ~BIT(w); ringing = ringing & ~BIT(w) }
  :: atomic { left == 0 && !dead -> goto over }
  od;
died:
  seen = false;
end_dead:
  !(dead & BIT(w)) -> goto start;
over:
  skip
}

/* Each thread's list once; more may come to one that main has passed. */
inline drain(i) {
  for (i : 0 .. W - 1) {
    atomic {
      if
      :: !undelivered[i] -> undelivered[i] = list[i]; list[i] = 0 /* COLLECT */
      :: else
      fi;
      do
      :: undelivered[i] -> undelivered[i]--; assert(done[i] > 0); done[i]--; delivered++
#ifdef LIMITED
      :: undelivered[i] -> break /* the caller's array is full */
#endif
      :: !undelivered[i] -> break
      od
    }
  }
  i = 0
}

/* wp_worker_reap, as far as completions go; then fleet.js has main look. */
inline reap(v) {
  atomic {
    dead & BIT(v) ->
    if
    :: running & BIT(v) -> running = running & ~BIT(v); done[v]++; list[v]++ /* WORKER_LOST */
    :: else
    fi;
    if
    :: inside & BIT(v) -> /* RELIST: it may have died between DONE and COMPLETE */
#ifdef KEEP_LIST
       list[v] = list[v] + done[v]
#else
       list[v] = done[v];
#ifndef KEEP_UNDELIVERED
       undelivered[v] = 0
#endif
#endif
    :: else
    fi;
    inside = inside & ~BIT(v);
    dead = dead & ~BIT(v)
  }
}

#define IS_QUIET(i) (!list[i] && !undelivered[i])
#define ASLEEP_OVER (!messages && !dead && !ringing && !(IS_QUIET(0) && IS_QUIET(1) && IS_QUIET(2)))

inline look(i, found) {
  for (i : 0 .. W - 1) {
    if :: !IS_QUIET(i) -> found = true :: else fi
  }
  i = 0
}

active proctype main() {
  byte i;
  bool found;
  atomic { run worker(0); run worker(1); run worker(2) };
work:
  do
  :: drain(i);
     if
     :: true -> goto work /* it looks by itself while results flow */
     :: reap(0) -> goto work
     :: reap(1) -> goto work
     :: reap(2) -> goto work
     :: true
     fi;
     found = false;
#ifdef ARM_AFTER_LOOK
     look(i, found);
     bell = true; /* ARM */
#else
     bell = true; /* ARM */
     look(i, found);
#endif
     if
     :: found -> bell = false
     :: else ->
end_asleep:
        if
        :: messages > 0 -> messages--
#ifdef NO_DRAIN_AFTER_REAP
        :: reap(0) -> goto end_asleep
        :: reap(1) -> goto end_asleep
        :: reap(2) -> goto end_asleep
#else
        :: reap(0)
        :: reap(1)
        :: reap(2)
#endif
        :: d_step { ASLEEP_OVER -> assert(false) }
        :: atomic { left == 0 && !running && !inside && !ringing && !messages && !dead ->
           assert(delivered == TASKS) } -> break
        fi
     fi
  od
}
