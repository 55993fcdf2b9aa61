/** Batches and broadcasts: several tasks that succeed or fail together. */
import { poolError } from './errors.js';
import { GroupSink, Task } from './task.js';

/**
 * @typedef {object} GroupMember
 * @property {string} name
 * @property {unknown} payload
 * @property {import('./spec.js').Spec} spec
 * @property {AbortSignal} [signal]
 */

/**
 * Queues all members, or none.
 * @param {import('./engine.js').Engine} engine
 * @param {GroupMember[]} members
 * @param {boolean} failFast the first failure ends the others that have not started
 * @param {(results: any[]) => void} resolve
 * @param {(error: Error) => void} reject also when they do not fit: QUEUE_FULL
 * @param {(task: Task, signal: AbortSignal) => void} listen
 */
export function startGroup(engine, members, failFast, resolve, reject, listen) {
  if (failFast && !engine.admits(members.length)) {
    reject(poolError('QUEUE_FULL', `a batch of ${members.length} does not fit`));
    return;
  }
  const group = engine.createGroup(members.length, failFast);
  const sink = new GroupSink(members.length, resolve, reject, () => {
    if (failFast) engine.failGroup(group);
  });
  for (const [item, { name, payload, spec, signal }] of members.entries()) {
    const task = new Task(sink, item);
    engine.submit(task, name, payload, { ...spec, group: group + 1 });
    if (signal && !task.settled) listen(task, signal);
  }
}
