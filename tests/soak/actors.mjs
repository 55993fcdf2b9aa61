/**
 * Random lives and deaths of actors: they crash, hang, exit, end themselves, have children, are linked, watched and ended, in groups of each
 * strategy. Beside them a supervisor with one actor that must notice nothing. After each round everybody is ended, and threads, boxes and
 * numbers must be where they were. Every decision comes from a seed; how threads meet does not.
 *
 * usage: node tests/soak/actors.mjs       SECONDS=600 SEED=…
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSupervisor } from '../../js/compat/future.js';
import { randomFrom, countingThreads, seed, until } from '../js/helpers.js';

const MODULE = new URL('./actor.mjs', import.meta.url).href;
const CODE = { module: MODULE, name: 'worker' };
const SECONDS = Number(process.env.SECONDS || 600);
const ROUND_MS = 4000;
const MAX_ACTORS = 12;
/** Between two operations, at most. */
const PAUSE_MS = 8;
/** Actors that are hung by a loop, or by waiting while a message is handled, are given up after this time. */
const LEASE_MS = 300;
/** How much RSS may grow after the first rounds, by fragmented heaps and compiled code. */
const NOISE_BYTES = 96 << 20;

/** Reasons that are no error's text. */
const KNOWN = new Set(
  ['terminated', 'linked_actor_died', 'parent_died', 'cascade', 'restarted', 'hung', 'shutdown', 'exited'], // prettier-ignore
);

const random = randomFrom(seed);
const below = (/** @type {number} */ n) => Math.floor(random() * n);
const oneOf = (/** @type {any[]} */ list) => list[below(list.length)];
console.log(`# actors: SEED=${seed} SECONDS=${SECONDS}`);

/** What was done and what came of it. @type {Record<string, number>} */
const counts = {};
const count = (/** @type {string} */ what) => {
  counts[what] = (counts[what] ?? 0) + 1;
};

/** One supervisor's time, from its first actor to the end of the last. */
class Round {
  /** @type {any[]} refs, of the dead ones as well */
  refs = [];
  /** Deaths that the supervisor's subscribers were told, by id. @type {Map<string, number>} */
  deaths = new Map();

  constructor() {
    const retry = oneOf([undefined, { max: 5, delayMs: 20, backoff: 'linear' }, { delayMs: 1, backoff: 'fixed' }]);
    const memory = { poolSize: 8, boxSize: '64kb' };
    const timeouts = { defaultLeaseMs: LEASE_MS };
    this.supervisor = createSupervisor({ maxActors: MAX_ACTORS, memory, timeouts, retry, warm: below(3) });
    this.groups = ['one-for-one', 'one-for-all', 'rest-for-one'].map((strategy) =>
      this.supervisor.createGroup({ strategy, retry }),
    );
    this.supervisor.subscribe(({ msg, data }) => {
      if (msg !== 'DOWN') return;
      this.deaths.set(data.id, (this.deaths.get(data.id) ?? 0) + 1);
      count(`died: ${KNOWN.has(data.reason) ? data.reason : 'failed'}`);
    });
  }

  spawn() {
    try {
      this.refs.push(oneOf([this.supervisor, ...this.groups]).spawn(CODE));
      count('spawned');
    } catch (error) {
      if (!['MAX_ACTORS', 'QUEUE_FULL'].includes(/** @type {any} */ (error).code)) throw error;
      count('refused');
    }
  }

  /** One operation. */
  act() {
    const [ref, other] = [oneOf(this.refs), oneOf(this.refs)];
    const what = below(100);
    if (!ref || what < 25) return this.spawn();
    if (what < 60) return ref.receive({ msg: 'echo', data: what });
    if (what < 64) return relate(() => ref.link(other));
    if (what < 68) return relate(() => ref.monitor(other));
    if (what < 76) return ref.terminate();
    if (what < 77) return oneOf(this.groups).terminateAll();
    const told = oneOf(['throws', 'rejects', 'loops', 'waits', 'exits', 'leave', 'spawns', 'allocates']);
    count(`told: ${told}`);
    return ref.receive({ msg: told, module: MODULE });
  }

  /** Ends everybody, and looks at what is left. */
  async end() {
    for (const group of this.groups) group.terminateAll();
    for (const { id } of this.#alive()) this.supervisor.terminateActor(id);
    await until(() => this.#alive().length === 0);
    const { value } = this.supervisor.getDiagnostics();
    assert.equal(value.activeActors, 0);
    assert.equal(value.memoryPool.boxesInUse, 0);
    await this.supervisor.shutdown();
    for (const { id, incarnation } of this.refs)
      assert.equal(this.deaths.get(id), incarnation, `${id} was started ${incarnation} times: as many deaths are told`);
    const { totalActorsSpawned, totalActorsTerminated } = this.supervisor.getDiagnostics().value;
    assert.equal(totalActorsTerminated, totalActorsSpawned);
  }

  #alive() {
    return this.supervisor.getDiagnostics().value.actors;
  }
}

/** @param {() => void} use links or watches; one of the two may have ended */
function relate(use) {
  try {
    use();
    count('related');
  } catch (error) {
    if (!['STALE_HANDLE', 'INVALID_ARGUMENT'].includes(/** @type {any} */ (error).code)) throw error;
  }
}

/** An actor that must notice nothing: it answers each message, in order. */
class Witness {
  #supervisor = createSupervisor({ maxActors: 1, memory: { poolSize: 2, boxSize: '4kb' } });
  #ref = this.#supervisor.spawn(CODE);
  #sent = 0;
  #answered = 0;
  /** An answer was missing, or came twice, or it died. */
  #wrong = false;

  constructor() {
    this.#ref.subscribe(({ data }) => (this.#wrong ||= data !== this.#answered++));
  }

  ask() {
    this.#ref.receive({ msg: 'echo', data: this.#sent++ });
  }

  async check() {
    await until(() => this.#answered === this.#sent);
    assert.equal(this.#wrong, false, 'the witness has noticed something');
  }

  async end() {
    await this.check();
    await this.#supervisor.shutdown();
    console.log(`# the witness has answered ${this.#answered} times`);
  }
}

await countingThreads(async (threads) => {
  const begin = Date.now();
  const witness = new Witness();
  let rss = 0;
  for (let round = 1; round === 1 || Date.now() - begin < SECONDS * 1000; round++) {
    const now = new Round();
    for (const end = Date.now() + ROUND_MS; Date.now() < end; await sleep(below(PAUSE_MS))) {
      now.act();
      witness.ask();
    }
    await now.end();
    await witness.check();
    const bytes = process.memoryUsage().rss;
    if (round === 3) rss = bytes;
    if (rss)
      assert.ok(
        bytes < rss + NOISE_BYTES,
        `RSS has grown from ${rss >> 20} to ${bytes >> 20} MB in ${round - 3} rounds`,
      );
    count('rounds');
  }
  await witness.end();
  await until(() => threads.gone === threads.started);
  console.log(`# ${threads.started} threads were started, and all are gone; RSS ${process.memoryUsage().rss >> 20} MB`);
});
console.log(`# ${JSON.stringify(counts)}`);
console.log('ok - actors crash, hang and end in every way; everybody is told, and everything is given back');
