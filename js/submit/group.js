/** Batches and broadcasts: several tasks that succeed or fail together. */
import { ownOptions } from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { POOL_NAMES } from '../options/options.js';
import { Given, OPTIONS_OF, readOptions } from '../options/spec.js';
import { GroupSink, Task } from '../task/task.js';

/**
 * @typedef {object} GroupMember
 * @property {string} name
 * @property {unknown} payload
 * @property {import('../options/spec.js').Spec} spec
 * @property {AbortSignal} [signal]
 *
 * @typedef {object} GroupEnd
 * @property {(results: any[]) => void} resolve
 * @property {(error: Error) => void} reject called when a member has failed
 * @property {(error: Error) => void} refuse called if none could be queued
 */

/**
 * @param {readonly { task: import('../base/task-name.js').TaskRef, payload?: unknown, priority?: import('../options/options.js').Priority }[]} jobs
 * @param {import('../options/task-options.js').TaskOptions} options for all of them
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function batchMembers(jobs, options) {
  if (!Array.isArray(jobs)) throw poolError('INVALID_ARGUMENT', 'jobs: expected an array');
  const given = readOptions(options);
  return jobs.map((job, index) => {
    const { task, payload, priority } = ownOptions(`jobs[${index}]`, job, OPTIONS_OF.job, undefined, POOL_NAMES);
    const own = priority === undefined ? given : Object.assign(new Given(), given, { priority });
    return { task, payload, options: own };
  });
}

/**
 * @param {import('../core/core.js').Core} core
 * @param {number} members
 * @param {number} kind L.GROUP_… bits
 * @returns {number} the group
 * @throws {import('../base/errors.js').PoolError} NO_MEMORY
 */
export function createGroup(core, members, kind) {
  return core.index(core.exports._wp_js_group_create(core.pool, members, kind));
}

/**
 * Counts out a member that never got a slot.
 * @param {import('../core/core.js').Core} core
 * @param {number} group
 */
export function leaveGroup(core, group) {
  core.exports._wp_group_leave(core.pool, group);
}

/**
 * Queues all members, or none.
 * @param {import('../core/core.js').Core} core
 * @param {GroupMember[]} members
 * @param {boolean} failFast whether the first failure cancels the members that have not started
 * @param {GroupEnd} end
 * @param {(task: Task, member: GroupMember, group: number) => void} submit
 */
export function startGroup(core, members, failFast, { resolve, reject, refuse }, submit) {
  let group;
  try {
    group = createGroup(core, members.length, failFast ? L.GROUP_FAIL_FAST : 0);
  } catch (error) {
    refuse(/** @type {Error} */ (error));
    return;
  }
  const sink = new GroupSink(members.length, resolve, reject, () => {
    if (failFast) core.exports._wp_group_fail(core.pool, group); // members that have not started never will
  });
  for (const [item, member] of members.entries()) submit(new Task(sink, item), member, group);
}
