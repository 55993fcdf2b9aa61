/** From options to an engine whose core is loaded. */
import { EarlyThreads } from './early.js';
import { Engine } from './engine.js';
import { poolError } from './errors.js';
import { host } from './host/index.js';
import { instantiate, loadProgram } from './load.js';

/**
 * @param {import('./options.js').ResolvedOptions} options
 * @param {import('./engine.js').EngineEvents} events
 * @returns {Promise<Engine>} its threads have been asked for, and know nothing yet
 * @throws {import('./errors.js').PoolError} UNSUPPORTED, START_FAILED, NO_MEMORY
 */
export async function createEngine(options, events) {
  if (!host.caps.sharedMemory) {
    throw poolError(
      'UNSUPPORTED',
      'shared memory is not available: serve the page with COOP: same-origin and COEP: require-corp',
    );
  }
  const threads = new EarlyThreads(options);
  try {
    // Without a module of the user's there is no C task that could hang.
    const program = await loadProgram(options.wasm, options.loopChecks && options.wasm !== undefined);
    const { exports, memory } = await instantiate(program, options.memoryBytes);
    try {
      return new Engine(options, events, program, exports, memory, threads);
    } catch (error) {
      exports._wp_js_close();
      throw error;
    }
  } catch (error) {
    await threads.close();
    throw error;
  }
}
