/** The code of an actor, as its starter gives it: it crosses to the actor's thread as a module's URL and an export, or as source text. */
import { poolError } from '../base/errors.js';

/**
 * What the source of an actor may not contain: it would reach out of the actor. This finds mistakes, it is no sandbox.
 * @type {readonly [shown: string, pattern: RegExp][]}
 */
const REFUSED = [
  ['require(', /(?<![\w$.])require\s*\(/],
  ['process', /(?<![\w$.'"`-])process\b(?!\s*:)/],
  ['globalThis', /(?<![\w$.])globalThis\b/],
  ['import(', /(?<![\w$.])import\s*\(/],
  ['eval(', /(?<![\w$.])eval\s*\(/],
  ['Function(', /(?<![\w$.])Function\s*\(/],
];

/**
 * @typedef {ReturnType<typeof import('./worker/context.js').makeSelf>} Self the actor, as its function sees it
 * @typedef {ReturnType<typeof import('./worker/context.js').makeContext>} ActorContext
 * @typedef {(self: Self, message: any, ctx: ActorContext) => unknown} ActorFunction called for each message
 * @typedef {ActorFunction | { module: string | URL, name?: string }} Callback
 */

/**
 * @param {Callback} callback
 * @returns {import('./protocol.js').Code} a module's URL as it was given
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function codeOf(callback) {
  if (typeof callback === 'function') return { source: sourceOf(callback), name: callback.name };
  const { module, name = 'default' } = /** @type {any} */ (callback ?? {});
  const isUrl = module instanceof URL || (typeof module === 'string' && module !== '');
  if (isUrl && typeof name === 'string') return { module: String(module), name };
  throw poolError('INVALID_ARGUMENT', 'callback: expected a function, or { module, name } of an export');
}

/** @param {Function} callback */
function sourceOf(callback) {
  const source = Function.prototype.toString.call(callback);
  if (!/\{\s*\[native code\]\s*\}\s*$/.test(source)) return source;
  throw poolError(
    'INVALID_ARGUMENT',
    `callback: ${callback.name || 'the function'} has no source: it is native or bound`,
  );
}

/**
 * @param {import('./protocol.js').Code} code
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: its source contains something that is refused
 */
export function screen(code) {
  if (!('source' in code)) return;
  const found = REFUSED.find(([, pattern]) => pattern.test(code.source));
  if (found)
    throw poolError(
      'INVALID_ARGUMENT',
      `callback: its source contains ${found[0]}, which actors may not use; put the code into a module, or set screening: false`,
    );
}
