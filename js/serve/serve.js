/** An HTTP server whose handlers run in a pool: a request that hangs is answered 503, and ends with its own thread. */

import { callback, integer, milliseconds, nameSet, object, ownOptions, wrong } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { Exchange } from './exchange.js';
import { receive } from './listener.js';

/**
 * @typedef {import('./listener.js').Listener} Listener
 * @typedef {import('../index.js').Pool<any>} Pool
 * @typedef {import('../options/options.js').PoolOptions} PoolOptions
 */

/**
 * The handler: an exported function of a worker module, see RequestHandler in handler.js.
 * @typedef {object} HandlerRef
 * @property {URL | string} module
 * @property {string} [name] of the export; 'default'
 */

/**
 * @typedef {object} ServeOptions
 * @property {number} [timeoutMs] how long a handler may run; then the client gets 503 and the handler's thread is ended, if nothing else
 *   stops it. Default: no limit
 * @property {number} [leaveMs] how long a handler may go on when its client has left (its signal tells it); then it is ended. Default 5,000
 * @property {number} [maxBodyBytes] a request with a longer body is answered 413. Default 1 MiB
 * @property {(error: any, request: { method: string, url: string }) => void} [onError] a handler failed, or was over its limit: the
 *   client got 500 or 503. Default: a line on standard error
 * @property {Omit<PoolOptions, 'module'>} [pool] options of the pool: workers, initData, ...
 *
 * @typedef {object} ServerStats
 * @property {number} active requests that are being answered
 * @property {Record<number, number>} answered how many, by status; 0: the client left
 */

const LEAVE_MS = 5000;
const BODY_BYTES = 1 << 20;

/** Methods that the Fetch API does not let a Request have. */
const UNKNOWN = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** A running server, made by serve(). */
export class Server {
  #listener;
  /** @type {import('./exchange.js').Rules} */
  #rules;
  /** @type {Map<number, Exchange>} those that are open */
  #exchanges = new Map();
  #serial = 0;
  #closing = false;
  /** @type {Record<number, number>} */
  #answered = {};
  /** @type {() => void} */
  #allAnswered = () => {};
  /** @type {Promise<Pool>} whose workers may not have the handler yet */
  #creating;
  /** @type {Pool | undefined} */
  #pool;
  #ready;
  /** Whether somebody will hear of a failure. */
  #isAwaited = false;
  /** @type {Promise<void> | undefined} */
  #ended;

  /**
   * @param {Listener} listener
   * @param {Omit<import('./exchange.js').Rules, 'loaded' | 'isClosing'>} rules
   * @param {(main: Record<string, (argument: any) => unknown>) => Promise<Pool>} createPool with functions that workers call
   * @param {(pool: Pool) => Promise<unknown>} load gives its workers the handler
   */
  constructor(listener, rules, createPool, load) {
    this.#listener = listener;
    receive(listener, (request, response) => void this.#answer(request, response));
    this.#creating = createPool({
      'serve:body': (/** @type {number} */ id) => this.#open(id).nextPart(),
      'serve:drained': (/** @type {number} */ id) => this.#exchanges.get(id)?.drained(),
    });
    const loaded = this.#creating.then(async (pool) => {
      this.#pool = pool;
      await load(pool);
      return pool;
    });
    this.#rules = { ...rules, loaded, isClosing: () => this.#closing };
    this.#ready = Promise.all([loaded, listener.ready]).then(() => undefined);
    this.#ready.catch((error) => {
      if (!this.#isAwaited && !this.#closing) console.error(error);
    });
    loaded.catch(() => {}); // requests get it
  }

  /**
   * Resolves when requests can be answered. Rejects with the pool's error if its workers cannot start or have no such handler, or the
   * listener's: then requests are answered 503.
   * @returns {Promise<void>}
   */
  get ready() {
    this.#isAwaited = true;
    return this.#ready;
  }

  /** The pool in which the handlers run, for its events and figures; undefined until it is there. @returns {Pool | undefined} */
  get pool() {
    return this.#pool;
  }

  /** @returns {ServerStats} */
  get stats() {
    return { active: this.#exchanges.size, answered: { ...this.#answered } };
  }

  /** @param {number} id @returns {Exchange} */
  #open(id) {
    const exchange = this.#exchanges.get(id);
    if (!exchange) throw new Error('the request is over');
    return exchange;
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async #answer(request, response) {
    const refusal = UNKNOWN.has(request.method ?? '') ? 501 : this.#closing ? 503 : 0;
    if (refusal) {
      this.#count(refusal);
      response.writeHead(refusal, { 'Content-Length': 0, Connection: 'close' }).end();
      return;
    }
    const id = ++this.#serial;
    const exchange = new Exchange(id, request, response, this.#rules);
    this.#exchanges.set(id, exchange);
    try {
      this.#count(await exchange.run());
    } finally {
      this.#exchanges.delete(id);
      if (this.#closing && this.#exchanges.size === 0) this.#allAnswered();
    }
  }

  /** @param {number} status */
  #count(status) {
    this.#answered[status] = (this.#answered[status] ?? 0) + 1;
  }

  /**
   * Accepts no further connection and no further request, nor those that have not arrived whole; those whose handler has begun are answered.
   * Does nothing the second time.
   */
  close() {
    if (this.#closing) return;
    this.#closing = true;
    this.#ended = this.#end();
    this.#ended.catch(() => {}); // wait() gives the error
    for (const exchange of this.#exchanges.values()) exchange.refuse();
  }

  async #end() {
    const answered = this.#exchanges.size > 0 && new Promise((done) => (this.#allAnswered = () => done(undefined)));
    this.#listener.close();
    await answered;
    this.#listener.destroy(); // what is left are idle connections, and requests that have not arrived whole
    await this.#listener.closed;
    await this.#ready.catch(() => {});
    await this.#pool?.close();
  }

  /** Resolves when the server was closed, all requests are answered, and its workers have ended. @returns {Promise<void>} */
  async wait() {
    if (!this.#ended) await this.#listener.closed.then(() => this.close());
    await this.#ended;
  }

  /** Ends everything at once: connections, handlers, workers. @returns {Promise<void>} */
  async destroy() {
    this.close();
    this.#listener.destroy();
    const pool = await this.#creating.catch(() => undefined);
    await pool?.destroy();
    await this.#ended;
  }
}

/** @satisfies {Record<keyof ServeOptions, 1>} */
const OPTIONS = /** @type {const} */ ({ timeoutMs: 1, leaveMs: 1, maxBodyBytes: 1, onError: 1, pool: 1 });
const OPTION_NAMES = nameSet(OPTIONS);
const HANDLER_NAMES = nameSet({ module: 1, name: 1 });

/**
 * Answers the requests that come to a port by a handler that runs in workers, one request at a time on each (more with
 * `pool.concurrentTasksPerWorker`).
 * @param {Listener} listener
 * @param {HandlerRef} handler
 * @param {ServeOptions} [options]
 * @returns {Server} await its `ready`
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function serve(listener, handler, options = {}) {
  const what = handlerOf(handler);
  const { timeoutMs, leaveMs, maxBodyBytes, onError, pool = {} } = ownOptions('', options, OPTION_NAMES);
  const rules = {
    timeoutMs: timeoutMs === undefined ? undefined : milliseconds('timeoutMs', timeoutMs),
    leaveMs: milliseconds('leaveMs', leaveMs ?? LEAVE_MS),
    maxBodyBytes: integer('maxBodyBytes', maxBodyBytes ?? BODY_BYTES, 0),
    onError: callback('onError', onError) ?? report,
  };
  object('pool', pool);
  return new Server(
    listener,
    rules,
    (main) => createPool(pool, main),
    (created) => load(created, what),
  );
}

/**
 * @param {unknown} handler
 * @returns {{ module: string, name: string }}
 */
function handlerOf(handler) {
  const expected = "{ module: URL, name: 'export' }: handlers run in workers, which no function of this thread can";
  if (typeof handler === 'function') throw wrong('handler', handler, expected);
  const { module, name = 'default' } = ownOptions(
    'handler',
    /** @type {HandlerRef} */ (handler),
    HANDLER_NAMES,
    expected,
  );
  if (!module || (typeof module !== 'string' && !(module instanceof URL)))
    throw wrong('handler.module', module, 'a URL or a path');
  if (typeof name !== 'string') throw wrong('handler.name', name, 'the name of an export');
  try {
    return { module: host.resolve(module), name };
  } catch (cause) {
    throw poolError('INVALID_ARGUMENT', `handler.module: '${module}' is no URL`, { cause });
  }
}

/**
 * @param {NonNullable<ServeOptions['pool']>} options
 * @param {Record<string, (argument: any) => unknown>} main functions that workers call
 * @returns {Promise<Pool>}
 */
async function createPool(options, main) {
  const { createPool: create } = await import('../index.js');
  const module = new URL('./handler.js', import.meta.url);
  return create({ spares: 1, ...options, module, main: { ...options.main, ...main } });
}

/**
 * @param {Pool} pool
 * @param {{ module: string, name: string }} what
 */
async function load(pool, what) {
  const loaded = new Int32Array(new SharedArrayBuffer(4));
  await pool.broadcast('load', { ...what, loaded }, { sticky: true }); // not by the pool's initData, which is the user's
  Atomics.store(loaded, 0, 1); // from now on a worker that cannot load it ends
}

/** @param {any} error @param {{ method: string, url: string }} request */
function report(error, { method, url }) {
  console.error(`${method} ${url}: ${error?.stack ?? error}`);
}
