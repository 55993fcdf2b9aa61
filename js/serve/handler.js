/** The worker module of serve(): a request as the Fetch API has it, the user's handler, and its answer. */

import { setImmediate, setTimeout } from 'node:timers/promises';
import { findHandlers } from '../handlers/handlers.js';

/**
 * @typedef {import('./exchange.js').Head} Head
 * @typedef {import('./exchange.js').Answer} Answer
 * @typedef {import('../handlers/context.js').Ctx} Ctx
 */

/**
 * What a handler may return.
 * @typedef {object} PlainResponse
 * @property {number} [status] 200
 * @property {HeadersInit} [headers]
 * @property {string | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string> | null} [body]
 */

/**
 * @callback RequestHandler
 * @param {Request} request
 * @param {Ctx} context of the task that the request is
 * @returns {Response | PlainResponse | string | Promise<Response | PlainResponse | string>}
 */

/** A body is sent in parts of which so much may be under way to the client. */
const AHEAD_BYTES = 1 << 18;

/** The user's, once it is loaded. @type {RequestHandler} */
let handler;

/** How long the user's module may take to load, if it waits for something. */
const LOAD_MS = 10_000;

/** Methods without a body in requests. */
const BODILESS = new Set(['GET', 'HEAD']);

/**
 * Loads the user's module. Main has each worker do this first.
 * @param {object} what
 * @param {string} what.module URL
 * @param {string} what.name of the handler
 * @param {Int32Array} what.loaded 1 once all of the first workers have loaded it: a later one that cannot is of no use, and ends, so that
 *   another one is started in its place
 */
export async function load({ module, name, loaded }) {
  try {
    const late = setTimeout(LOAD_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${module} was not loaded within ${LOAD_MS} ms`);
    });
    const found = findHandlers(await Promise.race([import(module), late])).get(name);
    if (!found) throw new Error(`${module} has no handler '${name}'`);
    handler = /** @type {RequestHandler} */ (/** @type {unknown} */ (found));
  } catch (error) {
    if (Atomics.load(loaded, 0)) queueMicrotask(() => { throw error; }); // prettier-ignore
    throw error;
  }
  // The Fetch API is loaded when it is first used, which takes as long as many requests: not within the first of them.
  await new Response(new Request('http://localhost/', { method: 'POST', body: '{}' }).body).json();
}

/**
 * @param {Head} head
 * @param {Ctx} context
 * @returns {Promise<Answer | undefined>} undefined: the answer went as progress
 */
export async function request(head, context) {
  const url = urlOf(head);
  if (!url) return { status: 400, headers: [] };
  const given = await handler(requestOf(url, head, context), context);
  const { status, headers, body } = answerOf(given);
  if (!(body instanceof ReadableStream)) return { status, headers, body };
  return sendStream({ status, headers }, body, head, context);
}

/** A name or an address, with or without a port: nothing that would become a part of the path. */
const HOST = /^(?:\[[\da-f:.]+\]|[^\s/?#@\\,[\]:]+)(?::\d*)?$/i;

/**
 * What the client asks for: `target` is a path, a whole URL, or '*'.
 * @param {Head} head
 * @returns {string | undefined} undefined if it is no URL, or the client has not said clearly which host it means
 */
function urlOf({ target, host, headers }) {
  let hosts = 0;
  for (let i = 0; i < headers.length; i += 2) if (headers[i].toLowerCase() === 'host') hosts++;
  if (hosts > 1 || (host !== '' && !HOST.test(host))) return undefined;
  const isWhole = /^https?:/i.test(target);
  const text = isWhole ? target : `http://${host || 'localhost'}${target.startsWith('/') ? '' : '/'}${target}`;
  if (!URL.canParse(text)) return undefined;
  return isWhole && /^\w+:\/\/[^/?#]*@/.test(target) ? undefined : text;
}

/**
 * @param {string} url
 * @param {Head} head
 * @param {Ctx} context
 */
function requestOf(url, { id, method, headers: flat, body, streamed }, context) {
  const headers = new Headers();
  for (let i = 0; i < flat.length; i += 2) headers.append(flat[i], flat[i + 1]);
  const content = BODILESS.has(method) ? undefined : streamed ? bodyOf(id, context) : body;
  const options = { method, headers, ...(content && { body: content, duplex: 'half' }) };
  const made = new Request(url, /** @type {RequestInit} */ (options));
  // The task's own. Most handlers never ask for it, and it costs a message if the client leaves.
  Object.defineProperty(made, 'signal', { get: () => context.signal });
  return made;
}

/**
 * The body of a request, which main hands out when it is asked for.
 * @param {number} id
 * @param {Ctx} context
 */
function bodyOf(id, context) {
  return new ReadableStream({
    async pull(controller) {
      const part = await context.main('serve:body', id);
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
}

/**
 * @param {unknown} given
 * @returns {{ status: number, headers: [string, string][], body?: string | Uint8Array | ReadableStream }}
 */
function answerOf(given) {
  if (typeof given === 'string')
    return { status: 200, headers: [['Content-Type', 'text/plain; charset=utf-8']], body: given };
  if (given instanceof Response)
    return { status: given.status, headers: headersOf(given), body: given.body ?? undefined };
  const { status = 200, headers = {}, body } = /** @type {PlainResponse} */ (given ?? {});
  const isPlain = given !== null && typeof given === 'object' && !Array.isArray(given);
  if (!isPlain || !Number.isInteger(status) || status < 200 || status > 599)
    throw new TypeError('a request handler returns a Response, { status, headers, body } or a string');
  return { status, headers: [...new Headers(headers)], body: bodyFrom(body) };
}

/**
 * @param {Response} response
 * @returns {[string, string][]}
 */
function headersOf({ headers, url }) {
  // fetch() has unpacked the body of its responses, but left the headers of the packed one.
  const unpacked = url !== '' && headers.has('content-encoding');
  return [...headers].filter(([name]) => !unpacked || (name !== 'content-encoding' && name !== 'content-length'));
}

/** @param {PlainResponse['body']} body */
function bodyFrom(body) {
  if (body === null || body === undefined) return undefined;
  if (typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (typeof body === 'object' && Symbol.asyncIterator in body) return streamOf(body);
  throw new TypeError('the body of a response is a string, bytes, a stream or an async iterable');
}

/** @param {AsyncIterable<Uint8Array | string>} parts */
function streamOf(parts) {
  const iterator = parts[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      await iterator.return?.(reason);
    },
  });
}

/**
 * Sends a body that comes in parts. One that is there at once, as that of `new Response('text')`, is the task's result.
 * @param {{ status: number, headers: [string, string][] }} start
 * @param {ReadableStream<Uint8Array | string>} stream
 * @param {Head} head
 * @param {Ctx} context
 * @returns {Promise<Answer | undefined>}
 */
async function sendStream(start, stream, head, context) {
  if (head.method === 'HEAD') {
    await stream.cancel();
    return start;
  }
  const reader = stream.getReader();
  const whole = await readAtOnce(reader);
  if (whole.done) return { ...start, body: whole.first && bytesOf(whole.first) };
  context.progress(start);
  let ahead = 0;
  const send = async (/** @type {unknown} */ value) => {
    const bytes = bytesOf(value);
    for (let at = 0; at < bytes.length; at += AHEAD_BYTES) {
      const part = bytes.subarray(at, at + AHEAD_BYTES);
      context.progress(part);
      ahead += part.length;
      if (ahead < AHEAD_BYTES) continue;
      ahead = 0;
      await context.main('serve:drained', head.id);
    }
  };
  const giveUp = () => reader.cancel().catch(() => {}); // a stream that has ended or failed is left as it is
  const { signal } = context;
  signal.addEventListener('abort', giveUp); // the client has left: nobody wants the rest
  if (signal.aborted) await giveUp(); // already
  try {
    await send(whole.first);
    for (let next = await whole.next; !next.done && !context.isCancelled; next = await reader.read())
      await send(next.value);
  } finally {
    await giveUp();
  }
  return undefined;
}

/** @param {unknown} value a part of a body @returns {Uint8Array} */
function bytesOf(value) {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError('the parts of a body are strings or bytes');
}

/**
 * Reads the first part, and looks whether it was the only one without waiting for another.
 * @param {ReadableStreamDefaultReader<Uint8Array | string>} reader
 */
async function readAtOnce(reader) {
  const { done, value: first } = await reader.read();
  const next = done ? Promise.resolve({ done, value: undefined }) : reader.read();
  const now = await Promise.race([next, setImmediate({ done: false })]);
  return { first, next, done: now.done };
}
