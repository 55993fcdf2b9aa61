/** What JSON would lose without a word. C tasks get plain data as JSON text, so such values are refused by name. */

import { stepTo } from './contents.js';

/** Classes of which JSON keeps nothing, or only what somebody has added. */
const LOST =
  /^\[object (?:Map|Set|Weak\w+|RegExp|Error|Promise|ArrayBuffer|SharedArrayBuffer|DataView|Map Iterator|Set Iterator)\]$/;
const { getPrototypeOf, prototype } = Object;

/** @param {string} name of a class */
const nounOf = (name) => `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;

/**
 * @param {unknown} value that JSON.stringify has taken, so it has no cycle
 * @returns {string | undefined} the way to a part that is lost, and what it is: `.when[3] is a Map`
 */
export function lostInJson(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const lost = lostInJson(value[i]);
      if (lost) return `[${i}]${lost}`;
    }
    return undefined;
  }
  const above = getPrototypeOf(value);
  if (above !== prototype && above !== null) {
    if (typeof Reflect.get(value, 'toJSON') === 'function') return undefined; // it says itself what is to be carried
    const tag = prototype.toString.call(value);
    if (LOST.test(tag)) return ` is ${nounOf(above.constructor?.name || tag.slice(8, -1))}`;
    if (ArrayBuffer.isView(value)) return undefined;
  }
  for (const key of Object.keys(value)) {
    const lost = lostInJson(/** @type {Record<string, unknown>} */ (value)[key]);
    if (lost) return stepTo(key) + lost;
  }
  return undefined;
}
