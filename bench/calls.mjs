/**
 * What a task's options cost main: its processor time for each of a stream of small tasks, without options, with one and with more, in turns;
 * two variants without options show the noise. With the path of another checkout (built), both are measured in turns in this process.
 * Processor time, because main and a worker that share a busy machine make rates mean little; for Linux, which tells it of one thread.
 *
 * usage: node bench/calls.mjs [--windows N] [CHECKOUT]
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './stats.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { windows: { type: 'string', default: '41' } },
});
const WINDOWS = Number(options.windows);
const TASKS = 20_000;
const DEPTH = 1024;
const MODULE = new URL('./pools/workers/wasmpool.mjs', import.meta.url);

/** Objects are made anew for each call, as callers do. @type {[string, (() => object) | undefined][]} */
const VARIANTS = [
  ['no option', undefined],
  ['no option, again', undefined],
  ['timeoutMs', () => ({ timeoutMs: 1000 })],
  ['priority', () => ({ priority: 'high' })],
  ['timeoutMs, priority, onLost', () => ({ timeoutMs: 1000, priority: 'high', onLost: 'requeue' })],
];

/** Nanoseconds that this thread has run on a processor. */
const processorTime = () => Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);

/**
 * @param {any} pool
 * @param {(() => object) | undefined} make
 * @returns {Promise<number>} nanoseconds of main for each task
 */
async function cost(pool, make) {
  let left = TASKS;
  const start = processorTime();
  const lane = async () => {
    while (left-- > 0) await (make ? pool.dispatch('inc', left, make()) : pool.dispatch('inc', left));
  };
  await Promise.all(Array.from({ length: DEPTH }, lane));
  return (processorTime() - start) / TASKS;
}

const runs = [];
for (const path of ['.', ...positionals]) {
  const root = path === '.' ? new URL('..', import.meta.url) : pathToFileURL(`${resolve(path)}/`);
  const { createPool } = await import(new URL('js/index.js', root).href);
  const pool = await createPool({ module: MODULE, workers: 1 });
  for (const [name, make] of VARIANTS) runs.push({ path, name, pool, make, costs: [] });
}
const WARMING = 6; // windows until everything is compiled
for (let window = -WARMING; window < WINDOWS; window++) {
  for (const { pool, make, costs } of window & 1 ? [...runs].reverse() : runs) {
    const ns = await cost(pool, make);
    if (window >= 0) costs.push(ns);
  }
}
for (const { path, name, costs } of runs) {
  const base = median(runs.find((run) => run.path === path && run.name === 'no option').costs);
  const own = median(costs);
  const text = `${own.toFixed(0)} ns, ${own < base ? '' : '+'}${(own - base).toFixed(0)} to no option`;
  console.log(`${name.padEnd(30)} ${text}${path === '.' ? '' : `  (${path})`}`);
}
process.exit();
