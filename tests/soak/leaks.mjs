/**
 * Destroyed pools and replaced workers must leave nothing behind. Address space and RSS are checked on Linux only.
 *
 * usage: node tests/soak/leaks.mjs       ROUNDS=200 REPLACEMENTS=1000
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import v8 from 'node:v8';
import vm from 'node:vm';
import { offer } from '../../js/host/node/registry/memory.js';
import { createPool, Pool } from '../../js/index.js';
import { C_TASKS, MODULE, until } from '../js/helpers.js';

/** After so many rounds everything that is made only once exists. */
const WARM_UP = 5;
/** How much RSS may grow, by fragmented heaps and compiled code. A pool that stays takes 2 to 4 MB. */
const NOISE_BYTES = 48 << 20;
const STACKS_BYTES = 4 << 20;
const RESERVED_BYTES = 2 ** 33; // least address space of one memory

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

offer(); // the registry's memory, which stays

/** What its users still hold of each pool that is over. @type {unknown[]} */
let kept = [];

/** @type {Record<string, () => Promise<unknown>>} lives of pools */
const LIVES = {
  'one that worked': () =>
    live({ spares: 1, telemetry: true, unref: true }, async (pool) => {
      const { signal } = new AbortController();
      await pool.dispatch('echo', 1, { signal, timeoutMs: 60_000 });
      await pool.map('echo', [1, 2, 3]);
      await pool.broadcast('echo', 1, { sticky: true });
      await pool.dispatch('echo', new Int32Array(new SharedArrayBuffer(8)));
      await new Promise((resolve) => pool.split('echo', 1, resolve));
    }),
  'one that is kept, with what it gave': () =>
    live({ telemetry: true }, async (pool) => {
      const promises = [
        pool.dispatch('echo', 1),
        pool.map('echo', [1, 2]),
        pool.sequence([{ task: 'echo', payload: 1 }]),
      ];
      const trace = pool.trace();
      const box = await pool.dispatch('echo', new Uint8Array(1000), { deliver: 'lease' });
      const handle = pool.bulkSplit('echo', [1], () => undefined);
      await Promise.all([...promises, pool.drain()]);
      kept.push(pool, pool.tasks, trace, box, handle, pool.stats(), pool.diagnostics(), ...promises);
    }),
  'one with C tasks': () => live({ wasm: C_TASKS }, (pool) => pool.dispatch('echo', 1)),
  'one whose task never ends': () =>
    live({ recycleTimeoutMs: 0 }, async (pool) => {
      const error = await pool.dispatch('spin', 1, { timeoutMs: 5 }).catch((caught) => caught);
      assert.equal(error.code, 'TIMEOUT');
      pool.dispatch('spin').catch(() => undefined);
    }),
  'one that could not start': () => assert.rejects(new Pool({ module: '/no/such/module.mjs', workers: 1 }).ready),
  'one without memory for its samples': () =>
    assert.rejects(
      new Pool({ module: MODULE, workers: 1, telemetry: { ring: 1 << 20 }, memory: { maximum: '17mb' } }).ready,
      { code: 'NO_MEMORY' },
    ),
  'one that was destroyed at once': () => new Pool({ module: MODULE, workers: 1 }).destroy(),
};

/**
 * @param {object} options
 * @param {(pool: any) => Promise<void>} use
 */
async function live(options, use) {
  const pool = await createPool({ module: MODULE, workers: 1, ...options });
  try {
    await use(pool);
  } finally {
    await pool.destroy();
  }
}

/** What a process holds. */
class Holdings {
  /** @type {WeakRef<WebAssembly.Memory>[]} */
  #memories = [];

  constructor() {
    const memories = this.#memories;
    this.Memory = WebAssembly.Memory;
    WebAssembly.Memory = class extends WebAssembly.Memory {
      constructor(descriptor) {
        super(descriptor);
        memories.push(new WeakRef(this));
      }
    };
  }

  close() {
    WebAssembly.Memory = this.Memory;
  }

  get memories() {
    return this.#memories.filter((memory) => memory.deref()).length;
  }

  /**
   * @param {(now: object) => boolean} isRight what goes away needs some turns, what leaks stays
   */
  async look(isRight = () => true) {
    for (let turn = 0; ; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      collect();
      collect(); // releases what the first collection found dead
      const now = {
        memories: this.memories,
        resources: process.getActiveResourcesInfo().sort().join(),
        listeners: process
          .eventNames()
          .map((name) => `${String(name)}: ${process.listenerCount(name)}`)
          .join(),
        ...linuxMemory(),
      };
      if (isRight(now) || turn === 100) return now;
    }
  }
}

/** Bytes of address space and of memory, where the system tells; else 0. */
function linuxMemory() {
  if (!existsSync('/proc/self/status')) return { address: 0, rss: 0 };
  const status = readFileSync('/proc/self/status', 'utf8');
  const bytes = (/** @type {string} */ key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
  return { address: bytes('VmSize'), rss: bytes('VmRSS') };
}

/**
 * Runs `round` so many times and requires that afterwards no more is held than after the first few.
 * @param {number} rounds
 * @param {() => Promise<unknown>} round
 * @param {(text: string) => void} log
 */
async function holdsNoMore(rounds, round, log) {
  const holdings = new Holdings();
  try {
    for (let i = 0; i < WARM_UP; i++) await round();
    const first = await holdings.look(({ memories, resources }) => memories === 0 && !resources.includes('Timeout'));
    for (let i = WARM_UP; i < rounds; i++) await round();
    const last = await holdings.look(
      ({ memories, resources, address }) =>
        memories === 0 && resources === first.resources && address - first.address < RESERVED_BYTES,
    );
    log(`after ${WARM_UP}: ${JSON.stringify(first)}`);
    log(`after ${rounds}: ${JSON.stringify(last)}`);
    const { address, rss, ...rest } = first;
    assert.deepEqual({ ...last, address, rss }, { ...rest, memories: 0, address, rss });
    assert.ok(last.address - address < RESERVED_BYTES, `address space: ${address}, then ${last.address} bytes`);
    assert.ok(last.rss - rss < NOISE_BYTES, `RSS: ${rss}, then ${last.rss} bytes`);
  } finally {
    holdings.close();
  }
}

/**
 * @param {number} rounds
 * @param {(text: string) => void} log
 */
export async function destroyedPools(rounds, log) {
  for (const [life, run] of Object.entries(LIVES)) {
    log(life);
    await holdsNoMore(rounds, run, log);
    kept = [];
  }
}

/**
 * @param {number} replacements
 * @param {object} options of the pool
 * @param {[name: string, options?: object]} deadly the task that costs the worker
 * @param {(text: string) => void} log
 */
export async function replacedWorkers(replacements, options, [name, limits], log) {
  await live({ recycleTimeoutMs: 0, restart: { minMs: 1, maxMs: 1, max: -1 }, ...options }, async (pool) => {
    const threads = 1 + (options.spares ?? 0);
    let heapBytes = 0;
    let round = 0;
    await holdsNoMore(
      replacements,
      async () => {
        await assert.rejects(pool.dispatch(name, 1, limits));
        await until(() => pool.diagnostics().threads === threads);
        assert.equal(await pool.dispatch('echo', 1), 1);
        if (++round === WARM_UP) heapBytes = pool.diagnostics().heapBytes;
      },
      log,
    );
    const { heapBytes: held } = pool.diagnostics();
    // The stacks of thread records that were used for the first time stay.
    assert.ok(held <= heapBytes + STACKS_BYTES, `${heapBytes} bytes of the core's memory, then ${held}`);
  });
}

/** Ways to lose a worker. @type {Record<string, [options: object, deadly: [string, object?]]>} */
export const LOSSES = {
  'killed, without spares': [{}, ['spin', { timeoutMs: 1 }]],
  'killed, with a spare': [{ spares: 1 }, ['spin', { timeoutMs: 1 }]],
  'ended by themselves': [{}, ['exit']],
};

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const log = (/** @type {string} */ text) => console.log(text);
  await destroyedPools(Number(process.env.ROUNDS || 200), log);
  for (const [what, [options, deadly]] of Object.entries(LOSSES)) {
    log(`workers ${what}`);
    await replacedWorkers(Number(process.env.REPLACEMENTS || 1000), options, deadly, log);
  }
}
