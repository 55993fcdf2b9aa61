/*
 * Heavy tasks, bulk jobs, and who is woken: heavy tasks are held while a bulk job is active; the job ends with the slot that
 * leaves it last, which main or a worker frees; workers die on the way. Checked: a heavy task that may run is taken, and
 * none is taken while a bulk job is active.
 *
 * Names in capitals are those of comments in src/: OPEN (group.c), IDLE (idle.c), LOOK AGAIN (scheduler.c), WAKE ALL
 * (recount.c), REAP (worker.c).
 *
 * The scheduler's lock is an atomic step; what is read or written without it is a step of its own. A worker sleeps while its
 * wake word is what it was before its look. A slot of the job is a member; the members are freed one by one, by anybody. A
 * worker may die before each store of the end of a job, inside the gate: its death is reaped and everything counted anew.
 *
 * A -D flag breaks a rule; check.sh lists them all.
 */
#ifndef W
#define W 3
#endif
#ifndef HEAVY
#define HEAVY 2
#endif
#ifndef MEMBERS
#define MEMBERS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define BIT(w) (1 << (w))

byte held = HEAVY;     /* heavy tasks that wait */
byte taken;            /* and those that were taken */
byte to_free = MEMBERS; /* slots of the bulk job that somebody has still to free */
byte members = MEMBERS; /* the group's count */
byte bulks = 1;
byte idle;             /* set of workers */
byte wake[W];          /* wake words: 0 or 1, as one wake-up is as good as two */
byte inside;           /* living workers that are inside the gate with a slot of the job */
byte dead, deaths, reaped;

/* Whoever is idle is woken, one for each task that may go. */
inline wake_idle() {
  d_step {
    byte v = 0;
    do
    :: v < W && (idle & BIT(v)) -> idle = idle & ~BIT(v); wake[v] = 1; v++
    :: v < W && !(idle & BIT(v)) -> v++
    :: v >= W -> break
    od;
    v = 0
  }
}

/* The last slot of the job has left its group. `mortal`: a worker does it. */
inline end_bulk(mortal) {
#ifdef OPEN_LATE
  if
  :: held > 0 -> wake_idle()
  :: else
  fi;
#endif
  if
  :: mortal && deaths < DEATHS -> goto died
  :: true
  fi;
  atomic { bulks-- }; /* OPEN: before the look at idle workers */
#if !defined(OPEN_LATE) && !defined(NO_WAKE_AT_END)
  if
  :: mortal && deaths < DEATHS -> goto died
  :: true
  fi;
  if
  :: held > 0 -> wake_idle()
  :: else
  fi
#else
  skip
#endif
}

/* One slot of the job is freed: its place in the group goes, and with the last one the job. */
inline free_one(mortal) {
  bool last = false;
  if
  :: mortal && deaths < DEATHS -> goto died
  :: true
  fi;
  atomic { members--; last = members == 0 };
  if
  :: last -> end_bulk(mortal)
  :: else
  fi
}

proctype worker(byte w) {
  bool mine;
start:
  do
  :: atomic { wake[w] = 0; mine = false }; /* SEEN: the word is read before the look */
     atomic { /* under the lock */
       if
       :: to_free > 0 -> to_free--; mine = true; inside = inside | BIT(w) /* a cancelled slice: it frees it */
       :: to_free == 0 && held > 0 && bulks == 0 -> held--; taken++; assert(bulks == 0); goto start
#ifdef NO_GATE
       :: to_free == 0 && held > 0 && bulks > 0 -> held--; taken++; assert(bulks == 0); goto start
#endif
       :: else
       fi
     };
     if
     :: mine -> free_one(true); atomic { inside = inside & ~BIT(w) }; goto start
     :: else
     fi;
     atomic { idle = idle | BIT(w) }; /* IDLE: still under the lock, but the job may end meanwhile */
#ifndef NO_LOOK_AGAIN
     /* LOOK AGAIN: what was held and is not any more */
     if
     :: atomic { held > 0 && bulks == 0 -> idle = idle & ~BIT(w) }; goto start
     :: else
     fi;
#endif
end: wake[w] == 1 /* sleeps */
  od;
died:
  atomic { deaths++; dead = dead | BIT(w); inside = inside & ~BIT(w) };
  /* REAP and the recount, by main while all others stand still; a new worker takes the record. */
  (reaped & BIT(w));
  atomic { reaped = reaped & ~BIT(w); dead = dead & ~BIT(w) };
  goto start
}

/* Main frees slots as well (those it has delivered), and takes the dead back. */
active proctype main() {
  byte w;
  do
  :: atomic { to_free > 0 -> to_free-- }; free_one(false)
  :: atomic { (dead & ~reaped) && !inside; /* all others have come out of the gate, or died */
       w = 0;
       do
       :: w < W && (dead & ~reaped & BIT(w)) -> break
       :: else -> w++
       od;
#ifndef NO_RECOUNT
       /* The members that nobody frees any more, and the jobs that have none. */
       if
       :: members > to_free -> members = to_free
       :: else
       fi;
       bulks = (members > 0 -> 1 : 0);
#endif
       reaped = reaped | BIT(w);
       idle = idle & ~BIT(w)
     };
     wake_idle() /* WAKE ALL */
  :: atomic { taken == HEAVY && !dead && !inside -> break }
  od;
  goto end;
died:
  assert(false); /* main does not die */
end:
  skip
}

init {
  atomic {
    byte i = 0;
    do
    :: i < W -> run worker(i); i++
    :: else -> break
    od
  }
}
