/** Writes the outcome of each item: results, failures, the log. */

/**
 * @typedef {import('./work/done.js').Done} Done
 * @typedef {import('./fault.js').Failure} Failure
 * @typedef {import('./work/output.js').Writer} Writer
 */

export class Report {
  #writers;
  #log;
  #meter;
  #reporter;
  #options;

  /**
   * @param {{ writer: Writer, errors?: Writer, log?: Writer }} writers
   * @param {import('./input/joblog.js').JobLog | undefined} log
   * @param {import('./progress.js').Meter} meter
   * @param {import('./progress.js').Reporter} reporter
   * @param {{ keepOrder?: boolean, verbose?: boolean }} options
   */
  constructor(writers, log, meter, reporter, options) {
    this.#writers = writers;
    this.#log = log;
    this.#meter = meter;
    this.#reporter = reporter;
    this.#options = options;
    if (log?.prefix) void writers.log?.write(log.prefix);
  }

  /** @param {Done} done  its items in their order */
  async give(done) {
    const { writer } = this.#writers;
    this.#meter.items += done.count;
    this.#meter.failed += done.failures.size;
    this.#meter.itemsFailed += done.failures.size;
    this.#meter.bytes += done.bytes;
    this.#meter.kills += done.kills;
    if (!done.failures.size) await writer.write(done.text);
    for (let i = 0; done.failures.size && i < done.count; i++) {
      const failure = done.failures.get(i);
      if (failure) await this.#fail(done, i, failure);
      else await writer.write(done.line(i));
    }
    if (this.#log) await this.#writeLog(done);
  }

  /**
   * @param {Done} done
   * @param {number} i
   * @param {Failure} failure
   */
  async #fail({ block }, i, failure) {
    const label = block.label(i);
    const { code, message, name, stack } = failure;
    const error = { code, message, ...(name && { name }), ...(this.#options.verbose && stack && { stack }) };
    const path = block.path(i);
    const index = block.first + i;
    const toLine = (/** @type {object} */ value) => `${JSON.stringify(value)}\n`;
    if (this.#options.keepOrder) await this.#writers.writer.write(toLine({ ...(path && { path }), index, error }));
    await this.#writers.errors?.write(toLine({ index, input: label, error }));
    this.#reporter.failure(label, failure, Boolean(this.#options.verbose));
  }

  /** @param {Done} done */
  async #writeLog(done) {
    const { block } = done;
    for (let i = 0; i < done.count; i++) {
      const failure = done.failures.get(i);
      const received = failure ? 0 : done.line(i).length;
      const item = { seq: block.first + i + 1, label: block.label(i), ms: done.ms(i), received, failure };
      await this.#writers.log?.write(/** @type {import('./input/joblog.js').JobLog} */ (this.#log).line(item));
    }
  }

  /** Ends the outputs. */
  async end() {
    const { writer, errors, log } = this.#writers;
    try {
      await writer.end();
    } finally {
      await errors?.end();
      await log?.end();
    }
  }
}
