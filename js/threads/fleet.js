/**
 * The pool's threads. The core's fleet (src/fleet.h) decides everything: which thread takes which seat, what a kill tries first, how soon a
 * lost worker is replaced. This is its driver: it reports events, performs actions, and keeps what only JavaScript has: the host's threads,
 * names, errors with their causes. The only file that asks a host to stop a thread.
 */
import { carryError } from '../codec/explain.js';
import { causeOfDeath, failedInside, startError, startFailure } from './deaths.js';
import { innerError, poolError } from '../base/errors.js';
import { sayFarewell } from './farewell.js';
import { FleetCore } from './fleet-core.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { initMessage, measured, newMember, Opening, spareName, stopAtLast, workerName } from './member.js';
import { isElastic } from '../options/worker-count.js';
import { adoptInstance, passOnStops, Suspicions } from './suspicions.js';
import { Wakeups } from './wakeups.js';

/**
 * @typedef {import('./member.js').Member} Member
 * @typedef {import('./member.js').FleetEvents} FleetEvents
 * @typedef {import('./fleet-core.js').FleetEvent} FleetEvent
 * @typedef {import('./fleet-core.js').FleetAction} FleetAction
 */

/** All threads of one pool. */
export class Fleet {
  /** @type {Map<number, Member>} by thread number */
  members = new Map();
  /** Tasks that must end. */
  suspicions = new Suspicions(
    this.members,
    (event) => this.#drive(event),
    (member, count) => this.events.broken(member, count),
  );
  #fleet;
  #threads;
  #wakeups;
  /** @type {FleetEvent[]} not passed to the core yet */
  #events = [];
  #isDriving = false;
  /** @type {Member[]} whose threads are stopped after all other actions */
  #toStop = [];
  #closed = false;
  #held = true;
  #wantsHold = true;
  /** @type {Opening | undefined} until all seats are taken for the first time */
  #opening;
  /** @type {any} why the opening has failed; then no further thread is created */
  #refusal;
  /** Whether any seat was ever given up. */
  #hasRetired = false;
  #sparesStarted = 0;
  /** Calls of resize() that wait. @type {{ resolve: () => void, reject: (error: Error) => void, isRange: boolean }[]} */
  #resizes = [];
  /** Whether workers may come or go by themselves: look() is worth its call. */
  #changes;

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
    this.#fleet = new FleetCore(core, options, program.checked);
    this.#changes = isElastic(options);
    this.#wakeups = new Wakeups(options.scheduler, () => this.#drive());
  }

  /** Starts the threads. Settles when every seat is served. */
  open() {
    const opening = (this.#opening = new Opening());
    this.#drive({ kind: L.FLEET_OPEN });
    return opening.promise;
  }

  /**
   * Steps the core's fleet, with an event or only the time, and performs its actions. Events that occur meanwhile wait for the next step.
   * @param {FleetEvent} [event]
   */
  #drive(event) {
    if (this.#closed) return;
    if (event) this.#events.push(event);
    if (this.#isDriving) return;
    this.#isDriving = true;
    try {
      while (this.#step());
    } finally {
      this.#isDriving = false;
    }
    for (const member of this.#toStop.splice(0)) this.#stop(member);
    if (!this.#closed) this.#wakeups.plan(this.#fleet.nextRealMs, this.#fleet.nextPoolMs);
  }

  /** @returns {boolean} whether to step again at once */
  #step() {
    const realMs = host.time.now();
    const poolMs = this.options.scheduler.poolNow();
    const count = this.#fleet.step(realMs, poolMs, this.#events.shift());
    if (this.program.isolated) passOnStops(this.core, this.members.values());
    for (let i = 0; i < count && !this.#closed; i++) this.#perform(this.#fleet.action(i));
    if (this.#closed) return false;
    const { nextRealMs, nextPoolMs } = this.#fleet;
    const isDue = (nextRealMs && nextRealMs <= realMs) || (nextPoolMs && nextPoolMs <= poolMs);
    // If no action came, what is due at once depends on another thread: leave it to the next turn.
    return this.#events.length > 0 || (count > 0 && Boolean(isDue));
  }

  /** @param {FleetAction} action */
  #perform(action) {
    const member = this.members.get(action.thread);
    if (action.kind === L.FLEET_START) this.#start(action);
    else if (action.kind === L.FLEET_RESIZED) this.#resized();
    else if (action.kind === L.FLEET_OPENED) {
      this.#opening?.done();
      this.#opening = undefined;
    } else if (member) this.#performOn(member, action);
  }

  /** @param {Member} member @param {FleetAction} action */
  #performOn(member, action) {
    if (action.kind === L.FLEET_SEATING) {
      const seat = /** @type {number} */ (action.seat);
      Object.assign(member, { seat, name: workerName(this.options.names, seat), state: 'live' });
      this.events.seating(seat, member);
    } else if (action.kind === L.FLEET_UP) this.events.up(member);
    else if (action.kind === L.FLEET_STOP) {
      member.state = 'dying';
      this.#toStop.push(member);
    } else if (action.kind === L.FLEET_OVER) this.suspicions.over(this.core, member, action);
    else if (action.kind === L.FLEET_REAPED) this.#reaped(member);
    else if (action.kind === L.FLEET_RESTING) void this.#rest(member);
    else if (action.kind === L.FLEET_LEFT) this.events.left(member);
    else if (action.kind === L.FLEET_MEASURE) this.#drive(measured(member));
    else this.#lost(member, action);
  }

  // ---- Starts ----

  /** @param {FleetAction} action */
  #start({ thread: number, incarnation, seat }) {
    const { exports, pool } = this.core;
    const { names } = this.options;
    const name = seat === undefined ? spareName(names, ++this.#sparesStarted) : workerName(names, seat);
    const member = newMember(number, incarnation, name, seat);
    this.members.set(number, member);
    if (this.#refusal) {
      this.#report(member, L.FLEET_START_FAILED, this.#refusal);
      return;
    }
    const block = exports._wp_js_thread_block(pool, number) >>> 0;
    if (!block) {
      const error = innerError('NO_MEMORY', `${name} cannot start: there is no memory for its stack`);
      this.#report(member, L.FLEET_START_FAILED, error, { reason: L.FLEET_NO_MEMORY });
      return;
    }
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
      const cause = startError(error, this.options.thread.workerData);
      if (this.#opening) this.#refusal = cause;
      this.#report(member, L.FLEET_START_FAILED, cause);
      return;
    }
    member.thread.hold(this.#held);
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
    else if (message.kind === 'started') this.#started(member, message);
    else if (message.kind === 'failed')
      void startFailure(member.name, message.error, this.options.module).then((error) =>
        this.#report(member, L.FLEET_START_FAILED, error),
      );
    else if (message.kind === 'locks') this.suspicions.lookAtLocks(this.core, member);
    else if (message.kind === 'instance') adoptInstance(this.core, member, message.memory);
    else if (message.kind === 'broken') this.#report(member, L.FLEET_BROKEN, failedInside(member));
    else this.events.message(member, message);
  }

  /**
   * @param {Member} member
   * @param {number} block
   */
  #initialise(member, block) {
    try {
      member.thread.post(initMessage(this.core, this.program, this.options, member, block));
    } catch (cause) {
      this.#report(member, L.FLEET_START_FAILED, carryError('initData', this.options.initData, cause));
    }
  }

  /** @param {Member} member @param {import('../protocol/messages.js').Started} message */
  #started(member, { handlers, tid }) {
    Object.assign(member, { handlers, tid, state: 'warm' });
    this.#drive({ kind: L.FLEET_STARTED, thread: member.number, incarnation: member.incarnation });
  }

  // ---- Ends ----

  /** @param {Member} member @param {Error} error */
  #failed(member, error) {
    member.uncaught = { error };
    if (!host.caps.confirmedDeath) this.#report(member, L.FLEET_BROKEN, causeOfDeath(member)); // no exit event will come
  }

  /** @param {Member} member @param {number} code */
  #exited(member, code) {
    const idle = member.state !== 'starting' && !this.core.load(this.core.thread(member.number) + L.THREAD_RUNNING);
    member.exitCode = code;
    this.#report(member, L.FLEET_EXITED, causeOfDeath(member), { clean: code === 0 && idle });
  }

  /**
   * Reports a thread that is gone or useless although it was not asked to end.
   * @param {Member} member
   * @param {number} kind L.FLEET_…
   * @param {any} error why
   * @param {{ reason?: number, clean?: boolean }} [how]
   */
  #report(member, kind, error, how) {
    if (member.state === 'dying' || member.isReported) return;
    member.isReported = true;
    member.error = error;
    this.#drive({ kind, thread: member.number, incarnation: member.incarnation, ...how });
  }

  /**
   * @param {Member} member lost, killed or not started
   * @param {FleetAction} action
   */
  #lost(member, { kind, reason }) {
    const { name } = member;
    if (reason === L.FLEET_NOT_READY)
      member.error = innerError('START_FAILED', `${name} was not ready within ${this.options.readyTimeoutMs} ms`);
    else if (reason === L.FLEET_KILLED)
      member.error = innerError('WORKER_LOST', `${name} was killed: its task would not end`);
    if (kind === L.FLEET_DOWN) {
      if (reason === L.FLEET_KILLED) this.suspicions.kills++;
      this.events.down(member, member.error);
    } else if (kind === L.FLEET_RETIRED) {
      this.#hasRetired = true;
      this.events.retired(member, member.error);
    } else if (kind === L.FLEET_REFUSED) {
      this.#refusal = member.error;
      this.#opening?.failFor(member, member.error);
      this.#opening = undefined;
    }
  }

  /** @param {Member} member */
  async #stop(member) {
    await member.thread?.stop();
    this.#drive({ kind: L.FLEET_GONE, thread: member.number, incarnation: member.incarnation });
  }

  /** @param {Member} member taken back by the core; its number may be reused from now on */
  #reaped(member) {
    this.members.delete(member.number);
    this.events.reaped(member);
    this.suspicions.forsake(member);
  }

  // ---- Size ----

  /**
   * Sets the number of workers, or their range. Settles when they are there, and surplus ones have ended.
   * @param {number} least @param {number} most
   * @returns {Promise<void>}
   */
  resize(least, most) {
    if (this.#closed) return Promise.reject(poolError('POOL_DESTROYED'));
    return new Promise((resolve, reject) => {
      this.#resizes.push({ resolve, reject, isRange: least < most });
      this.#changes = true; // until that has come about
      this.#updateHold();
      this.#drive({ kind: L.FLEET_RESIZE, seatsMin: least, seatsMax: most });
    });
  }

  #resized() {
    if (this.#events.some(({ kind }) => kind === L.FLEET_RESIZE)) return; // the core does not know yet of the last call
    this.#changes = this.#resizes.at(-1)?.isRange || isElastic(this.options);
    for (const { resolve } of this.#resizes.splice(0)) resolve();
    this.#updateHold();
  }

  /** Tasks have come or ended: there may be too few workers now, or a leaving one may have nothing left to do. */
  look() {
    if (this.#changes && this.#fleet.isDue) this.#drive();
  }

  /** A worker has nothing left to do and takes nothing any more: lets it clean up. @param {Member} member */
  async #rest(member) {
    await sayFarewell([member], this.options.scheduler, this.events.tell);
    this.#drive({ kind: L.FLEET_RESTED, thread: member.number, incarnation: member.incarnation });
  }

  /** Seats that are open: they have a worker, will get one, or were given up. */
  get places() {
    return this.#fleet.openSeats;
  }

  /** How many workers there are, or will be. */
  get size() {
    return this.#fleet.servedSeats.length;
  }

  /** One more than the last open seat. */
  get extent() {
    return (this.places.at(-1) ?? -1) + 1;
  }

  /**
   * Whether a task will ever find a worker.
   * @param {number} [place] the seat that it is bound to + 1
   */
  serves(place) {
    return !this.#hasRetired || this.#fleet.serves(place ? place - 1 : L.NONE);
  }

  // ---- For all ----

  /**
   * @param {number} number of a thread
   * @param {import('../protocol/messages.js').Cancel} message
   */
  tell(number, message) {
    this.members.get(number)?.thread.post(message);
  }

  /** @param {boolean} held whether threads and timers keep the process alive; while resize() is awaited they always do */
  hold(held) {
    this.#wantsHold = held;
    this.#updateHold();
  }

  #updateHold() {
    const held = this.#wantsHold || this.#resizes.length > 0;
    if (held === this.#held) return;
    this.#held = held;
    this.#wakeups.hold(held);
    for (const member of this.members.values()) member.thread?.hold(held);
  }

  /** The pool's functions of time were replaced. */
  clockReplaced() {
    this.#wakeups.renew();
  }

  /**
   * Sends a message to user code in workers.
   * @param {unknown} message
   * @param {number} [seat] of one worker; default: all that have started
   * @param {readonly import('../base/host-types.js').Transferable[]} [transfer]
   */
  postToUser(message, seat, transfer) {
    for (const { state, seat: own, thread } of this.members.values())
      if (state === 'live' && (seat === undefined || own === seat)) thread.postToUser(message, transfer);
  }

  /** Ends all threads. Settles when they are gone. The core is not used any more. */
  async close() {
    this.#closed = true;
    this.#opening?.fail(innerError('POOL_DESTROYED', 'the pool was destroyed while it started'));
    this.#opening = undefined;
    for (const { reject } of this.#resizes.splice(0)) reject(poolError('POOL_DESTROYED'));
    this.#wakeups.stop();
    this.#fleet.step(host.time.now(), this.options.scheduler.poolNow(), { kind: L.FLEET_CLOSE });
    const members = [...this.members.values()];
    for (const member of members) {
      member.state = 'dying';
      member.stopped?.('');
    }
    this.suspicions.close();
    await Promise.all(members.map(stopAtLast));
    await this.#threads.close();
    this.members.clear();
  }
}
