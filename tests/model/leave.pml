/*
 * The fleet's size, and workers that leave: seats that are opened and closed, workers that are replaced, and what becomes of tasks
 * meanwhile, also while a pool is paused. Names in capitals: GROW, SHRINK (fleet_size.c), STAND DOWN, LEFT (fleet_leave.c), LOST,
 * PROMOTE, SEAT (fleet_threads.c), KILL (fleet_suspects.c), LEAVE, CHAIN, LOOK AGAIN (scheduler.c), ENTER (thread.c), IDLE (idle.c).
 *
 * Main is one thread: what it does is one step, but for STAND DOWN and for its look at the workers' wishes, where each word that a worker
 * may write meanwhile is read in a step of its own (`busy`: main is in the middle of that). The order of its other steps is left open, and
 * time with it: a back-off, a look that is due, may come at any time. Workers enter the gate, take under the lock, run, and end in steps of
 * their own; the lock, completions and the ways to sleep have models of their own.
 *
 * Checked: no task is run twice unless its worker was lost, none by a worker that has told its host that it is at rest, none that was sent
 * to one worker by another one, unless that one was lost; nobody is stopped half-way through the gate; the pool neither gives up a seat
 * below its least number nor opens one beyond its most. And when nothing moves any more, however few of the things that may happen have
 * happened: every task has settled, every open seat that was not given up has its worker, nobody is left on another one, no worker still
 * waits for a successor, the spares are there, and what a resize asked for has been told.
 *
 * A -D flag breaks a rule; check.sh lists them all.
 */
#ifndef SEATS
#define SEATS 2
#endif
#ifndef OPENED
#define OPENED SEATS /* open in the beginning, and served */
#endif
#ifndef LEAST
#define LEAST OPENED
#endif
#ifndef MOST
#define MOST OPENED /* more than LEAST: it grows and shrinks by itself */
#endif
#ifndef SPARES
#define SPARES 0
#endif
#ifndef RECORDS
#define RECORDS 3
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef RESIZES
#define RESIZES 0
#endif
#ifndef ASKS
#define ASKS 0 /* workers that their host wants replaced */
#endif
#ifndef WISHES
#define WISHES 0 /* workers that want it themselves */
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef BUDGET
#define BUDGET DEATHS /* restarts of a seat */
#endif
#ifndef SPARE_BUDGET
#define SPARE_BUDGET DEATHS /* restarts of spares */
#endif
#ifndef HANGS
#define HANGS 0 /* tasks that never end */
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef FAREWELLS
#define FAREWELLS 0
#endif
#define NONE SEATS /* a spare's seat, a common task's */
#define NOBODY RECORDS
#define GONE_FOR_GOOD (RECORDS + 1)

mtype = { EMPTY, STARTING, WARM, LIVE, DYING };
mtype phase[RECORDS] = EMPTY;
byte seat[RECORDS] = NONE;
bool asked[RECORDS], kept[RECORDS], held[RECORDS], rested[RECORDS];
byte doomers[RECORDS]; /* why it is to stand still: `held`, and a suspicion */

/* The last one of each is no seat: common tasks have that number. */
byte holder[SEATS + 1] = NOBODY;
bool closed[SEATS + 1], drains[SEATS + 1], spent[SEATS + 1];
byte restarts[SEATS + 1];
byte spares_wanted = SPARES, least = LEAST, most = MOST;
bool resizing, busy = true; /* main is in the middle of something; first of all it opens the pool */

/* Words that threads share. */
bool inside[RECORDS], doomed[RECORDS], running[RECORDS], wants[RECORDS], idle[RECORDS], woken[RECORDS];
mtype = { NOT, ONLY_SEAT, REST };
mtype leaving[RECORDS] = NOT;
byte leavers, leavers_seen;

mtype = { OUT, KNOCK, PARKED, IN, TOOK, FOUND_NONE, RUN, HUNG, FINISH, WISH, TELL, FINISHED, WAIT };
mtype at[RECORDS] = OUT;
byte job[RECORDS] = TASKS; /* what it runs; TASKS: nothing */

mtype = { NEW, INBOX, READY, RUNNING, ABANDONED, SETTLED };
mtype task[TASKS] = NEW;
byte of_seat[TASKS] = NONE;

#if KILLS
byte suspect = NOBODY, accused = TASKS;
bool dooms; /* the suspicion is on its last rung */
byte kills;
#endif

/* Ghosts. */
byte owner[TASKS] = NOBODY;
byte sent_to[TASKS] = NOBODY; /* which worker has the task's argument; NOBODY: any may run it */
bool ended[TASKS];
bool dead[RECORDS], trusted[RECORDS], told_to_rest[RECORDS];
bool has_heir[RECORDS]; /* a spare was there for it when it began to leave */
byte resizes, asks, wishes, deaths, submitted;
#if HANGS
byte hangs;
#endif
#if PAUSES
byte pauses;
bool paused;
#else
#define paused false
#endif
bool over; /* nothing more happens from outside */

hidden byte a_record, a_seat, a_task, count, a_worker; /* nothing of them outlives its step */

/* ---- Counts ---- */

#if RECORDS == 2
#define ALL_RECORDS(f) (f(0) + f(1))
#endif
#if RECORDS == 3
#define ALL_RECORDS(f) (f(0) + f(1) + f(2))
#endif
#if RECORDS == 4
#define ALL_RECORDS(f) (f(0) + f(1) + f(2) + f(3))
#endif
#if RECORDS == 5
#define ALL_RECORDS(f) (f(0) + f(1) + f(2) + f(3) + f(4))
#endif
#if SEATS == 1
#define ALL_SEATS(f) (f(0))
#endif
#if SEATS == 2
#define ALL_SEATS(f) (f(0) + f(1))
#endif
#if SEATS == 3
#define ALL_SEATS(f) (f(0) + f(1) + f(2))
#endif
#if TASKS == 1
#define ALL_TASKS(f) (f(0))
#define WAITS_FOR(s) (WAITS_THERE(0, s))
#endif
#if TASKS == 2
#define ALL_TASKS(f) (f(0) + f(1))
#define WAITS_FOR(s) (WAITS_THERE(0, s) || WAITS_THERE(1, s))
#endif
#if TASKS == 3
#define ALL_TASKS(f) (f(0) + f(1) + f(2))
#define WAITS_FOR(s) (WAITS_THERE(0, s) || WAITS_THERE(1, s) || WAITS_THERE(2, s))
#endif
#if TASKS == 4
#define ALL_TASKS(f) (f(0) + f(1) + f(2) + f(3))
#define WAITS_FOR(s) (WAITS_THERE(0, s) || WAITS_THERE(1, s) || WAITS_THERE(2, s) || WAITS_THERE(3, s))
#endif

#define IS_COMMON(t) (of_seat[t] == NONE)
#define WAITS_THERE(t, s) ((task[t] == INBOX || task[t] == READY) && of_seat[t] == (s))
#define IN_INBOX(t) (task[t] == INBOX)
#define IN_LANE(t) (task[t] == READY && IS_COMMON(t))
#define COMMON_READY (ALL_TASKS(IN_LANE) > 0)

#define IS_OPEN(s) (!closed[s])
#define IS_SERVED(s) (!closed[s] && !spent[s])
#define OPEN ALL_SEATS(IS_OPEN)
#define SERVED ALL_SEATS(IS_SERVED)
#define IS_CLOSED(s) (closed[s])
#define MAY_OPEN(s) (closed[s] && !spent[s])

#define IS_EMPTY(r) (phase[r] == EMPTY)
#define IS_WARM(r) (phase[r] == WARM)
#define IS_SPARE(r) ((phase[r] == STARTING || phase[r] == WARM) && seat[r] == NONE)
#define NEEDS_SUCCESSOR(r) (phase[r] == LIVE && asked[r] && !closed[seat[r]])
#define LEAVES_FOR_ONE(r) (NEEDS_SUCCESSOR(r) && leaving[r] != NOT)
#define WAITS_FOR_ONE(r) (NEEDS_SUCCESSOR(r) && leaving[r] == NOT)
#define SPARES_DUE (spares_wanted + ALL_RECORDS(LEAVES_FOR_ONE) + (ALL_RECORDS(WAITS_FOR_ONE) > 0))
#define IS_LIVE(r) (phase[r] == LIVE)
#define SERVES(r) (phase[r] == LIVE && leaving[r] == NOT)
#define HAS_NOTHING(w) (!running[w] && (leaving[w] == REST || !WAITS_FOR(seat[w])))

/* ---- Waking ---- */

/* Worker w, if it is idle; a doomed one is woken by its pardon. */
inline wake_if_idle(w) {
  if
  :: idle[w] -> idle[w] = false; if :: !doomed[w] -> woken[w] = true :: else fi
  :: else
  fi
}

#define MEANT(w) (idle[w] && leaving[w] == NOT)

/* wp_idle_wake_any: those that are meant, in any order, until one would take something. */
inline wake_any() {
  do
  :: MEANT(0) -> idle[0] = false; if :: !doomed[0] -> woken[0] = true; break :: else fi
  :: MEANT(1) -> idle[1] = false; if :: !doomed[1] -> woken[1] = true; break :: else fi
#if RECORDS > 2
  :: MEANT(2) -> idle[2] = false; if :: !doomed[2] -> woken[2] = true; break :: else fi
#endif
#if RECORDS > 3
  :: MEANT(3) -> idle[3] = false; if :: !doomed[3] -> woken[3] = true; break :: else fi
#endif
#if RECORDS > 4
  :: MEANT(4) -> idle[4] = false; if :: !doomed[4] -> woken[4] = true; break :: else fi
#endif
  :: else -> break
  od
}

inline wake_seat(s) {
  if
  :: holder[s] != NOBODY ->
     a_worker = holder[s];
     if :: phase[a_worker] == LIVE -> wake_if_idle(a_worker) :: else fi
  :: else
  fi
}

inline apply_inbox() {
  a_task = 0;
  do
  :: a_task < TASKS ->
     if
     :: task[a_task] == INBOX -> task[a_task] = READY; if :: !IS_COMMON(a_task) -> wake_seat(of_seat[a_task]) :: else fi
     :: else
     fi;
     a_task++
  :: else -> break
  od
}

/* wp_lock_help: the inbox, and a worker for what it brought. */
inline help() {
  apply_inbox();
  if :: COMMON_READY -> wake_any() :: else fi
}

/* wp_idle_wake: one for each task that is ready. */
inline wake_for_all() {
  a_task = 0;
  do
  :: a_task < TASKS -> if :: IN_LANE(a_task) -> wake_any() :: else fi; a_task++
  :: else -> break
  od
}

/* A worker that was woken for a common task and must not take it any more passes the wake-up on; main wakes another one when it tells a
 * worker to leave, when it ends one, and when it has taken back what one held. Each of these would do: the earliest saves time. */
#ifdef NO_HELP
#define HELP skip
#define HELP_ALL skip
#else
#define HELP help()
#define HELP_ALL help(); wake_for_all()
#endif

/* ---- Seats ---- */

inline pardon(w) {
  if
  :: held[w] ->
     held[w] = false; doomers[w]--;
#ifdef PARDON_ALL
     doomed[w] = false; woken[w] = true
#else
     if :: doomers[w] == 0 -> doomed[w] = false; woken[w] = true :: else fi
#endif
  :: else
  fi
}

/* wp__fleet_stay */
inline stay(w) {
  if
#ifdef STAY_RESTING
  :: phase[w] == LIVE && leaving[w] != NOT ->
#else
#ifdef NO_STAY_IF_ASKED
  :: phase[w] == LIVE && leaving[w] == ONLY_SEAT && !asked[w] ->
#else
  :: phase[w] == LIVE && leaving[w] == ONLY_SEAT -> /* one that is to be replaced waits for its successor again */
#endif
#endif
     leaving[w] = NOT;
#ifndef STAY_DOOMED
     pardon(w);
#endif
#ifndef STAY_ASLEEP
     woken[w] = true
#endif
  :: else
  fi
}

inline close_seat(s) { closed[s] = true; drains[s] = true }

inline open_seat(s) {
  closed[s] = false; drains[s] = false;
  if :: holder[s] != NOBODY -> a_worker = holder[s]; stay(a_worker) :: else fi
}

/* Of closed seats, one whose worker is there still is opened first. */
inline open_one() {
  a_seat = NONE; count = SEATS;
  do
  :: count > 0 ->
     count--;
     if
     :: MAY_OPEN(count) && (a_seat == NONE || holder[count] != NOBODY || holder[a_seat] == NOBODY) -> a_seat = count
     :: else
     fi
  :: else -> break
  od;
  open_seat(a_seat)
}

/* A resize asks for workers that work: seats that were given up are closed, with a new budget. */
inline renew_seats() {
  count = 0;
  do
  :: count < SEATS ->
     if :: spent[count] -> close_seat(count); spent[count] = false; restarts[count] = 0 :: else fi;
     count++
  :: else -> break
  od
}

/* Any of them: which one is cheapest depends on what its worker does just now. */
inline close_one() {
  if
  :: IS_SERVED(0) -> close_seat(0)
#if SEATS > 1
  :: IS_SERVED(1) -> close_seat(1)
#endif
#if SEATS > 2
  :: IS_SERVED(2) -> close_seat(2)
#endif
  fi
}

/* ---- Threads ---- */

/* START, in the first free record; there is one. */
inline start(place) {
  a_record = 0;
  do :: phase[a_record] != EMPTY -> a_record++ :: else -> break od;
  phase[a_record] = STARTING; seat[a_record] = place;
  if :: place != NONE -> holder[place] = a_record :: else fi
}

/* SEAT */
inline take_seat(w, place) {
  assert(phase[w] == STARTING || phase[w] == WARM);
  assert((holder[place] == NOBODY || holder[place] == w) && leaving[w] == NOT && !doomed[w]);
  phase[w] = LIVE; seat[w] = place; holder[place] = w
}

/* wp__fleet_end */
inline end(w, trust) {
  trusted[w] = trust;
  phase[w] = DYING;
  if :: holder[seat[w]] == w -> holder[seat[w]] = NOBODY :: else fi;
  doomed[w] = true; woken[w] = true; idle[w] = false;
  HELP_ALL
}

/* What waits for a seat that was given up or, if that was the last, for any (js/engine/deserted.js). */
inline give_up_tasks(place) {
  a_task = 0;
  do
  :: a_task < TASKS ->
     if
     :: (task[a_task] == INBOX || task[a_task] == READY) && (SERVED == 0 || of_seat[a_task] == place) -> task[a_task] = SETTLED
     :: else
     fi;
     a_task++
  :: else -> break
  od
}

/* A spare is lost, and no other one may be started for it: a worker that waits for a successor goes on for good. */
inline keep_one() {
  a_record = 0;
  do
  :: a_record < RECORDS && !WAITS_FOR_ONE(a_record) -> a_record++
  :: else -> break
  od;
  if
  :: a_record < RECORDS -> asked[a_record] = false; kept[a_record] = true
  :: else -> if :: spares_wanted -> spares_wanted-- :: else fi
  fi
}

/* What was sent to this worker and to no other one is lost with it (NOBODY: any may run it again), or must not wait any more if it has
 * left (GONE_FOR_GOOD). */
inline forget_mail(w, who) {
  a_task = 0;
  do
  :: a_task < TASKS -> if :: sent_to[a_task] == w -> sent_to[a_task] = who :: else fi; a_task++
  :: else -> break
  od
}

/* LOST: its seat is served again, as long as its budget lasts. */
inline lose(w) {
  a_seat = seat[w];
  end(w, false);
  if
  :: leaving[w] == REST -> forget_mail(w, GONE_FOR_GOOD) /* it had finished */
  :: leaving[w] != REST && a_seat == NONE ->
     if
     :: restarts[NONE] < SPARE_BUDGET -> restarts[NONE]++
     :: else -> keep_one()
     fi
  :: else ->
     forget_mail(w, NOBODY);
     if
     :: restarts[a_seat] < BUDGET -> restarts[a_seat]++
     :: else -> spent[a_seat] = true; give_up_tasks(a_seat)
     fi
  fi
}

/* A task of a dead worker runs again, or is over if its caller has given it up. */
inline put_back(t) {
  owner[t] = NOBODY; sent_to[t] = NOBODY;
  if
  :: task[t] == ABANDONED -> task[t] = SETTLED
  :: else -> task[t] = READY; if :: !IS_COMMON(t) -> wake_seat(of_seat[t]) :: else fi
  fi
}

/* REAPED. What it ran is named by its record, if it was stopped outside the gate; if not, every task is asked. */
inline reap(w) {
  count = 0;
  do
  :: count < TASKS ->
     if
     :: owner[count] == w && (running[w] || !trusted[w] || inside[w]) -> put_back(count)
     :: else
     fi;
     count++
  :: else -> break
  od;
  a_seat = seat[w];
  phase[w] = EMPTY; seat[w] = NONE; at[w] = OUT; job[w] = TASKS;
  asked[w] = false; kept[w] = false; held[w] = false; rested[w] = false; doomers[w] = 0;
  inside[w] = false; doomed[w] = false; running[w] = false; wants[w] = false; idle[w] = false; woken[w] = false;
  dead[w] = false; trusted[w] = false; told_to_rest[w] = false; has_heir[w] = false;
#ifndef KEEP_LEAVING
  leaving[w] = NOT;
#endif
#if KILLS
  if :: suspect == w -> suspect = NOBODY; accused = TASKS; dooms = false :: else fi;
#endif
  if
  :: a_seat != NONE ->
#ifndef NO_DRAIN_AFTER_REAP
     drains[a_seat] = closed[a_seat];
#endif
     if :: spent[a_seat] -> give_up_tasks(a_seat) :: else fi
  :: else
  fi;
  HELP_ALL
}

inline hear() {
  a_record = 0;
  do
  :: a_record < RECORDS ->
     if :: phase[a_record] == LIVE && wants[a_record] && !kept[a_record] -> asked[a_record] = true :: else fi;
     a_record++
  :: else -> break
  od
}

/* ---- Processes ---- */

/* What a worker finds, `count`: a task of its seat, or a common one, as LEAVE has it; TASKS: nothing. */
inline find_task(w) {
  count = TASKS; a_task = 0;
  do
  :: a_task < TASKS ->
     if
#ifdef REST_TAKES
     :: task[a_task] == READY && of_seat[a_task] == seat[w] && count == TASKS -> count = a_task
#else
     :: task[a_task] == READY && of_seat[a_task] == seat[w] && count == TASKS && leaving[w] != REST -> count = a_task
#endif
     :: else
     fi;
     a_task++
  :: else -> break
  od;
  a_task = 0;
  do
  :: a_task < TASKS ->
     if
#ifdef LEAVING_TAKES_ALL
     :: IN_LANE(a_task) && count == TASKS && leaving[w] != REST -> count = a_task
#else
     :: IN_LANE(a_task) && count == TASKS && leaving[w] == NOT -> count = a_task
#endif
     :: else
     fi;
     a_task++
  :: else -> break
  od
}

#define IS(place) (!dead[w] && at[w] == place)

/* A thread. */
active [RECORDS] proctype worker() {
  byte w = _pid;
  bool more, was_paused;
end_rest:
  do
  :: atomic { IS(OUT) && phase[w] == LIVE -> inside[w] = true; at[w] = KNOCK } /* ENTER */
  :: atomic { IS(KNOCK) ->
       if
       :: doomed[w] -> inside[w] = false; at[w] = PARKED
       :: else -> at[w] = (job[w] == TASKS -> IN : FINISH)
       fi
     }
  :: atomic { IS(PARKED) && !doomed[w] -> inside[w] = true; at[w] = KNOCK }
  :: atomic { IS(IN) ->
       apply_inbox();
       find_task(w);
       was_paused = paused;
       if
       :: count < TASKS && !was_paused ->
          assert(!told_to_rest[w] && (leaving[w] == NOT || !IS_COMMON(count)));
          assert(owner[count] == NOBODY && !ended[count]);
          assert(sent_to[count] == NOBODY || sent_to[count] == w);
          task[count] = RUNNING; owner[count] = w; job[w] = count; running[w] = true; idle[w] = false; at[w] = TOOK
       :: else -> idle[w] = true; at[w] = FOUND_NONE /* IDLE */
       fi;
       more = COMMON_READY && !was_paused
     }
  :: atomic { IS(TOOK) -> /* CHAIN */
       if :: more -> wake_any() :: else fi;
       more = false; inside[w] = false; at[w] = RUN
     }
  :: atomic { IS(FOUND_NONE) ->
#ifndef NO_HELP
       if :: more -> wake_any() :: else fi;
#endif
       more = false;
       if /* LOOK AGAIN */
       :: (was_paused && !paused) || (!was_paused && ALL_TASKS(IN_INBOX) > 0) -> idle[w] = false; at[w] = IN
       :: else -> inside[w] = false; at[w] = WAIT
       fi;
       was_paused = false
     }
  :: atomic { IS(WAIT) && woken[w] -> woken[w] = false; at[w] = OUT }
  :: atomic { IS(RUN) -> inside[w] = true; at[w] = KNOCK }
#if HANGS
  :: atomic { IS(RUN) && hangs < HANGS && !over -> hangs++; at[w] = HUNG }
#endif
  :: atomic { IS(FINISH) -> running[w] = false; at[w] = FINISHED } /* its record first */
#if WISHES
  :: atomic { IS(FINISHED) && wishes < WISHES && !wants[w] && !over -> wishes++; at[w] = WISH }
#ifdef TELL_FIRST
  :: atomic { IS(WISH) -> leavers++; at[w] = TELL }
  :: atomic { IS(TELL) -> wants[w] = true; at[w] = FINISHED }
#else
  :: atomic { IS(WISH) -> wants[w] = true; at[w] = TELL }
  :: atomic { IS(TELL) -> leavers++; at[w] = FINISHED }
#endif
#endif
  :: atomic { IS(FINISHED) ->
       count = job[w];
       assert(!ended[count]);
       ended[count] = (task[count] == RUNNING); task[count] = SETTLED; owner[count] = NOBODY; sent_to[count] = NOBODY;
       job[w] = TASKS; inside[w] = false; woken[w] = false; at[w] = OUT
     }
  od
}

/* Where only replacements happen, none costs a seat its worker for longer than it takes a warm spare to sit down. */
#if DEATHS + KILLS + RESIZES == 0 && MOST == LEAST
#define CHECK_CAPACITY assert(ALL_RECORDS(SERVES) + ALL_RECORDS(IS_WARM) >= OPENED)
#else
#define CHECK_CAPACITY skip
#endif

/* In each of its turns main serves empty seats before it ends spares. */
#define IS_VACANT(s) (IS_SERVED(s) && holder[s] == NOBODY)
#ifdef SURPLUS_FIRST
#define SEATS_ARE_SERVED true
#else
#define SEATS_ARE_SERVED (ALL_SEATS(IS_VACANT) == 0)
#endif

/* Warm spares that neither an empty seat nor a worker that is leaving counts on. */
#ifdef NO_RESERVE
#define FREE_SPARES (ALL_RECORDS(IS_WARM) > ALL_SEATS(IS_VACANT))
#else
#ifdef FORGET_VACANT
#define FREE_SPARES (ALL_RECORDS(IS_WARM) > ALL_RECORDS(LEAVES_FOR_ONE))
#else
#define FREE_SPARES (ALL_RECORDS(IS_WARM) > ALL_RECORDS(LEAVES_FOR_ONE) + ALL_SEATS(IS_VACANT))
#endif
#endif

#define IS_OUTSIDE(w) \
  (at[w] == OUT || at[w] == KNOCK || at[w] == PARKED || at[w] == WAIT || at[w] == RUN || at[w] == HUNG)
#define HAS_THREAD(w) (phase[w] == STARTING || phase[w] == WARM || phase[w] == LIVE)
#define MAIN_AT_LEISURE(w) (!busy && phase[w] == LIVE)

/* What main does about one worker. */
active [RECORDS] proctype member() {
  byte w = _pid - RECORDS;
end_rest:
  do
  :: atomic { !busy && phase[w] == STARTING && !dead[w] -> /* STARTED */
       if
       :: seat[w] == NONE -> phase[w] = WARM
       :: else -> a_seat = seat[w]; take_seat(w, a_seat)
       fi
     }
#if DEATHS
  :: atomic { !over && deaths < DEATHS && !dead[w] && HAS_THREAD(w) -> deaths++; dead[w] = true }
  :: atomic { !busy && dead[w] && HAS_THREAD(w) -> lose(w) }
#endif
  :: atomic { !busy && phase[w] == DYING -> /* its end is confirmed */
       assert(dead[w] || !trusted[w] || IS_OUTSIDE(w));
       reap(w)
     }
#ifndef NO_SURPLUS
  :: atomic { !busy && phase[w] == WARM && ALL_RECORDS(IS_SPARE) > SPARES_DUE && SEATS_ARE_SERVED -> /* a spare too many */
       end(w, false);
       CHECK_CAPACITY
     }
#endif
#if ASKS
  :: atomic { MAIN_AT_LEISURE(w) && !over && asks < ASKS && !asked[w] -> asks++; asked[w] = true }
#endif
  :: atomic { MAIN_AT_LEISURE(w) && leaving[w] == NOT && (closed[seat[w]] || (asked[w] && FREE_SPARES)) ->
       leaving[w] = ONLY_SEAT;
       has_heir[w] = !closed[seat[w]];
       HELP;
       CHECK_CAPACITY
     }
  :: atomic { MAIN_AT_LEISURE(w) && held[w] && !HAS_NOTHING(w) -> pardon(w) }
     /* STAND DOWN: a first look, at its record. Not while a worker sleeps whom only another one can wake: looking again and again would
      * pass for something that still moves. */
  :: atomic { MAIN_AT_LEISURE(w) && leaving[w] != NOT && (leaving[w] != REST || rested[w]) && !running[w] &&
              !(held[w] && inside[w]) && (HAS_NOTHING(w) || at[w] != WAIT) ->
       busy = true
     };
     atomic { apply_inbox() }; /* and at what waits for its seat */
     if
     :: atomic { leaving[w] != REST && WAITS_FOR(seat[w]) -> pardon(w); busy = false }
     :: atomic { leaving[w] == REST || !WAITS_FOR(seat[w]) ->
#ifndef NO_DOOM
          if :: !held[w] -> held[w] = true; doomers[w]++; doomed[w] = true; woken[w] = true :: else fi
#else
          skip
#endif
        };
        if
#ifndef NO_LOOK_INSIDE
        :: atomic { inside[w] -> busy = false } /* it is looked at later */
        :: atomic { !inside[w] -> skip };
#else
        :: atomic { true -> skip };
#endif
           atomic {
             if
#ifndef NO_ASK
             :: !HAS_NOTHING(w) -> pardon(w)
             :: HAS_NOTHING(w) && FAREWELLS && leaving[w] != REST ->
#else
             :: FAREWELLS && leaving[w] != REST ->
#endif
                leaving[w] = REST; told_to_rest[w] = true;
                HELP;
#ifndef REST_DOOMED
                pardon(w)
#endif
             :: else -> /* LEFT: nothing of it is lost */
                assert(job[w] == TASKS && (closed[seat[w]] || has_heir[w] || leaving[w] == REST));
                if :: held[w] -> held[w] = false; doomers[w]-- :: else fi;
                forget_mail(w, GONE_FOR_GOOD);
                end(w, true);
#ifdef PARDON_AT_END
                doomed[w] = false
#endif
             fi;
             busy = false
           }
        fi
     fi
#if FAREWELLS /* RESTED: to clean up it needs the gate */
  :: atomic { MAIN_AT_LEISURE(w) && leaving[w] == REST && !rested[w] && !dead[w] && !doomed[w] -> rested[w] = true }
#endif
#if KILLS /* KILL: FLAG and CHECK of fleet.pml are one here */
#define RUNS_IT (running[w] && job[w] == accused)
  :: atomic { MAIN_AT_LEISURE(w) && !over && kills < KILLS && suspect == NOBODY && running[w] && task[job[w]] == RUNNING ->
       kills++; suspect = w; accused = job[w]; task[accused] = ABANDONED
     }
  :: atomic { MAIN_AT_LEISURE(w) && suspect == w && !dooms && RUNS_IT -> dooms = true; doomers[w]++; doomed[w] = true; woken[w] = true }
  :: atomic { MAIN_AT_LEISURE(w) && suspect == w && !RUNS_IT && (!dooms || !inside[w]) ->
       if
       :: dooms -> doomers[w]--; if :: doomers[w] == 0 -> doomed[w] = false; woken[w] = true :: else fi
       :: else
       fi;
       suspect = NOBODY; accused = TASKS; dooms = false
     }
  :: atomic { MAIN_AT_LEISURE(w) && suspect == w && dooms && !inside[w] -> busy = true };
     atomic {
       if
       :: RUNS_IT -> forget_mail(w, NOBODY); end(w, true)
       :: else
       fi;
       busy = false
     }
#endif
  od
}

#define HAS_WORKER(s) (holder[s] != NOBODY && phase[holder[s]] == LIVE)
#define MAY_START (ALL_RECORDS(IS_EMPTY) + ALL_RECORDS(IS_WARM) > 0)

/* What main does about one seat. */
active [SEATS] proctype place() {
  byte p = _pid - 2 * RECORDS;
end_rest:
  do
#ifdef NO_DRAIN
  :: atomic { !busy && holder[p] == NOBODY && !spent[p] && !closed[p] && MAY_START ->
#else
  :: atomic { !busy && holder[p] == NOBODY && closed[p] && drains[p] && !WAITS_FOR(p) -> apply_inbox(); drains[p] = false }
  :: atomic { !busy && holder[p] == NOBODY && !spent[p] && (!closed[p] || (drains[p] && WAITS_FOR(p))) && MAY_START ->
#endif
       a_record = 0;
       do :: a_record < RECORDS && phase[a_record] != WARM -> a_record++ :: else -> break od;
       if /* PROMOTE */
       :: a_record < RECORDS -> a_worker = a_record; take_seat(a_worker, p)
       :: else -> start(p)
       fi
     }
#ifdef SHRINK_BY_OPEN
#define MAY_CLOSE (OPEN > least)
#else
#define MAY_CLOSE (SERVED > least)
#endif
  :: atomic { !busy && least < most && IS_SERVED(p) && HAS_WORKER(p) && !running[holder[p]] && MAY_CLOSE -> /* SHRINK */
       close_seat(p);
       assert(SERVED >= least)
     }
  od
}

/* If it is served: its worker is there, and busy. */
#define IS_BUSY(s) (!IS_SERVED(s) || (HAS_WORKER(s) && (running[holder[s]] || leaving[holder[s]] != NOT)))
/* What keeps a resize from having come true. */
#define HAS_LEFTOVER(r) (phase[r] != EMPTY && seat[r] != NONE && closed[seat[r]])
#define IS_UNSERVED(s) (IS_SERVED(s) && !HAS_WORKER(s))
#define IS_UNSETTLED(t) (task[t] != NEW && task[t] != SETTLED)
#define LEAVES(r) (phase[r] == LIVE && leaving[r] != NOT)
#define IS_UNHEARD(r) (phase[r] == LIVE && (asked[r] || (wants[r] && !kept[r]) || doomed[r]))

/* A worker that could take a common task, a task of a seat whose worker could take it: and it sleeps. */
#define SLEEPS(r) (SERVES(r) && at[r] == WAIT)
#define IS_PASSED_OVER(t) \
  (task[t] == READY && !IS_COMMON(t) && HAS_WORKER(of_seat[t]) && at[holder[of_seat[t]]] == WAIT && leaving[holder[of_seat[t]]] != REST)

/* The rest of main, and the world. */
active proctype pool() {
  atomic {
    do
    :: submitted < SEATS ->
       if
       :: submitted < OPENED -> a_worker = submitted; phase[a_worker] = LIVE; seat[a_worker] = a_worker; holder[a_worker] = a_worker
       :: else -> closed[submitted] = true
       fi;
       submitted++
    :: else -> break
    od;
    submitted = 0; busy = false
  }
end_rest:
  do
  :: atomic { !busy && !over && submitted < TASKS && SERVED > 0 -> /* a task, of any seat that is served, or a common one */
       a_task = submitted; submitted++;
       a_seat = NONE;
       if
       :: true
#ifdef SUBMIT_CLOSED
       :: !spent[0] -> a_seat = 0
#else
       :: IS_SERVED(0) -> a_seat = 0
#endif
#if SEATS > 1
       :: IS_SERVED(1) -> a_seat = 1
#endif
#if SEATS > 2
       :: IS_SERVED(2) -> a_seat = 2
#endif
       fi;
       of_seat[a_task] = a_seat; task[a_task] = INBOX;
       if
       :: a_seat == NONE -> wake_any()
       :: else ->
          if
          :: holder[a_seat] != NOBODY ->
             a_worker = holder[a_seat];
             if :: phase[a_worker] == LIVE && leaving[a_worker] != REST -> sent_to[a_task] = a_worker :: else fi
          :: else
          fi;
          wake_seat(a_seat)
       fi
     }
#if PAUSES
  :: atomic { !busy && !over && !paused && pauses < PAUSES -> pauses++; paused = true }
  :: atomic { !busy && paused -> /* wp_resume: all that are idle, for what each may take */
       paused = false;
       a_record = 0;
       do
#ifdef RESUME_STAYING
       :: a_record < RECORDS -> if :: leaving[a_record] == NOT -> wake_if_idle(a_record) :: else fi; a_record++
#else
       :: a_record < RECORDS -> wake_if_idle(a_record); a_record++
#endif
       :: else -> break
       od
     }
#endif
#if RESIZES
  :: atomic { !busy && !over && resizes < RESIZES -> /* RESIZE */
       resizes++; resizing = true;
       select(most : 1 .. SEATS);
       select(least : 1 .. SEATS);
       if :: least > most -> least = most :: else fi;
       renew_seats();
#if MOST == LEAST
       least = most;
#endif
       do
       :: OPEN < least && ALL_SEATS(MAY_OPEN) > 0 -> open_one()
       :: else -> break
       od;
       do
       :: SERVED > most -> close_one()
       :: else -> break
       od
     }
#ifdef RESIZED_EARLY
  :: atomic { !busy && resizing && ALL_SEATS(IS_UNSERVED) == 0 ->
#else
  :: atomic { !busy && resizing && ALL_RECORDS(HAS_LEFTOVER) + ALL_SEATS(IS_UNSERVED) == 0 -> /* RESIZED */
#endif
       assert(ALL_RECORDS(IS_LIVE) == SERVED);
       resizing = false
     }
#endif
#if MOST > LEAST
  :: atomic { !busy && !paused && COMMON_READY && OPEN < most && SERVED > 0 && ALL_SEATS(IS_BUSY) == SEATS &&
              ALL_SEATS(MAY_OPEN) > 0 -> /* GROW */
       open_one();
       assert(OPEN <= most)
     }
#endif
  :: atomic { !busy && ALL_RECORDS(IS_SPARE) < SPARES_DUE && ALL_RECORDS(IS_EMPTY) > 0 -> start(NONE) }
#if WISHES
#ifdef HEAR_FIRST
  :: atomic { !busy && leavers != leavers_seen -> busy = true; hear() };
     atomic { leavers_seen = leavers; busy = false }
#else
  :: atomic { !busy && leavers != leavers_seen -> busy = true; leavers_seen = leavers };
     atomic { hear(); busy = false }
#endif
#endif
  :: atomic { !over -> over = true } /* nothing comes from outside any more: what is under way must come to its end */
  :: atomic { timeout -> /* nothing moves any more */
       assert(!(COMMON_READY && ALL_RECORDS(SLEEPS) > 0) && ALL_TASKS(IS_PASSED_OVER) == 0);
#if !HANGS
       assert(ALL_TASKS(IS_UNSETTLED) == 0);
       assert(ALL_SEATS(IS_UNSERVED) == 0 && ALL_RECORDS(IS_LIVE) == SERVED);
       assert(ALL_RECORDS(LEAVES) + ALL_RECORDS(IS_UNHEARD) == 0);
       assert(ALL_RECORDS(IS_WARM) == spares_wanted && !busy && !resizing);
       assert(OPEN >= least && SERVED <= most && (SERVED > 0 || ALL_SEATS(MAY_OPEN) == ALL_SEATS(IS_CLOSED)));
#endif
       break
     }
  od
}

