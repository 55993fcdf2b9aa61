/** One request and its response: main's half. The handler runs in a worker (handler.js). */

import { Buffer } from 'node:buffer';
import { finished } from 'node:stream/promises';

/** A body of at most this size, by its Content-Length, is read before the handler starts: so a slow client holds no worker. */
const SMALL_BYTES = 1 << 16;

/** Statuses of errors of the pool; others are the handler's fault: 500. */
const STATUS_OF = /** @type {Record<string, number>} */ ({
  TIMEOUT: 503,
  QUEUE_FULL: 503,
  NO_MEMORY: 503,
  POOL_DESTROYED: 503,
  CANCELLED: 503,
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
 * @property {import('../index.js').Pool<any>} pool
 * @property {number} [timeoutMs] of a request, from when its handler starts
 * @property {number} [leaveMs] how long a handler may go on after its client has left
 * @property {number} maxBodyBytes
 * @property {() => boolean} isClosing
 * @property {(error: any, request: { method: string, url: string }) => void} onError
 */

/** The client's body is longer than allowed. */
class TooLarge extends Error {
  code = 'TOO_LARGE';
}

/** Main's half of a request. */
export class Exchange {
  #id;
  #request;
  #response;
  #rules;
  /** @type {AsyncIterator<Buffer> | undefined} the body, if it is streamed */
  #parts;
  /** @type {import('../task/task.js').TaskPromise<any> | undefined} */
  #task;
  #bodyBytes = 0;
  #tooLarge = false;

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
    response.on('error', () => {}); // the client has left: 'close' says so
    request.on('error', () => {});
  }

  /** Answers the request. @returns {Promise<number>} the status, 0 if the client left; fulfilled when everything is written */
  async run() {
    const over = finished(this.#response).catch(() => {});
    try {
      const head = await this.#readHead();
      if (head && !this.#response.destroyed) await this.#runHandler(head);
    } catch (error) {
      this.#fail(error);
    }
    this.#request.resume(); // what the handler has not read
    await over;
    return this.#response.writableFinished ? this.#response.statusCode : 0;
  }

  /** @returns {Promise<Head>} @throws {TooLarge}, or if the client leaves */
  async #readHead() {
    const { method = 'GET', url = '/', headers, rawHeaders } = this.#request;
    /** @type {Head} */
    const head = { id: this.#id, method, target: url, host: headers.host ?? 'localhost', headers: rawHeaders };
    const bytes = headers['content-length'];
    if (bytes === undefined && headers['transfer-encoding'] === undefined) return head;
    if (Number(bytes ?? 0) > this.#rules.maxBodyBytes) throw new TooLarge();
    if (bytes !== undefined && Number(bytes) <= SMALL_BYTES) {
      const parts = [];
      for await (const part of this.#request) parts.push(part);
      head.body = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    } else {
      head.streamed = true;
      this.#parts = this.#request[Symbol.asyncIterator]();
    }
    return head;
  }

  /** @param {Head} head */
  async #runHandler(head) {
    const { pool, timeoutMs, leaveMs } = this.#rules;
    const task = pool.dispatch('request', head, {
      timeoutMs,
      onProgress: (/** @type {any} */ value) => this.#part(value),
    });
    this.#task = task;
    const leave = () => {
      if (this.#response.writableFinished || !task.cancel()) return;
      if (leaveMs !== undefined) setTimeout(() => void task.terminate(), leaveMs).unref();
    };
    this.#response.once('close', leave);
    try {
      const answer = /** @type {Answer | undefined} */ (await task);
      if (answer) this.#answer(answer);
      else this.#response.end();
    } finally {
      this.#response.off('close', leave);
    }
  }

  /** @param {Answer | Uint8Array} value */
  #part(value) {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    try {
      if (value instanceof Uint8Array) response.write(value);
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
    const fields = headers.filter(([name]) => !/^(?:transfer-encoding|connection|keep-alive)$/i.test(name));
    for (const [name, value] of fields) response.appendHeader(name, value);
    const hasBody = status !== 204 && status !== 304;
    if (bytes !== undefined && hasBody && (bytes > 0 || this.#request.method !== 'HEAD'))
      response.setHeader('Content-Length', bytes);
    else if (!hasBody) response.removeHeader('Content-Length');
    if (this.#rules.isClosing()) response.setHeader('Connection', 'close');
    if (bytes === undefined) response.strictContentLength = true;
    response.writeHead(status);
    if (bytes === undefined) response.flushHeaders();
  }

  /** @param {any} error */
  #fail(error) {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return; // the client has left, or has its answer
    const tooLarge = this.#tooLarge || error instanceof TooLarge;
    const { method = 'GET', url = '/' } = this.#request;
    if (!tooLarge) this.#rules.onError(error, { method, url });
    if (response.headersSent) {
      response.destroy(); // so the client learns that the body is not whole
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    const status = tooLarge ? 413 : (STATUS_OF[error?.code] ?? 500);
    if (status === 503) response.setHeader('Retry-After', RETRY_AFTER_S);
    // The rest of a body that is not wanted would otherwise be read as long as the client likes to send it.
    if (tooLarge || this.#parts || this.#rules.isClosing()) response.setHeader('Connection', 'close');
    response.writeHead(status, { 'Content-Length': 0 }).end();
  }

  /** The next part of the request's body, or undefined at its end. For `serve:body`. @returns {Promise<Uint8Array | undefined>} */
  async nextPart() {
    if (!this.#parts) return undefined;
    const { done, value } = await this.#parts.next();
    if (done) return undefined;
    this.#bodyBytes += value.length;
    if (this.#bodyBytes > this.#rules.maxBodyBytes) {
      this.#tooLarge = true;
      throw new TooLarge('the request has a longer body than this server takes');
    }
    return value;
  }

  /** Resolves when the client has taken what was sent. For `serve:drained`. @returns {Promise<void>} */
  async drained() {
    const response = this.#response;
    if (!response.writableNeedDrain || response.destroyed) return;
    await new Promise((done) => {
      response.once('drain', done);
      response.once('close', done);
    });
  }
}
