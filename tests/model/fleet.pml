/*
 * The fleet: seats, spares, thread records, starts in two phases, planned and unplanned ends, deaths that are
 * confirmed late. src/fleet.h is main's alone, so each event that main handles is one step; threads only decide when
 * they come. Checked: a seat is never held twice, nobody is seated before it has started, no record is used again
 * before its death is confirmed, and when nothing is under way any more every seat is served and every spare is
 * there.
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
#define NONE SEATS /* a spare's seat */

mtype = { EMPTY, STARTING, WARM, LIVE, DYING };
mtype state[RECORDS] = EMPTY;
byte seat[RECORDS] = NONE;
bool running[RECORDS]; /* ghost: its thread exists */
byte holder[SEATS];    /* record + 1 */
byte timers[SEATS + 1], unserved[SEATS + 1]; /* starts that are due later, by seat */
byte deaths;

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

/* START */
inline start(s) {
  if
  :: s != NONE && holder[s] /* a spare was faster */
  :: else ->
     open(r);
     if
     :: r == RECORDS -> unserved[s]++
     :: else ->
        assert(!running[r]);
        state[r] = STARTING; seat[r] = s; running[r] = true;
        if :: s != NONE -> holder[s] = r + 1 :: else fi
     fi
  fi
}

/* SEAT */
inline take_seat(r, s) {
  assert(state[r] == WARM && (!holder[s] || holder[s] == r + 1));
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

/* When nothing is under way, every seat is served and every spare is there. */
inline check() {
  live = 0; warm = 0; moving = false; r = 0;
  do
  :: r < RECORDS ->
     if
     :: state[r] == LIVE -> live++; assert(seat[r] != NONE && holder[seat[r]] == r + 1)
     :: state[r] == WARM -> warm++
     :: state[r] == STARTING || state[r] == DYING -> moving = true
     :: else
     fi;
     r++
  :: else -> break
  od;
  s = 0;
  do :: s <= SEATS -> moving = moving || timers[s]; s++ :: else -> break od;
  assert(live <= SEATS && (moving || (live == SEATS && warm == SPARES)));
  live = 0; warm = 0; moving = false; r = 0; s = 0; v = 0
}

active proctype main() {
  byte r, s, v;
  byte live, warm;
  bool moving;
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
             do :: s < SEATS && holder[s] -> s++ :: else -> break od;
             if :: s < SEATS -> promote(s) :: else fi
          :: else -> s = seat[v]; take_seat(v, s)
          fi
       :: state[v] == LIVE && deaths < DEATHS -> /* KILL */
          deaths++; end(v);
          promote(s);
          if :: r == RECORDS -> start(s) :: else fi
       :: (state[v] == STARTING || state[v] == WARM || state[v] == LIVE) && deaths < DEATHS -> /* LOST */
          deaths++; end(v);
          if
          :: s == NONE -> timers[s]++
          :: else ->
             promote(s);
             if :: r == RECORDS -> timers[s]++ :: else fi
          fi
       :: state[v] == DYING -> /* REAPED: its end is confirmed */
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
  od
}
