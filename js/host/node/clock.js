/** The clock that all threads of a process share, on Node, Deno and Bun. */
import { hrtime, time } from './time.js';

const READINGS = 4;

/** hrtime is CLOCK_MONOTONIC in every thread of the process, so jumps of the wall clock have no effect (XP-15). */
export function clockOffsetMs() {
  // A thread that is held up between the two readings gets an offset that is too small by that time, so take the greatest of several.
  return Math.max(...Array.from({ length: READINGS }, readOffset));
}

function readOffset() {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6 - time.now();
}
