/** How much processor time threads have used, where the system tells it: Linux. */
import { readFileSync } from 'node:fs';

/**
 * @param {number} thread of this process, as js/entry/boot-node.js has found
 * @returns {number} milliseconds of processor time that it has used so far; -1: not known, or it waits for something else than a processor
 */
export function processorMs(thread) {
  try {
    const path = `/proc/self/task/${thread}`;
    const stat = readFileSync(`${path}/stat`, 'latin1'); // NUMBER (NAME) STATE …; the name may hold anything
    if (stat[stat.lastIndexOf(')') + 2] !== 'R') return -1;
    return Number(readFileSync(`${path}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return -1;
  }
}
