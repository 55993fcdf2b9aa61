/** `wasmpool map`: runs a handler over the items of an input, and writes results. Failures are reported, and the rest goes on. */

import { Done } from './work/done.js';
import { UsageError, codeOf, describe, failureOf } from './fault.js';
import { HandlerRunner } from './work/handler-runner.js';
import { Inputs } from './input/inputs.js';
import { JobLog } from './input/joblog.js';
import { missing, resolveTarget } from './input/module.js';
import { resolveOptions } from '../options/options.js';
import { mapWindow } from './work/ordered.js';
import { ClosedPipe, OutputError, Writer, fileSink, streamSink } from './work/output.js';
import { Pace } from './work/pace.js';
import { Meter, Reporter } from './progress.js';
import { BlockRecord } from './work/record.js';
import { Report } from './report.js';

/**
 * @typedef {import('./input/block.js').Block} Block
 * @typedef {import('./input/module.js').Target} Target
 */

/**
 * @typedef {object} MapFlags  as the argument parser gives them
 * @property {boolean} [files]
 * @property {boolean} [paths]
 * @property {boolean} [lines]
 * @property {string} [filesFrom]
 * @property {boolean} [null]
 * @property {string} [wasm]
 * @property {string} [eval]
 * @property {number} [workers]
 * @property {number} [timeout]
 * @property {number} [retries]
 * @property {number} [batch]
 * @property {unknown} [initData]
 * @property {boolean} [keepOrder]
 * @property {boolean} [unordered]
 * @property {boolean} [failFast]
 * @property {string} [output]
 * @property {string} [errors]
 * @property {string} [resume]
 * @property {boolean} [progress]
 * @property {boolean} [stats]
 * @property {boolean} [verbose]
 */

/**
 * @typedef {object} CliPool  the methods of a Pool that are used
 * @property {number} size
 * @property {(task: string, payload?: unknown, options?: object) => Promise<unknown> & { terminate?: () => Promise<void> }} dispatch
 * @property {() => void} pause
 * @property {() => { busyWorkers: number, queued: number }} stats
 * @property {() => Promise<void>} destroy
 */

/**
 * @typedef {object} Io  the process's streams, signals and so on, replaceable in tests
 * @property {import('node:stream').Readable} stdin
 * @property {import('node:stream').Writable & { isTTY?: boolean }} stdout
 * @property {import('node:stream').Writable & { isTTY?: boolean }} stderr
 * @property {import('node:events').EventEmitter} signals  emits SIGINT, SIGTERM
 * @property {(status: number) => void} exit  at once
 * @property {(options: object) => Promise<CliPool>} createPool
 * @property {string} [terminal]  the kind of terminal that stderr is: TERM
 */

/** Exit status after a signal, as a shell reports it. (0: all done, 1: some failed, 2: wrong use.) */
const STATUS = { SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 };

/** Blocks in work at once: per worker, and at least. More than workers, so that no worker waits while main writes. */
const WINDOW = { perWorker: 4, least: 8 };
/** Limits for results that wait for a slow item before them: windows of blocks, and bytes of input or output. */
const HELD_WINDOWS = 64;
const HELD_BYTES = 256 << 20;

const HANDLER = new URL('./work/handler.js', import.meta.url);

/** How often a stopping run checks whether its workers are still busy. */
const SETTLE_POLL_MS = 10;

/** Codes of errors at the start that are the module's or an option's fault, and not the machine's. */
const MISUSE = new Set(['START_FAILED', 'INVALID_ARGUMENT', 'TASK_FAILED']);

/**
 * @param {string | undefined} spec  MODULE#EXPORT; undefined with --eval
 * @param {string[]} files
 * @param {MapFlags} flags
 * @param {Io} io
 * @returns {Promise<number>} the exit status
 */
export async function runMap(spec, files, flags, io) {
  const inputs = new Inputs(files, flags, io.stdin);
  const target = await resolveTarget(spec, flags);
  const { append, log } = openLog(target, flags);
  const sink = flags.output === undefined ? streamSink(io.stdout) : fileSink(flags.output, files, { append });
  const writer = new Writer(sink);
  const more = (/** @type {string | undefined} */ path, /** @type {boolean} */ keep) =>
    path === undefined ? undefined : new Writer(fileSink(path, files, { append: keep }), writer);
  const writers = { writer, errors: more(flags.errors, append), log: more(flags.resume, true) };
  const parts = await startPool(target, inputs.mode, flags, io).catch((error) => {
    if (!MISUSE.has(codeOf(error))) throw error;
    throw new UsageError(`${spec ?? '-e'}: ${describe(error)}`);
  });
  const run = new MapRun({ ...parts, target, inputs, flags, io, log, writers });
  try {
    return await run.perform();
  } finally {
    await parts.pool.destroy();
  }
}

/**
 * @param {Target} target
 * @param {MapFlags} flags
 * @returns {{ append: boolean, log?: JobLog }}  append: whether outputs are appended to
 */
function openLog(target, { resume }) {
  if (resume === undefined) return { append: false };
  try {
    return { append: true, log: new JobLog(resume, target.name) };
  } catch (error) {
    throw new UsageError(`${resume}: ${describe(error)}`);
  }
}

/**
 * Starts the pool, with the memory that it shares with this thread.
 * @param {Target} target
 * @param {import('./work/handler.js').Settings['mode']} mode
 * @param {MapFlags} flags
 * @param {Io} io
 */
async function startPool(target, mode, flags, io) {
  const { workers, timeout, retries = 0, failFast = false, initData } = flags;
  const pace = new Pace(flags.batch);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const { workers: count } = resolveOptions({ module: HANDLER, ...(workers && { workers }) });
  const limit = Math.max(WINDOW.least, WINDOW.perWorker * count);
  const records = Array.from({ length: limit }, () => new BlockRecord());
  /** @type {import('./work/handler.js').Settings} */
  const settings = {
    ...{ module: target.module?.href, code: flags.eval, task: target.task, isC: target.kind === 'c' },
    ...{ mode, initData, retries, failFast },
    ...{ patienceMs: pace.patienceMs, records: records.map(({ memory }) => memory), stop: stop.buffer },
  };
  const options = {
    module: HANDLER,
    wasm: target.wasm,
    workers,
    recycleTimeoutMs: 0,
    initData: settings,
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const pool = await io.createPool(Object.fromEntries(given));
  const runner = new HandlerRunner(pool, { pace, stop, failFast, retries, records, timeout, stdin: io.stdin });
  return { pool, runner, pace, stop, limit };
}

/** One run, from the first item to the last line of figures. */
class MapRun {
  #parts;
  #flags;
  #io;
  #meter = new Meter();
  #reporter;
  #report;
  #stop = new AbortController();
  /** @type {Promise<void> | undefined} */
  #settled;
  /** @type {'SIGINT' | 'SIGTERM' | undefined} */
  #signal;

  /**
   * @param {Awaited<ReturnType<typeof startPool>> & { target: Target, inputs: Inputs, flags: MapFlags, io: Io, log?: JobLog,
   *   writers: ConstructorParameters<typeof Report>[0] }} parts
   */
  constructor(parts) {
    const { flags, io } = parts;
    this.#parts = parts;
    this.#flags = flags;
    this.#io = io;
    this.#reporter = new Reporter(io.stderr, io.terminal);
    this.#report = new Report(parts.writers, parts.log, this.#meter, this.#reporter, flags);
  }

  /** @returns {Promise<number>} the exit status */
  async perform() {
    const onSignal = (/** @type {'SIGINT' | 'SIGTERM'} */ signal) => this.#interrupt(signal);
    this.#io.signals.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    if (this.#showsProgress()) this.#reporter.showBar({ total: this.#parts.inputs.total });
    try {
      await this.#loop();
      await this.#settled;
      if (this.#settled) await this.#parts.inputs.look();
      await this.#report.end();
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
    const { inputs } = this.#parts;
    let amount = 0;
    try {
      for await (const outcome of this.#outcomes()) {
        if (!outcome.ok) throw outcome.error;
        const done = outcome.value;
        amount += inputs.isByFile ? done.count : done.bytes;
        await this.#giveOut(done);
        this.#reporter.update(amount, this.#meter);
      }
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#meter.failed++; // the list of names ended early
      this.#reporter.failure(inputs.list ?? 'stdin', error);
    }
  }

  #outcomes() {
    const { limit, pace, runner } = this.#parts;
    return mapWindow(this.#blocks(), (block) => this.#run(block), {
      limit,
      held: HELD_WINDOWS * limit,
      ordered: !this.#flags.unordered,
      split: (block) => {
        const size = block.isReadByMain || block.error ? 1 : pace.size;
        if (block.count <= size) return [block];
        return [block.slice(0, size), block.slice(size)];
      },
      weigh: (block) => runner.weigh(block),
      weighValue: (done) => done.size,
      maxWeight: HELD_BYTES,
      restOf: (done) => done.rest,
      stop: this.#stop.signal,
    });
  }

  /** The input's blocks, without items that an earlier run has done. */
  async *#blocks() {
    const { inputs, log } = this.#parts;
    for await (const block of inputs.blocks()) {
      if (!log) {
        yield block;
        continue;
      }
      for (let i = 0, from = 0; i <= block.count; i++) {
        const isOut = i === block.count || log.has(block.label(i));
        if (isOut && i > from) yield block.slice(from, i);
        if (!isOut) continue;
        from = i + 1;
        if (i < block.count) this.#meter.skipped++;
      }
    }
  }

  /**
   * @param {Block} block
   * @returns {Promise<Done>}
   */
  async #run(block) {
    const done = block.error ? Done.failed(block, failureOf(block.error)) : await this.#parts.runner.run(block);
    // The shared word may be set before the failure itself arrives.
    if (this.#flags.failFast && (done.failures.size || Atomics.load(this.#parts.stop, 0))) this.#windDown();
    return done;
  }

  /** @param {Done} done */
  async #giveOut(done) {
    for (const { code } of done.failures.values()) {
      if (code !== 'UNKNOWN_TASK') continue;
      const { name, task } = this.#parts.target;
      throw new UsageError(missing(name.slice(0, name.lastIndexOf('#')), task));
    }
    await this.#report.give(done);
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

  /** Starts nothing more: running items finish, waiting ones are never run. */
  #windDown() {
    if (this.#settled) return;
    const { pool, stop } = this.#parts;
    Atomics.store(stop, 0, 1);
    this.#stop.abort();
    pool.pause();
    this.#settled = this.#untilIdle().then(() => pool.destroy());
  }

  /** Settles when all blocks that workers have begun are done, and this thread has their results. */
  async #untilIdle() {
    const { pool, runner } = this.#parts;
    for (let isIdle = false; !isIdle;) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
      const { busyWorkers, queued } = pool.stats();
      isIdle = busyWorkers === 0 && queued === runner.inFlight;
    }
  }

  #finish() {
    const { items, itemsFailed, failed, skipped } = this.#meter;
    const left = this.#settled ? this.#notRun() : '';
    const counts = `${items - itemsFailed} items done, ${itemsFailed} failed, ${left}`;
    if (this.#signal) this.#reporter.line(`interrupted: ${counts}`);
    else if (left && !left.startsWith('0 were not')) this.#reporter.line(`stopped after a failure: ${counts}`);
    if (this.#flags.resume !== undefined && skipped) this.#reporter.line(`${skipped} items were done before`);
    if (this.#flags.stats) this.#reporter.line(this.#meter.summary());
    if (this.#signal) return STATUS[this.#signal];
    return failed ? 1 : 0;
  }

  /** The number of items that were not run because the run was stopped. */
  #notRun() {
    const { inputs } = this.#parts;
    const { items, skipped } = this.#meter;
    const known = (inputs.count ?? inputs.read) - items - skipped;
    if (inputs.count !== undefined) return `${known} were not run`;
    return `${known} were read and not run; the input was not read to its end`;
  }

  /** Whether to show a bar: not between results on the same terminal, and only on one that can move its cursor. */
  #showsProgress() {
    const { progress, output } = this.#flags;
    const { stdout, stderr, terminal } = this.#io;
    return progress ?? Boolean(stderr.isTTY && terminal !== 'dumb' && (output !== undefined || !stdout.isTTY));
  }
}

/** @param {unknown} error */
function isSystemError(error) {
  return error instanceof Error && 'syscall' in error;
}
