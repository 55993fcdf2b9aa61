/** What all servers of bench/serve.mjs do: some work, or never end. */

/** About one millisecond of computing on the machine of docs/benchmarks.md. */
const TURNS = 500_000;

/** @param {string} path */
export function answer(path) {
  if (path === '/hang') for (;;);
  let hash = 0x811c9dc5;
  for (let i = TURNS; i > 0; i--) hash = Math.imul(hash ^ (i & 255), 0x01000193);
  return String(hash >>> 0);
}

/** A handler for `wasmpool/serve`. @param {Request} request */
export default (request) => answer(new URL(request.url).pathname);
