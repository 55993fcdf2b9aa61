/**
 * Checks of arguments: types, ranges, names of options. Each throws INVALID_ARGUMENT with the name of the option, so that a mistake is
 * found where it was made.
 */
import { poolError } from './errors.js';

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} expected
 */
export function wrong(name, value, expected) {
  return poolError('INVALID_ARGUMENT', `${name}: expected ${expected}, got ${display(value)}`);
}

/** @param {unknown} value */
function display(value) {
  if (typeof value === 'string') return `'${value}'`;
  if (value !== null && typeof value === 'object') return Object.prototype.toString.call(value);
  return typeof value === 'function' ? 'a function' : String(value);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {number} least
 * @param {number} [most]
 */
export function integer(name, value, least, most = Number.MAX_SAFE_INTEGER) {
  if (!Number.isSafeInteger(value) || /** @type {number} */ (value) < least || /** @type {number} */ (value) > most) {
    throw wrong(
      name,
      value,
      most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
    );
  }
  return /** @type {number} */ (value);
}

/** The longest time that is accepted, as for setTimeout: 2^31 - 1 ms, 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;

/**
 * A time in milliseconds; fractions are rounded up, Infinity means none.
 * @param {string} name
 * @param {unknown} value
 */
export function milliseconds(name, value) {
  if (value === Infinity) return undefined;
  if (typeof value !== 'number' || !(value >= 0) || value > LONGEST_MS)
    throw wrong(name, value, `milliseconds from 0 to ${LONGEST_MS}, or Infinity`);
  return Number.isInteger(value) ? value : Math.ceil(value); // Math.ceil alone would make V8 box every value as a double
}

const UNITS = { '': 0, b: 0, kb: 1, kib: 1, mb: 2, mib: 2, gb: 3, gib: 3 };

/**
 * A number of bytes, or text such as '1.5 MB': powers of 1,024.
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
export function parseSize(name, value) {
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value) : undefined;
  const unit = match?.[2].toLowerCase() ?? '';
  const power = Object.hasOwn(UNITS, unit) ? UNITS[/** @type {keyof typeof UNITS} */ (unit)] : NaN;
  const bytes = match
    ? Math.floor(Number(match[1]) * 1024 ** power)
    : typeof value === 'number'
      ? Math.floor(value)
      : NaN;
  if (!Number.isFinite(bytes) || bytes <= 0) throw wrong(name, value, "bytes, or text such as '1mb'");
  return bytes;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {boolean} [fallback] the value for undefined
 * @returns {boolean}
 */
export function flag(name, value, fallback = false) {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw wrong(name, value, 'true or false');
  return value;
}

/**
 * @template {(...values: any[]) => unknown} F
 * @param {string} name
 * @param {F | undefined} value
 * @returns {F | undefined}
 */
export function callback(name, value) {
  if (value !== undefined && typeof value !== 'function') throw wrong(name, value, 'a function');
  return value;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} [expected]
 * @returns {object}
 */
export function object(name, value, expected = 'an object') {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(name, value, expected);
  return value;
}

/**
 * A transfer list. Checks only the kinds of the items; the serializer refuses others when the value is sent.
 * @param {string} name
 * @param {unknown} value
 * @returns {import('./host-types.js').Transferable[]}
 */
export function transferList(name, value) {
  if (!Array.isArray(value)) throw wrong(name, value, 'an array');
  for (let i = 0; i < value.length; i++) {
    const refusal = whyNotTransferable(value[i]);
    if (refusal) throw wrong(`${name}[${i}]`, value[i], refusal);
  }
  return value;
}

/**
 * @param {any} item
 * @returns {string | undefined} what is expected in its place
 */
function whyNotTransferable(item) {
  if (ArrayBuffer.isView(item)) return 'an ArrayBuffer, which is the .buffer of a view';
  if (typeof SharedArrayBuffer === 'function' && item instanceof SharedArrayBuffer)
    return 'an ArrayBuffer or a port: shared memory is shared without being in the list';
  const isObject = typeof item === 'object' && item !== null && !Array.isArray(item);
  const prototype = isObject ? Object.getPrototypeOf(item) : null;
  return prototype === null || prototype === Object.prototype ? 'an ArrayBuffer, a port or a stream' : undefined;
}

// ---- Names ----

/**
 * The names of a group of options. Callers annotate `names` with Record<keyof Group, 1>, so that the compiler checks it.
 * @param {Record<string, 1>} names
 * @returns {ReadonlySet<string>}
 */
export const nameSet = (names) => new Set(Object.keys(names));

/**
 * A copy of an object of options, with its own properties only and without a prototype, so that additions to Object.prototype are not taken
 * for options.
 * @template {object} T
 * @param {string} group its name in messages; '': the outermost
 * @param {T} given
 * @param {ReadonlySet<string>} known
 * @param {string} [expected] instead of an object
 * @param {ReadonlySet<string>} [ofPool] names of the pool's options, for a better message if the call has different ones
 * @returns {T}
 */
export function ownOptions(group, given, known, expected, ofPool) {
  object(group || 'options', given, expected);
  /** @type {any} */
  const own = Object.create(null);
  for (const name of Object.keys(given)) {
    if (!known.has(name)) throw unknownOption(name, known, group, ofPool);
    const value = /** @type {any} */ (given)[name];
    if (value !== undefined) own[name] = value; // undefined must not override a default when the copy is spread over it
  }
  return own;
}

/** Names that other pools use for these options. */
const ALIASES = new Map([
  ['filename', 'module'],
  ['script', 'module'],
  ['url', 'module'],
  ['file', 'module'],
  ['threads', 'workers'],
  ['concurrency', 'workers'],
  ['size', 'workers'],
  ['count', 'workers'],
  ['maxthreads', 'workers'],
  ['minthreads', 'workers'],
  ['minworkers', 'workers'],
  ['maxworkers', 'workers'],
  ['numworkers', 'workers'],
  ['idletimeout', 'workers'],
  ['idlems', 'workers'],
  ['maxtasksperchild', 'maxTasksPerWorker'],
  ['maxmemorylimitbeforerecycle', 'maxHeapBytes'],
  ['idlememorylimit', 'maxHeapBytes'],
  ['queuesize', 'maxQueue'],
  ['transferables', 'transfer'],
]);
/** The same for the time limit of tasks, which is an option of the task and of the pool. */
const LIMITS = ['timeoutMs', 'taskTimeoutMs'];
const LIMIT_ALIASES = ['timeout', 'timeoutms', 'timelimit', 'timelimitms'];

/**
 * @param {string} name
 * @param {ReadonlySet<string>} known
 * @param {string} [group] that the option is in
 * @param {ReadonlySet<string>} [ofPool]
 */
export function unknownOption(name, known, group = '', ofPool) {
  const path = (/** @type {string} */ option) => (group ? `${group}.${option}` : option);
  if (ofPool?.has(name)) {
    const text = `${path(name)}: an option of the pool, not of a single call; give it to createPool or new Pool`;
    return poolError('INVALID_ARGUMENT', text);
  }
  const nearest = nearestName(name, known);
  const hint = nearest ? `did you mean ${path(nearest)}?` : `known: ${[...known].join(', ')}`;
  return poolError('INVALID_ARGUMENT', `${path(name)}: unknown option; ${hint}`);
}

/**
 * @param {string} name
 * @param {Iterable<string>} known
 * @returns {string | undefined} the known name that was probably meant
 */
export function nearestName(name, known) {
  const wanted = name.toLowerCase();
  const names = [...known];
  const limit = LIMIT_ALIASES.includes(wanted) && LIMITS.find((one) => names.includes(one));
  if (limit) return limit;
  let best;
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const distance = ALIASES.get(wanted) === candidate ? 0 : distanceBetween(wanted, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/**
 * The edit distance of two words (Levenshtein). A word that begins or ends the other counts as near: often only a unit is missing.
 * @param {string} one
 * @param {string} other
 */
function distanceBetween(one, other) {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  if (short.length > 2 && (long.startsWith(short) || long.endsWith(short))) return (long.length - short.length) / 8;
  let row = Array.from({ length: short.length + 1 }, (_, i) => i);
  for (let i = 1; i <= long.length; i++) {
    const next = [i];
    for (let j = 1; j <= short.length; j++) {
      const replaced = row[j - 1] + (long[i - 1] === short[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[short.length];
}
