/**
 * Modules that somebody else built, as tasks: has them compiled, once, in a thread that can be ended, since a module may take long to
 * compile. js/foreign/ is what runs there and in workers.
 */
import { poolError } from '../base/errors.js';
import { codeUrl } from '../foreign/code-url.js';
import { host } from '../host/index.js';
import { Timers } from '../time/timers.js';

/**
 * @typedef {import('../options/options.js').ResolvedOptions} ResolvedOptions
 * @typedef {NonNullable<ResolvedOptions['isolated']>[number]} Wanted
 * @typedef {import('../foreign/prepare.js').Prepared} Prepared
 * @typedef {import('../foreign/prepare.js').Refusal} Refusal
 * @typedef {import('../foreign/prepare.js').Job} Job
 */

/**
 * Modules of the past, by their content and what was wanted of them. Not those that are being compiled: that ends with the time of the pool
 * that asked for it.
 * @type {Map<string, Prepared>}
 */
const cache = new Map();
/** A choice: more than a program uses at a time. */
const CACHED_MOST = 32;

/**
 * @param {ResolvedOptions} options
 * @returns {Promise<import('../protocol/messages.js').Foreign | undefined>} undefined: the pool has none
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED, START_FAILED, by the name of the task
 */
export async function loadForeign(options) {
  const { isolated, workerUrl } = options;
  if (!isolated) return undefined;
  const code = await codeUrl(workerUrl);
  /** @type {{ job: Job, key: string }[]} */
  const jobs = await Promise.all(isolated.map((one) => jobOf(one, options.loopChecks)));
  const found = new Map(jobs.map(({ key }) => [key, cache.get(key)]));
  const fresh = jobs.filter(({ key }, i) => !found.get(key) && jobs.findIndex((other) => other.key === key) === i);
  if (fresh.length > 0) {
    const results = await prepareAll(
      options,
      code,
      fresh.map(({ job }) => job),
    );
    fresh.forEach(({ job, key }, i) => {
      const prepared = accepted(job, results[i]);
      found.set(key, prepared);
      keep(key, prepared);
    });
  }
  return { code, tasks: jobs.map(({ job, key }) => ({ task: job.task, .../** @type {Prepared} */ (found.get(key)) })) };
}

/**
 * @param {Wanted} wanted
 * @param {boolean} checked
 */
async function jobOf({ source, task }, checked) {
  let bytes;
  try {
    bytes = typeof source === 'string' ? await host.read(new URL(source)) : source;
  } catch (cause) {
    const { message } = /** @type {Error} */ (cause);
    throw poolError('START_FAILED', `isolated.${task.name}: cannot read ${source}: ${message}`, { cause });
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return { job: { bytes, task, checked }, key: JSON.stringify([...digest, checked, { ...task, name: undefined }]) };
}

/**
 * @param {string} key
 * @param {Prepared} prepared
 */
function keep(key, prepared) {
  cache.set(key, prepared);
  for (const oldest of cache.keys()) {
    if (cache.size <= CACHED_MOST) break;
    cache.delete(oldest);
  }
}

/**
 * @param {Job} job
 * @param {Prepared | Refusal} result
 */
function accepted({ task }, result) {
  if ('plan' in result) return result;
  throw poolError(result.code, `isolated.${task.name}: ${result.message}`);
}

/**
 * @param {ResolvedOptions} options
 * @param {string} code
 * @param {Job[]} jobs
 * @returns {Promise<(Prepared | Refusal)[]>}
 */
async function prepareAll({ workerUrl, names, readyTimeoutMs, scheduler }, code, jobs) {
  const timers = new Timers(scheduler);
  const url = workerUrl === undefined ? host.bootUrl() : new URL(workerUrl);
  const which = jobs.map(({ task }) => task.name).join(', ');
  /** @type {import('../host/index.js').Thread | undefined} */
  let thread;
  try {
    return await new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ message, /** @type {unknown} */ cause) =>
        reject(poolError('START_FAILED', `isolated: ${which}: ${message}`, { cause }));
      if (readyTimeoutMs !== undefined)
        timers.after(readyTimeoutMs, () =>
          fail(`not compiled within ${readyTimeoutMs} ms (readyTimeoutMs)`, undefined),
        );
      const ended = (/** @type {any} */ error) => fail(`the thread that compiles has failed: ${error.message}`, error);
      thread = host.createThread(
        url,
        `${names.worker}_compiler`,
        {
          onMessage: (/** @type {any} */ message) => {
            if (message.kind === 'ready') thread?.post({ kind: 'prepare', code, jobs });
            else if (message.kind === 'prepared') resolve(message.results);
            else if (message.kind === 'failed') ended(new Error(message.error?.message));
          },
          onUserMessage: () => undefined,
          onError: ended,
          onExit: () => ended(new Error('it has ended')),
        },
        {},
      );
    });
  } finally {
    timers.clear();
    void thread?.stop();
  }
}
