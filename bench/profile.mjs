/**
 * Where main's time goes while small tasks flow: the functions with the most time of their own, in percent. Behind what docs/benchmarks.md
 * says about goals that are not reached.
 *
 * usage: node bench/profile.mjs [number|object|string] [tasks in flight]
 */
import { Session } from 'node:inspector/promises';
import process from 'node:process';
import { KINDS, meet, stream } from './measure.mjs';
import { open } from './pools/wasmpool.mjs';

const WORKERS = 2;
const WARM_MS = 1500;
const MS = 3000;
const SAMPLE_US = 200;
const SHOWN = 25;

const [name = 'number', depth = '1024'] = process.argv.slice(2);
const kind = KINDS[name];
if (!kind || !(Number(depth) > 0)) {
  process.stderr.write('usage: node bench/profile.mjs [number|object|string] [tasks in flight]\n');
  process.exit(2);
}

const pool = await open({ workers: WORKERS });
await meet(pool, WORKERS);
await stream(pool, Number(depth), kind, WARM_MS);
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
await session.post('Profiler.start');
const rate = await stream(pool, Number(depth), kind, MS);
const { profile } = await session.post('Profiler.stop');
await pool.close();

const names = new Map(
  profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
    const place = url ? ` ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}` : '';
    return [id, `${functionName || '(anonymous)'}${place}`];
  }),
);
/** @type {Map<string, number>} microseconds */
const times = new Map();
for (const [i, id] of (profile.samples ?? []).entries()) {
  const place = names.get(id) ?? '';
  times.set(place, (times.get(place) ?? 0) + (profile.timeDeltas?.[i] ?? 0));
}
const total = [...times.values()].reduce((sum, time) => sum + time, 0);
console.log(
  `${name}, ${depth} in flight, ${Math.round(rate).toLocaleString('en')} tasks a second with the profiler on\n`,
);
for (const [place, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, SHOWN))
  console.log(`${((100 * time) / total).toFixed(1).padStart(5)} % ${place}`);
