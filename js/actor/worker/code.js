/** An actor's function: imported from a module, or made from its source. */
import { describeReason, isInstance } from '../../base/errors.js';
import { findHandlers } from '../../handlers/handlers.js';

/** @typedef {(self: any, message: any, context: any) => unknown} Callback */

/** @param {string} expression evaluated in the global scope: what a function closes over does not travel with it */
const evaluate = (expression) => (0, eval)(expression);

/** @param {string} source of a function, or of a method */
function fromSource(source) {
  try {
    return evaluate(`(${source}\n)`);
  } catch (cause) {
    if (!isInstance(cause, SyntaxError)) throw cause;
    const holder = evaluate(`({${source}\n})`);
    return holder[Reflect.ownKeys(holder)[0]];
  }
}

/**
 * @param {import('../protocol.js').Code} code
 * @returns {Callback | Promise<Callback>} of a source at once
 */
export function load(code) {
  const shown = code.name || 'the function';
  if (!('module' in code)) {
    try {
      return fromSource(code.source);
    } catch (cause) {
      throw new Error(`the source of ${shown} cannot be evaluated: ${describeReason(cause)}`, { cause });
    }
  }
  const { module, name } = code;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ module).then((exports) => {
    const found = findHandlers(exports).get(name);
    if (!found) throw new Error(`${module} exports no function '${name}'`);
    return found;
  });
}
