/** From options to an engine whose core is loaded. */
import { Engine } from './engine.js';
import { poolError } from './errors.js';
import { host } from './host/index.js';
import { instantiate, loadProgram } from './load.js';

/**
 * @param {import('./options.js').ResolvedOptions} options
 * @param {import('./engine.js').EngineEvents} events
 * @returns {Promise<Engine>} no thread has started
 * @throws {import('./errors.js').PoolError} UNSUPPORTED, START_FAILED, NO_MEMORY
 */
export async function createEngine(options, events) {
  if (!host.caps.sharedMemory) {
    throw poolError(
      'UNSUPPORTED',
      'shared memory is not available: serve the page with COOP: same-origin and COEP: require-corp',
    );
  }
  const program = await loadProgram(options.wasm, options.loopChecks);
  const { exports, memory } = await instantiate(program, options.memoryBytes);
  return new Engine(options, events, program, exports, memory);
}
