/** What all servers of bench/serve.mjs do: check a password, or never end. */
import { pbkdf2Sync } from 'node:crypto';

/** About one millisecond on the machine of docs/benchmarks.md. Native code: a loop in JavaScript is as fast as what it is inlined into lets it be. */
const TURNS = 3000;

/** @param {string} path */
export function answer(path) {
  if (path === '/hang') for (;;);
  return pbkdf2Sync('password', 'salt', TURNS, 32, 'sha256').toString('hex');
}

/** A handler for `wasmpool/serve`. @param {Request} request */
export default (request) => answer(new URL(request.url).pathname);
