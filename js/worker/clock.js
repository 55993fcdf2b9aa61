/** Time in workers. */

/**
 * A clock that all threads share, in milliseconds.
 * @param {import('./boot.js').WorkerHost} host
 */
export function sharedClock({ time: { now }, clockOffsetMs }) {
  const offset = clockOffsetMs();
  return () => now() + offset;
}
