/** Entry point `wasmpool/serve`: HTTP servers whose requests can be killed. Node, Bun, Deno. */
export { listener } from './listener.js';
export { serve } from './serve.js';

/**
 * Types of these names:
 * @typedef {import('./listener.js').Listener} Listener
 * @typedef {import('./listener.js').ListenerOptions} ListenerOptions
 * @typedef {import('./serve.js').Server} Server
 * @typedef {import('./serve.js').ServeOptions} ServeOptions
 * @typedef {import('./serve.js').ServerStats} ServerStats
 * @typedef {import('./serve.js').HandlerRef} HandlerRef
 * @typedef {import('./handler.js').RequestHandler} RequestHandler
 * @typedef {import('./handler.js').PlainResponse} PlainResponse
 */
