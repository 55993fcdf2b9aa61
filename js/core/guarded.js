/**
 * Main's calls into the core. A C task that is linked with it may overwrite anything in shared memory, and a function that meets such damage
 * traps. Nobody could catch that in a timer or in a message's handler, so it ends there: the pool is told, and no later call reaches the core.
 */
import { innerError } from '../base/errors.js';
import { STATUS } from '../generated/status.js';

/** @typedef {import('./core.js').Exports} Exports */

/** Functions that return an index or a status, from which their callers make errors. The others return 0, "nothing", after damage. */
const TELL = new Set([
  '_wp_js_box_commit',
  '_wp_js_box_create',
  '_wp_js_group_create',
  '_wp_js_name_intern',
  '_wp_js_task_reserve',
]);

/**
 * Two short functions that each task needs and that walk nothing: guarding them costs a tenth of a task's whole time. dispatch() itself calls
 * them, so what one throws reaches a caller.
 */
const OFTEN = new Set(['_wp_js_task_reserve', '_wp_task_submit']);

const TEXT =
  "the pool's memory is damaged, most likely by a C task that wrote where it must not: the pool has ended. A task that is built with " +
  '--isolated cannot do that';

/**
 * @param {Exports} exports
 * @param {(error: import('../base/errors.js').PoolError) => void} damaged called once, from inside the call that trapped
 * @returns {Exports}
 */
export function guarded(exports, damaged) {
  const all = Object.create(exports);
  let isDamaged = false;
  for (const name of Object.keys(exports)) {
    if (typeof exports[name] !== 'function' || !name.startsWith('_') || OFTEN.has(name)) continue;
    const answer = answerOf(name)();
    all[name] = guard(exports, name, (error) => {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      if (isDamaged) return answer;
      isDamaged = true;
      for (const other of [...OFTEN, ...Object.keys(all)]) if (other !== '_wp_js_close') all[other] = answerOf(other);
      damaged(innerError('BROKEN_INVARIANT', TEXT, { cause: error }));
      return answer;
    });
  }
  return all;
}

/**
 * What a function does after damage.
 * @param {string} name
 */
function answerOf(name) {
  const answer = TELL.has(name) ? STATUS.BROKEN_INVARIANT : 0;
  return () => answer;
}

/**
 * Emscripten's glue replaces each of its functions by the core's own at the first call.
 * @param {Exports} exports
 * @param {string} name
 * @param {(error: unknown) => number} failed
 * @returns {(...parameters: any[]) => any}
 */
function guard(exports, name, failed) {
  let call = (/** @type {any[]} */ ...parameters) => {
    const first = exports[name];
    const result = first(...parameters);
    call = exports[name];
    return result;
  };
  // Without a list of parameters where main calls often.
  switch (exports[name].length) {
    case 1:
      return (a) => {
        try {
          return call(a);
        } catch (error) {
          return failed(error);
        }
      };
    case 2:
      return (a, b) => {
        try {
          return call(a, b);
        } catch (error) {
          return failed(error);
        }
      };
    case 3:
      return (a, b, c) => {
        try {
          return call(a, b, c);
        } catch (error) {
          return failed(error);
        }
      };
    default:
      return (...parameters) => {
        try {
          return call(...parameters);
        } catch (error) {
          return failed(error);
        }
      };
  }
}
