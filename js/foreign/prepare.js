/** Compiles modules, in a thread of its own that can be ended: neither main nor a worker waits for a module that takes long. */
import { poolError } from '../base/errors.js';
import { confine } from '../instrument/confine.js';
import { makePlan } from './plan.js';

/**
 * @typedef {import('./plan.js').Task} Task
 * @typedef {import('./plan.js').Plan} Plan
 *
 * @typedef {object} Job
 * @property {Uint8Array<ArrayBuffer>} bytes
 * @property {Task} task
 * @property {boolean} checked
 *
 * @typedef {{ plan: Plan, wasmModule: WebAssembly.Module }} Prepared
 * @typedef {{ code: string, message: string }} Refusal
 */

/**
 * @param {{ jobs: Job[] }} message
 * @param {{ post: (message: any) => void }} host
 */
export async function prepareAll({ jobs }, host) {
  host.post({ kind: 'prepared', results: await Promise.all(jobs.map(prepare)) });
}

/**
 * @param {Job} job
 * @returns {Promise<Prepared | Refusal>}
 */
async function prepare({ bytes, task, checked }) {
  try {
    // The instructions that are added would make some invalid modules valid: those that name what is added.
    if (!WebAssembly.validate(bytes)) await WebAssembly.compile(bytes); // throws, and says why
    const { bytes: confined, interface: offers } = confine(bytes, { maximumBytes: task.maximumBytes, checked });
    const plan = makePlan(offers, task);
    return { plan, wasmModule: await compile(confined) };
  } catch (error) {
    const { code, message } = /** @type {any} */ (error);
    return { code: typeof code === 'string' ? code : 'INVALID_ARGUMENT', message: String(message ?? error) };
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function compile(bytes) {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    const { message } = /** @type {Error} */ (cause);
    throw poolError('UNSUPPORTED', `it cannot be used with checks in its loops (loopChecks): ${message}`, { cause });
  }
}
