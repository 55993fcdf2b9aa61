/** Shared by the tests of split, bulkSplit and sequence. */
import assert from 'node:assert/strict';
import { withPool } from './helpers.js';

export const JOBS = new URL('./fixtures/jobs.js', import.meta.url);

/** @param {number} count */
export const words = (count) => new Int32Array(new SharedArrayBuffer(4 * count));

/** @param {number} count */
export const upTo = (count) => Array.from({ length: count }, (_, i) => i);

/**
 * Wraps a callback so that a failed assertion in it fails the test: the pool only logs what callbacks throw.
 * @param {() => Promise<void>} use
 */
export async function heedingCallbacks(use) {
  const { error } = console;
  /** @type {Error[]} */
  const failures = [];
  console.error = (...parts) => {
    const failure = parts.find((part) => part instanceof assert.AssertionError);
    if (failure) failures.push(failure);
    else error(...parts);
  };
  try {
    await use();
  } finally {
    console.error = error;
  }
  if (failures.length > 0) throw failures[0];
}

/** @param {object} options @param {(pool: any) => Promise<void>} use */
export const withJobs = (options, use) => heedingCallbacks(() => withPool({ module: JOBS, ...options }, use));

/** The arguments of a job's callback. */
export function job(pool, task, payload, options) {
  return new Promise((resolve) => void pool.split(task, payload, resolve, options));
}

/** A copy of the arguments of a bulk job's callback. */
export function bulk(pool, task, items, options) {
  return new Promise((resolve) => void pool.bulkSplit(task, items, (results) => resolve([...results]), options));
}

/** The errors that the pool's listeners hear. */
export function errorsOf(pool) {
  const messages = [];
  pool.on('error', (message) => messages.push(message));
  return messages;
}

/** Lets a handler `block` end. */
export function release(gate) {
  Atomics.store(gate, 1, 1);
  Atomics.notify(gate, 1);
}

/** Blocks main until a worker has set a word, so that everything finished before that is delivered in one tick afterwards. */
export function standStillUntil(array, at, value) {
  while (Atomics.load(array, at) !== value);
}

/**
 * Whether a promise settles by itself, within a time that is enough for everything under way.
 * @param {Promise<unknown>} promise
 */
export async function settles(promise) {
  let settled = false;
  const note = () => void (settled = true);
  promise.then(note, note);
  for (let turn = 0; turn < 5000 && !settled; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  return settled;
}
