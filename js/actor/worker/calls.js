/** Calls from an actor to main, and main's answers. */
import { poolError } from '../../base/errors.js';
import { CALL } from '../protocol.js';

/**
 * Asks main for something.
 * @param {import('./context.js').Life} life
 * @param {string} what
 * @param {readonly unknown[]} values
 * @param {string} [shown] the call, for messages
 * @returns {Promise<any>} main's answer; rejects with TIMEOUT if there is none in time, and with NOT_SERIALIZABLE
 */
export function ask({ start, task }, what, values, shown = what) {
  const { id, incarnation, leaseMs } = start;
  const answer = task.main(CALL, { id, incarnation, what, values });
  if (leaseMs === Infinity) return answer;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(poolError('TIMEOUT', `${shown}: no answer within ${leaseMs} ms`)), leaseMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
