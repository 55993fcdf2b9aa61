/**
 * Messages between two running workers: mailboxes beside MessagePort and BroadcastChannel, in one run, taking turns; medians. One way is half
 * a round trip. A large value
 * is handed over as a box's handle, after its commit, beside an ArrayBuffer that is transferred there and back.
 *
 * usage: node bench/mailbox.mjs [--rounds N] [--json]
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import { Post } from '../js/actor/mailbox.js';
import { RUNNER } from '../js/handlers/runner.js';
import { createPool } from '../js/index.js';
import { median } from './stats.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, json: { type: 'boolean' } },
});
const MODULE = new URL('./pools/workers/mailbox.mjs', import.meta.url);
const ROUND_TRIPS = 2000;
const MESSAGES = 50_000;
const LARGE_BYTES = 64 << 20;
const HANDED = 200;

/** Two actors of a pool. Each measurement runs in both at once; the first one returns its figure. */
async function openMailboxes() {
  const memory = { maximum: '512mb' };
  const pool = await createPool({ module: MODULE, workers: 2, boxes: { count: 2, size: LARGE_BYTES }, memory });
  const post = new Post(pool[RUNNER].core);
  const main = post.open();
  const own = post.attach(main, { now: () => performance.now(), defer: setImmediate, blocks: false });
  void own.serve(() => undefined);
  return {
    async measure(job) {
      const [a, b] = [post.open(), post.open()];
      const second = pool.dispatch('answer', { ...job, mailbox: b, partner: a, main });
      const figure = await pool.dispatch('ask', { ...job, mailbox: a, partner: b, main });
      await second;
      post.drop(a);
      post.drop(b);
      return figure;
    },
    close: () => pool.destroy(),
  };
}

/** Two workers with ports between them. */
function openThreads(kind) {
  const workers = [new Worker(MODULE), new Worker(MODULE)];
  const answer = (worker) =>
    new Promise((resolve) => {
      worker.once('message', resolve);
    });
  const tell = (message) => workers.forEach((worker) => worker.postMessage(message));
  return {
    async measure(job) {
      const { port1, port2 } = new MessageChannel();
      const ports = kind === 'MessagePort' ? [port1, port2] : [undefined, undefined];
      const ready = workers.map(answer);
      workers.forEach((worker, i) =>
        worker.postMessage({ role: i ? 'answer' : 'ask', job, port: ports[i] }, ports[i] ? [ports[i]] : []),
      );
      await Promise.all(ready);
      const answers = workers.map(answer);
      tell('begin');
      const [{ result }] = await Promise.all(answers);
      tell('close');
      return result;
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

const kinds = {
  mailbox: await openMailboxes(),
  MessagePort: openThreads('MessagePort'),
  BroadcastChannel: openThreads('BroadcastChannel'),
};
/** `not`: a kind that cannot do it. */
const ROWS = {
  'round trip, µs': { count: ROUND_TRIPS, of: (ms) => (ms * 1000) / ROUND_TRIPS },
  'numbers, k/s': { count: MESSAGES, of: (ms) => MESSAGES / ms },
  'objects, k/s': { count: MESSAGES, of: (ms) => MESSAGES / ms },
  '64 B handed over, answered, µs': {
    count: HANDED,
    bytes: 64,
    of: (ms) => (ms * 1000) / HANDED,
    not: 'BroadcastChannel',
  },
  '64 MB handed over, answered, µs': {
    ...{ count: HANDED, bytes: LARGE_BYTES, of: (ms) => (ms * 1000) / HANDED, not: 'BroadcastChannel' },
  },
};
const figures = {};
for (let round = 0; round <= Number(options.rounds); round++) {
  for (const [row, { of, not, ...job }] of Object.entries(ROWS)) {
    for (const [kind, { measure }] of Object.entries(kinds)) {
      if (kind === not) continue;
      const figure = of(await measure({ what: row.split(',')[0], ...job }));
      if (round > 0) ((figures[row] ??= {})[kind] ??= []).push(figure); // the first round warms up
    }
  }
}
await Promise.all(Object.values(kinds).map(({ close }) => close()));

const table = Object.keys(ROWS).map((row) => ({
  row,
  ...Object.fromEntries(Object.entries(figures[row]).map(([kind, all]) => [kind, Number(median(all).toPrecision(3))])),
}));
if (options.json) process.stdout.write(`${JSON.stringify(table, undefined, 2)}\n`);
else console.table(table);
