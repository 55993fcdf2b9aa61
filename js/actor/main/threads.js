/** The threads of a supervisor's actors: those of a pool, each of which belongs to one incarnation and ends with it. */
import * as S from '../../generated/supervision.js';
import { host } from '../../host/index.js';
import { Pool } from '../../api/pool.js';
import { CONTROL } from '../protocol.js';
import { indexOf } from '../supervision.js';
import { beatOf, Incarnation } from './incarnation.js';
import { resourceNames } from '../config/resources.js';
import { actorWorkerUrl } from './worker-url.js';

/** @typedef {import('./actor.js').Actor} Actor */

/** After this time a thread that no actor needs ends. */
const IDLE_MS = 100;
/** How long it takes until a warm thread that an actor has taken is replaced: a start costs main milliseconds, and the actor wants to run. */
const REPLACE_MS = 20;

/** Most threads of a pool (src/thread.h), spares included. */
const MOST_THREADS = 1024;

/** Codes of errors that tell of too little memory. */
const MEMORY_CODES = ['NO_MEMORY', 'ERR_WORKER_OUT_OF_MEMORY'];

/** Of one supervisor. */
export class ActorThreads {
  pool;
  #options;
  #control;
  /** Incarnations that have a thread, or wait for one. */
  #count = 0;
  /** Threads that the pool was asked for. */
  #wanted = 1;
  /** @type {unknown} */
  #timer;
  /** Incarnations whose death is not confirmed. */
  #dying = 0;

  /**
   * @param {import('../config/options.js').ResolvedSupervisor} options
   * @param {Record<string, (argument: any) => unknown>} main functions that actors may call
   */
  constructor(options, main) {
    const { maxActors, graceMs, memory } = options;
    this.#options = options;
    this.#control = new SharedArrayBuffer((maxActors * S.ACTOR_RECORDS + 1) * CONTROL.WORDS * 4);
    this.pool = new Pool({
      module: actorWorkerUrl(),
      workers: { min: 1, max: this.#most, idleMs: IDLE_MS },
      ...options.urls,
      ...(memory.maximum === undefined ? {} : { memory: { maximum: memory.maximum } }),
      boxes: { count: memory.poolSize, size: memory.boxBytes },
      initData: { control: this.#control, resources: resourceNames(options.resources), hasGrace: graceMs > 0 },
      main,
      liveness: false, // each actor has its own limit: see Watch
      restart: { minMs: 10, maxMs: 100, max: -1 },
      unref: true,
      name: 'Actor',
    });
  }

  /** Threads at once. */
  get #most() {
    const { maxActors, warm } = this.#options;
    return Math.min(maxActors + warm, MOST_THREADS);
  }

  /** Has the pool serve as many threads as there are actors, and those that wait for the next ones; at once if an actor has none. */
  fit() {
    if (this.#count > this.#wanted) this.#fitNow();
    else this.#timer ??= host.time.setTimeout(() => this.#fitNow(), REPLACE_MS);
  }

  #fitNow() {
    this.close();
    const max = this.#most;
    this.#wanted = Math.min(max, Math.max(1, this.#count + this.#options.warm));
    void this.pool.resize({ min: this.#wanted, max });
  }

  get boxesInUse() {
    return this.pool.diagnostics().boxes.reserved;
  }

  close() {
    host.time.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** An actor is to get a thread. @param {Actor} actor */
  reserve(actor) {
    actor.waits = true;
    this.#count++;
  }

  /**
   * Starts an actor's incarnation.
   * @param {Actor} actor
   * @param {{ mailbox: number, main: number }} addresses
   * @param {number} nowMs
   * @param {(error: any) => void} lost its thread is gone, and nobody has asked for it
   */
  begin(actor, addresses, nowMs, lost) {
    const { id, name, incarnation, code, leaseMs } = actor;
    const index = indexOf(actor.number);
    const words = new Int32Array(this.#control, index * CONTROL.WORDS * 4, CONTROL.WORDS);
    const start = { id, name, incarnation, code, index, ...addresses, beatMs: beatOf(leaseMs), leaseMs };
    actor.waits = false;
    actor.life = new Incarnation(this.pool, start, words, { graceMs: this.#options.graceMs, nowMs, lost });
  }

  /**
   * Ends an actor's incarnation.
   * @param {Actor} actor
   * @returns {Promise<void>} settles with its confirmed death
   */
  async end(actor) {
    actor.waits = false;
    this.#dying++;
    this.pool.ref(); // somebody waits for what its death decides
    await actor.life?.stop(!actor.isMuted);
    if (--this.#dying === 0) this.pool.unref();
    actor.bury();
    this.#count--;
  }
}

/**
 * Why a thread was lost.
 * @param {any} error
 * @returns {number} S.ACTOR_…
 */
export function reasonOfLoss(error) {
  const codes = [error.code, error.cause?.code, error.cause?.cause?.code];
  if (codes.some((code) => MEMORY_CODES.includes(code))) return S.ACTOR_NO_MEMORY;
  return error.code === 'WORKER_LOST' ? S.ACTOR_EXITED : S.ACTOR_NOT_STARTED;
}
