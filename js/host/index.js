/**
 * The host of this realm. Only js/host/ knows which JavaScript runtime it runs on.
 *
 * @typedef {object} Thread one worker thread
 * @property {string} name
 * @property {number | undefined} threadId the runtime's id of the thread
 * @property {(message: import('../protocol/messages.js').FromMain, transfer?: readonly import('../base/host-types.js').Transferable[]) => void} post to the pool's own code there
 * @property {(message: unknown, transfer?: readonly import('../base/host-types.js').Transferable[]) => void} postToUser to the user's code there: its parentPort
 * @property {() => void} [pump] delivers the messages that the thread has posted now; undefined: only the event loop can
 * @property {() => Promise<void>} stop ends the thread, whatever it is doing; settles when the host reports its end
 * @property {(held: boolean) => void} hold sets whether the thread keeps the process alive
 *
 * @typedef {object} ThreadEvents
 * @property {(message: import('../protocol/messages.js').FromWorker) => void} onMessage of the pool's own code
 * @property {(message: any) => void} onUserMessage a message that user code has posted to its parentPort
 * @property {(error: Error) => void} onError an uncaught error; the thread is lost
 * @property {(code: number) => void} onExit the thread is gone. Not every host sends this
 *
 * @typedef {object} ThreadOptions a host ignores those that it does not have; see Host.threadOptions
 * @property {object} [resourceLimits] own properties count
 * @property {unknown} [workerData]
 * @property {Readonly<Record<string, string>> | symbol} [env] own properties count
 * @property {readonly string[]} [argv]
 * @property {readonly string[]} [execArgv]
 * @property {boolean} [trackUnmanagedFds]
 * @property {{ stdout?: Captured, stderr?: Captured }} [captured] streams that receive its output
 *
 * @typedef {object} HostTime the runtime's own functions of time, even if the globals are replaced later
 * @property {() => number} now performance.now
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {(run: () => void, ms: number) => void} setInterval for the life of the thread
 * @property {(run: () => void) => void} microtask runs something, which must not throw, before the next turn of the event loop
 *
 * @typedef {object} Captured the output of workers, for the program to read
 * @property {OutputStream} stream
 * @property {(chunk: any, encoding: any, taken: () => void) => void} sink writes to it; calls back when the program has read that
 * @property {() => void} end
 *
 * @typedef {object} Host
 * @property {string} name 'node', 'bun', 'deno' or 'browser'
 * @property {string} version
 * @property {Caps} caps
 * @property {() => Promise<void>} [learn] finds out what `caps` cannot know before, once; they have changed when it settles
 * @property {boolean} stopIsSure whether stop() can end a thread that runs a loop in wasm
 * @property {import('../instrument/check.js').Engine} wasmEngine decides the form of loop checks
 * @property {() => URL} bootUrl the worker's entry file
 * @property {(tid: number) => number} [processorMs] processor time that a thread has used so far, in milliseconds; -1: not known, or it
 *   waits for something else than a processor
 * @property {() => string | undefined} [memoryHint] advice for when there is too little address space for a memory; undefined: none
 * @property {readonly ('workerData' | 'env' | 'argv' | 'execArgv' | 'trackUnmanagedFds' | 'maxHeapBytes')[]} threadOptions those that it has
 * @property {boolean} sharesEnv whether threads can share the program's own environment
 * @property {(url: URL, name: string, events: ThreadEvents, options: ThreadOptions) => Thread} createThread
 * @property {() => Captured} [capture] makes a stream for `captured`
 * @property {() => void} takeOutput passes on the workers' output so far. Costs almost nothing if there is none
 * @property {() => number} clockOffsetMs added to this thread's performance.now() it gives a clock that all threads share
 * @property {HostTime} time
 * @property {(run: () => void) => void} defer runs a function in a later turn of the event loop, as soon as possible
 * @property {<A extends any[], R>(callback: (...values: A) => R) => (...values: A) => R} bind returns a function that calls back in the
 *   present async context (AsyncLocalStorage), if the host has one
 * @property {(text: string, detail: string | undefined) => void} warn warns of something that is reported nowhere else
 * @property {(module: string | undefined, message: string) => Promise<string | undefined>} [findSyntaxError] the file and line of a syntax
 *   error that keeps a module from being imported, on hosts whose errors do not contain it
 * @property {() => number} hardwareConcurrency
 * @property {(name: string) => string | undefined} environment
 * @property {(url: URL) => Promise<Uint8Array<ArrayBuffer>>} read the bytes at a URL
 * @property {(path: string, text: string) => void} [write] a file
 * @property {Record<'queued' | 'settled' | 'down', { hasSubscribers: boolean, publish: (message: object) => void }>} [channels] of
 *   diagnostics_channel: wasmpool:queued and so on
 * @property {() => () => number} [mainLoad] returns a function that returns the share of time, 0 … 1, that this thread was busy since
 *   the last call
 * @property {(read: () => Watched) => () => void} [watch] lets `wasmpool top` look at something, until the returned function is called
 * @property {(specifier: string | URL) => string} resolve an absolute URL for a module as the user has given it
 * @property {import('../codec/codec.js').CodecHost} codec the host's functions for the codec
 */

/**
 * What `wasmpool top` shows: plain data.
 * @typedef {{ kind: 'pool', stats: object, diagnostics: object } | { kind: 'actors', diagnostics: object }} Watched
 */

const onNode = typeof globalThis.process?.versions?.node === 'string';

/**
 * What this runtime can do.
 * @typedef {object} Caps
 * @property {boolean} threads workers run in parallel
 * @property {boolean} sharedMemory shared memory is available (browsers: the page is cross-origin isolated)
 * @property {boolean} killJs a JavaScript handler that never returns can be stopped
 * @property {boolean} killWasm a C task that never returns can be stopped
 * @property {boolean} confirmedDeath the host reports for certain when a killed worker is gone
 *
 * @typedef {AsyncIterable<any> & { on(event: string, listener: (...details: any[]) => void): any, pipe(target: any): any,
 *   setEncoding(encoding: string): any, read(size?: number): any }} OutputStream a Readable of node:stream
 */

/** @type {Host} */
export const host = onNode ? (await import('./node/index.js')).host : (await import('./browser/index.js')).host;
