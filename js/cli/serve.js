/** `wasmpool serve`: a handler of requests behind an HTTP port, over all processors. */

import { listener, serve } from '../serve/index.js';
import { UsageError, describe, oneLine } from './fault.js';
import { resolveTarget } from './input/module.js';

/**
 * @typedef {object} ServeFlags
 * @property {number} port
 * @property {string} host
 * @property {number} [workers]
 * @property {number} [timeout] ms
 * @property {number} [maxBody] bytes
 * @property {number} [concurrency] requests at a time on each worker
 * @property {unknown} [initData]
 */

/** Exit status after a second signal, as a shell reports it. */
const STATUS = { SIGINT: 130, SIGTERM: 143 };
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM']);

/**
 * Serves until SIGINT or SIGTERM: then it answers what it has, and ends; a second signal ends it at once.
 * @param {string} spec MODULE#EXPORT
 * @param {ServeFlags} flags
 * @param {import('./map.js').Io} io
 * @returns {Promise<number>} the exit status
 * @throws {UsageError} if there is no such handler, or the port cannot be opened
 */
export async function runServe(spec, flags, io) {
  const target = await resolveTarget(spec, { initData: flags.initData });
  if (target.kind !== 'js')
    throw new UsageError(`${spec}: requests are handled by JavaScript; a C task can be run inside`);
  const say = (/** @type {string} */ text) => io.stderr.write(`wasmpool: ${text}\n`);
  const port = openPort(flags);
  await port.ready.catch((error) => {
    throw new UsageError(oneLine(describe(error)));
  });
  const pool = { workers: flags.workers, concurrentTasksPerWorker: flags.concurrency, initData: flags.initData };
  const server = serve(
    port,
    { module: /** @type {URL} */ (target.module), name: target.task },
    {
      timeoutMs: flags.timeout,
      maxBodyBytes: flags.maxBody,
      onError: (error, { method, url }) => say(`${method} ${oneLine(url)}: ${oneLine(describe(error))}`),
      pool: Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== undefined)),
    },
  );
  try {
    await server.ready;
  } catch (error) {
    await server.destroy();
    throw error;
  }
  const host = port.host.includes(':') ? `[${port.host}]` : port.host;
  say(`listening on http://${host}:${port.port}`);
  const signal = await new Promise((done) => {
    for (const name of SIGNALS) io.signals.once(name, () => done(name));
  });
  for (const name of SIGNALS) io.signals.once(name, () => io.exit(STATUS[name]));
  const { active } = server.stats;
  say(`${signal}: answering ${active} ${active === 1 ? 'request' : 'requests'} more; a second signal ends at once`);
  server.close();
  await server.wait();
  return 0;
}

/** @param {ServeFlags} flags */
function openPort({ host, port }) {
  try {
    return listener(`${host}:${port}`);
  } catch (error) {
    throw new UsageError(oneLine(describe(error)));
  }
}
