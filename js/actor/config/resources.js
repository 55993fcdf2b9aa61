/** Resources: functions on main that actors may call, with their input and output checked by schemas. */
import { nameSet, object } from '../../base/check.js';
import { describeReason, poolError } from '../../base/errors.js';
import { notSerializable } from '../../codec/explain.js';
import { own } from '../../base/own.js';
import { host } from '../../host/index.js';

/**
 * What a schema must be able to do; zod's can.
 * @typedef {object} Schema
 * @property {(value: unknown) => { success: boolean, data?: any, error?: any }} safeParse
 *
 * @typedef {object} ResourceMethod
 * @property {Schema} input of the argument
 * @property {Schema} output of the result, awaited
 * @property {(argument: any, about: { actor: string }) => unknown} handler
 *
 * @typedef {{ readonly [method: string]: ResourceMethod | (() => unknown), readonly release?: any }} Resource methods, and optionally
 *   `release()`, which is called once when the supervisor shuts down
 *
 * @typedef {Readonly<Record<string, Resource>>} Resources by name
 */

/** @type {Record<keyof ResourceMethod, 1>} */
const METHOD = { input: 1, output: 1, handler: 1 };
const METHOD_NAMES = nameSet(METHOD);
/** A key of a resource that is no method. */
const RELEASE = 'release';

/**
 * @typedef {object} ResolvedResource
 * @property {Map<string, ResourceMethod>} methods
 * @property {(() => unknown) | undefined} release
 */

/**
 * @param {string} path
 * @param {any} method
 * @returns {ResourceMethod}
 */
function checkedMethod(path, method) {
  object(path, method, '{ input, output, handler }');
  for (const name of Object.keys(method))
    if (!METHOD_NAMES.has(name))
      throw poolError('INVALID_ARGUMENT', `${path}.${name}: unknown; known: input, output, handler`);
  for (const side of ['input', 'output'])
    if (typeof method[side]?.safeParse !== 'function')
      throw poolError('INVALID_ARGUMENT', `${path}.${side}: expected a schema, an object with safeParse`);
  if (typeof method.handler !== 'function') throw poolError('INVALID_ARGUMENT', `${path}.handler: expected a function`);
  return method;
}

/**
 * @param {Resources} [resources]
 * @returns {Map<string, ResolvedResource>} by name
 * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function resourceOptions(resources = {}) {
  object('resources', resources);
  /** @type {Map<string, ResolvedResource>} */
  const all = new Map();
  for (const [name, given] of Object.entries(resources)) {
    object(`resources.${name}`, given);
    const { release } = given;
    if (release !== undefined && typeof release !== 'function')
      throw poolError('INVALID_ARGUMENT', `resources.${name}.release: expected a function`);
    const methods = Object.entries(given)
      .filter(([method]) => method !== RELEASE)
      .map(([method, one]) => /** @type {const} */ ([method, checkedMethod(`resources.${name}.${method}`, one)]));
    all.set(name, { methods: new Map(methods), release: release?.bind(given) });
  }
  return all;
}

/**
 * Names of methods by resource, for actors.
 * @param {Map<string, ResolvedResource>} resources
 * @returns {Record<string, string[]>}
 */
export const resourceNames = (resources) =>
  own(Object.fromEntries([...resources].map(([name, { methods }]) => [name, [...methods.keys()]])));

/**
 * What a schema found wrong, in one line.
 * @param {any} error
 */
function problem(error) {
  const issues = error?.issues ?? error?.errors;
  if (!Array.isArray(issues) || issues.length === 0) return describeReason(error ?? 'it does not fit');
  return issues.map((issue) => [issue?.path?.join?.('.'), issue?.message].filter(Boolean).join(': ')).join('; ');
}

/**
 * @param {Schema} schema
 * @param {unknown} value
 * @param {string} what
 */
function parsed(schema, value, what) {
  const result = schema.safeParse(value);
  if (result?.success !== true) throw poolError('INVALID_ARGUMENT', `${what}: ${problem(result?.error)}`);
  return result.data;
}

/**
 * Calls a resource for an actor.
 * @param {Map<string, ResolvedResource>} resources
 * @param {string} name
 * @param {string} method
 * @param {unknown} argument
 * @param {string} actor id
 * @returns {Promise<unknown>} the result, after its schema
 * @throws {import('../../base/errors.js').PoolError} it rejects with INVALID_ARGUMENT, UNKNOWN_TASK, NOT_SERIALIZABLE, or with what the
 *   handler threw
 */
export async function callResource(resources, name, method, argument, actor) {
  const resource = resources.get(name);
  if (!resource)
    throw poolError(
      'UNKNOWN_TASK',
      `there is no resource '${name}'; known: ${[...resources.keys()].join(', ') || 'none'}`,
    );
  if (method === RELEASE)
    throw poolError('UNKNOWN_TASK', `${name}.release is no method: it runs when the supervisor shuts down`);
  const found = resource.methods.get(method);
  const known = [...resource.methods.keys()].join(', ');
  if (!found) throw poolError('UNKNOWN_TASK', `resource '${name}' has no method '${method}'; known: ${known}`);
  const input = parsed(found.input, argument, `input of ${name}.${method}`);
  const result = await found.handler(input, { actor });
  const output = parsed(found.output, result, `output of ${name}.${method}`);
  try {
    return structuredClone(output); // here, so that its failure is this call's
  } catch (cause) {
    throw notSerializable(output, cause);
  }
}

/**
 * A promise that is given up after a time.
 * @param {number} limitMs
 * @param {unknown} value
 * @returns {Promise<unknown>} rejects with TIMEOUT
 */
function within(limitMs, value) {
  if (limitMs === Infinity) return Promise.resolve(value);
  return new Promise((resolve, reject) => {
    const timer = host.time.setTimeout(() => reject(poolError('TIMEOUT', `not done within ${limitMs} ms`)), limitMs);
    const done = () => host.time.clearTimeout(timer);
    Promise.resolve(value).finally(done).then(resolve, reject);
  });
}

/**
 * Runs all release hooks, one after the other; one that fails or hangs does not stop the others.
 * @param {{ resources: Map<string, ResolvedResource>, timeouts: { leaseMs: number } }} options leaseMs: how long each of them may take
 * @param {(name: string, error: unknown) => void} failed
 */
export async function releaseResources({ resources, timeouts }, failed) {
  for (const [name, { release }] of resources) {
    try {
      await within(timeouts.leaseMs, release?.());
    } catch (error) {
      failed(name, error);
    }
  }
}
