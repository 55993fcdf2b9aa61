/*
 * Deaths that nobody planned: a worker dies at any instruction, inside the gate too, perhaps with the lock. And threads
 * that live on when their task was stopped, and put it back themselves. Slots are named here, as they are what
 * everything is rebuilt from. Checked, in every interleaving:
 *   each task ends exactly once, as finished or as lost, and runs as often as it may and no more
 *   no task, and no wake-up, is lost for good: once the dead are reaped, tasks wait only while all workers are busy
 *   nothing deadlocks (an invalid end state): a dead one's lock is broken
 *
 * Names in capitals as in gate.pml, and BREAK (lock.c), REBUILD (scheduler.c), LOSE, RELIST (task_reap.c), COMPLETE
 * (completion.c), REQUEUE, REDELIVER (task.c), WAKE ALL (recount.c, whose pardon bumps every wake word).
 *
 * A step is what other workers or main can tell apart: a section under the lock, or one inside the gate that only its
 * own slot sees, is one step with a DEATH before each of its stores. Who dies there leaves just what had been stored.
 * Left out: dooming, as nobody is asked to die here; chores (gate.pml); what lies between COMPLETE and main
 * (bell.pml).
 *
 * A -D flag breaks a rule; check.sh lists them.
 */
#define W 3
#ifndef TASKS
#define TASKS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef REDELIVERIES
#define REDELIVERIES 1 /* wp_config.max_redeliveries */
#endif
#ifndef STOPS
#define STOPS 1 /* tasks that a living thread puts back */
#endif

#define BIT(i) (1 << (i))
#define ALL (BIT(W) - 1)
#define FIRST(set) ((set & 1) -> 0 : ((set & 2) -> 1 : ((set & 4) -> 2 : 3)))
#define LOWEST(set) ((set) & -(set))
#define MAIN W
#define MAY_REQUEUE(t) (t != 0) /* onLost: 'requeue', all but the first */

/* States of a slot; DELIVERED is for good. */
#define FREE 0
#define SUBMITTED 1
#define READY 2
#define RUNNING 3
#define DONE 4
#define DELIVERED 5

byte state[4], owner[4] /* worker + 1 */, redeliveries[4];

/* Sets of slots. */
byte inbox, lanes;
byte hand;      /* what the lock's holder has taken from the inbox */
byte record[W]; /* what a worker says it runs */

/* Sets of workers. */
byte inside, idle, woken;
byte asleep, busy; /* who waits for its wake word, who is in a handler: follows from where they are */
byte dead, vacant; /* to be reaped; records without a thread */
#ifdef SHARED_WAKE
bool stale; /* a dead waiter that the host has not forgotten */
#endif

byte lock; /* 0, or the holder + 1 */
byte ready, submitted, deaths, stops;

inline die() {
  d_step {
    deaths++;
#ifdef SHARED_WAKE
    stale = stale || (asleep & ~woken & BIT(w));
#endif
    dead = dead | BIT(w);
    asleep = asleep & ~BIT(w); busy = busy & ~BIT(w)
  }
}

#define DEATH if :: deaths < DEATHS -> die(); goto died :: true fi

#ifdef SHARED_WAKE
/* One word for all, and notify(1): the host picks a waiter, which may be a dead one. */
inline wake_one(x) {
  woken = woken | (ALL & ~asleep);
  if
  :: asleep & ~woken & 1 -> woken = woken | 1
  :: asleep & ~woken & 2 -> woken = woken | 2
  :: asleep & ~woken & 4 -> woken = woken | 4
  :: stale -> stale = false
  :: !(asleep & ~woken) && !stale
  fi
}
inline chain(x) { wake_one(x) }
#else
inline wake_one(x) { woken = woken | LOWEST(idle); idle = idle & ~LOWEST(idle) }

inline chain(x) {
  x = LOWEST(idle);
  idle = idle & ~x;
  DEATH; /* the one that it was to wake is in no list now */
  woken = woken | x;
  x = 0
}
#endif

/* wp_idle_wake, main's */
inline wake_idle() {
  n = ready;
  do
  :: n > 0 -> n--; wake_one(t)
  :: else -> break
  od
}

/* Takes the inbox into the lanes, under the lock. */
inline apply_inbox(t) {
  hand = inbox; inbox = 0;
  do
  :: hand ->
     DEATH;
     t = FIRST(hand);
     hand = hand & ~BIT(t);
     state[t] = READY;
     DEATH;
     lanes = lanes | BIT(t);
     DEATH;
     ready++
  :: else -> t = 0; break
  od
}

/* wp_task_begin: the record names the slot before the slot says RUNNING. */
inline begin(w, t) {
  t = FIRST(lanes);
  lanes = lanes & ~BIT(t);
  DEATH;
  ready--;
  DEATH;
  owner[t] = w + 1;
  DEATH;
  record[w] = record[w] | BIT(t);
  DEATH;
  assert(state[t] == READY && redeliveries[t] <= (MAY_REQUEUE(t) -> REDELIVERIES : 0));
  state[t] = RUNNING
}

/* wp_sched_take, from ENTER to LEAVE */
inline take(w, t) {
  do
  :: atomic {
       !lock -> DEATH; inside = inside | BIT(w);
       DEATH; lock = w + 1;
       DEATH; apply_inbox(t);
       DEATH;
       if
       :: ready > 0 ->
          begin(w, t); got = true; more = ready > 0;
#ifndef STALE_IDLE
          DEATH; idle = idle & ~BIT(w) /* WAKE ALL made it look by itself */
#endif
       :: else
       fi
     };
     if
     :: atomic {
          got -> DEATH; lock = 0;
          DEATH; if :: more -> chain(x); more = false :: else fi; /* CHAIN */
          DEATH; inside = inside & ~BIT(w); busy = busy | BIT(w) /* LEAVE */
        };
        break
     :: atomic {
          !got -> DEATH; idle = idle | BIT(w); /* IDLE */
          DEATH; lock = 0
        }
     fi;
     if
     :: atomic { inbox == 0 -> DEATH; inside = inside & ~BIT(w); asleep = asleep | BIT(w) }; break /* LEAVE */
     :: atomic { inbox -> DEATH; idle = idle & ~BIT(w) } /* LOOK AGAIN */
     fi
  :: atomic { lock && deaths < DEATHS -> inside = inside | BIT(w); die(); goto died } /* while it waits for the lock */
  od
}

/* COMPLETE, and main takes it. Nothing of the slot is of interest afterwards. */
inline settle(t) {
  assert(state[t] == DONE);
  state[t] = DELIVERED;
#ifndef RELIST_DELIVERED
  owner[t] = 0;
#endif
  redeliveries[t] = 0
}

/* wp_task_finish, and SEEN */
inline finish(w, t) {
  atomic {
    DEATH; inside = inside | BIT(w);
    DEATH; record[w] = 0;
    DEATH; assert(state[t] == RUNNING && owner[t] == w + 1); state[t] = DONE;
    DEATH; settle(t);
    DEATH; busy = busy & ~BIT(w); inside = inside & ~BIT(w);
    woken = woken & ~BIT(w);
    t = 0; got = false
  }
}

/* wp_task_put_back_locked, REQUEUE */
inline put_back(t) {
  redeliveries[t]++;
  DEATH; state[t] = READY;
  DEATH; owner[t] = 0;
  DEATH; lanes = lanes | BIT(t);
  DEATH; ready++
}

#ifdef REDELIVER_UNCAPPED
#define MAY_RUN_AGAIN(t) MAY_REQUEUE(t)
#else
#define MAY_RUN_AGAIN(t) (MAY_REQUEUE(t) && redeliveries[t] < REDELIVERIES)
#endif

/* wp_task_recover, REDELIVER: the task was stopped by a loop check, and its thread lives on. Then it looks for work, as ever. */
inline redeliver(w, t) {
  if
#ifdef REDELIVER_UNLOCKED
  :: atomic { true -> DEATH; inside = inside | BIT(w) };
     atomic { DEATH; redeliveries[t]++; state[t] = READY; owner[t] = 0; lanes = lanes | BIT(t) };
     atomic {
       DEATH; ready++;
#else
  :: atomic {
       !lock -> DEATH; inside = inside | BIT(w);
       DEATH; lock = w + 1;
       DEATH; put_back(t);
#endif
       DEATH; record[w] = 0;
       DEATH;
#ifndef REDELIVER_UNLOCKED
       lock = 0;
#endif
       DEATH; woken = woken & ~BIT(w); inside = inside & ~BIT(w);
#ifdef REDELIVER_SLEEPS
       idle = idle | BIT(w); asleep = asleep | BIT(w);
#endif
       t = 0; got = false
     }
  :: atomic { lock && deaths < DEATHS -> inside = inside | BIT(w); die(); goto died }
  fi
}

proctype worker(byte w) {
  byte t, x;
  bool got, more;
start:
  do
  :: take(w, t);
     if
     :: got -> finish(w, t)
     :: atomic { got && MAY_RUN_AGAIN(t) && stops < STOPS -> stops++; busy = busy & ~BIT(w) };
        redeliver(w, t)
#ifdef REDELIVER_SLEEPS
        ; goto end_asleep
#endif
     :: else ->
end_asleep:
        atomic {
          if
          :: woken & BIT(w)
          :: deaths < DEATHS -> die(); goto died
          fi;
          woken = woken & ~BIT(w); /* SEEN */
          asleep = asleep & ~BIT(w)
        }
     fi
  od;
died:
  atomic { t = 0; x = 0; got = false; more = false };
end_dead:
  !((dead | vacant) & BIT(w)) -> goto start
}

/* ---- main ---- */

/* BREAK: the lock bears the dead one's name. REBUILD: all lists anew from the slots. */
inline rebuild(t) {
  inbox = 0; hand = 0; lanes = 0; ready = 0;
  for (t : 0 .. TASKS - 1) {
    if
#ifdef FORGET_INBOX
    :: state[t] == READY ->
#else
    :: state[t] == SUBMITTED || state[t] == READY ->
#endif
       state[t] = READY; lanes = lanes | BIT(t); ready++
    :: else
    fi
  }
}

/* LOSE: one slot that a dead worker ran. */
inline lose(v, t) {
  if
#ifdef NO_CAP
  :: MAY_REQUEUE(t) ->
#else
  :: MAY_REQUEUE(t) && redeliveries[t] < REDELIVERIES ->
#endif
     redeliveries[t]++; state[t] = READY; lanes = lanes | BIT(t); ready++; /* REQUEUE */
     owner[t] = 0
  :: else -> state[t] = DONE; settle(t) /* WORKER_LOST, POISON_JOB */
  fi
}

/* Its record names what it ran if it died outside the gate. */
inline lose_by_record(v, t) {
  for (t : 0 .. TASKS - 1) {
    if
#ifdef KEEP_RECORD
    :: (record[v] & BIT(t)) && state[t] == RUNNING -> lose(v, t)
#else
    :: (record[v] & BIT(t)) && state[t] == RUNNING && owner[t] == v + 1 -> lose(v, t)
#endif
    :: else
    fi
  }
}

/* Otherwise every slot is asked. */
inline lose_by_slots(v, t) {
  for (t : 0 .. TASKS - 1) {
    if
    :: owner[t] == v + 1 && state[t] == RUNNING -> lose(v, t)
    :: owner[t] == v + 1 && state[t] == DONE -> settle(t) /* RELIST: it had not listed it */
#ifdef RELIST_DELIVERED
    :: owner[t] == v + 1 && state[t] == DELIVERED -> settle(t)
#endif
    :: else
    fi
  }
}

/* wp_worker_reap, REAP */
inline reap(v, t) {
  atomic {
#ifdef NO_BREAK
    (dead & BIT(v)) && !lock ->
#else
    (dead & BIT(v)) && (!lock || lock == v + 1) ->
    if :: lock -> rebuild(t) :: else fi;
#endif
    lock = MAIN + 1;
    if
    :: inside & BIT(v) -> lose_by_slots(v, t)
    :: else -> lose_by_record(v, t)
    fi;
#ifndef KEEP_RECORD
    record[v] = 0;
#endif
    idle = idle & ~BIT(v);
    lock = 0;
    apply_by_main(t);
    wake_idle();
#ifndef NO_WAKE_ALL
    if :: inside & BIT(v) -> woken = ALL :: else fi; /* WAKE ALL */
#endif
    inside = inside & ~BIT(v); woken = woken & ~BIT(v);
    dead = dead & ~BIT(v); vacant = vacant | BIT(v)
  }
}

inline apply_by_main(t) {
  do
  :: inbox -> t = FIRST(inbox); inbox = inbox & ~BIT(t); state[t] = READY; lanes = lanes | BIT(t); ready++
  :: else -> t = 0; break
  od
}

/* Nobody moves unless woken, if the handlers run for ever. */
#define IS_CALM (!dead && (busy | vacant | (asleep & ~woken)) == ALL)
#define IN_ORDER(t) \
  (!((state[t] == SUBMITTED || state[t] == READY) && asleep) && \
   state[t] != DONE && \
   !(state[t] == RUNNING && !(owner[t] && (busy & BIT(owner[t] - 1)))))

active proctype main() {
  byte t, n;
  atomic { run worker(0); run worker(1); run worker(2) };
end_rest:
  do
  :: atomic { submitted < TASKS -> state[submitted] = SUBMITTED; inbox = inbox | BIT(submitted); submitted++ };
     atomic { wake_one(t) }
  :: reap(0, t) :: reap(1, t) :: reap(2, t)
  :: atomic { vacant -> vacant = vacant & ~LOWEST(vacant) } /* a new thread on a record */
  :: d_step { IS_CALM && !(IN_ORDER(0) && IN_ORDER(1) && IN_ORDER(2) && IN_ORDER(3)) -> assert(false) }
  od
}
