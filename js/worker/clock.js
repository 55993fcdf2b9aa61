/** The clock in which main and workers compare times. */

/**
 * A clock that all threads share, in milliseconds.
 * @param {Pick<import('./boot.js').WorkerHost, 'time' | 'clockOffsetMs'>} host
 */
export function sharedClock({ time: { now }, clockOffsetMs }) {
  const offset = clockOffsetMs();
  return () => now() + offset;
}
