/**
 * Actors: from spawn to the first message handled, with warm threads and without, beside a bare worker of the runtime; and the time that a
 * message takes there and back among many actors, with and without one of them in an endless loop. All in one run.
 *
 * usage: node bench/actors.mjs [ACTORS]   default: 100
 */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { createSupervisor } from '../js/dist/future.mjs';

const ACTORS = Number(process.argv[2] ?? 100);
const ROUNDS = 15;
const BARE =
  "const { parentPort } = require('node:worker_threads'); parentPort.on('message', () => parentPort.postMessage(0));";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/** Runs something several times. @returns {Promise<number[]>} its times in ms, sorted */
async function times(run, pauseMs) {
  const all = [];
  for (let i = 0; i < ROUNDS; i++) {
    all.push(await run());
    await sleep(pauseMs);
  }
  return all.sort((a, b) => a - b);
}

/** From the start of a worker to its first answer. */
function bare() {
  const begin = performance.now();
  const worker = new Worker(BARE, { eval: true });
  worker.postMessage(0);
  return new Promise((resolve) =>
    worker.once('message', async () => {
      const ms = performance.now() - begin;
      await worker.terminate();
      resolve(ms);
    }),
  );
}

const echo = (self, msg) => self.send('echo', msg.n);

/** From spawn to the first answer. */
function first(supervisor) {
  const begin = performance.now();
  const actor = supervisor.spawn(echo);
  actor.receive({ n: 0 });
  return new Promise((resolve) =>
    actor.subscribe(({ msg }) => {
      if (msg !== 'echo') return;
      resolve(performance.now() - begin);
      actor.terminate();
    }),
  );
}

/** A message there and back. */
function roundTrip(actor) {
  const begin = performance.now();
  actor.receive({ n: 1 });
  return new Promise((resolve) => {
    const end = actor.subscribe(() => {
      end();
      resolve(performance.now() - begin);
    });
  });
}

const cold = createSupervisor({ maxActors: 4 });
cold.spawn(echo); // takes the thread that every pool has
const warm = createSupervisor({ maxActors: 4, warm: 2 });
await sleep(1000);
const [ofBare, ofCold, ofWarm] = [
  await times(bare, 50),
  await times(() => first(cold), 300),
  await times(() => first(warm), 300),
];
await Promise.all([cold.shutdown(), warm.shutdown()]);
const row = (name, sorted) =>
  console.log(`${name.padEnd(44)} median ${at(sorted, 0.5).toFixed(2)} ms   least ${sorted[0].toFixed(2)} ms`);
row('bare worker: start to first answer', ofBare);
row('actor, no thread waiting: spawn to first answer', ofCold);
row('actor, warm thread: spawn to first answer', ofWarm);
console.log(`no thread waiting / bare worker: ${(at(ofCold, 0.5) / at(ofBare, 0.5)).toFixed(2)}`);

const many = createSupervisor({ maxActors: ACTORS + 1, timeouts: { defaultLeaseMs: Infinity } });
const actors = Array.from({ length: ACTORS }, () => many.spawn(echo));
await Promise.all(actors.map(roundTrip));
/** Round trips with each actor in turn. @returns {Promise<number[]>} sorted */
async function trips() {
  const all = [];
  for (let i = 0; i < 3; i++) for (const actor of actors) all.push(await roundTrip(actor));
  return all.sort((a, b) => a - b);
}
const quiet = await trips();
const looping = many.spawn(() => { for (;;); }); // prettier-ignore
looping.receive({});
await sleep(500);
const beside = await trips();
const [before, after] = [quiet, beside].map((sorted) => [0.5, 0.99].map((part) => at(sorted, part)));
console.log(`${ACTORS} actors, round trip: median ${before[0].toFixed(3)} ms, p99 ${before[1].toFixed(3)} ms`);
console.log(`the same beside one in an endless loop: median ${after[0].toFixed(3)} ms, p99 ${after[1].toFixed(3)} ms`);
const begin = performance.now();
looping.subscribe(async () => {
  console.log(`terminate() of the loop to its confirmed death: ${(performance.now() - begin).toFixed(2)} ms`);
  await many.shutdown();
});
looping.terminate();
