/**
 * Stacks of failed tasks. An error that reaches its caller by a promise shows where it came from in the worker, and below that the
 * functions that await it. The engine knows these when an error is made in the promise's own turn (V8: `at async`), and only then: so
 * nothing is noted when a task is submitted, and tasks that succeed pay nothing.
 */
import { isError } from '../codec/errors.js';
import { own } from '../base/own.js';

const FRAME = /^ {4}at /;
/** Frames of the runtime, and of what workers start with. */
const INTERNAL = /\(node:|at node:|\/boot-node[-\w]*\.cjs/;
/** Where this package's own files are. */
const HOME = new URL('..', import.meta.url).href;
/** Codes of errors whose causes come from the worker. */
const CAUSED = new Set(['TASK_FAILED', 'WORKER_LOST', 'POISON_JOB']);

/** Errors whose callers are known. @type {WeakSet<object>} */
const traced = new WeakSet();

/**
 * @param {unknown} stack
 * @returns {string[]} frames of user code
 */
function framesOf(stack) {
  if (typeof stack !== 'string') return [];
  return stack.split('\n').filter((line) => FRAME.test(line) && !INTERNAL.test(line) && !line.includes(HOME));
}

/**
 * Adds the functions that await the promise whose turn this is. The text is made when somebody reads it: most stacks are never read.
 * @param {unknown} reason
 */
export function addCallers(reason) {
  if (!isError(reason)) return;
  if (traced.has(reason) || !Object.isExtensible(reason)) return;
  traced.add(reason);
  const { code, cause } = /** @type {any} */ (reason);
  const origin = CAUSED.has(code) && isError(cause) ? cause : { stack: reason.stack };
  const here = new Error(); // its stack becomes text at the first look
  const define = (/** @type {unknown} */ value) =>
    Object.defineProperty(reason, 'stack', own({ value, writable: true, configurable: true }));
  const accessors = own({
    configurable: true,
    set: define,
    get: () => {
      const text = [`${reason.name}: ${reason.message}`, ...framesOf(origin.stack), ...framesOf(here.stack)].join('\n');
      define(text);
      return text;
    },
  });
  Object.defineProperty(reason, 'stack', accessors);
}

/**
 * A promise that rejects with an error which has the stack of those that await `outer`, a promise that follows this one. Nobody has to
 * handle it (AM-09); later handlers still see the error.
 * @param {() => Promise<unknown>} outer
 * @param {unknown} error
 * @returns {Promise<never>}
 */
export async function failing(outer, error) {
  await undefined;
  await undefined; // by now `outer` follows this promise, and the engine finds its way to those that await it
  addCallers(error);
  void outer().then(undefined, () => undefined);
  throw error;
}
