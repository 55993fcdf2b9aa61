/**
 * The host of this realm. js/host/ holds everything that knows which JavaScript runtime it runs on.
 *
 * @typedef {object} Thread one worker thread, started
 * @property {string} name
 * @property {number | undefined} threadId the runtime's number of it
 * @property {(message: import('../protocol/messages.js').FromMain, transfer?: readonly import('../base/host-types.js').Transferable[]) => void} post to the pool's own code there
 * @property {(message: unknown, transfer?: readonly import('../base/host-types.js').Transferable[]) => void} postToUser to the user's code there: its parentPort
 * @property {() => void} [pump] delivers now what the thread has posted; undefined: the event loop alone does
 * @property {() => Promise<void>} stop ends the thread wherever it is; settles once the host says that it is gone
 * @property {(held: boolean) => void} hold whether the thread keeps the process alive
 *
 * @typedef {object} ThreadEvents
 * @property {(message: import('../protocol/messages.js').FromWorker) => void} onMessage of the pool's own code
 * @property {(message: any) => void} onUserMessage what code of the user's posts to its parentPort
 * @property {(error: Error) => void} onError an error that nobody in the thread caught; the thread is lost
 * @property {(code: number) => void} onExit the thread is gone. Not every host sends it
 *
 * @typedef {object} ThreadOptions what a host has no use for it leaves aside; see Host.threadOptions
 * @property {object} [resourceLimits] own properties count
 * @property {unknown} [workerData]
 * @property {Readonly<Record<string, string>> | symbol} [env] own properties count
 * @property {readonly string[]} [argv]
 * @property {readonly string[]} [execArgv]
 * @property {boolean} [trackUnmanagedFds]
 * @property {{ stdout?: Captured, stderr?: Captured }} [captured] streams that get what it prints
 *
 * @typedef {object} HostTime the functions of time as the runtime has them, whatever replaces its globals later
 * @property {() => number} now performance.now
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {(run: () => void, ms: number) => void} setInterval for the life of the thread
 * @property {(run: () => void) => void} microtask runs something, which must not throw, before the next turn of the event loop
 *
 * @typedef {object} Captured what workers print, for the program to read
 * @property {OutputStream} stream
 * @property {(chunk: any, encoding: any, taken: () => void) => void} sink writes to it; calls back when that has been read
 * @property {() => void} end
 *
 * @typedef {object} Host
 * @property {string} name 'node', 'bun', 'deno' or 'browser'
 * @property {string} version
 * @property {Caps} caps
 * @property {boolean} stopIsSure whether stop() ends a thread in a loop of wasm
 * @property {import('../instrument/check.js').Engine} wasmEngine which form of loop checks suits it
 * @property {URL} boot the worker's entry file
 * @property {() => string | undefined} [memoryHint] what helps where there is too little address space for a memory; undefined: a smaller one
 * @property {readonly ('workerData' | 'env' | 'argv' | 'execArgv' | 'trackUnmanagedFds' | 'maxHeapBytes')[]} threadOptions those that mean something here
 * @property {boolean} sharesEnv whether threads can have the program's own environment
 * @property {(url: URL, name: string, events: ThreadEvents, options: ThreadOptions) => Thread} createThread
 * @property {() => Captured} [capture] makes a stream for `captured`
 * @property {() => void} takeOutput passes on what workers have printed so far. Costs next to nothing when there is nothing
 * @property {() => number} clockOffsetMs what turns this thread's performance.now() into a clock that all threads share
 * @property {HostTime} time
 * @property {(run: () => void) => void} defer runs something in a later turn of the event loop, as soon as possible
 * @property {<A extends any[], R>(callback: (...values: A) => R) => (...values: A) => R} bind gives a function that calls back in the
 *   asynchronous context of this moment (AsyncLocalStorage), where the host has such
 * @property {(text: string, detail: string | undefined) => void} warn tells the program's user of something that nobody else is told of
 * @property {(module: string | undefined, message: string) => Promise<string | undefined>} [findSyntaxError] which file, and which line of
 *   it, keeps the module from being imported; where errors do not say so
 * @property {() => number} hardwareConcurrency
 * @property {(name: string) => string | undefined} environment
 * @property {(url: URL) => Promise<Uint8Array<ArrayBuffer>>} read the bytes at a URL
 * @property {(path: string, text: string) => void} [write] a file
 * @property {Record<'queued' | 'settled' | 'down', { hasSubscribers: boolean, publish: (message: object) => void }>} [channels] of
 *   diagnostics_channel: wasmpool:queued and so on
 * @property {() => () => number} [mainLoad] gives a function that tells which part of the time since its last call this thread was
 *   busy, 0 … 1
 * @property {(specifier: string | URL) => string} resolve an absolute URL for a module that a user named
 * @property {import('../codec/codec.js').CodecHost} codec what the host does for the codec
 */

const onNode = typeof globalThis.process?.versions?.node === 'string';

/**
 * What this runtime can do. A pool never pretends more.
 * @typedef {object} Caps
 * @property {boolean} threads workers run in parallel
 * @property {boolean} sharedMemory shared memory is available (browsers: the page is cross-origin isolated)
 * @property {boolean} killJs a JavaScript handler that never returns can be stopped
 * @property {boolean} killWasm a C task that never returns can be stopped
 * @property {boolean} confirmedDeath the host says when a killed worker is gone for certain
 *
 * @typedef {AsyncIterable<any> & { on(event: string, listener: (...details: any[]) => void): any, pipe(target: any): any,
 *   setEncoding(encoding: string): any, read(size?: number): any }} OutputStream a Readable of node:stream
 */

/** @type {Host} */
export const host = onNode ? (await import('./node/index.js')).host : (await import('./browser/index.js')).host;
