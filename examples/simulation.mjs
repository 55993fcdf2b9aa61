/**
 * A simulation in frames: the physics of all bodies is one bulk job in each frame, and paths are searched in the background, beside it.
 * Main is never busy for long: it hands out work, draws (here: counts), and keeps its frame.
 *
 * usage: node examples/simulation.mjs [frames] [bodies]
 */
import process from 'node:process';
import { createPool } from 'wasmpool';
import { findPath, step } from './simulation-worker.mjs';

const FRAME_MS = 1000 / 60;
const PATH_EVERY = 20; // frames
const [frames = 240, count = 2000] = process.argv.slice(2).map(Number);

const wells = [
  { x: 0, y: 0, mass: 40 },
  { x: 30, y: 10, mass: 15 },
];
const sharedArgs = { wells, seconds: FRAME_MS / 1000 };
const start = Array.from({ length: count }, (_, i) => ({ x: 20 * Math.cos(i), y: 20 * Math.sin(i), vx: 0, vy: 1 }));
const grid = Array.from({ length: 61 }, (_, row) =>
  Array.from({ length: 61 }, (_, column) => (row % 4 === 2 && column !== (row % 8 === 2 ? 0 : 60) ? '#' : '.')).join(
    '',
  ),
);
const query = { grid, from: /** @type {[number, number]} */ ([0, 0]), to: /** @type {[number, number]} */ ([60, 60]) };

const pool = await createPool({
  module: new URL('./simulation-worker.mjs', import.meta.url),
  workers: 2,
  telemetry: { tickMs: FRAME_MS },
});
pool.on('error', (message) => console.error('failed:', message));

let bodies = start;
let late = 0; // frames whose physics had to wait for the one before
/** @type {number[]} */
const paths = [];
/** @type {import('wasmpool').Handle | undefined} */
let search;

/** One frame: its physics is there when the promise settles. @returns {Promise<void>} */
function frame() {
  return new Promise((resolve) => {
    pool.bulkSplit(
      'step',
      bodies,
      (results) => {
        bodies = [...results]; // the array is lent: what is to be kept is copied
        resolve();
      },
      { sharedArgs, priority: 'critical', maxWaitMs: FRAME_MS / 2 },
    );
  });
}

/** Whoever asks again before the answer is there is not interested in the old one. */
function searchPath() {
  search?.disconnect();
  search = pool.split('findPath', query, (path) => paths.push(path?.length ?? 0), {
    weight: 'light',
    priority: 'background',
  });
}

const began = performance.now();
for (let i = 0; i < frames; i++) {
  if (i % PATH_EVERY === 0) searchPath();
  await frame();
  const next = began + (i + 1) * FRAME_MS;
  const left = next - performance.now();
  if (left <= 0) late++;
  else await new Promise((resolve) => setTimeout(resolve, left));
}
await pool.drain();
const report = pool.report();
const load = pool.taskLoad();
await pool.destroy();

// The same on one thread, and without a pool.
let alone = start;
for (let i = 0; i < frames; i++) alone = step(alone, { sharedArgs });
const isSame = JSON.stringify(alone) === JSON.stringify(bodies);
const way = findPath(query, { isCancelled: false })?.length;

console.log(`${frames} frames of ${count} bodies, ${late} late; as computed on one thread: ${isSame ? 'yes' : 'NO'}`);
console.log(
  `${paths.length} paths found of ${Math.ceil(frames / PATH_EVERY)} asked for, ${paths.every((length) => length === way) ? `each ${way} long` : 'NOT ALL RIGHT'}`,
);
console.log(
  `load in percent: main ${load?.mainThread.toFixed(0)}, workers ${load?.workers.map((part) => part.toFixed(0)).join(' and ')}`,
);
console.log(`overall: ${report?.Overall}, of ${report?.SampleCount} samples`);
for (const group of /** @type {const} */ (['Queues', 'Workers', 'FrameGovernor', 'Starvation']))
  console.log(group, JSON.stringify(report?.[group]));
process.exitCode = isSame && paths.length > 0 && paths.every((length) => length === way) ? 0 : 1;
