/**
 * Everything that main and the pool's own code in a worker tell each other by message. All else goes through shared memory.
 * The very first message, which brings the port for all of these, is the host's: js/host/.
 * Slots are named by index and generation: a message about a task that is over is recognised, and does nothing.
 */

/**
 * @typedef {ReturnType<typeof import('../codec/errors.js').toMessage>} CarriedError what was thrown, as fromMessage() reads it
 *
 * @typedef {object} Init main's answer to `ready`
 * @property {'init'} kind
 * @property {string} glue URL of the Emscripten module
 * @property {boolean} own whether that is the package's own core
 * @property {import('../base/host-types.js').WasmModule} wasmModule
 * @property {import('../base/host-types.js').WasmMemory} wasmMemory
 * @property {number} block the thread's control block
 * @property {number} routine its start routine
 * @property {number} argument of the start routine
 * @property {string | undefined} module URL of the user's worker module
 * @property {string} name what the names of the pool's workers begin with
 * @property {unknown} initData
 * @property {number} memoryBytes ceiling of the shared memory
 * @property {number | undefined} heapBytes a worker whose heap is larger after a task asks to be replaced; undefined: none does
 * @property {number | undefined} beatMs how often the event loop gives a sign of life; undefined: nobody looks for one
 *
 * @typedef {object} Mail a task's argument that only a message can carry, sent ahead
 * @property {'mail'} kind
 * @property {number} slot
 * @property {number} generation
 * @property {unknown} value
 *
 * @typedef {{ kind: 'answer', call: number } & ({ value: unknown } | { error: CarriedError })} Answer to a Question
 * @typedef {{ kind: 'cancel', slot: number }} Cancel the task is given up: its context.signal is aborted
 * @typedef {{ kind: 'stop' }} Stop the pool closes: onStop runs
 * @typedef {Init | Mail | Answer | Cancel | Stop} FromMain
 */

/**
 * @typedef {0} Bell results are there, and main sleeps
 * @typedef {{ kind: 'ready' }} Ready the thread runs, and waits for Init
 * @typedef {{ kind: 'started', handlers: string[] }} Started it may take tasks with these handlers
 * @typedef {{ kind: 'failed', error: CarriedError }} Failed it could not start
 * @typedef {{ kind: 'broken' }} Broken something was thrown inside the gate: the thread cannot be trusted any more
 * @typedef {{ kind: 'stopped', failure: any }} Stopped onStop has ended; the failure is undefined, or what it threw
 *
 * @typedef {object} Value a result that only a message can carry, sent before main learns that the task is finished
 * @property {'value'} kind
 * @property {number} slot
 * @property {number} generation
 * @property {unknown} value
 *
 * @typedef {object} ArgumentQuestion a task that was started misses what has been transferred to it
 * @property {'argument'} kind
 * @property {number} slot
 * @property {number} generation
 *
 * @typedef {object} MainQuestion a handler calls a function of main
 * @property {'main'} kind
 * @property {number} slot
 * @property {number} generation
 * @property {string} name
 * @property {unknown} argument
 *
 * @typedef {object} SyntaxQuestion where the syntax error is that keeps a module from being imported
 * @property {'syntax'} kind
 * @property {string} module URL
 * @property {string} message of the error
 *
 * @typedef {ArgumentQuestion | MainQuestion | SyntaxQuestion} Question
 * @typedef {Question & { call: number }} Call a question and its number, which the answer repeats
 * @typedef {{ kind: 'code', code: SharedArrayBuffer, source: SharedArrayBuffer }} Code what the engine has made of the pool's code there, for
 *   the host of main; and of which source
 *
 * @typedef {Stopped | Value | Call} ToEngine what the fleet has no use for
 * @typedef {Bell | Ready | Started | Failed | Broken | ToEngine} FromWorker
 */

export {};
