/** One request and its response: main's half. The handler runs in a worker (handler.js). */

import { Buffer } from 'node:buffer';
import { Body, TooLarge } from './body.js';
import { whenClosed } from './connection.js';

/** A body of at most this size, by its Content-Length, is read before the handler starts: so a slow client holds no worker. */
const SMALL_BYTES = 1 << 16;

/** A response that is complete, and of which the client takes nothing for so long, is given up. */
const SEND_IDLE_MS = 30_000;

/** Headers that are the connection's, or that are made here. */
const OWN_HEADERS = /^(?:transfer-encoding|connection|keep-alive|trailer)$/i;

/** Statuses of errors of the pool; others are the handler's fault: 500. */
const STATUS_OF = /** @type {Record<string, number>} */ ({
  TIMEOUT: 503,
  QUEUE_FULL: 503,
  NO_MEMORY: 503,
  POOL_DESTROYED: 503,
  CANCELLED: 503,
  SHUTTING_DOWN: 503,
});

/** A client that waits should not come back at once. */
const RETRY_AFTER_S = 1;

/**
 * @typedef {object} Head of a request, as the worker gets it
 * @property {number} id of the exchange
 * @property {string} method
 * @property {string} target path and query
 * @property {string} host
 * @property {string[]} headers names and values in turn
 * @property {Uint8Array} [body] all of it
 * @property {boolean} [streamed] the body comes in parts: `serve:body`
 *
 * @typedef {object} Answer as it comes from the worker: the task's result, or its first progress if `streamed`
 * @property {number} status
 * @property {[string, string][]} headers
 * @property {string | Uint8Array} [body]
 * @property {boolean} [streamed] parts of the body follow as progress; then the result is undefined
 *
 * @typedef {object} Rules of the server
 * @property {Promise<import('../index.js').Pool<any>>} loaded the pool, once its workers have the handler
 * @property {number} [timeoutMs] of a request, from when its handler starts
 * @property {number} [leaveMs] how long a handler may go on after its client has left
 * @property {number} maxBodyBytes
 * @property {() => boolean} isClosing
 * @property {(error: any, request: { method: string, url: string }) => void} onError
 */

/** Main's half of a request. */
export class Exchange {
  #id;
  #request;
  #response;
  #rules;
  /** The body, if it is streamed. @type {Body | undefined} */
  #body;
  /** @type {import('../task/task.js').TaskPromise<any> | undefined} */
  #task;
  /** The client has left, or its connection was cut off. */
  #isGone = false;
  /** The client has its answer, or will never have one. */
  #isOver = false;
  /** What waits for the client. @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {() => void} */
  #refuse = () => {};

  /**
   * @param {number} id unique among the open ones
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   * @param {Rules} rules
   */
  constructor(id, request, response, rules) {
    this.#id = id;
    this.#request = request;
    this.#response = response;
    this.#rules = rules;
    response.on('error', () => {}); // the client has left: the connection says so
    request.on('error', () => {});
  }

  /** Answers the request. @returns {Promise<number>} the status, 0 if the client left; fulfilled when everything is written */
  async run() {
    const response = this.#response;
    const sent = new Promise((done) => response.once('finish', done));
    const left = new Promise((done) => this.#waiting.add(() => done(undefined)));
    const forget = whenClosed(this.#request.socket, () => this.#leave());
    try {
      const refused = new Promise((done) => (this.#refuse = () => done(undefined)));
      const arrived = Promise.all([this.#readHead(), this.#rules.loaded]);
      const begins = await Promise.race([arrived, refused]);
      if (begins && !this.#isGone && !this.#isOver) await this.#runHandler(begins[0], begins[1]);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#body) void this.#body.discard().catch(() => {});
    else this.#request.resume();
    if (!response.writableFinished && !this.#isGone) response.setTimeout(SEND_IDLE_MS, () => this.#cut());
    await Promise.race([sent, left]);
    forget();
    return response.writableFinished ? response.statusCode : 0;
  }

  /** Refuses it, if its handler has not begun. */
  refuse() {
    if (this.#task || this.#isOver) return;
    this.#fail({ code: 'SHUTTING_DOWN' });
    this.#refuse();
  }

  #leave() {
    if (this.#isGone) return;
    this.#isGone = true;
    const task = this.#task;
    const { leaveMs } = this.#rules;
    if (!this.#response.writableFinished && task?.cancel() && leaveMs !== undefined)
      setTimeout(() => void task.terminate(), leaveMs).unref();
    for (const tell of this.#waiting) tell();
  }

  /** So the client learns that the response is not whole. */
  #cut() {
    this.#isOver = true;
    this.#response.destroy();
    this.#request.socket.destroy();
  }

  /** @returns {Promise<Head>} @throws {TooLarge}, or if the client leaves */
  async #readHead() {
    const { method = 'GET', url = '/', headers, rawHeaders } = this.#request;
    /** @type {Head} */
    const head = { id: this.#id, method, target: url, host: headers.host ?? '', headers: rawHeaders };
    const bytes = headers['content-length'];
    if (bytes === undefined && headers['transfer-encoding'] === undefined) return head;
    if (Number(bytes ?? 0) > this.#rules.maxBodyBytes) throw new TooLarge();
    const body = new Body(this.#request, this.#rules.maxBodyBytes);
    if (bytes === undefined || Number(bytes) > SMALL_BYTES) {
      this.#body = body;
      head.streamed = true;
      return head;
    }
    const parts = [];
    for (let part = await body.next(); part; part = await body.next()) parts.push(part);
    head.body = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    return head;
  }

  /**
   * @param {Head} head
   * @param {import('../index.js').Pool<any>} pool
   */
  async #runHandler(head, pool) {
    this.#task = pool.dispatch('request', head, {
      timeoutMs: this.#rules.timeoutMs,
      onProgress: (/** @type {any} */ value) => this.#part(value),
    });
    if (this.#isGone) this.#task.cancel();
    const answer = /** @type {Answer | undefined} */ (await this.#task);
    if (this.#isOver) return;
    if (this.#body?.isTooLarge) throw new TooLarge();
    if (answer) this.#answer(answer);
    else this.#response.end();
    this.#isOver = true;
  }

  /** @param {Answer | Uint8Array} value */
  #part(value) {
    if (this.#isGone || this.#isOver) return;
    try {
      if (this.#body?.isTooLarge) throw new TooLarge();
      if (value instanceof Uint8Array) this.#response.write(value);
      else this.#writeHead(value);
    } catch (error) {
      this.#fail(error); // a header that HTTP does not know, or a body longer than its Content-Length
      this.#task?.cancel();
    }
  }

  /** @param {Answer} answer */
  #answer(answer) {
    const { body = '' } = answer;
    this.#writeHead(answer, Buffer.byteLength(body));
    this.#response.end(body);
  }

  /**
   * @param {Answer} answer
   * @param {number} [bytes] of the body, if they are known
   */
  #writeHead({ status, headers }, bytes) {
    const response = this.#response;
    for (const [name, value] of headers) if (!OWN_HEADERS.test(name)) response.appendHeader(name, value);
    const hasBody = status !== 204 && status !== 304;
    if (bytes !== undefined && hasBody && (bytes > 0 || this.#request.method !== 'HEAD'))
      response.setHeader('Content-Length', bytes);
    else if (!hasBody || !/^\d+$/.test(String(response.getHeader('Content-Length') ?? '')))
      response.removeHeader('Content-Length');
    if (this.#rules.isClosing()) response.setHeader('Connection', 'close');
    if (bytes === undefined) response.strictContentLength = true;
    response.writeHead(status);
    if (bytes === undefined) response.flushHeaders();
  }

  /** @param {any} error */
  #fail(error) {
    if (this.#isGone || this.#isOver) return; // the client has left, or has its answer
    const status = this.#body?.isTooLarge || error instanceof TooLarge ? 413 : (STATUS_OF[error?.code] ?? 500);
    this.#answerFailure(status);
    if (status !== 413 && error?.code !== 'SHUTTING_DOWN') this.#report(error);
  }

  /** @param {number} status */
  #answerFailure(status) {
    const response = this.#response;
    if (response.headersSent) {
      this.#cut();
      return;
    }
    this.#isOver = true;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    if (status === 503) response.setHeader('Retry-After', RETRY_AFTER_S);
    // The rest of a body that is not wanted would otherwise be read as long as the client likes to send it.
    const hasMore = !this.#request.complete;
    if (hasMore || this.#rules.isClosing()) response.setHeader('Connection', 'close');
    response.statusMessage = ''; // of an answer that could not be written
    response.writeHead(status, { 'Content-Length': 0 }).end();
  }

  /** @param {any} error */
  #report(error) {
    const { method = 'GET', url = '/' } = this.#request;
    try {
      this.#rules.onError(error, { method, url });
    } catch (fault) {
      console.error(fault); // the request must not suffer from it, nor the program
    }
  }

  /** The next part of the request's body, or undefined at its end. For `serve:body`. @returns {Promise<Uint8Array | undefined>} */
  async nextPart() {
    return this.#body?.next();
  }

  /** Resolves when the client has taken what was sent, or has left. For `serve:drained`. @returns {Promise<void>} */
  async drained() {
    const response = this.#response;
    if (!response.writableNeedDrain || this.#isGone) return;
    await new Promise((done) => {
      const over = () => {
        response.off('drain', over);
        this.#waiting.delete(over);
        done(undefined);
      };
      response.once('drain', over);
      this.#waiting.add(over);
    });
  }
}
