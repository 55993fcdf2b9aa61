/*
 * How workers wait and are woken: looking, the short wait, the long one, and the patience of those who wake. Names in capitals are
 * those of comments in src/ and js/: PATIENCE, IDLE (idle.c), SLEEP, WAKE (thread.c), LOOK AGAIN, CHAIN (scheduler.c), REAP
 * (worker.c), SEEN (loop.js). Checked, in every interleaving, with tasks that never end and workers that die:
 *   no task waits for ever while a worker is idle. A short wait ends by itself, so what is left when nothing moves any more are long
 *   sleepers and hung tasks: then no task may wait if anybody sleeps
 *
 * What is one step: taking under the lock (gate.pml has it apart), and a look at one worker together with the clearing of its idle bit.
 * Whether a waker is patient is left open: by pace and by what is left to do, it may be at any time. The flags each break a
 * rule; check.sh lists them.
 */
#ifndef W
#define W 3
#endif
#ifndef TASKS
#define TASKS 4
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define BIT(w) (1 << (w))
#define NOT 0
#define SHORT 1
#define LONG 2

byte waiting_tasks; /* pushed and not taken */
byte idle;          /* the idle set */
byte changed;       /* whose wake word is not what they read */
byte blocked;       /* whom the host has put to sleep */
byte sleeps[3];
byte dead, deaths; /* whose thread is gone and not reaped yet */

/* wp_thread_wake: the bump, then WAKE. */
inline wake(v) {
#ifdef WAKE_EARLY
  told = sleeps[v];
  changed = changed | BIT(v);
#else
  changed = changed | BIT(v);
  told = sleeps[v];
#endif
  if
  :: told != NOT -> blocked = blocked & ~BIT(v)
  :: else
  fi
}

#define MEANT(v, kind) ((idle & BIT(v)) && (kind))

/* wp_idle_wake_any: one that looks already; PATIENCE; any. The loops over the set are choices, as any order must do. */
inline wake_any(patiently) {
  victim = W;
  if
  :: atomic { MEANT(0, sleeps[0] == NOT) -> victim = 0; idle = idle & ~BIT(0) }
  :: atomic { MEANT(1, sleeps[1] == NOT) -> victim = 1; idle = idle & ~BIT(1) }
  :: atomic { MEANT(2, sleeps[2] == NOT) -> victim = 2; idle = idle & ~BIT(2) }
  :: else
  fi;
  if
  :: victim < W -> wake(victim)
  :: else ->
    if
#ifdef LONG_PASSED
    :: patiently && (MEANT(0, sleeps[0]) || MEANT(1, sleeps[1]) || MEANT(2, sleeps[2]))
#else
    :: patiently && (MEANT(0, sleeps[0] == SHORT) || MEANT(1, sleeps[1] == SHORT) || MEANT(2, sleeps[2] == SHORT))
#endif
    :: else ->
      if
      :: atomic { MEANT(0, true) -> victim = 0; idle = idle & ~BIT(0) }
      :: atomic { MEANT(1, true) -> victim = 1; idle = idle & ~BIT(1) }
      :: atomic { MEANT(2, true) -> victim = 2; idle = idle & ~BIT(2) }
      :: else
      fi;
      if
      :: victim < W -> wake(victim)
      :: else
      fi
    fi
  fi;
  victim = 0;
  told = 0
}

/* A thread may end wherever it holds nothing. */
#define MAY_DIE(w) atomic { deaths < DEATHS -> deaths++; dead = dead | BIT(w); goto gone }

proctype worker(byte w) {
  byte victim, told;
  bool waited, patient;
start:
  waited = false;
look:
  changed = changed & ~BIT(w); /* SEEN */
take:
  if
  :: atomic { waiting_tasks > 0 -> waiting_tasks--; idle = idle & ~BIT(w) };
#ifdef LATE_NOT
     sleeps[w] = NOT;
#endif
     /* CHAIN */
     if
     :: waiting_tasks > 0 ->
        if
        :: patient = false
        :: patient = true
        fi;
        wake_any(patient);
        patient = false
     :: else
     fi;
     goto running
  :: atomic { waiting_tasks == 0 -> idle = idle | BIT(w) } /* IDLE */
  fi;
  if
  :: atomic { waiting_tasks > 0 -> idle = idle & ~BIT(w) }; goto look /* LOOK AGAIN */
  :: waiting_tasks == 0
  fi;
#ifdef LATE_NOT
  sleeps[w] = NOT;
#endif
  if
  :: !waited ->
#ifdef SLEEP_LATE
     atomic { if :: changed & BIT(w) :: else -> blocked = blocked | BIT(w) fi };
     sleeps[w] = SHORT;
#else
     sleeps[w] = SHORT; /* SLEEP */
     atomic { if :: changed & BIT(w) :: else -> blocked = blocked | BIT(w) fi };
#endif
     if
     :: !(blocked & BIT(w))
     :: blocked = blocked & ~BIT(w) /* the time is over */
     :: MAY_DIE(w)
     fi;
#ifndef LATE_NOT
     sleeps[w] = NOT; /* before the look: pairs with PATIENCE */
#endif
     waited = !(changed & BIT(w));
#ifdef NO_RELOOK
     if
     :: waited -> goto long
     :: else
     fi;
#endif
     goto look
  :: else
  fi;
long:
#ifdef SLEEP_LATE
  atomic { if :: changed & BIT(w) :: else -> blocked = blocked | BIT(w) fi };
  sleeps[w] = LONG;
#else
  sleeps[w] = LONG; /* SLEEP */
  atomic { if :: changed & BIT(w) :: else -> blocked = blocked | BIT(w) fi };
#endif
end_asleep:
  if
  :: !(blocked & BIT(w))
  :: MAY_DIE(w)
  fi;
  sleeps[w] = NOT;
  goto start;
running:
  if
  :: goto start
  :: MAY_DIE(w)
  :: goto hung
  fi;
hung:
end_hung:
  MAY_DIE(w);
gone:
#ifdef NEVER_SERVED /* the seat was given up */
end_gone:
  false
#else
end_gone:
  !(dead & BIT(w)); /* a new thread serves the seat */
  goto start
#endif
}

/* main pushes, and takes dead threads back, in any order. */
proctype main_thread() {
  byte victim, told, pushed, v;
  bool patient;
end_main:
  do
  :: pushed < TASKS ->
     pushed++;
     waiting_tasks++;
     if
     :: patient = false
     :: patient = true
     fi;
     wake_any(patient);
     patient = false
  :: dead ->
     v = (dead & BIT(0) -> 0 : (dead & BIT(1) -> 1 : 2));
     atomic { idle = idle & ~BIT(v); sleeps[v] = NOT; blocked = blocked & ~BIT(v) }; /* REAP */
#ifndef NO_REAP_WAKE
     if
     :: waiting_tasks > 0 -> wake_any(false)
     :: else
     fi;
#endif
     dead = dead & ~BIT(v);
     v = 0
#ifdef NEVER_SERVED
  :: pushed < TASKS -> pushed = TASKS /* no later task wakes anybody */
#endif
  od
}

proctype observer() {
end_observer:
  timeout -> assert(!(waiting_tasks > 0 && ((blocked & ~dead) != 0)))
}

init {
  atomic {
    byte w;
    for (w : 0 .. W - 1) { run worker(w) }
    run main_thread();
    run observer()
  }
}
