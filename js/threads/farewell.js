/** The last thing that a worker does: its module's `onStop`. */

/** How long that may take. */
const LIMIT_MS = 5000;

/**
 * Has a worker run its module's `onStop`, once.
 * @param {import('./member.js').Member} member
 * @returns {Promise<string>} how it failed, or ''; settles when `onStop` has finished, or the worker is gone
 */
function stopped(member) {
  return (member.farewell ??= new Promise((resolve) => {
    member.stopped = resolve;
    member.thread.post({ kind: 'stop' });
  }));
}

/**
 * Lets workers clean up, for at most LIMIT_MS.
 * @param {Iterable<import('./member.js').Member>} members
 * @param {import('../time/scheduler.js').Time} scheduler
 * @param {(message: string) => void} tell reports a failure
 * @returns {Promise<void>} settles when they are done, gone, or late
 */
export async function sayFarewell(members, scheduler, tell) {
  /** @type {import('../time/scheduler.js').Timer | undefined} */
  let timer;
  const limit = new Promise((resolve) => {
    timer = scheduler.setTimeout(() => resolve(undefined), LIMIT_MS);
  });
  const each = async (/** @type {import('./member.js').Member} */ member) => {
    const failure = await Promise.race([stopped(member), limit]);
    if (failure === undefined) tell(`${member.name}: onStop took longer than ${LIMIT_MS} ms`);
    else if (failure) tell(`${member.name}: onStop failed: ${failure}`);
  };
  await Promise.all(Array.from(members, each));
  timer?.clear();
}
