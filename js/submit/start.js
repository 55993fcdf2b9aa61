/** Makes an engine from options: loads the core and creates the threads. */
import { EarlyThreads } from '../threads/early.js';
import { Engine } from '../engine/engine.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { guarded } from '../core/guarded.js';
import { loadForeign } from '../threads/foreign.js';
import { forgetProgram, instantiate, loadProgram } from '../core/load.js';
import { ignore } from '../task/task.js';
import { Timers } from '../time/timers.js';

/**
 * @param {import('../options/options.js').ResolvedOptions} options
 * @param {import('../engine/engine.js').EngineEvents} events
 * @returns {Promise<Engine>} its threads have been created, but not initialised
 * @throws {import('../base/errors.js').PoolError} UNSUPPORTED, START_FAILED, NO_MEMORY
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
    const [{ program: core, exports, memory }, foreign] = await loadBoth(options);
    const program = foreign ? { ...core, foreign, checked: options.loopChecks } : core;
    const calls = guarded(exports, (error) => {
      events.error(error);
      events.damaged(error);
    });
    try {
      return new Engine(options, events, program, calls, memory, threads);
    } catch (error) {
      exports._wp_js_close();
      throw error;
    }
  } catch (error) {
    await threads.close();
    throw error;
  }
}

/**
 * Loads the core, and the modules of others.
 * @param {import('../options/options.js').ResolvedOptions} options
 */
async function loadBoth(options) {
  const loading = loadInTime(options);
  try {
    return await Promise.all([loading, loadForeign(options)]);
  } catch (error) {
    loading.then(({ exports }) => exports._wp_js_close(), ignore); // not needed any more
    throw error;
  }
}

/**
 * Loads the core within readyTimeoutMs: a server may never answer, and some modules never finish loading.
 * @param {import('../options/options.js').ResolvedOptions} options
 */
async function loadInTime(options) {
  const { wasm, loopChecks, isolation, maxTaskBytes, wasmUrl, memoryBytes, readyTimeoutMs, scheduler } = options;
  const checked = loopChecks && wasm !== undefined; // without a module of the user there is no C task that could hang
  const how = { checked, isolation, maxTaskBytes, hasForeign: options.isolated !== undefined, wasmUrl };
  const loading = loadProgram(wasm, how).then(async (program) => ({
    program,
    ...(await instantiate(program, memoryBytes)),
  }));
  if (readyTimeoutMs === undefined) return loading;
  const timers = new Timers(scheduler);
  try {
    return await Promise.race([
      loading,
      /** @type {Promise<never>} */ (
        new Promise((_, reject) => {
          timers.after(readyTimeoutMs, () => {
            forgetProgram(wasm, how);
            loading.then(({ exports }) => exports._wp_js_close(), ignore); // too late
            reject(poolError('START_FAILED', `the wasm core was not loaded within ${readyTimeoutMs} ms`));
          });
        })
      ),
    ]);
  } finally {
    timers.clear();
  }
}
