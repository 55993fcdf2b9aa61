/** The clock that all threads of a process share, on Node, Deno and Bun. */
import { hrtime, time } from './time.js';

const READINGS = 4;

/** hrtime is CLOCK_MONOTONIC in every thread of the process, so no wall-clock jump shows (XP-15). */
export function clockOffsetMs() {
  // A thread that is held up between its two looks finds too little, by as long: the greatest of several is right.
  return Math.max(...Array.from({ length: READINGS }, readOffset));
}

function readOffset() {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6 - time.now();
}
