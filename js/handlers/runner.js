/** The part of the worker's loop (worker/loop.js) that contexts and item runs use. */

/**
 * @typedef {object} Runner
 * @property {import('../core/core.js').Core} core
 * @property {{ post(message: import('../protocol/messages.js').FromWorker): void }} host
 * @property {number} at address of its thread's record
 * @property {number} stack C's initial stack pointer, to be restored after a trap
 * @property {{ index: number, name: string }} worker its seat
 * @property {{ initData?: unknown, memoryBytes: number }} init
 * @property {Map<number, import('./context.js').Context>} signals runs whose handler holds a signal, by slot
 * @property {{ ask(question: import('../protocol/messages.js').Question, transfer?: readonly import('../base/host-types.js').Transferable[]): Promise<any> }} calls questions to main
 * @property {<T>(run: () => T) => T} guarded runs user code that may break the thread's state
 * @property {import('./isolated.js').IsolatedTasks | undefined} isolated C tasks that have instances of their own
 * @property {() => boolean} insideGate
 * @property {() => void} ring wakes main
 * @property {(index: number, slot: number, message: any) => void} send
 * @property {() => number} readClock
 */

/** Name of an internal property of contexts, their runner, and of pools, their engine. A registered symbol, because a bundle has its own copy of this file. */
export const RUNNER = Symbol.for('wasmpool.runner');
