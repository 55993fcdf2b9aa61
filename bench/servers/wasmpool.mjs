/** usage: wasmpool.mjs WORKERS   prints its port */
import process from 'node:process';
import { listener, serve } from '../../js/serve/index.js';

const workers = Number(process.argv[2]);
const port = listener(0);
const server = serve(
  port,
  { module: new URL('./handler.mjs', import.meta.url) },
  // Threads for those that hang, so that the others find as many workers as without them.
  { timeoutMs: 100, onError: () => {}, pool: { workers: { min: workers, max: 2 * workers }, spares: 1 } },
);
await server.ready;
console.log(port.port);
