/*
 * The gate, the scheduler's lock with its chores, the inbox, the idle set and the wake words, with planned kills at the full
 * bounds. main is one process, as it is one thread: it submits, gives tasks up, dooms, asks again, pardons or stops, reaps and
 * starts a new thread on the record, in any order that its event loop allows. Workers may be stopped at any instruction.
 *
 * Names in capitals are those of comments in src/: SEEN (loop.js, native_embed.c), ENTER, DOOM, LEAVE (thread.c), IDLE, LOOK
 * AGAIN, CHAIN, CHORES (scheduler.c), ASK AGAIN (fleet.js), STOP, REAP (worker.c).
 *
 * Steps are those of the C code, one shared access each, except:
 *   under the lock   taking it, the exchange of the inbox and the pick are one step: lanes are the holder's alone, and what is
 *                    pushed after the exchange is pushed after the pick as well
 *   wake_any         reads, clears and bumps in one step: nobody is stopped by plan in between, as the waker is inside the
 *                    gate or main (death.pml has them apart)
 *   main's sections  under the lock are one step: only main raises chores here, so nobody tries for the lock meanwhile
 *   finish           is one step once inside: only main looks at the record, and only while the worker is outside
 * Tasks are counted, not named: here each is moved by one step. death.pml names them.
 *
 * A -D flag breaks a rule; check.sh lists them all.
 */
#ifndef TASKS
#define TASKS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef DOOMS /* deaths and pardons */
#define DOOMS 3
#endif

#ifdef FINE
#define MERGED
#else
#define MERGED atomic
#endif
#ifndef W
#define W 3
#endif
#define ALL (BIT(W) - 1)
#define BIT(w) (1 << (w))
#define MAIN W

/* Sets of workers, one bit each. */
byte inside, doomed;  /* the gate */
byte idle;            /* the idle set */
byte woken;           /* whose wake word changed since they read it */
byte running;         /* who has a task in its record */
byte given;           /* of them: whose task main has given up (ABANDONED, TIMED_OUT); it is settled */
byte suspect, dying;  /* doomed, and not judged yet; to be stopped and reaped */
byte vacant;           /* records without a thread */
byte stopped, gone;   /* whose thread the host was told to stop; whose end it has confirmed */
byte asleep;          /* who waits for its wake word: follows from where they are */
#ifdef SHARED_WAKE
byte stale;           /* dead waiters that the host has not forgotten */
#endif

byte lock;            /* 0, or the holder + 1 */
bool chores;
byte inbox, ready;    /* tasks in the inbox, in the lanes */
byte submitted, settled;
byte deaths, dooms;

#ifdef SHARED_WAKE
/* One word for all, and notify(1): the host picks a waiter, and it may be a dead one. */
inline wake_any() {
  atomic {
    woken = woken | (ALL & ~asleep);
    if
    :: asleep & 1 -> woken = woken | 1
    :: asleep & 2 -> woken = woken | 2
    :: asleep & 4 -> woken = woken | 4
    :: stale -> stale = 0
    :: !asleep && !stale
    fi
  }
}
#else
/* Who is doomed is passed over: it will not take anything, or is woken by its pardon. */
#ifdef WAKES_DOOMED
#define AWAITED idle
#else
#define AWAITED (idle & ~doomed)
#endif
#define LOWEST(set) ((set) & -(set))
inline wake_any() {
  d_step {
    woken = woken | LOWEST(AWAITED);
    idle = idle & ~(2 * LOWEST(AWAITED) - 1) /* all of them, if there is nobody to be woken */
  }
}
#endif

inline wake_ready(n) {
  n = ready;
  do
  :: n > 0 -> n--; wake_any()
  :: else -> break
  od
}

inline apply() { ready = ready + inbox; inbox = 0 }

/* wp_sched_unlock, which looks again at the chores, CHORES. */
inline unlock(n) {
  lock = 0;
#ifndef NO_CHORES_AFTER_UNLOCK
  if
  :: chores -> chores = false; apply(); wake_ready(n)
  :: else
  fi
#endif
}

/* wp_sched_help, once the chore is raised; under the lock, or nothing. */
inline serve(n) {
  if
  :: !lock -> chores = false; apply(); unlock(n); wake_ready(n)
  :: else
  fi
}

inline enter(w) {
#ifdef NO_GATE
  inside = inside | BIT(w);
#elif !defined(FINE)
  atomic { !(doomed & BIT(w)) -> inside = inside | BIT(w) }
#else
  do
  :: inside = inside | BIT(w); /* ENTER */
     if
     :: !(doomed & BIT(w)) -> break
     :: else -> inside = inside & ~BIT(w); !(doomed & BIT(w)) /* parks */
     fi
  od
#endif
}

inline leave_to_sleep() {
#ifdef SEEN_AFTER_IDLE
            woken = woken & ~BIT(w);
#endif
            inside = inside & ~BIT(w); /* LEAVE */
            asleep = asleep | BIT(w)
}
/* wp_sched_take */
inline take(w) {
  do
  :: atomic {
       !lock -> lock = w + 1;
       apply();
       if
       :: ready > 0 -> ready--; running = running | BIT(w); more = ready > 0; got = true
       :: else
       fi
     };
     if
     :: MERGED { got -> /* it may still be in the idle set: a pardon, or a promise, made it look */
#ifndef STALE_IDLE
        idle = idle & ~BIT(w);
#endif
        atomic { unlock(n) };
#ifndef NO_CHAIN_WAKE
        if :: more -> wake_any() :: else fi; /* CHAIN */
#endif
        got = false; more = false; inside = inside & ~BIT(w) }; /* LEAVE */
        goto handler
     :: else ->
        MERGED { idle = idle | BIT(w); /* IDLE */
        atomic { unlock(n) } };
#ifdef NO_SECOND_LOOK
        atomic { leave_to_sleep() }; break
#else
        if
        :: atomic { inbox == 0 ->  leave_to_sleep() }; break
        :: else -> idle = idle & ~BIT(w) /* LOOK AGAIN */
        fi
#endif
     fi
  od
}

proctype worker(byte w) {
  byte n;
  bool got, more;
start:
  {
    do
    :: enter(w);
       take(w);
end_asleep:
          atomic {
            woken & BIT(w);
#ifndef SEEN_AFTER_IDLE
            woken = woken & ~BIT(w); /* SEEN: before it looks for work */
#endif
            asleep = asleep & ~BIT(w)
          };
          goto next;
handler:
      MERGED {
          enter(w);
          /* wp_task_finish, LEAVE and SEEN */
          atomic {
            running = running & ~BIT(w);
            if
            :: given & BIT(w) -> given = given & ~BIT(w)
            :: else -> settled++
            fi;
#ifndef SEEN_AFTER_IDLE
            woken = woken & ~BIT(w);
#endif
            inside = inside & ~BIT(w)
          }
       };
next:  skip
    od
  } unless { stopped & BIT(w) };
  atomic {
    assert(lock != w + 1);                   /* a planned kill never finds the lock held, */
#ifdef SHARED_WAKE
    if :: asleep & BIT(w) -> stale = stale | BIT(w) :: else fi;
#endif
    asleep = asleep & ~BIT(w);
    n = 0; got = false; more = false;
    gone = gone | BIT(w)
  };
end_dead:
  atomic { !(stopped & BIT(w)) -> goto start } /* a new thread */
}

/* fleet.js #convict, first half: a task is given up, and its thread doomed. */
inline suspect_it(v) {
  atomic {
    (running & BIT(v)) && !((given | suspect | dying) & BIT(v)) && dooms < DOOMS && deaths < DEATHS ->
    given = given | BIT(v); settled++;
    suspect = suspect | BIT(v); dooms++
  };
  atomic { doomed = doomed | BIT(v); woken = woken | BIT(v) } /* DOOM */
}

/* Second half: outside the gate nothing of it changes any more. ASK AGAIN; pardon, or death. */
inline judge(v, n) {
#if defined(NO_GATE) || defined(DOOM_BLIND)
  atomic { suspect & BIT(v) -> suspect = suspect & ~BIT(v) };
#else
  atomic { (suspect & BIT(v)) && !(inside & BIT(v)) -> suspect = suspect & ~BIT(v) };
#endif
  if
#ifdef NO_ASK
  :: deaths < DEATHS ->
#else
  :: (given & BIT(v)) && deaths < DEATHS ->
#endif
     assert(given & BIT(v)); /* nobody dies for a task that it does not run */
     doom(v, n)
  :: else -> atomic { doomed = doomed & ~BIT(v); woken = woken | BIT(v) }
  fi
}

/* fleet.js #lost: its thread is useless, though it may still be running; nobody asks. */
inline lose_it(v, n) {
  atomic { !((suspect | dying) & BIT(v)) && v < W && dooms < DOOMS && deaths < DEATHS -> dooms++ };
  doom(v, n)
}

/* wp_worker_doom */
inline doom(v, n) {
  atomic { deaths++; dying = dying | BIT(v); doomed = doomed | BIT(v); woken = woken | BIT(v); /* DOOM */
  idle = idle & ~BIT(v);
#ifndef NO_HELP_AFTER_DOOM
  chores = true };
  atomic { serve(n);  wake_ready(n) }
#else
 }
#endif
}

inline stop(v) {
#if defined(NO_GATE) || defined(DOOM_BLIND)
  atomic { (dying & ~stopped & BIT(v)) -> stopped = stopped | BIT(v) }
#else
  /* STOP: and never finds it inside, but for the store before it sees that it is doomed. */
  atomic { (dying & ~stopped & BIT(v)) && !(inside & BIT(v)) -> stopped = stopped | BIT(v) }
#endif
}

/* wp_worker_reap, REAP, until it is open again, its record is vacant. */
inline reap(v, n) {
  atomic {
    (gone & BIT(v)) && !lock ->
    if
    :: (running & ~given & BIT(v)) -> settled++ /* WORKER_LOST */
    :: else
    fi;
    running = running & ~BIT(v); given = given & ~BIT(v);
#ifndef IDLE_AFTER_DEATH
    idle = idle & ~BIT(v); /* it may have gone idle after doom had cleared the bit */
#endif
    unlock(n);
    chores = true; serve(n);
    wake_ready(n);
    inside = inside & ~BIT(v); doomed = doomed & ~BIT(v); dying = dying & ~BIT(v);
    woken = woken & ~BIT(v);
    vacant = vacant | BIT(v); gone = gone & ~BIT(v)
  }
}

inline open(v) {
  atomic { vacant & BIT(v) -> vacant = vacant & ~BIT(v); stopped = stopped & ~BIT(v) }
}

#define IS_SET(set, w) ((((set) >> w) & 1))
#define RUN(w) IS_SET(running & ~given, w)

/* Nobody moves unless woken, whatever the handlers do: they may run for ever. */
#define CALM (((dying & ~inside) | gone | vacant | (running & ~inside) | (asleep & ~woken)) == ALL)

active proctype main() {
  byte n;
  atomic { run worker(0); run worker(1); if :: W > 2 -> run worker(2) :: else fi };
end_rest:
  do
  :: atomic { submitted < TASKS -> submitted++; inbox++ };
     wake_any()
#ifdef FINE
     if
     :: chores = true; atomic { serve(n) } /* every 64th time */
     :: true
     fi
#endif
  :: suspect_it(0) :: suspect_it(1) :: suspect_it(2)
  :: judge(0, n) :: judge(1, n) :: judge(2, n)
#ifdef LOSSES
  :: lose_it(0, n) :: lose_it(1, n) :: lose_it(2, n)
#endif
  :: stop(0) :: stop(1) :: stop(2)
  :: reap(0, n) :: reap(1, n) :: reap(2, n)
  :: open(0) :: open(1) :: open(2)
  /* No wake-up is lost: tasks wait only while every worker is busy. */
  :: d_step { CALM && !suspect && inbox + ready > 0 && (asleep & ~dying) -> assert(false) }
  /* No task is lost or doubled. */
  :: d_step { settled + inbox + ready + RUN(0) + RUN(1) + RUN(2) != submitted -> assert(false) }
  od
}
