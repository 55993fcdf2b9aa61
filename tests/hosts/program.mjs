/**
 * A host program: it runs a pool, and is told by lines on its standard input what to do with it. So one list of tests (list.mjs) is for all
 * hosts, whatever language they are written in.
 *
 *   open WORKERS SPARES RESTARTS        opened | refused TEXT             RESTARTS: of one seat, within a minute; -1: any number, at once
 *   run ID TASK TYPE HEX PRIORITY MS    end ID STATUS TYPE HEX            sooner or later; before it: value ID TYPE HEX, for progress
 *   cancel ID, terminate ID             gave ID 0|1
 *   pause, resume                       done
 *   stats                               stats FREE TOTAL QUEUED TASKS HEAPBYTES
 *   counts                              counts STARTS KILLS LOSSES RETIRED REAPED
 *   check                               check STATUS                      of wp_host_check
 *   close                               closed
 *
 * HEX: the bytes, or - for none. The first line that a program prints is: host NAME WHAT…, with WHAT of `threads`, `ends` (loops), `waits` (the same for waits), `checks`.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The numbers of enum wp_type. */
export const TYPE = { undefined: 0, binary: 1, string: 2, number: 5 };
export const STATUS = { timeout: -5, cancelled: -6, lost: -7 };

/** @param {number | string | Uint8Array | undefined} value */
function encode(value) {
  if (value === undefined) return [TYPE.undefined, '-'];
  if (typeof value === 'number') return [TYPE.number, Buffer.from(new Float64Array([value]).buffer).toString('hex')];
  if (typeof value === 'string') return [TYPE.string, Buffer.from(value).toString('hex') || '-'];
  return [TYPE.binary, Buffer.from(value).toString('hex') || '-'];
}

/** @param {number} type @param {string} hex */
function decode(type, hex) {
  const bytes = Buffer.from(hex === '-' ? '' : hex, 'hex');
  if (type === TYPE.undefined) return undefined;
  if (type === TYPE.number) return bytes.readDoubleLE();
  return type === TYPE.binary ? bytes : bytes.toString();
}

/** One run of a task. */
class Run {
  /** @type {any[]} */
  values = [];
  /** @param {Program} program @param {number} id */
  constructor(program, id) {
    this.program = program;
    this.id = id;
    this.end = new Promise((resolve) => (this.finish = resolve));
    /** The first value that the task sends: it runs. */
    this.runs = new Promise((resolve) => (this.started = resolve));
  }

  cancel() {
    return this.program.ask(`cancel ${this.id}`, `gave ${this.id}`).then(Number);
  }

  terminate() {
    return this.program.ask(`terminate ${this.id}`, `gave ${this.id}`).then(Number);
  }
}

/** A host program that runs. */
export class Program {
  /** @type {Map<number, Run>} */
  #runs = new Map();
  #lastId = 0;
  /** @type {{ prefix: string, resolve: (rest: string) => void, reject: (error: Error) => void }[]} */
  #questions = [];
  /** The ids of tasks in the order of their ends. @type {number[]} */
  order = [];
  name = '';
  /** @type {Set<string>} */
  can = new Set();

  /** @param {string[]} command */
  constructor([command, ...args]) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.hello = this.#expect('host').then((rest) => {
      const [name, ...can] = rest.split(' ');
      this.name = name;
      this.can = new Set(can);
    });
    this.exit = new Promise((resolve) => this.child.on('exit', resolve));
    this.child.on('error', (error) => this.#fail(error));
    void this.exit.then((code) => this.#fail(new Error(`the host program has ended (${code})`)));
    this.child.stdin.on('error', () => undefined); // it has ended: see above
    createInterface(this.child.stdout).on('line', (line) => this.#take(line));
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#questions.splice(0)) reject(error);
    for (const run of this.#runs.values()) run.finish({ error });
  }

  /** @param {string} line */
  #take(line) {
    const [word, id, ...rest] = line.split(' ');
    const run = this.#runs.get(Number(id));
    if (word === 'end') {
      this.#runs.delete(Number(id));
      this.order.push(Number(id));
      run?.finish({ status: Number(rest[0]), value: decode(Number(rest[1]), rest[2]) });
    } else if (word === 'value') {
      run?.values.push(decode(Number(rest[0]), rest[1]));
      run?.started();
    } else {
      const place = this.#questions.findIndex(({ prefix }) => line === prefix || line.startsWith(`${prefix} `));
      if (place < 0) throw new Error(`unexpected: ${line}`);
      const [{ prefix, resolve }] = this.#questions.splice(place, 1);
      resolve(line.slice(prefix.length + 1));
    }
  }

  /** @param {string} prefix of the answer @returns {Promise<string>} the rest of it */
  #expect(prefix) {
    return new Promise((resolve, reject) => this.#questions.push({ prefix, resolve, reject }));
  }

  /** @param {string} line @param {string} prefix */
  ask(line, prefix) {
    const answer = this.#expect(prefix);
    this.child.stdin.write(`${line}\n`);
    return answer;
  }

  /** @param {{ workers?: number, spares?: number, restarts?: number }} [options] */
  async open({ workers = 2, spares = 0, restarts = -1 } = {}) {
    await this.hello;
    await this.ask(`open ${workers} ${spares} ${restarts}`, 'opened');
  }

  /**
   * @param {string} task
   * @param {number | string | Uint8Array} [value]
   * @param {{ priority?: number, timeoutMs?: number }} [options]
   */
  run(task, value, { priority = 0, timeoutMs = 0 } = {}) {
    const run = new Run(this, ++this.#lastId);
    this.#runs.set(run.id, run);
    const [type, hex] = encode(value);
    this.child.stdin.write(`run ${run.id} ${task} ${type} ${hex} ${priority} ${timeoutMs}\n`);
    return run;
  }

  /** The value of a task that succeeds. @param {string} task @param {any} [value] @param {any} [options] */
  async value(task, value, options) {
    const end = await this.run(task, value, options).end;
    if (end.error) throw end.error;
    if (end.status !== 0) throw new Error(`${task}: status ${end.status}: ${end.value}`);
    return end.value;
  }

  async stats() {
    const [free, total, queued, tasks, heapBytes] = (await this.ask('stats', 'stats')).split(' ').map(Number);
    return { free, total, queued, tasks, heapBytes };
  }

  async counts() {
    const [starts, kills, losses, retired, reaped] = (await this.ask('counts', 'counts')).split(' ').map(Number);
    return { starts, kills, losses, retired, reaped };
  }

  /** Asks until the figures are as wanted. @param {'stats' | 'counts'} what @param {(figures: any) => boolean} wanted */
  async until(what, wanted) {
    for (;;) {
      const figures = await this[what]();
      if (wanted(figures)) return figures;
      await new Promise((resolve) => setTimeout(resolve, 2)); // time for what is asked about
    }
  }

  /**
   * Has the core look whether its records agree with each other. Idle workers look for work now and then, and in the middle of that they
   * need not agree, so this asks again; damage would last.
   */
  async sound() {
    for (let tries = 0; Number(await this.ask('check', 'check')) !== 0; tries++)
      if (tries === 100) throw new Error("the core's records do not agree");
  }

  /** Ends the pool and the program. */
  async close() {
    await this.ask('close', 'closed');
    this.child.stdin.end();
    await this.exit;
  }
}
