/**
 * All messages between main and the pool's own code in a worker. Everything else goes through shared memory.
 * The very first message, which brings the port for these, is the host's: js/host/.
 * Slots are identified by index and generation, so that a message about a task that has ended has no effect.
 */

/**
 * @typedef {ReturnType<typeof import('../codec/errors.js').toMessage>} CarriedError a thrown value, for fromMessage()
 *
 * @typedef {object} Isolated C tasks that each worker gets an instance of its own for
 * @property {string} glue URL of the Emscripten module
 * @property {import('../base/host-types.js').WasmModule} wasmModule
 * @property {string[]} names of the tasks
 * @property {boolean} checked whether its loops have checks
 *
 * @typedef {object} Foreign tasks that are modules somebody else built, each with a memory of its own
 * @property {string} code URL of js/foreign/run.js, as it was built
 * @property {object[]} tasks what that takes
 *
 * @typedef {object} Init main's answer to `ready`
 * @property {'init'} kind
 * @property {string} glue URL of the Emscripten module
 * @property {boolean} own whether that is the package's own core
 * @property {import('../base/host-types.js').WasmModule} wasmModule
 * @property {import('../base/host-types.js').WasmMemory} wasmMemory
 * @property {Isolated | undefined} isolated
 * @property {Foreign | undefined} foreign
 * @property {number} block the thread's control block
 * @property {number} routine its start routine
 * @property {number} argument of the start routine
 * @property {string | undefined} module URL of the user's worker module
 * @property {string} name prefix of the names of the pool's workers
 * @property {string} ownName the thread's own name, until it has a seat
 * @property {unknown} initData
 * @property {number} memoryBytes ceiling of the shared memory
 * @property {number | undefined} heapBytes a worker whose heap is larger than this after a task asks to be replaced; undefined: no limit
 * @property {number | undefined} beatMs how often the event loop gives a sign of life; undefined: not needed
 *
 * @typedef {object} Mail a task's argument that only a message can carry, sent ahead
 * @property {'mail'} kind
 * @property {number} slot
 * @property {number} generation
 * @property {unknown} value
 *
 * @typedef {{ kind: 'answer', call: number } & ({ value: unknown } | { error: CarriedError })} Answer to a Question
 * @typedef {{ kind: 'cancel', slot: number }} Cancel the task was given up: abort its context.signal
 * @typedef {{ kind: 'stop' }} Stop the worker ends: run onStop
 * @typedef {{ kind: 'prepare', code: string, jobs: object[] }} Prepare the thread is none of the pool's workers: it compiles modules
 *   (js/foreign/prepare.js). code: as in Foreign
 * @typedef {Init | Mail | Answer | Cancel | Stop | Prepare} FromMain
 */

/**
 * @typedef {{ code: string, message: string }} Refusal why a module cannot be a task
 * @typedef {0} Bell there are results, and main sleeps
 * @typedef {{ kind: 'ready' }} Ready the thread runs, and waits for Init
 * @typedef {{ kind: 'started', handlers: string[], tid: number | undefined }} Started it has started, with these handlers
 * @typedef {{ kind: 'failed', error: CarriedError }} Failed it could not start
 * @typedef {{ kind: 'broken' }} Broken an error was thrown inside the gate: the thread cannot be trusted any more
 * @typedef {{ kind: 'locks' }} Locks a task has trapped while it held locks, which were opened (wp_thread.broken)
 * @typedef {{ kind: 'instance', memory: ArrayBufferLike }} Instance the worker has a new instance of the C tasks, whose loop checks read there
 * @typedef {{ kind: 'stopped', failure: any }} Stopped onStop has ended; failure: how it failed, or ''
 *
 * @typedef {object} Value a result that only a message can carry, sent before main learns that the task is finished
 * @property {'value'} kind
 * @property {number} slot
 * @property {number} generation
 * @property {unknown} value
 *
 * @typedef {object} ArgumentQuestion asks for the argument of a task that has started without it
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
 * @typedef {object} SyntaxQuestion asks for the place of a syntax error that keeps a module from being imported
 * @property {'syntax'} kind
 * @property {string} module URL
 * @property {string} message of the error
 *
 * @typedef {ArgumentQuestion | MainQuestion | SyntaxQuestion} Question
 * @typedef {Question & { call: number }} Call a question and its number, which the answer repeats
 * @typedef {{ kind: 'code', code: SharedArrayBuffer, source: SharedArrayBuffer }} Code the compiled form of the pool's code in the worker,
 *   and the source that it was made from; for main's host
 *
 * @typedef {Stopped | Value | Call} ToEngine messages that are not for the fleet
 * @typedef {{ kind: 'prepared', results: object[] }} Prepared answer to Prepare, and not for the fleet: in its order; of each module what js/foreign/run.js takes, or a Refusal
 * @typedef {Bell | Ready | Started | Failed | Broken | Locks | Instance | ToEngine} FromWorker
 */

export {};
