/** The task bodies of the benchmarks in JavaScript, the same for every pool. bench/tasks.c has the same in C. */

export const echo = (value) => value;
export const inc = (n) => n + 1;
/** A batch, for pools that have none of their own. */
export const incAll = (numbers) => numbers.map(inc);

/** Computes for so many units of about half a millisecond. */
export function work(units) {
  let hash = 0x811c9dc5;
  for (let left = units * 250_000; left > 0; left--) hash = Math.imul(hash ^ (left & 255), 0x01000193);
  return hash >>> 0;
}

/** The time on a clock that all threads share, in milliseconds. */
export const clock = () => performance.timeOrigin + performance.now();

/** Busy for so long. @returns {number} when it was over, by the clock */
export function burn(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return clock();
}

const MARK = 0xa5;

/** Marks both ends, so that whoever gets the bytes can check them without spending time on those between. */
export function mark(bytes) {
  bytes[0] = bytes[bytes.length - 1] = MARK;
  return bytes;
}
/** @returns {number} the length, or -1 if the bytes are not as `mark` left them */
export const inspect = (bytes) => (bytes[0] === MARK && bytes[bytes.length - 1] === MARK ? bytes.length : -1);
export const make = (length) => mark(new Uint8Array(length));
/** Takes bytes and returns as many. */
export const remake = (bytes) => make(inspect(bytes));
/** Shared memory, for pools without any of their own: the pool carries a reference. */
export const makeShared = (length) => mark(new Uint8Array(new SharedArrayBuffer(length)));
export const remakeShared = (bytes) => makeShared(inspect(bytes));

/** Tells that it runs, and never ends. */
export function hang(started) {
  Atomics.store(started, 0, 1);
  for (;;);
}
/** Ends its worker. */
export const crash = () => process.exit(3);

/** Waits until `count` tasks run at the same time. */
export function meet({ word, count }) {
  if (Atomics.add(word, 0, 1) === count - 1) Atomics.notify(word, 0);
  for (;;) {
    const met = Atomics.load(word, 0);
    if (met >= count) return count;
    Atomics.wait(word, 0, met);
  }
}
