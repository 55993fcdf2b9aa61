/** `wasmpool map`: items in, tasks through a pool, results out; failures are reported and the rest goes on. */

import { UsageError, describe } from './fault.js';
import { fileItems, jsonItems, lineItems, namesFrom, statOf } from './input.js';
import { missing, resolveTarget } from './module.js';
import { mapWindow } from './ordered.js';
import { ClosedPipe, OutputError, Writer, fileSink, streamSink, toLine } from './output.js';
import { Meter, Reporter } from './progress.js';

/** @typedef {import('./input.js').Item} Item */

/**
 * @typedef {object} MapFlags  as the argument parser gives them
 * @property {boolean} [files]
 * @property {boolean} [lines]
 * @property {string} [filesFrom]
 * @property {boolean} [null]
 * @property {string} [wasm]
 * @property {number} [workers]
 * @property {number} [timeout]
 * @property {number} [retries]
 * @property {boolean} [unordered]
 * @property {boolean} [failFast]
 * @property {string} [output]
 * @property {boolean} [progress]
 * @property {boolean} [stats]
 */

/**
 * @typedef {object} CliPool  what is used of a Pool
 * @property {number} size
 * @property {(task: string, payload?: unknown) => Promise<unknown>} dispatch
 * @property {() => void} pause
 * @property {() => { busyWorkers: number }} stats
 * @property {() => Promise<void>} destroy
 */

/**
 * @typedef {object} Io  the world outside, replaceable in tests
 * @property {import('node:stream').Readable} stdin
 * @property {import('node:stream').Writable & { isTTY?: boolean }} stdout
 * @property {import('node:stream').Writable & { isTTY?: boolean }} stderr
 * @property {import('node:events').EventEmitter} signals  emits SIGINT, SIGTERM
 * @property {(status: number) => void} exit  at once
 * @property {(options: object) => Promise<CliPool>} createPool
 */

/** Exit status (besides 0 all done, 1 some failed, 2 wrong use): as a shell reports a death by that signal. */
const STATUS = { SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 };

/** Items in work at once: per worker, and at least. More than workers, so that none waits while main is reading. */
const WINDOW = { perWorker: 4, least: 64 };
/** Results may wait for a slow item before them: that many windows of items, so many bytes of input. */
const HELD_WINDOWS = 16;
const HELD_BYTES = 256 << 20;

/** How often a stopping run looks whether its workers are still busy. */
const SETTLE_POLL_MS = 10;

/** Failures that a second run of the same item cannot cure. */
const LASTING = new Set(['UNKNOWN_TASK', 'NOT_SERIALIZABLE', 'TOO_LARGE', 'INVALID_ARGUMENT']);

/** Why a pool does not start: the module's fault or an option's. Anything else is the machine's. */
const MISUSE = new Set(['START_FAILED', 'INVALID_ARGUMENT']);

/** The item was not run, or not to its end, because the run was stopped. */
class NotRun extends Error {}

/**
 * @param {string} spec  MODULE#EXPORT
 * @param {string[]} files
 * @param {MapFlags} flags
 * @param {Io} io
 * @returns {Promise<number>} the exit status
 */
export async function runMap(spec, files, flags, io) {
  if (flags.null && flags.filesFrom === undefined) throw new UsageError('-0 needs --files-from');
  if (files.length && flags.filesFrom !== undefined) {
    throw new UsageError('FILE arguments and --files-from exclude each other');
  }
  const target = await resolveTarget(spec, flags.wasm);
  const inputs = files.length ? files : ['-'];
  const sink = flags.output === undefined ? streamSink(io.stdout) : fileSink(flags.output, files);
  const pool = await startPool(target, flags, io).catch((error) => {
    if (!MISUSE.has(codeOf(error))) throw error;
    throw new UsageError(`${spec}: ${describe(error)}`);
  });
  const run = new MapRun({ spec, target, inputs, flags, io, pool, writer: new Writer(sink) });
  try {
    return await run.perform();
  } finally {
    await pool.destroy();
  }
}

/**
 * @param {import('./module.js').Target} target
 * @param {MapFlags} flags
 * @param {Io} io
 */
async function startPool({ module, wasm }, { workers, timeout }, io) {
  const options = { module, wasm, workers, taskTimeoutMs: timeout, recycleTimeoutMs: 0 };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return io.createPool(Object.fromEntries(given));
}

/** One run, from the first item to the last line of figures. */
class MapRun {
  #spec;
  #target;
  #inputs;
  #flags;
  #io;
  #pool;
  #writer;
  #meter = new Meter();
  #reporter;
  #stop = new AbortController();
  /** @type {Promise<void> | undefined} */
  #settled;
  /** @type {'SIGINT' | 'SIGTERM' | undefined} */
  #signal;

  /**
   * @param {{ spec: string, target: import('./module.js').Target, inputs: string[], flags: MapFlags, io: Io,
   *   pool: CliPool, writer: Writer }} parts
   */
  constructor({ spec, target, inputs, flags, io, pool, writer }) {
    this.#spec = spec;
    this.#target = target;
    this.#inputs = inputs;
    this.#flags = flags;
    this.#io = io;
    this.#pool = pool;
    this.#writer = writer;
    this.#reporter = new Reporter(io.stderr);
  }

  /** @returns {Promise<number>} the exit status */
  async perform() {
    const onSignal = (/** @type {'SIGINT' | 'SIGTERM'} */ signal) => this.#interrupt(signal);
    this.#io.signals.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    if (this.#showsProgress()) this.#reporter.showBar({ total: this.#total() });
    try {
      await this.#loop();
      await this.#settled;
      await this.#writer.end();
    } catch (error) {
      if (error instanceof ClosedPipe) return STATUS.SIGPIPE;
      if (!(error instanceof OutputError)) throw error;
      this.#reporter.line(error.message);
      this.#meter.failed++;
    } finally {
      this.#reporter.stop();
      this.#io.signals.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
    return this.#finish();
  }

  async #loop() {
    const limit = Math.max(WINDOW.least, WINDOW.perWorker * this.#pool.size);
    const outcomes = mapWindow(this.#items(), (item) => this.#runItem(item), {
      limit,
      held: HELD_WINDOWS * limit,
      ordered: !this.#flags.unordered,
      weigh: (item) => item.bytes,
      maxWeight: HELD_BYTES,
      stop: this.#stop.signal,
    });
    let amount = 0;
    try {
      for await (const outcome of outcomes) {
        amount += this.#isByFile() ? 1 : outcome.item.bytes;
        await this.#giveOut(outcome);
        this.#reporter.update(amount, this.#meter);
      }
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#meter.failed++; // the list of names ended early
      this.#reporter.failure(this.#flags.filesFrom ?? 'stdin', error);
    }
  }

  /** @param {import('./ordered.js').Outcome<Item, string>} outcome */
  async #giveOut(outcome) {
    const { item } = outcome;
    if (!outcome.ok && outcome.error instanceof NotRun) {
      this.#meter.notRun++;
      return;
    }
    this.#meter.items++;
    this.#meter.bytes += item.bytes;
    if (outcome.ok) {
      await this.#writer.write(outcome.value);
      return;
    }
    if (codeOf(outcome.error) === 'UNKNOWN_TASK') {
      const module = this.#spec.slice(0, this.#spec.lastIndexOf('#'));
      throw new UsageError(missing(module, this.#target.task));
    }
    this.#meter.failed++;
    this.#reporter.failure(item.label, outcome.error);
  }

  /**
   * @param {Item} item
   * @returns {Promise<string>} the line to write
   */
  async #runItem(item) {
    try {
      const payload = await item.load();
      const result = await this.#dispatch(payload);
      if (item.path === undefined) return toLine(result);
      return toLine({ path: item.path, result: result === undefined ? null : result });
    } catch (error) {
      if (this.#flags.failFast && !(error instanceof NotRun)) this.#windDown();
      throw error;
    }
  }

  /** @param {unknown} payload */
  async #dispatch(payload) {
    for (let left = this.#flags.retries ?? 0; ; left--) {
      if (this.#stop.signal.aborted) throw new NotRun();
      try {
        return await this.#pool.dispatch(this.#target.task, payload);
      } catch (error) {
        if (codeOf(error) === 'POOL_DESTROYED') throw new NotRun();
        if (codeOf(error) === 'TIMEOUT') this.#meter.kills++;
        if (left <= 0 || LASTING.has(codeOf(error)) || this.#stop.signal.aborted) throw error;
      }
    }
  }

  /** @param {'SIGINT' | 'SIGTERM'} signal */
  #interrupt(signal) {
    if (this.#signal) {
      this.#io.exit(STATUS[signal]);
      return;
    }
    this.#signal = signal;
    this.#reporter.line('interrupted: finishing the running items; once more ends at once');
    this.#windDown();
  }

  /** Starts nothing more; what runs is finished, what waits is never run. */
  #windDown() {
    if (this.#settled) return;
    this.#stop.abort();
    this.#pool.pause();
    this.#settled = this.#untilIdle().then(() => this.#pool.destroy());
  }

  async #untilIdle() {
    // Twice idle: a result that was just finished is delivered between the two looks.
    for (let idle = 0; idle < 2;) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
      idle = this.#pool.stats().busyWorkers === 0 ? idle + 1 : 0;
    }
  }

  #finish() {
    const { items, failed, notRun } = this.#meter;
    if (this.#signal) this.#reporter.line(`interrupted: ${items} items done, ${notRun} that waited were not run`);
    if (this.#flags.stats) this.#reporter.line(this.#meter.summary());
    if (this.#signal) return STATUS[this.#signal];
    return failed ? 1 : 0;
  }

  #isByFile() {
    return Boolean(this.#flags.files || this.#flags.filesFrom !== undefined);
  }

  #items() {
    const { stdin } = this.#io;
    const { filesFrom, lines } = this.#flags;
    if (this.#isByFile()) {
      const list = filesFrom && namesFrom(filesFrom, stdin, Boolean(this.#flags.null));
      return fileItems(list || this.#inputs, { bare: this.#target.kind === 'c', stdin });
    }
    return lines ? lineItems(this.#inputs, stdin) : jsonItems(this.#inputs, stdin);
  }

  /** A bar would break into results on the same terminal. */
  #showsProgress() {
    const { progress, output } = this.#flags;
    const { stdout, stderr } = this.#io;
    return progress ?? Boolean(stderr.isTTY && (output !== undefined || !stdout.isTTY));
  }

  /** @returns {number | undefined} of files, or of bytes in them; undefined: not known before the end */
  #total() {
    if (this.#flags.filesFrom !== undefined) return undefined;
    if (this.#isByFile()) return this.#inputs.length;
    let bytes = 0;
    for (const file of this.#inputs) {
      const stat = file === '-' ? undefined : statOf(file);
      if (!stat?.isFile()) return undefined;
      bytes += stat.size;
    }
    return bytes;
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return String(/** @type {{ code?: unknown }} */ (error ?? {}).code ?? '');
}

/** @param {unknown} error */
function isSystemError(error) {
  return error instanceof Error && 'syscall' in error;
}
