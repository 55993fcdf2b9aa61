/*
 * Supervision: three actors of one group, their links, and a child; who dies with whom, who comes back, and when. src/supervision.h is
 * main's alone, so each event that main handles is one step; threads only decide when they fail and when they are gone. Time is whether an
 * actor's delay is over.
 *
 * Checked: who is linked with an actor that dies dies as well, once, and of a thread that it had then; nobody starts whose last thread is
 * not gone, who was ended, or before an earlier member of a group that restarts together; one failure costs at most one restart, and there
 * are never more than the budget; each death is told once; whom the strategy says is restarted, and nobody else; children die with their
 * parent; and when nothing is under way, everybody runs who was not ended.
 *
 * Names in capitals: DIE, LINKED, CHILDREN, TELL, END, BURY (supervision_death.c), CHARGE, OTHERS, CASCADE, DECIDE, START (supervision_group.c).
 *
 * A -D flag breaks a rule; check.sh lists them all.
 */
#ifndef STRATEGY
#define STRATEGY 0 /* 0: one for one, 1: one for all, 2: rest for one */
#endif
#ifndef LINKS
#define LINKS 0 /* bits: 1: actors 0 and 1, 2: 0 and 2, 4: 1 and 2 */
#endif
#ifndef CHILD
#define CHILD 0 /* 1: actor 2 is a child of actor 0 */
#endif
#ifndef FAILURES
#define FAILURES 3
#endif
#ifndef ENDS
#define ENDS 1 /* actors that the user ends */
#endif
#ifndef BUDGET
#define BUDGET 2
#endif
#define ACTORS 3
#define NOBODY 3
#define linked(a, b) ((LINKS >> (a + b - 1)) & 1)

mtype = { UP, DYING, HELD, ENDED };
mtype = { FAILURE, LINKED_DIED, RESTARTED, OTHER };
mtype phase[ACTORS] = UP;
mtype reason[ACTORS] = OTHER;
bool final[ACTORS]; /* it does not come back */
bool paid[ACTORS];  /* its restart costs nothing */
bool due[ACTORS];   /* its delay is over */
byte cause[ACTORS] = NOBODY;
byte failures, ends, charges;

/* Ghosts. */
bool thread[ACTORS] = true; /* its thread exists */
bool owes[ACTORS];          /* it must die: of a link, or as the strategy says */
bool untold[ACTORS];        /* its watchers do not know of its death yet */
bit life[ACTORS];           /* which of its threads this is */
bit own[ACTORS];            /* how often it has failed itself, modulo 2 */
bool wished[ACTORS];        /* the user has ended it */
byte calm;                  /* failures while nothing else was under way */
bool moving;                /* something is under way */
byte met[9];                /* by pair: the other's life when the first one died; 2: it was not up */

/* DIE */
inline die(a, why) {
  assert(phase[a] == UP && !untold[a]);
  phase[a] = DYING; reason[a] = why; owes[a] = false; untold[a] = true;
  k = 0;
  do
  :: k < ACTORS ->
     met[3 * a + k] = 2;
     if
     :: k != a && linked(a, k) && phase[k] == UP -> owes[k] = true; met[3 * a + k] = life[k]
     :: else
     fi;
     k++
  :: else -> break
  od;
  k = 0
}

/* END, of an actor in any phase */
inline finish(a) {
  final[a] = true;
  if
  :: phase[a] == UP -> die(a, OTHER)
  :: phase[a] == HELD ->
#ifndef KEEP_HELD
     phase[a] = ENDED
#else
     skip
#endif
  :: else
  fi
}

#define in_scope(a, b) (a != b && (STRATEGY == 1 || (STRATEGY == 2 && b > a)))

/* OTHERS */
inline stop_others(a) {
  j = 0;
  do
  :: j < ACTORS ->
     if
#ifdef STOP_ALL
     :: a != j && phase[j] == UP -> die(j, RESTARTED); paid[j] = true
#else
#ifndef STOP_NOBODY
     :: in_scope(a, j) && phase[j] == UP -> die(j, RESTARTED); paid[j] = true
     :: in_scope(a, j) && phase[j] == DYING -> paid[j] = true
#endif
#endif
     :: else
     fi;
     j++
  :: else -> break
  od
}

/* DECIDE */
inline decide(a) {
  if
  :: final[a] -> phase[a] = ENDED
  :: else ->
     if
#ifdef CHARGE_ALL
     :: charges == BUDGET
#else
     :: !paid[a] && cause[a] == NOBODY && charges == BUDGET
#endif
     ->
#ifdef NO_CASCADE
        finish(a)
#else
        j = 0;
        do :: j < ACTORS -> finish(j); j++ :: else -> break od; /* CASCADE */
        assert(phase[0] != UP && phase[1] != UP && phase[2] != UP)
#endif
     :: else ->
        if
#ifdef CHARGE_ALL
        :: true -> charges++
#else
        :: !paid[a] && cause[a] == NOBODY -> charges++ /* CHARGE */
#endif
        :: else
        fi;
        if :: reason[a] != RESTARTED -> stop_others(a) :: else fi
     fi
  fi;
#if !ENDS && !CHILD
  assert(charges <= failures);
#endif
  assert(charges <= BUDGET)
}

/* BURY */
inline bury(a) {
  phase[a] = HELD; due[a] = false;
  /* Who the strategy says owes a restart. */
  j = 0;
  do
  :: j < ACTORS ->
     if
     :: in_scope(a, j) && !final[a] && reason[a] != RESTARTED && phase[j] == UP -> owes[j] = true
     :: else
     fi;
     j++
  :: else -> break
  od;
  /* LINKED */
  j = 0;
  do
  :: j < ACTORS ->
     if
#ifndef NO_LINKS
     :: j != a && linked(a, j) && phase[j] == UP ->
        assert(met[3 * a + j] == life[j]); /* it is not killed for a death before its start */
        die(j, LINKED_DIED);
        if :: !final[a] -> cause[j] = a :: else fi
#endif
     :: else
     fi;
     j++
  :: else -> break
  od;
#if CHILD
#ifndef NO_CHILDREN
  if :: a == 0 -> finish(2) /* CHILDREN */ :: else fi;
#endif
#endif
#ifndef NO_TELL
  assert(untold[a]);
  untold[a] = false; /* TELL */
#endif
  decide(a)
}

inline look_for_blocks(a) {
  blocked = false; j = 0;
  do
  :: j < ACTORS ->
     if
#ifndef NO_WAIT_FOR_PARTNER
     :: j != a && linked(a, j) && phase[j] == DYING -> blocked = true
#endif
#ifndef NO_WAIT_FOR_GROUP
     :: STRATEGY && phase[j] == DYING -> blocked = true
     :: STRATEGY && phase[j] == HELD && !due[j] -> blocked = true /* the group's delay is the longest one */
#endif
     :: else
     fi;
     j++
  :: else -> break
  od
}

/* START */
inline start(a) {
  assert(!thread[a] && !untold[a]);
  assert(!final[a]);
  j = 0;
  do
  :: j < ACTORS -> assert(!STRATEGY || j >= a || (phase[j] != HELD && phase[j] != DYING)); j++
  :: else -> break
  od;
  phase[a] = UP; thread[a] = true; life[a] = 1 - life[a];
#ifndef KEEP_PAID
  cause[a] = NOBODY; paid[a] = false;
#endif
  reason[a] = OTHER; due[a] = false
}

inline start_due() {
#ifdef LAST_FIRST
  i = ACTORS;
  do
  :: i > 0 -> i--;
#else
  i = 0;
  do
  :: i < ACTORS ->
#endif
     if
     :: phase[i] == HELD && due[i] -> look_for_blocks(i); if :: !blocked -> start(i) :: else fi
     :: else
     fi;
#ifndef LAST_FIRST
     i++
#endif
  :: else -> break
  od
}

/* When nothing is under way, everybody runs who was not ended, and nobody who should have died. */
inline check() {
  moving = false; i = 0;
  do
  :: i < ACTORS -> moving = moving || phase[i] == DYING || (phase[i] == HELD && !due[i]); i++
  :: else -> break
  od;
  i = 0;
  do
  :: i < ACTORS ->
     assert(moving || (phase[i] == UP && !final[i]) || (phase[i] == ENDED && final[i]));
     assert(moving || (!owes[i] && !untold[i] && (!wished[i] || final[i])));
#if !LINKS && STRATEGY != 1
     assert(moving || final[i] || (STRATEGY == 2 && i > 0) || life[i] == own[i]); /* nobody else has restarted it */
#endif
     i++
  :: else -> break
  od;
  assert(moving || !CHILD || phase[0] == UP || phase[2] != UP);
#if !ENDS
  assert(moving || charges >= calm || (phase[0] == ENDED && phase[1] == ENDED && phase[2] == ENDED));
#endif
  blocked = false; i = 0; j = 0
}

active proctype main() {
  byte i, j, k;
  bool blocked;
end_rest:
  do
  :: atomic {
       select(i : 0 .. ACTORS - 1);
       if
       :: phase[i] == UP && failures < FAILURES -> 
          failures++; own[i] = 1 - own[i];
          if :: !moving -> calm++ :: else fi;
          die(i, FAILURE)
       :: phase[i] == DYING -> thread[i] = false; bury(i) /* GONE */
#ifdef NO_CONFIRMATION
       :: phase[i] == DYING -> bury(i)
#endif
       :: phase[i] != ENDED && ends < ENDS ->
          ends++; wished[i] = true;
#ifndef FORGET_END
          finish(i)
#else
          if :: phase[i] == DYING :: else -> finish(i) fi
#endif
       :: phase[i] == HELD && !due[i] -> due[i] = true
       :: else
       fi;
#ifdef LOOK_WHEN_DUE
       if :: phase[i] == HELD && due[i] -> start_due() :: else fi;
#else
       start_due();
#endif
       check()
     }
  od
}
