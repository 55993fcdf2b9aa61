/**
 * Runs a module that somebody else built: dropped in, in a memory of its own, and stopped if it does not end. It has a pool of one worker, since
 * a pool's modules are known when it opens.
 */
import { openGuest } from '../pools.js';
import { byId, inMs, inSeconds, reasonOf } from '../dom.js';
import { stopOf } from './hangs.js';

const LIMIT_MS = 1000;
/** Modules that are larger than any sensible one are refused before they are read. */
const BYTES_MAX = 64 * 2 ** 20;
/** What is shown of a long result. */
const SHOWN_MAX = 200;

/** @typedef {import('wasmpool').Pool} Pool */

/** The module that is loaded, and the choice of its functions. */
export class Guest {
  #stage;
  #onPool;
  #bytes = new Uint8Array();
  #name = '';
  /** @type {{ of: string, opened: Promise<Pool> } | undefined} for the module and the function that ran last */
  #pool;
  /** The end of the run that was begun last. @type {Promise<unknown>} */
  #running = Promise.resolve();

  /**
   * @param {import('../picture/stage.js').Stage} stage
   * @param {(pool: Pool) => void} onPool hears of each pool that is opened
   */
  constructor(stage, onPool) {
    this.#stage = stage;
    this.#onPool = onPool;
  }

  /** Loads the module that comes with the page. */
  async sample() {
    const response = await fetch(new URL('../../tasks/guest.wasm', import.meta.url));
    await this.#take('sample.wasm', new Uint8Array(await response.arrayBuffer()));
  }

  /** @param {File} file @returns {Promise<string>} what there is to say of it */
  async load(file) {
    if (file.size > BYTES_MAX) throw new Error(`it is larger than 64 MB`);
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
    await this.#running; // what it tells would be lost with its pool
    const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function');
    byId('function').replaceChildren(...functions.map((entry) => new Option(entry.name)));
    if (functions.some((entry) => entry.name === '_start')) byId('function').value = '_start';
    [this.#name, this.#bytes] = [name, bytes];
    await this.#close();
  }

  async #close() {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.opened.then(
      (open) => open.destroy(),
      () => undefined, // it could not be opened
    );
  }

  /** @param {string} entry @returns {Promise<Pool>} in which that function is the task `guest` */
  async #open(entry) {
    if (this.#pool?.of !== entry) {
      await this.#close();
      this.#pool = { of: entry, opened: openGuest(this.#bytes, entry) };
      this.#onPool(await this.#pool.opened);
    }
    return this.#pool.opened;
  }

  /** @returns {Promise<string>} how it went */
  async run() {
    const name = byId('function').value;
    const what = `${name} of ${this.#name}`;
    const outcome = this.#call(name).then(
      (end) => `${what} ${end}`,
      (error) => `${what} failed: ${reasonOf(error)}.`,
    );
    this.#running = outcome;
    const { value, tiles } = await this.#stage.accompany(outcome);
    return `${value} The others painted ${tiles} tiles meanwhile.`;
  }

  /** @param {string} name @returns {Promise<string>} */
  async #call(name) {
    const payload = readInput(byId('input').value);
    const pool = await this.#open(name);
    const begun = performance.now();
    const task = pool.dispatch('guest', payload, { timeoutMs: LIMIT_MS });
    try {
      const value = await task;
      return `returned ${shown(value)} after ${inMs(performance.now() - begun)}.`;
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'TIMEOUT') throw error;
      const { rung, ms } = await stopOf(pool, task);
      const isKilled = rung === 'terminate';
      const end = isKilled
        ? `its thread was killed ${inMs(ms)} later`
        : `it was stopped ${inMs(ms)} later, and its thread lives on`;
      return `did not end within ${inSeconds(LIMIT_MS)}: ${end}.`;
    }
  }
}

/** @param {string} text numbers as in a list, or any other text @returns {unknown} */
function readInput(text) {
  if (text.trim() === '') return undefined;
  const numbers = text.split(/[\s,]+/).map(Number);
  return numbers.every(Number.isFinite) ? numbers : text;
}

/** @param {any} value what a function or a program returned */
function shown(value) {
  if (value instanceof Uint8Array) return `${value.length} bytes: “${start(new TextDecoder().decode(value))}”`;
  if (value?.stdout) return `exit code ${value.exitCode} and “${start(new TextDecoder().decode(value.stdout))}”`;
  return value === undefined ? 'nothing' : String(value);
}

/** @param {string} text */
const start = (text) => (text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text);
