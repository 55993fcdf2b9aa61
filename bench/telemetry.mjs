/**
 * What telemetry and traces cost: small tasks a second of pools that differ in nothing else, window by window in turns. Two pools without
 * telemetry show the noise.
 *
 * usage: node bench/telemetry.mjs [windows]
 */
import process from 'node:process';
import { createPool } from '../js/index.js';
import { KINDS, meet, stream } from './measure.mjs';
import { adapt } from './pools/wasmpool.mjs';
import { median } from './stats.mjs';

const WINDOWS = Number(process.argv[2] ?? 15);
const WINDOW_MS = 200;
const DEPTH = 1024;
const WORKERS = 2;

const module = new URL('./pools/workers/wasmpool.mjs', import.meta.url);

/** @param {object} options */
async function variant(options) {
  const pool = await createPool({ module, workers: WORKERS, ...options });
  return { pool, adapted: adapt(pool, 'makeInPlace', 'remakeInPlace') };
}

const variants = {
  off: await variant({}),
  'off, a second pool': await variant({}),
  'telemetry: true': await variant({ telemetry: true }),
  'trace()': await variant({}),
};

/** @type {Record<string, number[]>} */
const rates = {};
for (const { adapted } of Object.values(variants)) {
  await meet(adapted, WORKERS);
  await stream(adapted, DEPTH, KINDS.number, 1000); // until everything is compiled
}
for (let window = 0; window < WINDOWS; window++) {
  for (const [name, { pool, adapted }] of Object.entries(variants)) {
    const trace = name === 'trace()' ? pool.trace() : undefined;
    (rates[name] ??= []).push(await stream(adapted, DEPTH, KINDS.number, WINDOW_MS));
    trace?.stop();
  }
}
const base = median(rates.off);
for (const [name, measured] of Object.entries(rates))
  console.log(
    `${name.padEnd(20)} ${Math.round(median(measured)).toLocaleString('en')}/s, ${(median(measured) / base).toFixed(3)} of off`,
  );
process.exit();
