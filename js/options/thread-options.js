/** The pool's options for the host's threads. Those that the host does not have are refused by name. */
import { flag, object, wrong } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { resourceLimits } from './option-groups.js';

/** SHARE_ENV of node:worker_threads. */
const SHARE_ENV = Symbol.for('nodejs.worker_threads.SHARE_ENV');
const LONGEST_NAME = 64;

/** What to do instead if a runtime lacks an option, for the message. @type {Record<string, string>} */
const INSTEAD = {
  workerData: 'initData reaches workers everywhere',
  env: 'initData reaches workers everywhere',
  argv: 'initData reaches workers everywhere',
  execArgv: "a worker runs with the program's own flags",
  trackUnmanagedFds: 'close what a task opens in the task',
};

/**
 * @param {import('./options.js').PoolOptions} options
 * @returns the options that the host gets for each thread, and the names of threads
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED, naming the option
 */
export function threadOptions(options) {
  for (const name of /** @type {const} */ (['workerData', 'env', 'argv', 'execArgv', 'trackUnmanagedFds'])) {
    if (options[name] !== undefined && !host.threadOptions.includes(name))
      throw poolError('UNSUPPORTED', `${name}: workers of ${host.name} have none; ${INSTEAD[name]}`);
  }
  const { name, trackUnmanagedFds } = options;
  return {
    names: threadNames(name),
    thread: Object.freeze({
      workerData: options.workerData,
      resourceLimits: resourceLimits(options.resourceLimits),
      captured: Object.freeze({ stdout: captured('stdout', options), stderr: captured('stderr', options) }),
      env: environment(options.env),
      argv: words('argv', options.argv),
      execArgv: words('execArgv', options.execArgv),
      trackUnmanagedFds: trackUnmanagedFds === undefined ? undefined : flag('trackUnmanagedFds', trackUnmanagedFds),
    }),
  };
}

/**
 * Prefixes of the names of threads.
 * @param {unknown} name
 */
function threadNames(name) {
  if (name === undefined) return Object.freeze({ worker: 'Worker', spare: 'Spare' });
  if (typeof name !== 'string' || !name || name.length > LONGEST_NAME || /\p{Cc}/u.test(name))
    throw wrong('name', name, `1 to ${LONGEST_NAME} characters on one line`);
  return Object.freeze({ worker: name, spare: `${name}_Spare` });
}

/**
 * Copies the variables, so that later workers start with the same ones as the first.
 * @param {import('./options.js').PoolOptions['env']} env
 * @returns {Record<string, string> | symbol | undefined}
 */
function environment(env) {
  if (env === undefined) return undefined;
  if (env === SHARE_ENV) {
    if (host.sharesEnv) return env;
    throw poolError('UNSUPPORTED', `env: workers of ${host.name} cannot share the program's; give a copy of it`);
  }
  object('env', env, 'an object of texts, or SHARE_ENV');
  /** @type {Record<string, string>} */
  const copy = Object.create(null);
  for (const [key, value] of Object.entries(env)) {
    if (value !== undefined) copy[key] = text(`env.${key}`, value); // undefined: not set, as for child processes
  }
  return Object.freeze(copy);
}

/**
 * @param {string} name
 * @param {unknown} list
 * @returns {readonly string[] | undefined}
 */
function words(name, list) {
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw wrong(name, list, 'an array of texts');
  return Object.freeze(Array.from(list, (word, i) => text(`${name}[${i}]`, word)));
}

/**
 * @param {string} name
 * @param {unknown} value a string, number or boolean
 */
function text(name, value) {
  if (!['string', 'number', 'boolean'].includes(typeof value)) throw wrong(name, value, 'a text');
  const result = String(value);
  if (result.includes('\0')) throw wrong(name, value, 'a text without null characters'); // C would end the text there
  return result;
}

/**
 * @param {'stdout' | 'stderr'} name
 * @param {import('./options.js').PoolOptions} options
 * @returns {import('../host/index.js').Captured | undefined}
 */
function captured(name, options) {
  if (!flag(name, options[name])) return undefined;
  if (!host.capture) throw poolError('UNSUPPORTED', `${name}: in this runtime workers print to the console`);
  return host.capture();
}
