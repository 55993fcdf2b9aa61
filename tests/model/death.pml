/*
 * Deaths that nobody planned: a worker dies at any instruction, inside the gate too, perhaps with the lock. Slots are named, as
 * they are what everything is rebuilt from. Checked: each task ends exactly once, runs as often as it may and no more, and is
 * never left lying while a worker sleeps.
 *
 * Names in capitals as in pool.pml, and BREAK, REBUILD (scheduler.c), LOSE, RELIST, REQUEUE (worker.c), COMPLETE, COLLECT
 * (task.c), WAKE ALL (recount.c).
 *
 * A step is what others can tell apart: a section under the lock, or one inside the gate that only its own slot sees, is one
 * step with a DEATH before each of its stores. Whoever dies there leaves just what had been stored. The doomed word is left out:
 * nobody is asked to die here.
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
#ifndef REDELIVERIES
#define REDELIVERIES 1 /* WP_REDELIVERIES_MAX */
#endif

#define BIT(i) (1 << (i))
#define ALL (BIT(W) - 1)
#define FIRST(set) ((set & 1) -> 0 : ((set & 2) -> 1 : ((set & 4) -> 2 : 3)))
#define LOWEST(set) ((set) & -(set))
#define MAIN W
#define MAY_REQUEUE(t) (t != 0) /* onLost: 'requeue', all but the first */

/* States of a slot. */
#define FREE 0
#define SUBMITTED 1
#define READY 2
#define RUNNING 3
#define DONE 4
#define DELIVERED 5

byte state[4], owner[4], redeliveries[4];

/* Sets of slots. */
byte inbox, lanes;
byte hand;                       /* what the lock's holder has taken from the inbox */
byte record[W];                  /* what a worker says it runs */

/* Sets of workers. */
byte inside, idle, woken, asleep, busy; /* busy: in a handler */
byte dead, vacant;

byte lock, ready, submitted, deaths;
bool chores;

#define DIE deaths < DEATHS -> d_step { deaths++; dead = dead | BIT(w); asleep = asleep & ~BIT(w); busy = busy & ~BIT(w) }; goto died
#define DEATH if :: DIE :: true fi

inline wake_any(x) {
  atomic {
    x = LOWEST(idle);
    idle = idle & ~x;
    DEATH; /* whom it was to wake is in no list now */
    woken = woken | x;
    x = 0
  }
}

inline main_wake_ready() {
  d_step {
    n = ready;
    do
    :: n > 0 -> n--; woken = woken | LOWEST(idle); idle = idle & (idle - (idle != 0))
    :: else -> break
    od
  }
}

/* Takes the inbox into the lanes, under the lock. */
inline apply(t) {
  hand = inbox; inbox = 0;
  DEATH;
  do
  :: hand ->
     t = FIRST(hand);
     hand = hand & ~BIT(t);
     DEATH;
     state[t] = READY;
     DEATH;
     lanes = lanes | BIT(t);
     DEATH;
     ready++
  :: else -> t = 0; break
  od
}

/* wp_task_begin */
inline begin(w, t) {
  t = FIRST(lanes);
  lanes = lanes & ~BIT(t);
  DEATH;
  ready--;
  DEATH;
  owner[t] = w + 1;
  record[w] = record[w] | BIT(t);
  DEATH;
  assert(state[t] == READY && redeliveries[t] <= (MAY_REQUEUE(t) -> REDELIVERIES : 0));
  state[t] = RUNNING
}

inline unlock(t) {
  lock = 0;
  DEATH;
  do
  :: chores -> lock = w + 1; chores = false; DEATH; apply(t); DEATH; lock = 0; DEATH;
     n = ready;
     do :: n > 0 -> n--; wake_any(x) :: else -> break od
  :: else -> break
  od
}

inline take(w, t) {
  do
  :: atomic { !lock -> DEATH; inside = inside | BIT(w); DEATH; lock = w + 1; DEATH; apply(t); DEATH;
     if
     :: ready > 0 -> begin(w, t); got = true; more = ready > 0; DEATH; idle = idle & ~BIT(w)
     :: else
     fi };
     atomic { DEATH;
       if :: !got -> idle = idle | BIT(w); DEATH :: else fi;
       unlock(x);
       if :: got -> if :: more -> wake_any(x) :: else fi; DEATH; inside = inside & ~BIT(w); busy = busy | BIT(w); more = false; break :: else fi
     };
     if
     :: atomic { inbox == 0 -> DEATH; inside = inside & ~BIT(w); asleep = asleep | BIT(w); break }
     :: atomic { inbox -> DEATH; idle = idle & ~BIT(w) }
     fi
  :: atomic { lock && deaths < DEATHS -> inside = inside | BIT(w); DIE }
  od
}

/* COMPLETE, and main takes it: bell.pml has what lies between. Nothing of the slot is of interest afterwards. */
inline settle(t) {
  assert(state[t] == DONE);
  state[t] = DELIVERED;
#ifndef RELIST_DELIVERED
  owner[t] = 0;
#endif
  redeliveries[t] = 0
}

/* wp_task_finish */
inline finish(w, t) {
  atomic {
    DEATH;
    inside = inside | BIT(w);
    DEATH;
    record[w] = 0;
    DEATH;
    assert(state[t] == RUNNING && owner[t] == w + 1);
    state[t] = DONE;
    DEATH;
    settle(t); /* COMPLETE */
    DEATH;
    busy = busy & ~BIT(w);
    inside = inside & ~BIT(w);
    woken = woken & ~BIT(w);
    t = 0; got = false
  }
}

proctype worker(byte w) {
  byte t, x, n;
  bool got, more;
start:
  do
  :: take(w, t);
     if
     :: got -> finish(w, t)
     :: else ->
end_asleep:
        atomic {
          if
          :: woken & BIT(w)
          :: DIE
          fi;
          woken = woken & ~BIT(w);
          asleep = asleep & ~BIT(w)
        }
     fi
  od;
died:
  atomic { t = 0; x = 0; n = 0; got = false; more = false };
end_dead:
  !((dead | vacant) & BIT(w)) -> goto start
}

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
  t = 0;
  chores = true
}

/* LOSE: one slot of a dead worker. */
inline lose(v, t) {
  if
#ifdef NO_CAP
  :: MAY_REQUEUE(t) ->
#else
  :: MAY_REQUEUE(t) && redeliveries[t] < REDELIVERIES ->
#endif
     redeliveries[t]++; state[t] = READY; lanes = lanes | BIT(t); ready++; /* REQUEUE */
     owner[t] = 0
  :: else -> state[t] = DONE; settle(t)
  fi
}

/* wp_worker_reap: by its record if it died outside the gate, by all slots otherwise. */
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
    :: !(inside & BIT(v)) ->
       for (t : 0 .. TASKS - 1) {
#ifdef KEEP_RECORD
         if :: (record[v] & BIT(t)) && state[t] == RUNNING -> lose(v, t) :: else fi
#else
         if :: (record[v] & BIT(t)) && state[t] == RUNNING && owner[t] == v + 1 -> lose(v, t) :: else fi
#endif
       }
    :: else ->
       for (t : 0 .. TASKS - 1) {
         if
#ifdef RELIST_DELIVERED
         :: owner[t] == v + 1 && (state[t] == DONE || state[t] == DELIVERED) -> settle(t)
#else
         :: owner[t] == v + 1 && state[t] == DONE -> settle(t) /* RELIST */
#endif
         :: owner[t] == v + 1 && state[t] == RUNNING -> lose(v, t)
         :: else
         fi
       }
    fi;
    t = 0;
#ifndef KEEP_RECORD
    record[v] = 0;
#endif
    idle = idle & ~BIT(v);
    lock = 0;
    if :: chores -> chores = false; serve(t); main_wake_ready() :: else fi;
    chores = true;
    if :: !lock -> chores = false; serve(t) :: else fi;
    main_wake_ready();
#ifndef NO_WAKE_ALL
  if :: inside & BIT(v) -> woken = ALL :: else fi; /* WAKE ALL: one that it was about to wake is in no list */
#endif
    dead = dead & ~BIT(v); vacant = vacant | BIT(v);
    inside = inside & ~BIT(v); woken = woken & ~BIT(v)
  }
}

inline serve(t) {
  d_step {
  do
  :: inbox -> t = FIRST(inbox); inbox = inbox & ~BIT(t); state[t] = READY; lanes = lanes | BIT(t); ready++
  :: else -> t = 0; break
  od }
}

#define WAITS(t) (state[t] == SUBMITTED || state[t] == READY)
#define CALM (!dead && (busy | vacant | (asleep & ~woken)) == ALL)
#define IN_ORDER(t) \
  (!(WAITS(t) && asleep) && \
   state[t] != DONE && \
   !(state[t] == RUNNING && !(owner[t] && (busy & BIT(owner[t] - 1)))))

active proctype main() {
  byte t, n;
  atomic { run worker(0); run worker(1); run worker(2) };
end_rest:
  do
  :: atomic { submitted < TASKS -> state[submitted] = SUBMITTED; inbox = inbox | BIT(submitted); submitted++ };
     d_step { woken = woken | LOWEST(idle); idle = idle & ~LOWEST(idle) }
  :: reap(0, t) :: reap(1, t) :: reap(2, t)
  :: atomic { vacant -> vacant = vacant & ~LOWEST(vacant) }
  :: d_step { CALM && !(IN_ORDER(0) && IN_ORDER(1) && IN_ORDER(2) && IN_ORDER(3)) -> assert(false) }
  od
}
