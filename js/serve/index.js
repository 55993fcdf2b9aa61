/** Entry point `wasmpool/serve`: HTTP servers whose requests can be killed. Node, Bun, Deno. */
export { listener } from './listener.js';
export { serve } from './serve.js';
