/**
 * The pool's threads: starts them in two phases, seats them, ends them through the kill gate, replaces them, and takes back
 * what dead ones held. The only file that asks a host to stop a thread.
 */
import { carryError } from '../codec/explain.js';
import { causeOfDeath, startError, startFailure } from './deaths.js';
import { innerError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { Ladder } from './ladder.js';
import { initMessage, newMember, Opening, spareName, stopAtLast, turn, workerName } from './member.js';
import { RestartBudget } from './restart.js';
import { Timers } from '../time/timers.js';

/** A new spare is started when the one that took a seat has had time to begin: starting a thread costs main some milliseconds. */
const SPARE_DELAY_MS = 5;
/**
 * @typedef {import('./member.js').Member} Member
 * @typedef {import('./member.js').FleetEvents} FleetEvents
 */

/** All threads of one pool. */
export class Fleet {
  /** @type {Map<number, Member>} by thread number */
  members = new Map();
  /** @type {(Member | undefined)[]} by seat */
  #seats;
  /** @type {Member[]} */
  #spares = [];
  #budget;
  #timers;
  #threads;
  /** @type {(number | undefined)[]} seats that wait for what a dying thread holds */
  #unserved = [];
  #closed = false;
  #held = true;
  /** @type {Opening | undefined} until all seats are taken for the first time */
  #opening;
  #hasFailed = false; // to start
  /** Workers ended because of their task. */
  kills = 0;
  /** Workers whose silence was ended. */
  interventions = 0;
  /** Seats that were given up. */
  retired = 0;
  #sparesStarted = 0;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {import('../options/options.js').ResolvedOptions} options
   * @param {import('../core/load.js').Program} program
   * @param {import('./early.js').EarlyThreads} threads
   * @param {FleetEvents} events
   */
  constructor(core, options, program, threads, events) {
    this.core = core;
    this.options = options;
    this.program = program;
    this.#threads = threads;
    this.events = events;
    this.ladder = new Ladder(core, program.checked);
    this.#seats = new Array(options.workers).fill(undefined);
    this.#budget = new RestartBudget(options.restart);
    this.#timers = new Timers(options.scheduler);
  }

  /** Starts everything; settles when every seat is served. */
  open() {
    const opening = (this.#opening = new Opening());
    for (let seat = 0; this.#opening && seat < this.#seats.length; seat++) this.#start(seat);
    for (let spare = 0; this.#opening && spare < this.options.spares; spare++) this.#start(undefined);
    return opening.promise;
  }

  /** @param {number | undefined} seat */
  #start(seat) {
    if (this.#closed || (seat !== undefined && this.#seats[seat])) return; // a spare was faster
    const { exports, pool } = this.core;
    const number = exports._wp_worker_open(pool);
    const block = number ? exports._wp_js_thread_block(pool, number) >>> 0 : 0;
    const dying = () => [...this.members.values()].some(({ state }) => state === 'dying');
    if (!block && dying()) {
      this.#unserved.push(seat); // until its death is confirmed: its record has what a thread needs
      return;
    }
    const { names } = this.options;
    const name = seat === undefined ? spareName(names, ++this.#sparesStarted) : workerName(names, seat);
    const member = newMember(number, name, seat);
    if (!block) {
      const error = innerError('NO_MEMORY', `${name} cannot start: there is no memory for its stack`);
      if (seat === undefined || !this.#failOpening(member, error)) this.#replace(member, error); // spares are not waited for
      return;
    }
    this.members.set(number, member);
    if (seat !== undefined) this.#seats[seat] = member;
    try {
      const { thread, adopt } = this.#threads.take(name);
      member.thread = thread;
      adopt({
        onMessage: (message) => this.#receive(member, message, block),
        onUserMessage: (message) => this.events.userMessage(member, message),
        onError: (error) => this.#failed(member, error),
        onExit: (code) => this.#exited(member, code),
      });
    } catch (error) {
      this.#lost(member, startError(error, this.options.thread.workerData));
      return;
    }
    member.thread.hold(this.#held);
    const { readyTimeoutMs } = this.options;
    if (readyTimeoutMs === undefined) return;
    member.readyTimer = this.#timers.after(readyTimeoutMs, () => {
      this.#lost(member, innerError('START_FAILED', `${name} was not ready within ${readyTimeoutMs} ms`));
    });
  }

  /**
   * @param {Member} member
   * @param {import('../protocol/messages.js').FromWorker} message
   * @param {number} block
   */
  #receive(member, message, block) {
    if (message === 0) this.events.bell();
    else if (member.state === 'dying') return;
    else if (message.kind === 'ready') this.#initialise(member, block);
    else if (message.kind === 'started') this.#started(member, message.handlers);
    else if (message.kind === 'failed')
      void startFailure(member.name, message.error, this.options.module).then((error) => this.#lost(member, error));
    else if (message.kind === 'broken')
      this.#lost(member, innerError('WORKER_LOST', `${member.name} failed inside the pool's own code and is replaced`));
    else this.events.message(member, message);
  }

  /**
   * @param {Member} member
   * @param {number} block
   */
  #initialise(member, block) {
    try {
      member.thread.post(initMessage(this.core, this.program, this.options, member.number, block));
    } catch (cause) {
      this.#lost(member, carryError('initData', this.options.initData, cause));
    }
  }

  /** @param {Member} member @param {string[]} handlers */
  #started(member, handlers) {
    this.#timers.cancel(member.readyTimer);
    member.handlers = handlers;
    member.state = 'warm';
    if (member.seat === undefined) {
      this.#spares.push(member);
      const empty = this.#seats.findIndex((holder, seat) => !holder && !this.#budget.isSpent(seat));
      if (empty >= 0) this.#promote(empty);
      return;
    }
    this.#seat(member, member.seat);
  }

  /**
   * @param {Member} member
   * @param {number} seat
   */
  #seat(member, seat) {
    member.seat = seat;
    member.name = workerName(this.options.names, seat);
    member.state = 'live';
    this.#seats[seat] = member;
    this.events.seating(seat, member);
    this.core.exports._wp_worker_seat(this.core.pool, member.number, seat);
    this.events.up(member);
    if (this.#opening && this.#seats.every((holder) => holder?.state === 'live')) {
      this.#opening.done();
      this.#opening = undefined;
    }
  }

  /**
   * PROMOTE: gives an empty seat to a spare, and has a new spare started; false when there is none.
   * @param {number} seat
   * @param {number} [delayMs] before the new spare is started
   */
  #promote(seat, delayMs = SPARE_DELAY_MS) {
    const spare = this.#spares.shift();
    if (!spare) return false;
    this.#seat(spare, seat);
    this.#timers.after(delayMs, () => this.#start(undefined));
    return true;
  }

  // ---- Ends ----

  /**
   * Ends what a thread runs, if need be with the thread. Nothing happens if it is not the right one any more.
   * @param {number} number
   * @param {() => boolean} isRight whether the thread still runs what it is to die for
   * @param {{ tasks: import('./ladder.js').Doomed[], silent?: boolean, graceMs?: number }} why tasks: to be noted as stopped;
   *   silent: what it runs may still be wanted; graceMs: how long it may take to end by itself
   * @returns {Promise<void>} settles when the task is over; with the thread's confirmed death, if it had to die
   */
  async kill(number, isRight, { tasks, silent = false, graceMs }) {
    const member = this.members.get(number);
    if (!member || this.#closed || (silent && member.recovering)) return;
    const note = this.ladder.watch(number, member.name, tasks);
    if (silent) this.interventions++;
    member.recovering ||= silent;
    const isWanted = () => !this.#closed && isRight();
    const spared = await this.ladder.spare(number, isWanted, { any: silent, graceMs, held: this.#held });
    if (this.#closed) return;
    const isSpared = spared || (await this.#killThread(member, isRight));
    if (!isSpared) await member.end;
    if (silent) member.recovering = false;
    note(isSpared);
  }

  /**
   * KILL: ends a thread, wherever it is. Its seat is served again at once if there is a spare, otherwise by a new thread.
   * @param {Member} member
   * @param {() => boolean} isRight
   * @returns {Promise<boolean>} whether it need not die after all
   */
  async #killThread(member, isRight) {
    if (!(await this.#convict(member, isRight))) return !member.end && !this.#closed;
    this.ladder.terminating(member.number);
    const { seat } = member;
    this.kills++;
    member.error = innerError('WORKER_LOST', `${member.name} was killed: its task would not end`);
    this.events.down(member, member.error);
    member.end = this.#end(member, true);
    if (seat === undefined || !this.#promote(seat)) this.#start(seat);
    return false;
  }

  /**
   * ASK AGAIN: dooms a thread. Once it is outside the gate it cannot change any more: only then is it asked whether it is the right one.
   * @param {Member} member
   * @param {() => boolean} isRight
   */
  async #convict(member, isRight) {
    if (member.end || this.#closed) return false;
    const { exports } = this.core;
    const at = this.core.thread(member.number);
    exports._wp_gate_doom(at);
    member.suspicions++;
    const outside = !exports._wp_gate_inside(at) || (await this.ladder.outside(member.number));
    member.suspicions--;
    if (member.end || this.#closed) return false;
    if (!outside || isRight()) return true;
    if (member.suspicions > 0) return false; // while others ask it stays as it is
    // What it was to die for is over, and it may run something else by now.
    this.ladder.disarm(member.number);
    exports._wp_gate_pardon(at);
    return false;
  }

  /**
   * TERMINATE and REAPED, the last way of a thread: doomed, outside the gate, stopped, confirmed, reaped.
   * @param {Member} member
   * @param {boolean} trusted
   */
  async #end(member, trusted) {
    const { exports, pool } = this.core;
    this.#timers.cancel(member.readyTimer);
    member.state = 'dying';
    if (member.seat !== undefined && this.#seats[member.seat] === member) this.#seats[member.seat] = undefined;
    this.#spares = this.#spares.filter((spare) => spare !== member);
    exports._wp_worker_doom(pool, member.number);
    // One that broke, or is dead already, may be inside for ever.
    const outside = trusted && (await this.ladder.outside(member.number));
    await member.thread?.stop();
    if (this.#closed) return;
    this.ladder.disarm(member.number);
    while (exports._wp_worker_reap(pool, member.number, outside ? 1 : 0)) await turn();
    this.ladder.gone(member.number);
    this.members.delete(member.number); // before anything else: its number may be used again from here on
    this.events.reaped(member);
    const waiting = this.#unserved.splice(0);
    for (const seat of waiting) this.#start(seat);
  }

  /** @param {Member} member @param {Error} error */
  #failed(member, error) {
    member.uncaught = { error };
    if (!host.caps.confirmedDeath) this.#lost(member, causeOfDeath(member)); // no exit event will come
  }

  /** @param {Member} member @param {number} code */
  #exited(member, code) {
    const idle = member.state !== 'starting' && !this.core.load(this.core.thread(member.number) + L.THREAD_RUNNING);
    member.exitCode = code;
    this.#lost(member, causeOfDeath(member), code === 0 && idle);
  }

  /**
   * LOST: a thread is gone, or useless, that nobody had asked to die.
   * @param {Member} member
   * @param {Error} error
   * @param {boolean} [clean] it ended by itself, between tasks and without an error
   */
  #lost(member, error, clean = false) {
    if (member.state === 'dying' || this.#closed) return;
    member.error = error;
    const starting = member.state === 'starting';
    member.end = this.#end(member, false);
    if (!starting || !this.#failOpening(member, error)) this.#replace(member, error, clean);
  }

  /**
   * Has a new thread started, or gives up the seat.
   * @param {Member} member lost, or not started
   * @param {Error} error why
   * @param {boolean} [clean]
   */
  #replace(member, error, clean = false) {
    const { seat } = member;
    this.events.down(member, error);
    const delay = this.#budget.take(seat ?? -1, this.options.scheduler.poolNow(), clean);
    if (delay === undefined) {
      if (seat === undefined) return;
      this.retired++;
      this.events.retired(member, error);
      this.#failOpening(member, error);
    } else if (seat === undefined || !this.#promote(seat, delay)) {
      this.#timers.after(delay, () => this.#start(seat));
    }
  }

  /**
   * While the pool starts: it does not, and will be ended; false when it has started.
   * @param {Member} member
   * @param {Error} error why
   */
  #failOpening(member, error) {
    this.#hasFailed ||= this.#opening !== undefined;
    this.#opening?.failFor(member, error);
    this.#opening = undefined;
    return this.#hasFailed;
  }

  // ---- Small things ----

  /**
   * @param {number} number of a thread
   * @param {import('../protocol/messages.js').Cancel} message
   */
  tell(number, message) {
    this.members.get(number)?.thread.post(message);
  }

  /**
   * Whether the threads, and timers for their successors, keep the process alive.
   * @param {boolean} held
   */
  hold(held) {
    if (held === this.#held) return;
    this.#held = held;
    this.#timers.hold(held);
    for (const member of this.members.values()) member.thread?.hold(held);
  }

  /**
   * Whether a task will ever find a worker.
   * @param {number} [place] the seat that it is bound to + 1
   */
  serves(place) {
    return this.retired < this.#seats.length && !(place && this.#budget.isSpent(place - 1));
  }

  /**
   * Sends something to the code of the user's in workers.
   * @param {unknown} message
   * @param {number} [seat] of one worker; default: all that have started
   * @param {readonly Transferable[]} [transfer]
   */
  postToUser(message, seat, transfer) {
    for (const { state, seat: own, thread } of this.members.values())
      if (state === 'live' && (seat === undefined || own === seat)) thread.postToUser(message, transfer);
  }

  /** Ends all threads; settles when they are gone. The core is not touched any more. */
  async close() {
    this.#closed = true;
    this.#opening?.fail(innerError('POOL_DESTROYED', 'the pool was destroyed while it started'));
    this.#opening = undefined;
    this.#timers.clear();
    const { exports, pool } = this.core;
    await Promise.all(
      [...this.members.values()].map(async (member) => {
        member.state = 'dying';
        exports._wp_worker_doom(pool, member.number);
        this.ladder.stop(member.number);
        await stopAtLast(member);
      }),
    );
    await this.#threads.close();
    this.members.clear();
  }
}
