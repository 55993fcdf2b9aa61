/** Runs a module that somebody else built: dropped in, in a memory of its own, and killed if it does not end. */
import { byId, inSeconds } from '../dom.js';
import { AT_ONCE, lane } from './hangs.js';

const LIMIT_MS = 1000;
/** Modules that are larger than any sensible one are refused before they are read. */
const BYTES_MAX = 64 * 2 ** 20;

/** The module that is loaded, and the choice of its functions. */
export class Guest {
  #pool;
  #stage;
  /** @type {Uint8Array<ArrayBuffer>} */
  #bytes = new Uint8Array();
  #name = '';

  /**
   * @param {import('wasmpool').Pool} pool
   * @param {import('../picture/stage.js').Stage} stage
   */
  constructor(pool, stage) {
    this.#pool = pool;
    this.#stage = stage;
  }

  /** Loads the module that comes with the page. */
  async sample() {
    const response = await fetch(new URL('../../tasks/guest.wasm', import.meta.url));
    await this.#take('sample.wasm', new Uint8Array(await response.arrayBuffer()));
  }

  /** @param {File} file @returns {Promise<string>} what there is to say of it */
  async load(file) {
    if (file.size > BYTES_MAX) throw new Error(`${file.name} is larger than 64 MB`);
    await this.#take(file.name, new Uint8Array(await file.arrayBuffer()));
    const functions = byId('function').options.length;
    return functions ? `${file.name} is loaded: choose one of its functions.` : `${file.name} exports no function.`;
  }

  /**
   * @param {string} name
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async #take(name, bytes) {
    // Compiling runs nothing of it.
    const module = await WebAssembly.compile(bytes);
    const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function');
    byId('function').replaceChildren(...functions.map((entry) => new Option(entry.name)));
    [this.#name, this.#bytes] = [name, bytes];
  }

  /** @returns {Promise<string>} how it went */
  async run() {
    const name = byId('function').value;
    const what = `${name} of ${this.#name}`;
    const begun = performance.now();
    /** @type {import('wasmpool').TaskPromise<string>} */
    const task = this.#pool.dispatch('guest', { bytes: this.#bytes, name }, { timeoutMs: LIMIT_MS, ...AT_ONCE });
    const outcome = task.then(
      (value) => `${what} returned ${value}.`,
      (error) => this.#failure(what, error, performance.now() - begun),
    );
    const { value, tiles } = await this.#stage.accompany(outcome);
    return `${value} The others painted ${tiles} tiles meanwhile.`;
  }

  /**
   * @param {string} what
   * @param {import('wasmpool').PoolError} error
   * @param {number} ms
   */
  #failure(what, error, ms) {
    if (error.code === 'TIMEOUT')
      return `${what} did not end: ${error.worker ? lane(error.worker) : 'its worker'} was killed after ${inSeconds(ms)}.`;
    return `${what} failed: ${error.message}.`;
  }
}
