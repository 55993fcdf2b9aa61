/** The worker module of serve(): a request as the Fetch API has it, the user's handler, and its answer. */

import { setImmediate } from 'node:timers/promises';
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

/** Methods without a body in requests. */
const BODILESS = new Set(['GET', 'HEAD']);

/**
 * Loads the user's module. Main has each worker do this first.
 * @param {{ module: string, name: string }} what URL, and name of the handler
 */
export async function load({ module, name }) {
  const found = findHandlers(await import(module)).get(name);
  if (!found) throw new Error(`${module} has no handler '${name}'`);
  handler = /** @type {RequestHandler} */ (/** @type {unknown} */ (found));
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

/**
 * What the client asks for: `target` is a path, a whole URL, or '*'.
 * @param {Head} head
 * @returns {string | undefined} undefined if it is no URL
 */
function urlOf({ target, host }) {
  const text = /^https?:/i.test(target) ? target : `http://${host}${target.startsWith('/') ? '' : '/'}${target}`;
  return URL.canParse(text) ? text : undefined;
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
    return { status: given.status, headers: [...given.headers], body: given.body ?? undefined };
  const { status = 200, headers = {}, body } = /** @type {PlainResponse} */ (given ?? {});
  const isPlain = given !== null && typeof given === 'object' && !Array.isArray(given);
  if (!isPlain || !Number.isInteger(status) || status < 200 || status > 599)
    throw new TypeError('a request handler returns a Response, { status, headers, body } or a string');
  return { status, headers: [...new Headers(headers)], body: bodyFrom(body) };
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
  if (whole.done) return { ...start, body: whole.first };
  context.progress(start);
  let ahead = 0;
  const send = async (/** @type {Uint8Array | string | undefined} */ value) => {
    if (value === undefined || value.length === 0) return;
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    for (let at = 0; at < bytes.length; at += AHEAD_BYTES) {
      const part = bytes.subarray(at, at + AHEAD_BYTES);
      context.progress(part);
      ahead += part.length;
      if (ahead < AHEAD_BYTES) continue;
      ahead = 0;
      await context.main('serve:drained', head.id);
    }
  };
  try {
    await send(whole.first);
    for (let next = await whole.next; !next.done && !context.isCancelled; next = await reader.read())
      await send(next.value);
  } finally {
    await reader.cancel().catch(() => {}); // nobody wants the rest; a stream that has ended or failed is left as it is
  }
  return undefined;
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
