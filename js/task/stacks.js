/**
 * Stacks of failed tasks. An error that reaches its caller by a promise shows its origin in the worker, and below that the functions
 * that await the promise. The JavaScript engine knows these if an error is created in the promise's own turn (V8: `at async`). So nothing
 * is recorded when a task is submitted, and tasks that succeed pay nothing.
 */
import { isError } from '../codec/errors.js';
import { own } from '../base/own.js';

const FRAME = /^ {4}at /;
/** Frames of the runtime, and of the package's built files (scripts/bundle-main.mjs, bundle-worker.mjs). */
const INTERNAL = /\(node:|at node:|[\\/]boot-node[-\w]*\.cjs|[\\/]wasmpool(?:-[A-Z\d]{8}\.js|\.cjs):/;
/** URL of this package's sources. */
const HOME = new URL('..', import.meta.url).href;
/** Codes of errors whose causes come from the worker. */
const CAUSED = new Set(['TASK_FAILED', 'WORKER_LOST', 'POISON_JOB']);

/** Errors to which callers were added. @type {WeakSet<object>} */
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
 * Adds to an error's stack the functions that await the promise whose turn this is. The text is built when it is first read: most stacks
 * never are.
 * @param {unknown} reason
 */
export function addCallers(reason) {
  if (!isError(reason)) return;
  if (traced.has(reason) || !Object.isExtensible(reason)) return;
  traced.add(reason);
  const { code, cause } = /** @type {any} */ (reason);
  const origin = CAUSED.has(code) && isError(cause) ? cause : { stack: reason.stack };
  const here = new Error(); // V8 formats its stack when it is first read
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
 * A promise that rejects with an error whose stack shows the functions that await `outer`, a promise resolved with this one. If it is not
 * handled, that is no unhandled rejection (AM-09); later handlers still see the error.
 * @param {() => Promise<unknown>} outer
 * @param {unknown} error
 * @returns {Promise<never>}
 */
export async function failing(outer, error) {
  await undefined;
  await undefined; // by now `outer` is linked to this promise, so the engine can find the functions that await it
  addCallers(error);
  void outer().then(undefined, () => undefined);
  throw error;
}
