/*
 * The kill gate, the scheduler's lock with its chores, the inbox, the idle set and the wake words, and planned kills.
 * main is one process, as it is one thread: it submits, gives tasks up, dooms, asks again, pardons or stops, reaps
 * and starts a new thread on the record, in any order that its event loop allows. A worker that the host was told to
 * stop may stop at any instruction. Checked, in every interleaving:
 *   a planned kill never finds the lock held, and nobody dies for a task that it does not run
 *   no wake-up is lost: tasks wait only while all workers are busy, however long those take
 *   no task is lost or doubled, and nothing deadlocks (an invalid end state)
 *
 * Names in capitals are those of comments in src/ and js/: ENTER, DOOM, LEAVE (thread.c), LOOK AGAIN, CHAIN
 * (scheduler.c), CHORES (lock.h), IDLE, PASS OVER (idle.c), SEEN (loop.js), ASK AGAIN (ladder.c), TERMINATE (fleet_threads.c),
 * REAP (worker.c).
 *
 * With -DFINE a step is one shared access. Without, for the full bounds, what follows is one step:
 *   ENTER      the store and the load: if main dooms or looks in between, it sees what it would see just before or
 *              after
 *   take       CHAIN and LEAVE with the unlocking before them, as main only waits for LEAVE; IDLE with the unlocking
 *   doom       up to the raising of the chore: main's next look at anything comes after it
 * Always one step, as nobody else can tell:
 *   under the lock   taking it, the exchange of the inbox and the pick: lanes are the holder's alone, and what is
 *                    pushed after the exchange is pushed after the pick as well
 *   wake_any         nobody is stopped by plan in the middle, as the waker is inside the gate or main (death.pml has
 *                    it apart)
 *   main's sections under the lock: only main raises chores here, so nobody else tries for the lock without waiting
 *   finish           once inside: only main looks at the record, and only while the worker is outside
 * Tasks are counted, not named, as each is moved by single steps. death.pml names them.
 *
 * -DLOSSES: main also ends threads without asking, as when an error comes out of one that runs on. The other flags
 * each break a rule; check.sh lists them.
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
#ifndef DOOMS /* deaths and pardons */
#define DOOMS 2
#endif
#ifdef FINE
#define MERGED
#else
#define MERGED atomic
#endif

#define BIT(w) (1 << (w))
#define ALL (BIT(W) - 1)
#define LOWEST(set) ((set) & -(set))
#define MAIN W

/* Sets of workers, one bit each. */
byte inside, doomed; /* the gate */
byte idle;           /* the idle set */
byte woken;          /* whose wake word changed since they read it */
byte running;        /* who has a task in its record */
byte given;          /* of them: whose task main has given up (ABANDONED, TIMED_OUT); it is settled */
byte suspect, dying; /* main's: doomed and not judged yet; to be stopped and reaped */
byte stopped, gone;  /* whose thread the host was told to stop; whose end it has confirmed */
byte vacant;         /* records without a thread */
byte asleep;         /* who waits for its wake word: follows from where they are */

byte lock; /* 0, or the holder + 1 */
bool chores;
byte inbox, ready; /* tasks in the inbox, in the lanes */
byte submitted, settled, deaths, dooms;

/* PASS OVER: who is doomed will not take anything, or is woken by its pardon. */
#ifdef WAKES_DOOMED
#define AWAITED idle
#else
#define AWAITED (idle & ~doomed)
#endif

inline wake_any() {
  d_step {
    woken = woken | LOWEST(AWAITED);
    idle = idle & ~(2 * LOWEST(AWAITED) - 1) /* of all that it came across; if none is awaited, of all */
  }
}

/* wp_idle_wake */
inline wake_idle(n) {
  n = ready;
  do
  :: n > 0 -> n--; wake_any()
  :: else -> break
  od
}

inline apply_inbox() { ready = ready + inbox; inbox = 0 }

/* wp_lock_release: CHORES that came up meanwhile are this holder's, too. */
inline unlock(n) {
  lock = 0;
#ifndef NO_CHORES_AFTER_UNLOCK
  if
  :: chores -> chores = false; apply_inbox(); wake_idle(n)
  :: else
  fi
#endif
}

/* wp_lock_help, once the chore is raised: it never waits. */
inline serve(n) {
  if
  :: !lock -> chores = false; apply_inbox(); unlock(n); wake_idle(n)
  :: else
  fi
}

inline enter(w) {
#ifdef NO_GATE
  inside = inside | BIT(w)
#elif defined(LOOK_BEFORE_ENTER)
  !(doomed & BIT(w));
  inside = inside | BIT(w)
#elif defined(FINE)
  do
  :: inside = inside | BIT(w); /* ENTER */
     if
     :: !(doomed & BIT(w)) -> break
     :: else -> inside = inside & ~BIT(w); !(doomed & BIT(w)) /* parks */
     fi
  od
#else
  atomic { !(doomed & BIT(w)) -> inside = inside | BIT(w) }
#endif
}

inline leave_to_sleep(w) {
#ifdef SEEN_AFTER_IDLE
  woken = woken & ~BIT(w);
#endif
  inside = inside & ~BIT(w); /* LEAVE */
  asleep = asleep | BIT(w)
}

/* wp_sched_take; goes to handler with a task. */
inline take(w, n) {
  do
  :: atomic {
       !lock -> lock = w + 1;
       apply_inbox();
       if
       :: ready > 0 -> ready--; running = running | BIT(w); more = ready > 0; got = true
       :: else
       fi
     };
     if
     :: MERGED {
          got ->
#ifndef STALE_IDLE
          idle = idle & ~BIT(w); /* a pardon made it look by itself */
#endif
          atomic { unlock(n) };
#ifndef NO_CHAIN_WAKE
          if :: more -> wake_any() :: else fi; /* CHAIN */
#endif
          atomic { got = false; more = false; inside = inside & ~BIT(w) } /* LEAVE */
        };
        goto handler
     :: else ->
        MERGED {
          idle = idle | BIT(w); /* IDLE */
          atomic { unlock(n) }
        };
#ifdef NO_SECOND_LOOK
        atomic { leave_to_sleep(w) };
        break
#else
        if
        :: atomic { inbox == 0 -> leave_to_sleep(w) }; break
        :: else -> idle = idle & ~BIT(w) /* LOOK AGAIN */
        fi
#endif
     fi
  od
}

/* wp_task_finish, after ENTER; main settles it. */
inline finish(w) {
  atomic {
    running = running & ~BIT(w);
    if
    :: given & BIT(w) -> given = given & ~BIT(w)
    :: else -> settled++
    fi;
#ifndef SEEN_AFTER_IDLE
    woken = woken & ~BIT(w); /* SEEN */
#endif
    inside = inside & ~BIT(w) /* LEAVE */
  }
}

proctype worker(byte w) {
  byte n;
  bool got, more;
start:
  {
    do
    :: enter(w);
       take(w, n);
end_asleep:
       atomic {
         woken & BIT(w);
#ifndef SEEN_AFTER_IDLE
         woken = woken & ~BIT(w); /* SEEN: before it looks for work */
#endif
         asleep = asleep & ~BIT(w)
       };
       goto again;
handler:
       MERGED {
         enter(w);
         finish(w)
       };
again:
       skip
    od
  } unless { stopped & BIT(w) };
  atomic {
    assert(lock != w + 1);
    asleep = asleep & ~BIT(w);
    n = 0; got = false; more = false;
    gone = gone | BIT(w)
  };
end_dead:
  !(stopped & BIT(w)) -> goto start
}

/* ---- main ---- */

/* A task is given up, and its thread doomed. */
inline suspect_it(v) {
  atomic {
    (running & BIT(v)) && !((given | suspect | dying) & BIT(v)) && dooms < DOOMS && deaths < DEATHS ->
    given = given | BIT(v); settled++;
    suspect = suspect | BIT(v); dooms++
  };
  atomic { doomed = doomed | BIT(v); woken = woken | BIT(v) } /* DOOM */
}

/* Outside the gate nothing of it changes any more. */
#if defined(NO_GATE) || defined(DOOM_BLIND)
#define IS_OUTSIDE(v) true
#else
#define IS_OUTSIDE(v) (!(inside & BIT(v)))
#endif

/* Death, or pardon. */
inline judge(v, n) {
  atomic { (suspect & BIT(v)) && IS_OUTSIDE(v) -> suspect = suspect & ~BIT(v) };
  if
#ifdef NO_ASK
  :: deaths < DEATHS ->
#else
  :: (given & BIT(v)) && deaths < DEATHS -> /* ASK AGAIN */
#endif
     assert(given & BIT(v));
     doom(v, n)
  :: else -> atomic { doomed = doomed & ~BIT(v); woken = woken | BIT(v) }
  fi
}

/* Nobody asks: its thread is useless, though it may still run. */
inline lose_it(v, n) {
  atomic { v < W && !((suspect | dying | vacant) & BIT(v)) && dooms < DOOMS && deaths < DEATHS -> dooms++ };
  doom(v, n)
}

/* wp_worker_doom: whatever it was woken for is somebody else's now. */
inline doom(v, n) {
  MERGED {
    atomic { deaths++; dying = dying | BIT(v); doomed = doomed | BIT(v); woken = woken | BIT(v) }; /* DOOM */
    idle = idle & ~BIT(v)
#ifdef NO_HELP_AFTER_DOOM
  }
#else
    ;
    chores = true
  };
  atomic { serve(n); wake_idle(n) }
#endif
}

/* TERMINATE: it may still store `inside` before it sees that it is doomed. */
inline stop(v) {
  atomic { (dying & ~stopped & BIT(v)) && IS_OUTSIDE(v) -> stopped = stopped | BIT(v) }
}

/* wp_worker_reap, REAP */
inline reap(v, n) {
  atomic {
    (gone & BIT(v)) && !lock ->
    if
    :: running & ~given & BIT(v) -> settled++ /* WORKER_LOST */
    :: else
    fi;
    running = running & ~BIT(v); given = given & ~BIT(v);
#ifndef IDLE_AFTER_DEATH
    idle = idle & ~BIT(v); /* it may have gone idle when doom had cleared the bit */
#endif
    unlock(n);
    chores = true;
    serve(n);
    wake_idle(n);
    inside = inside & ~BIT(v); doomed = doomed & ~BIT(v); woken = woken & ~BIT(v);
    dying = dying & ~BIT(v); gone = gone & ~BIT(v); vacant = vacant | BIT(v)
  }
}

/* A new thread on the record. */
inline open(v) {
  atomic { vacant & BIT(v) -> vacant = vacant & ~BIT(v); stopped = stopped & ~BIT(v) }
}

#define HAS_WANTED(w) ((running & ~given & BIT(w)) != 0)

#define ALL_TASKS (settled + inbox + ready + HAS_WANTED(0) + HAS_WANTED(1) + HAS_WANTED(2))

/* Nobody moves unless woken, if the handlers run for ever. */
#define IS_CALM \
  (((dying & ~inside) | gone | vacant | (running & ~inside) | (asleep & ~woken)) == ALL && !suspect)

active proctype main() {
  byte n;
  atomic { run worker(0); run worker(1); if :: W > 2 -> run worker(2) :: else fi };
end_rest:
  do
  :: atomic { submitted < TASKS -> submitted++; inbox++ };
     wake_any()
#ifdef FINE
     ;
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
  :: d_step { IS_CALM && (asleep & ~dying) -> assert(inbox + ready == 0) }
  :: d_step { ALL_TASKS != submitted -> assert(ALL_TASKS == submitted) }
  od
}
