/** Runs C tasks: one task for each item, since C knows nothing of lines. A worker reads the files, into the pool's memory. */

import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { Done, readAll } from './done.js';
import { LASTING, codeOf, failureOf } from './fault.js';
import { parseLine, textOf, toJson } from './line.js';

/** @typedef {import('./block.js').Block} Block */

/** A block that takes longer gives out what is done of it. */
const PATIENCE_MS = 25;

/** The item was not run, because the pool was destroyed. */
const NOT_RUN = Symbol();

/**
 * @typedef {object} Item  one item's task
 * @property {Promise<void>} ended
 * @property {boolean} isDone
 * @property {Buffer | typeof NOT_RUN} [line]
 * @property {import('./fault.js').Failure} [failure]
 * @property {number} bytes
 * @property {number} kills
 * @property {number} ms
 */

export class CTaskRunner {
  #pool;
  #options;
  /** @type {WeakMap<Block, Item[]>} of blocks whose items run already */
  #running = new WeakMap();

  /**
   * @param {import('./map.js').CliPool} pool
   * @param {{ task: string, mode: import('./handler.js').Settings['mode'], retries: number, stop: Int32Array,
   *   stdin: import('node:stream').Readable, pace: import('./pace.js').Pace }} options
   */
  constructor(pool, options) {
    this.#pool = pool;
    this.#options = options;
  }

  /**
   * Bytes that a block keeps in the pool's memory while it is in work.
   * @param {Block} block
   */
  weigh(block) {
    if (this.#options.mode !== 'files') return block.span.end - block.span.start;
    return block.sizes?.[0] ?? 0; // such a block has one item when it starts
  }

  /**
   * Lets a worker look how large the files are: the memory for them must be known before they are read.
   * @param {Block} block
   */
  async prepare(block) {
    if (this.#options.mode !== 'files' || block.isReadByMain) return;
    const sizes = await this.#pool.dispatch('wasmpool:sizes', block.labels.paths);
    block.sizes = /** @type {Float64Array} */ (sizes);
  }

  /**
   * Whether its items run already.
   * @param {Block} block
   */
  isRunning(block) {
    return this.#running.has(block);
  }

  /**
   * @param {Block} block
   * @returns {Promise<Done>}
   */
  async run(block) {
    const items = this.#running.get(block) ?? Array.from({ length: block.count }, (_, i) => this.#start(block, i));
    const began = performance.now();
    if (items.length > 1) await Promise.race([Promise.all(items.map(({ ended }) => ended)), patience()]);
    if (!items[0].isDone) await items[0].ended;
    const done = new Done(block);
    for (const item of items) {
      if (!item.isDone || item.line === NOT_RUN) break;
      if (item.failure) done.addFailure(item.failure);
      else done.addLine(/** @type {Buffer} */ (item.line), item.ms);
      done.bytes += item.bytes;
      done.kills += item.kills;
    }
    if (done.rest) this.#running.set(done.rest, items.slice(done.count));
    this.#options.pace.learn(done.count, performance.now() - began, Boolean(done.rest));
    return done;
  }

  /**
   * @param {Block} block
   * @param {number} i
   * @returns {Item}
   */
  #start(block, i) {
    /** @type {Item} */
    const item = { ended: Promise.resolve(), isDone: false, bytes: 0, kills: 0, ms: 0 };
    const began = performance.now();
    item.ended = this.#runItem(block, i, item).then((line) => {
      Object.assign(item, { line, isDone: true, ms: performance.now() - began });
    });
    return item;
  }

  /**
   * @param {Block} block
   * @param {number} i
   * @param {Item} item
   * @returns {Promise<Buffer | typeof NOT_RUN | undefined>} undefined: it has failed
   */
  async #runItem(block, i, item) {
    for (let left = this.#options.retries; ; left--) {
      if (this.#options.stop[0]) return NOT_RUN;
      try {
        return await this.#attempt(block, i, item);
      } catch (error) {
        const code = codeOf(error);
        if (code === 'POOL_DESTROYED') return NOT_RUN;
        if (code === 'TIMEOUT') item.kills++;
        if (left > 0 && !LASTING.has(code) && !this.#options.stop[0]) continue;
        item.failure = failureOf(error);
        return undefined;
      }
    }
  }

  /**
   * @param {Block} block
   * @param {number} i
   * @param {Item} item
   */
  async #attempt(block, i, item) {
    const { mode, task } = this.#options;
    const path = block.path(i);
    if (mode === 'files') return this.#ofFile(block, String(path), item);
    const bytes = block.data.subarray(block.bounds[2 * i], block.bounds[2 * i + 1]);
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    item.bytes = mode === 'paths' ? 0 : line.length + 1;
    const payload = mode === 'paths' ? path : mode === 'lines' ? textOf(line, false) : parseLine(textOf(line, false));
    return toLine(path, toJson(await this.#pool.dispatch(task, payload)));
  }

  /**
   * @param {Block} block
   * @param {string} path
   * @param {Item} item
   */
  async #ofFile(block, path, item) {
    const payload = await this.#read(block, path);
    try {
      item.bytes = payload.byteLength;
      const result = await this.#pool.dispatch(this.#options.task, payload);
      return toLine(path, toJson(result));
    } finally {
      if ('release' in payload) payload.release();
    }
  }

  /**
   * @param {Block} block
   * @param {string} path
   * @returns {Promise<Uint8Array | import('../box.js').Box>}
   */
  async #read(block, path) {
    if (block.isReadByMain) return plain(await readAll(this.#options.stdin));
    const size = block.sizes?.[0];
    if (!size) return plain(await readFile(path)); // a pipe, a device; or the error says why
    const lease = { deliver: 'lease' };
    const box = /** @type {import('../box.js').Box} */ (
      await this.#pool.dispatch('wasmpool:read', { path, bytes: size }, lease)
    );
    if (box.type === 'binary') return box;
    const failure = box.type === 'json' ? box.json() : box.cbor();
    box.release();
    throw Object.assign(new Error(failure.message), { code: failure.code });
  }
}

function patience() {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref());
}

/** @param {Buffer} buffer */
const plain = (buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);

/**
 * @param {string | undefined} path
 * @param {string} json
 */
function toLine(path, json) {
  return Buffer.from(path === undefined ? `${json}\n` : `{"path":${JSON.stringify(path)},"result":${json}}\n`);
}
