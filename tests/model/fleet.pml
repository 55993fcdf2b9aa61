/*
 * The fleet: seats, spares, thread records, starts in two phases, planned and unplanned ends, deaths that are
 * confirmed late; the rungs of a kill, with several suspicions of one thread at once; the budget of restarts; opening
 * and closing. src/fleet.h is main's alone, so each event that main handles is one step; threads only decide when they
 * come, and what they run meanwhile.
 *
 * Checked: a seat is never held twice, nobody is seated before it has started, no record is used again before its death
 * is confirmed; a thread is ended for the task that it still runs, and for no other; each suspicion is over once, at the
 * latest with its thread; no seat is restarted beyond its budget, and none that is given up is served; nothing starts
 * after a refusal or while the fleet closes; and when nothing is under way any more, every seat that is not given up is
 * served and every spare is there.
 *
 * Names in capitals: START, PROMOTE, SEAT, LOST (fleet_threads.c), KILL (fleet_suspects.c).
 *
 * A -D flag breaks a rule; check.sh lists them all.
 */
#ifndef SEATS
#define SEATS 3
#endif
#ifndef SPARES
#define SPARES 1
#endif
#ifndef RECORDS
#define RECORDS 6 /* fewer than 2 x (seats + spares), so that they run out */
#endif
#ifndef DEATHS
#define DEATHS 3
#endif
#ifndef SUSPICIONS
#define SUSPICIONS 0 /* at once; 0: KILL ends a thread at once */
#endif
#ifndef KILLS
#define KILLS 2 /* suspicions, altogether */
#endif
#ifndef BUDGET
#define BUDGET DEATHS /* restarts of a seat after unplanned ends */
#endif
#define NONE SEATS /* a spare's seat */

mtype = { EMPTY, STARTING, WARM, LIVE, DYING };
mtype state[RECORDS] = EMPTY;
byte seat[RECORDS] = NONE;
bool running[RECORDS]; /* ghost: its thread exists */
byte holder[SEATS];    /* record + 1 */
byte timers[SEATS + 1], unserved[SEATS + 1]; /* starts that are due later, by seat */
byte restarts[SEATS + 1];
bool retired[SEATS];
byte deaths;
bool opening = true, refused, closing;

#if SUSPICIONS
mtype = { FLAG, CHECK, DOOM, ASKED };
mtype rung[SUSPICIONS] = EMPTY; /* of each suspicion */
byte suspect[SUSPICIONS];       /* record */
bit accused[SUSPICIONS];        /* the task that it is about: the generation of its slot */
bit task[RECORDS];              /* which task a live thread runs now */
byte doomers[RECORDS];          /* suspicions that wait for it to stand still */
bool doomed[RECORDS];           /* it enters the gate no more */
bool inside[RECORDS];           /* it is in the gate: on its way to another task */
byte begun, over;               /* ghost: suspicions */
#endif

/* The first free record, or RECORDS. */
inline open(r) {
  r = 0;
  do
#ifdef REUSE_DYING
  :: r < RECORDS && state[r] != EMPTY && state[r] != DYING -> r++
#else
  :: r < RECORDS && state[r] != EMPTY -> r++
#endif
  :: else -> break
  od
}

#ifdef START_REFUSED
#define STANDS (!closing)
#else
#ifdef START_CLOSING
#define STANDS (!refused)
#else
#define STANDS (!closing && !refused)
#endif
#endif

/* START */
inline start(s) {
  if
  :: !STANDS
  :: STANDS && s != NONE && (holder[s] || retired[s]) /* a spare was faster, or it was given up */
  :: else ->
     open(r);
     if
     :: r == RECORDS -> unserved[s]++
     :: else ->
        assert(!running[r] && !closing && !refused);
        state[r] = STARTING; seat[r] = s; running[r] = true;
        if :: s != NONE -> holder[s] = r + 1 :: else fi
     fi
  fi
}

/* SEAT */
inline take_seat(r, s) {
  assert(state[r] == WARM && !retired[s] && (!holder[s] || holder[s] == r + 1));
  seat[r] = s; state[r] = LIVE; holder[s] = r + 1
}

/* PROMOTE: r is RECORDS if there is no spare. */
inline promote(s) {
  r = 0;
  do
#ifdef SPARE_NOT_READY
  :: r < RECORDS && !((state[r] == WARM || state[r] == STARTING) && seat[r] == NONE) -> r++
#else
  :: r < RECORDS && !(state[r] == WARM && seat[r] == NONE) -> r++
#endif
  :: else -> break
  od;
  if
  :: r < RECORDS ->
     take_seat(r, s);
#ifndef SPARE_NOT_REPLACED
     timers[NONE]++
#endif
  :: else
  fi
}

inline end(v) {
  s = seat[v];
  state[v] = DYING;
  if :: s != NONE && holder[s] == v + 1 -> holder[s] = 0 :: else fi
}

/* A planned end: the seat is free for another at once. */
inline kill(v) {
  end(v);
  promote(s);
  if :: r == RECORDS -> start(s) :: else fi
}

/* LOST, by seat s: it is served again, as long as its budget lasts. */
inline replace(s) {
  if
  :: restarts[s] < BUDGET ->
     restarts[s]++;
     if
     :: s == NONE -> timers[s]++
     :: else ->
        promote(s);
        if :: r == RECORDS -> timers[s]++ :: else fi
     fi
  :: else ->
#ifdef NO_BUDGET
     restarts[s]++; timers[s]++
#else
     if
     :: s == NONE /* only this spare is given up */
     :: else ->
#ifndef SERVE_RETIRED
        retired[s] = true;
#endif
        if :: opening -> refused = true :: else fi
     fi
#endif
  fi;
  assert(restarts[s] <= BUDGET)
}

#if SUSPICIONS
inline is_over(q) {
  rung[q] = EMPTY; over++
}

/* It does not run that task any more, or it is dead: whoever waited for it to stand still does so no more. */
inline pardon(q) {
  if
  :: rung[q] == DOOM || rung[q] == ASKED ->
     doomers[suspect[q]]--;
#ifdef PARDON_ALL
     doomed[suspect[q]] = false
#else
     if :: doomers[suspect[q]] == 0 -> doomed[suspect[q]] = false :: else fi
#endif
  :: else
  fi;
  is_over(q)
}

/* A rung of suspicion q is tried; the one after it, if that did not help. */
inline climb(q) {
  v = suspect[q];
  if
  :: state[v] != LIVE /* its end is under way: it is over when it is reaped */
  :: state[v] == LIVE && rung[q] != ASKED && task[v] != accused[q] -> pardon(q)
  :: else ->
     if
     :: rung[q] == FLAG -> rung[q] = CHECK
     :: rung[q] == CHECK ->
        rung[q] = DOOM; doomers[v]++;
#ifndef NO_DOOM
        doomed[v] = true
#endif
     :: rung[q] == DOOM && !inside[v] -> rung[q] = ASKED /* it stands still, and runs that task still */
     :: rung[q] == DOOM && inside[v]
     :: rung[q] == ASKED ->
        assert(task[v] == accused[q]); /* it dies for what it was asked about */
        doomers[v]--;
        is_over(q);
        kill(v)
     fi
  fi
}
#endif

/* When nothing is under way, every seat is served and every spare is there. */
inline check() {
  live = 0; warm = 0; moving = refused || closing; r = 0;
  do
  :: r < RECORDS ->
     if
     :: state[r] == LIVE -> live++; assert(seat[r] != NONE && holder[seat[r]] == r + 1)
     :: state[r] == WARM -> warm++
     :: state[r] == STARTING || state[r] == DYING -> moving = true
     :: else -> assert(!running[r])
     fi;
     r++
  :: else -> break
  od;
  s = 0; v = 0;
  do
  :: s < SEATS -> moving = moving || timers[s]; v = v + retired[s]; s++
  :: else -> moving = moving || timers[s]; break
  od;
  if :: live == SEATS -> opening = false :: else fi;
  assert(live <= SEATS - v);
  assert(moving || (live == SEATS - v && (warm == SPARES || restarts[NONE] == BUDGET)));
  live = 0; warm = 0; moving = false; r = 0; s = 0; v = 0
}

active proctype main() {
  byte r, s, v;
  byte live, warm;
  bool moving;
#if SUSPICIONS
  byte q;
#endif
  d_step {
    s = 0;
    do :: s < SEATS -> start(s); s++ :: else -> break od;
    v = 0;
    do :: v < SPARES -> start(NONE); v++ :: else -> break od;
    r = 0; s = 0; v = 0
  };
end_rest:
  do
  :: atomic {
       select(v : 0 .. RECORDS - 1);
       if
       :: state[v] == STARTING -> /* STARTED */
          state[v] = WARM;
          s = 0;
          if
          :: seat[v] == NONE ->
             do :: s < SEATS && (holder[s] || retired[s]) -> s++ :: else -> break od;
             if :: s < SEATS -> promote(s) :: else fi
          :: else -> s = seat[v]; take_seat(v, s)
          fi
#if SUSPICIONS
       :: state[v] == LIVE && begun < KILLS -> /* KILL: of what it runs now */
          q = 0;
          do :: q < SUSPICIONS && rung[q] != EMPTY -> q++ :: else -> break od;
          if
          :: q < SUSPICIONS -> rung[q] = FLAG; suspect[q] = v; accused[q] = task[v]; begun++
          :: else
          fi;
          q = 0
       :: state[v] == LIVE && !doomed[v] && !inside[v] -> inside[v] = true
       :: state[v] == LIVE && inside[v] -> task[v] = 1 - task[v]; inside[v] = false
#else
       :: state[v] == LIVE && deaths < DEATHS -> deaths++; kill(v) /* KILL */
#endif
       :: (state[v] == STARTING || state[v] == WARM || state[v] == LIVE) && deaths < DEATHS -> /* LOST */
          deaths++; end(v);
          replace(s)
       :: state[v] == DYING -> /* REAPED: its end is confirmed */
#if SUSPICIONS
          q = 0;
          do
          :: q < SUSPICIONS ->
             if :: rung[q] != EMPTY && suspect[q] == v ->
#ifndef KEEP_SUSPICION
                pardon(q)
#else
                skip
#endif
             :: else
             fi;
             q++
          :: else -> break
          od;
          q = 0; doomers[v] = 0; doomed[v] = false; inside[v] = false; task[v] = 0;
#endif
          running[v] = false;
          state[v] = EMPTY; seat[v] = NONE;
#ifndef FORGET_UNSERVED
          s = 0;
          do
          :: s <= SEATS && unserved[s] -> unserved[s]--; start(s); if :: r == RECORDS -> break :: else fi
          :: s <= SEATS && !unserved[s] -> s++
          :: else -> break
          od
#endif
       :: else
       fi;
       check()
     }
  :: atomic {
       select(s : 0 .. SEATS);
       if :: timers[s] -> timers[s]--; start(s) :: else fi;
       check()
     }
#if SUSPICIONS
  :: atomic {
       select(q : 0 .. SUSPICIONS - 1);
       if :: rung[q] != EMPTY -> climb(q) :: else fi;
       v = 0;
       do /* a suspicion is of a thread that exists */
       :: v < SUSPICIONS -> assert(rung[v] == EMPTY || running[suspect[v]]); v++
       :: else -> break
       od;
       q = 0;
       check()
     }
#endif
#ifdef CLOSING
  :: atomic { /* CLOSE */
       !closing ->
       closing = true;
       v = 0;
       do
       :: v < RECORDS -> if :: state[v] != EMPTY && state[v] != DYING -> end(v) :: else fi; v++
       :: else -> break
       od;
       check()
     }
#endif
  od
}
