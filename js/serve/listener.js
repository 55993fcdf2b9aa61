/** A TCP port that accepts HTTP connections, for serve(). Node, Bun, Deno. */

import http from 'node:http';
import net from 'node:net';
import { integer, milliseconds, nameSet, ownOptions, wrong } from '../base/check.js';

/**
 * Limits of `node:http`, with its defaults where they are left out.
 * @typedef {object} ListenerOptions
 * @property {number} [maxHeaderBytes] a request with more is answered 431 (default 16 KiB)
 * @property {number} [headersTimeoutMs] a client that has not sent its headers by then is cut off (default 60,000)
 * @property {number} [requestTimeoutMs] the same for the whole request (default 300,000)
 * @property {number} [keepAliveTimeoutMs] an idle connection is closed after so long (default 5,000)
 * @property {number} [maxConnections] more are refused (default: no limit)
 */

/** @typedef {(request: http.IncomingMessage, response: http.ServerResponse) => void} Receiver */

/** Requests that wait for a serve(); more are answered 503. */
const WAITING_MAX = 1024;

const PORT_MAX = 65535;

/** How often `node:http` looks for clients that are over a limit, as a part of the limit. */
const LOOKS = 4;
const LOOK_MIN_MS = 10;

/** @satisfies {Record<keyof ListenerOptions, 1>} */
const OPTIONS = /** @type {const} */ ({
  maxHeaderBytes: 1,
  headersTimeoutMs: 1,
  requestTimeoutMs: 1,
  keepAliveTimeoutMs: 1,
  maxConnections: 1,
});
const OPTION_NAMES = nameSet(OPTIONS);

/** @type {(listener: Listener, receiver: Receiver) => void} gives a listener's requests to this function, not before it has returned; @throws if another one has them */
export let receive;

/**
 * One port, whose connections are accepted once each, and given to whoever serves it.
 *
 * Made by listener(). It listens at once, so that `port` is known before anybody serves; requests wait until then.
 */
export class Listener {
  #server;
  /** @type {Receiver | undefined} */
  #receiver;
  /** @type {Parameters<Receiver>[]} */
  #waiting = [];
  #isClosed = false;

  /**
   * Resolves when the port is open; rejects with the system's error, such as EADDRINUSE.
   * @type {Promise<void>}
   */
  ready;

  /** Resolves when it is closed and its last connection has ended. @type {Promise<void>} */
  closed;

  /**
   * @param {{ port: number, host: string }} address
   * @param {ListenerOptions} options
   */
  constructor({ port, host }, options) {
    const { headersTimeoutMs, requestTimeoutMs } = options;
    const limits = [headersTimeoutMs ?? 0, requestTimeoutMs ?? 0].filter((ms) => ms > 0);
    this.#server = http.createServer(
      {
        maxHeaderSize: options.maxHeaderBytes,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: options.keepAliveTimeoutMs,
        ...(limits.length && {
          connectionsCheckingInterval: Math.max(LOOK_MIN_MS, Math.ceil(Math.min(...limits) / LOOKS)),
        }),
      },
      (request, response) => this.#accept(request, response),
    );
    if (options.maxConnections !== undefined) this.#server.maxConnections = options.maxConnections;
    this.closed = new Promise((done) => {
      this.#server.once('close', () => done());
      this.#server.once('error', () => done()); // it never opened
    });
    this.#server.on('connect', (_request, socket) =>
      socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n'),
    );
    this.ready = new Promise((done, fail) => {
      this.#server.once('listening', () => done());
      this.#server.once('error', fail);
    });
    this.ready.catch(() => {}); // whoever awaits it gets the error
    this.#server.listen(port, host);
  }

  /** The port that was asked for, or the one that the system chose for 0; 0 while it is not open. @returns {number} */
  get port() {
    return this.#address?.port ?? 0;
  }

  /** The address that it is bound to; '' while it is not open. @returns {string} */
  get host() {
    return this.#address?.address ?? '';
  }

  get #address() {
    return /** @type {import('node:net').AddressInfo | null} */ (this.#server.address());
  }

  /** Accepts no further connection. Those that are open go on until they have ended, or destroy(). */
  close() {
    this.#isClosed = true;
    if (this.#server.listening) this.#stopListening();
    else this.#server.once('listening', () => this.#stopListening());
    for (const [, response] of this.#waiting.splice(0)) refuse(response);
  }

  /**
   * Only that: close() of `node:http` would also stop its watch over slow clients, and close connections whose response has ended but is not
   * sent yet.
   */
  #stopListening() {
    const server = /** @type {object} */ (this.#server);
    if (server instanceof net.Server) net.Server.prototype.close.call(server);
    else this.#server.close(); // Bun, Deno
  }

  /** The same, and ends all connections at once. */
  destroy() {
    this.close();
    this.#server.closeAllConnections();
    this.#server.once('listening', () => this.#server.closeAllConnections());
  }

  /** @type {Receiver} */
  #accept(request, response) {
    if (this.#receiver) this.#receiver(request, response);
    else if (this.#waiting.length < WAITING_MAX && !this.#isClosed) this.#waiting.push([request, response]);
    else refuse(response);
  }

  static {
    receive = (listener, receiver) => {
      if (!(listener instanceof Listener)) throw wrong('listener', listener, 'what listener() returns');
      if (listener.#receiver) throw wrong('listener', listener, 'one that is not served already');
      listener.#receiver = receiver;
      for (const call of listener.#waiting.splice(0)) queueMicrotask(() => receiver(...call));
    };
  }
}

/** @param {http.ServerResponse} response */
function refuse(response) {
  response.writeHead(503, { Connection: 'close' }).end();
}

/**
 * Opens a TCP port for serve().
 * @param {number | string} address a port, on this machine only (127.0.0.1), or 'host:port'; port 0: one that is free
 * @param {ListenerOptions} [options]
 * @returns {Listener} listens at once: await its `ready`
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function listener(address, options = {}) {
  const given = ownOptions('', options, OPTION_NAMES);
  for (const name of /** @type {const} */ (['maxHeaderBytes', 'maxConnections']))
    if (given[name] !== undefined) integer(name, given[name], 1);
  for (const name of /** @type {const} */ (['headersTimeoutMs', 'requestTimeoutMs', 'keepAliveTimeoutMs']))
    if (given[name] !== undefined) milliseconds(name, given[name]);
  return new Listener(parseAddress(address), given);
}

/** @param {number | string} address */
function parseAddress(address) {
  const [, host, text] = /^(?:(.*):)?(\d+)$/.exec(String(address)) ?? [];
  const port = Number(text);
  if (text === undefined || port > PORT_MAX) throw wrong('address', address, "a port or 'host:port'");
  const plain = host?.replace(/^\[(.*)\]$/, '$1'); // an IPv6 address
  return { port, host: plain || '127.0.0.1' };
}
