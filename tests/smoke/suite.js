/**
 * The smoke suite: the same module on every runtime. Each case is a function that throws when something is wrong, or returns
 * a reason why this runtime cannot do it.
 */

/** (func (export "run") …) that writes over the first byte, an allocator, a loop. */
const ISOLATED_FUNCTION =
  'AGFzbQEAAAABEANgAX8Bf2ACf38Cf39gAAADBAMAAQIFAwEAAQcfBAZtZW1vcnkCAAVhbGxvYwAAA3J1bgABBGhhbmcAAgodAwUAQYAICw0AIABBIToA' +
  'ACAAIAELBwADQAwACws=';
/** A program that writes what it reads. */
const ISOLATED_PROGRAM =
  'AGFzbQEAAAABDAJgBH9/f38Bf2AAAAJEAhZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAAWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQdmZF9y' +
  'ZWFkAAADAgEBBQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAIKKgEoAEEAQcAANgIAQQRB5AA2AgBBAEEAQQFBBBABGkEBQQBBAUEIEAAaCw==';

/** @param {string} text in base64 */
const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/**
 * @param {unknown} found
 * @param {unknown} expected
 */
function equal(found, expected) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`expected ${right}, got ${left}`);
}

/** @param {Promise<unknown>} promise */
async function codeOf(promise) {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error.code;
  }
}

/** Whether this runtime imports TypeScript: Deno, Bun, and Node 22.18 or later. */
function loadsTypeScript() {
  const { versions = {}, features } = globalThis.process ?? {};
  return 'bun' in versions || 'deno' in versions || Boolean(features?.typescript);
}

/**
 * @param {typeof import('../../js/index.js').createPool} createPool
 * @param {{ module: URL, wasm: URL, isolated: URL }} where  isolated: the tasks of wasm, for instances of their own
 * @returns {Record<string, () => Promise<string | void>>} cases by name
 */
export function cases(createPool, { module, wasm, isolated }) {
  /** @type {(options: object, use: (pool: any) => Promise<string | void>) => Promise<string | void>} */
  const withPool = async (options, use) => {
    const pool = await createPool({ module, workers: 2, ...options });
    try {
      return await use(pool);
    } finally {
      const { boxesInUse } = pool.diagnostics();
      await pool.destroy();
      equal(boxesInUse, 0);
    }
  };
  return {
    'dispatch: numbers, objects, text, bytes, everything that clone carries': () =>
      withPool({}, async (pool) => {
        equal(await pool.dispatch('add', { a: 10, b: 32 }), 42);
        equal(await pool.dispatch('echo', 'grüße 🎉'.repeat(100)), 'grüße 🎉'.repeat(100));
        equal((await pool.dispatch('bytes', 3_000_000)).length, 3_000_000);
        equal([...(await pool.dispatch('echo', new Map([['k', { deep: [1n].length }]])))], [['k', { deep: 1 }]]);
        equal(await pool.dispatch('later', 5), 5);
        equal(await codeOf(pool.dispatch('fail')), 'TASK_FAILED');
        equal(await codeOf(pool.dispatch('echo', () => 1)), 'NOT_SERIALIZABLE');
      }),
    'payloads with shared memory, a port or a large buffer: their tasks run while main is busy': () =>
      withPool({}, async (pool) => {
        await pool.broadcast('echo', 1);
        const word = new Int32Array(new SharedArrayBuffer(4));
        const { port2 } = new MessageChannel();
        const bytes = new Uint8Array(1_000_000);
        const tasks = [
          pool.dispatch('count', { word }),
          pool.dispatch('count', { word, port2 }, { transfer: [port2] }),
          pool.dispatch('count', { word, bytes }, { transfer: [bytes.buffer] }),
        ];
        for (const end = Date.now() + 60_000; Atomics.load(word, 0) < 3 && Date.now() < end;);
        equal(Atomics.load(word, 0), 3);
        await Promise.all(tasks);
      }),
    'a pool inside a handler, three levels deep': () =>
      withPool({ workers: 1 }, async (pool) =>
        equal(await pool.dispatch('nest', { depth: 2, wasm: wasm.href }), [3, 2, 1]),
      ),
    'map: in order, awaited and iterated': () =>
      withPool({}, async (pool) => {
        const items = Array.from({ length: 500 }, (_, i) => ({ a: i, b: 1 }));
        equal(
          await pool.map('add', items),
          items.map(({ a }) => a + 1),
        );
        const found = [];
        for await (const value of pool.map('add', items, { batchSize: 7 })) found.push(value);
        equal(
          found,
          items.map(({ a }) => a + 1),
        );
      }),
    'split, bulkSplit, sequence, with telemetry and a trace': () =>
      withPool({ telemetry: { tickMs: 4 }, dev: true }, async (pool) => {
        const trace = pool.trace();
        equal(await new Promise((resolve) => pool.split('add', { a: 1, b: 2 }, resolve)), 3);
        const bulk = new Promise((resolve) => pool.bulkSplit('echo', [1, 2, 3], (results) => resolve([...results])));
        equal(await bulk, [1, 2, 3]);
        equal(
          await pool.sequence([
            { task: 'later', payload: 1 },
            { task: 'echo', payload: (one) => one + 1 },
          ]),
          [1, 2],
        );
        while (!pool.report()) await new Promise((resolve) => setTimeout(resolve, 4));
        equal(pool.report().Workers.Total, 2);
        equal(pool.taskLoad().workers.length, 2);
        equal(trace.stop().traceEvents.filter(({ ph }) => ph === 'X').length, 5);
      }),
    'lease: a result read in place': () =>
      withPool({}, async (pool) => {
        const box = await pool.dispatch('bytes', 1000, { deliver: 'lease' });
        equal(box.byteLength, 1000);
        equal(box.raw()[999], 7);
        equal((await pool.dispatch('echo', box)).length, 1000);
        box.release();
      }),
    'C tasks: results, failures, traps': () =>
      withPool({ wasm }, async (pool) => {
        equal(await pool.dispatch('c_sum', new Uint8Array(1000).fill(2)), 2000);
        equal(await pool.dispatch('c_echo', 'text'), 'text');
        equal(await codeOf(pool.dispatch('c_fail')), 'TASK_FAILED');
        equal(await codeOf(pool.dispatch('c_trap')), 'TASK_FAILED');
        equal((await pool.dispatch('c_big', 2_000_000)).length, 2_000_000);
        equal(await pool.dispatch('c_sum', new Uint8Array(10).fill(1)), 10);
      }),
    'C tasks in instances of their own: results, failures, traps, kills': () =>
      withPool({ wasm: isolated }, async (pool) => {
        equal(await pool.dispatch('c_sum', new Uint8Array(1000).fill(2)), 2000);
        equal(await pool.dispatch('c_echo', 'text'), 'text');
        equal(await codeOf(pool.dispatch('c_fail')), 'TASK_FAILED');
        equal(await codeOf(pool.dispatch('c_trap')), 'TASK_FAILED');
        equal((await pool.dispatch('c_big', 2_000_000)).length, 2_000_000);
        for (const name of pool.caps.killWasm ? ['c_spin', 'c_malloc', 'c_recurse'] : []) {
          equal([name, await codeOf(pool.dispatch(name, undefined, { timeoutMs: 300 }))], [name, 'TIMEOUT']);
          equal(await pool.dispatch('c_sum', new Uint8Array(10).fill(1)), 10);
        }
        equal(await pool.broadcast('echo', 3), [3, 3]);
      }),
    'terminate: a hung JavaScript task dies alone': () =>
      withPool({}, async (pool) => {
        if (!pool.caps.killJs) return 'this runtime does not stop JavaScript loops';
        const hung = pool.dispatch('spin');
        equal(await pool.dispatch('add', { a: 1, b: 1 }), 2);
        while (pool.stats().freeWorkers !== 1) await pool.dispatch('later', 0); // until it runs
        const rest = pool.map(
          'add',
          Array.from({ length: 50 }, (_, i) => ({ a: i, b: 0 })),
        );
        await hung.terminate();
        equal(await codeOf(hung), 'CANCELLED');
        equal((await rest).length, 50);
        equal(await pool.broadcast('echo', 1), [1, 1]);
      }),
    'time limit: hung tasks are killed, the others are served': () =>
      withPool({ wasm, recycleTimeoutMs: 0 }, async (pool) => {
        const names = [
          'wait',
          ...(pool.caps.killJs ? ['spin'] : []),
          ...(pool.caps.killWasm ? ['c_spin', 'c_wait'] : []),
        ];
        const limit = { timeoutMs: 300 };
        for (const name of names) equal([name, await codeOf(pool.dispatch(name, undefined, limit))], [name, 'TIMEOUT']);
        equal(await pool.broadcast('echo', 2), [2, 2]);
        return pool.caps.killWasm ? undefined : 'but for loops in wasm: this runtime does not stop them';
      }),
    'crash: an error that nobody catches costs its worker, and the seat is served again': () =>
      withPool({ restart: { minMs: 1, maxMs: 1 } }, async (pool) => {
        const down = new Promise((resolve) => pool.on('workerDown', ({ error }) => resolve(error.message)));
        equal(await pool.dispatch('throwLater'), 'fine');
        if (!(await down).includes('after its end')) throw new Error(`wrong reason: ${await down}`);
        equal(await pool.broadcast('echo', 3), [3, 3]);
      }),
    'context: progress, calls of main, transferred and shared values': () =>
      withPool({ main: { twice: (value) => value * 2 } }, async (pool) => {
        const seen = [];
        const name = await pool.dispatch('progress', [1, 'zwei', { three: 3 }], { onProgress: (v) => seen.push(v) });
        equal([/^Worker_[12]$/.test(name), seen], [true, [1, 'zwei', { three: 3 }]]);
        equal(await pool.dispatch('askMain', 21), 42);
        const bytes = new Uint8Array(100).fill(4);
        equal((await pool.dispatch('echo', bytes, { transfer: [bytes.buffer] }))[99], 4);
        equal(bytes.length, 0);
        const memory = new Int32Array(new SharedArrayBuffer(4));
        (await pool.dispatch('echo', memory))[0] = 5;
        equal(memory[0], 5);
      }),
    'world: a worker is a plain one, its messages are its own': () =>
      withPool({ workers: 1 }, async (pool) => {
        equal(await pool.dispatch('world'), []);
        const heard = new Promise((resolve) => pool.on('message', resolve));
        await pool.dispatch('listen');
        pool.postMessage({ kind: 'hello' }, { worker: 0 });
        const { worker, index, message } = await heard;
        equal([worker, index, message], ['Worker_1', 0, { heard: { kind: 'hello' } }]);
        equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
      }),
    'worker options: names; environment and arguments, or a refusal by name': async () => {
      await withPool({ workers: 1, name: 'img' }, async (pool) => equal(await pool.dispatch('workerName'), 'img_1'));
      const values = {
        env: { GREETING: 'hello' },
        argv: ['--level', 3],
        execArgv: ['--no-warnings'],
        trackUnmanagedFds: false,
      };
      const versions = globalThis.process?.versions ?? {};
      const has = !versions.node ? [] : versions.deno ? ['env'] : versions.bun ? ['env', 'argv'] : Object.keys(values);
      for (const [name, value] of Object.entries(values)) {
        if (!has.includes(name)) equal(await codeOf(createPool({ module, [name]: value })), 'UNSUPPORTED');
      }
      if (has.includes('env')) {
        await withPool({ workers: 1, env: values.env }, async (pool) =>
          equal(await pool.dispatch('surroundings').then(({ greeting }) => greeting), 'hello'),
        );
      }
      if (has.includes('argv')) {
        await withPool({ workers: 1, argv: values.argv }, async (pool) =>
          equal(await pool.dispatch('surroundings').then(({ argv }) => argv.slice(-2)), ['--level', '3']),
        );
      }
    },
    'output: what a task has printed is there at its end': async () => {
      if (!globalThis.process?.versions?.node)
        return void equal(await codeOf(createPool({ module, stdout: true })), 'UNSUPPORTED');
      return withPool({ stdout: true, recycleTimeoutMs: 0 }, async (pool) => {
        const printed = () => {
          let text = '';
          for (let chunk; (chunk = pool.stdout.read()) !== null;) text += chunk;
          return text;
        };
        const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join('');
        await pool.dispatch('print', 1000);
        equal(printed() === lines, true);
        equal(await codeOf(pool.dispatch('printAndHang', 1000, { timeoutMs: 1000 })), 'TIMEOUT');
        equal(printed() === lines, true);
      });
    },
    'modules of others: bytes, a WASI program, a loop that is stopped': () => {
      const wasm = bytesOf(ISOLATED_FUNCTION);
      const modules = { mark: { wasm }, hang: { wasm, export: 'hang' }, cat: { wasm: bytesOf(ISOLATED_PROGRAM) } };
      return withPool({ isolated: modules }, async (pool) => {
        const text = (bytes) => new TextDecoder().decode(bytes);
        equal(text(await pool.dispatch('mark', 'hello')), '!ello');
        const { exitCode, stdout } = await pool.dispatch('cat', { stdin: 'grüße' });
        equal([exitCode, text(stdout)], [0, 'grüße']);
        equal(await codeOf(pool.dispatch('hang', undefined, { timeoutMs: 50 })), 'TIMEOUT');
        equal(text(await pool.dispatch('mark', 'hello')), '!ello');
        equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
      });
    },
    'start: a module that is not there rejects with a reason': async () => {
      const start = createPool({ module: new URL('./no-such-module.js', module), workers: 1 });
      equal(await codeOf(start), 'START_FAILED');
    },
    'start: a worker module in TypeScript runs where the runtime strips types; elsewhere it does not start':
      async () => {
        const start = createPool({ module: new URL('../js/fixtures/typed.ts', module), workers: 1 });
        if (!loadsTypeScript()) return equal(await codeOf(start), 'START_FAILED');
        const pool = await start;
        equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
        return pool.destroy();
      },
    'destroy: everything rejects, nothing runs': async () => {
      const pool = await createPool({ module, workers: 1 });
      const tasks = [pool.dispatch('later', 1), pool.dispatch('later', 2), pool.dispatch('spin')];
      await pool.destroy();
      const codes = await Promise.all(tasks.map(codeOf));
      equal(codes.slice(1), ['POOL_DESTROYED', 'POOL_DESTROYED']);
      equal(pool.stats().totalWorkers, 0);
    },
  };
}

/**
 * @param {typeof import('../../js/index.js').createPool} createPool that of the built package
 * @param {{ module: URL, wasm: URL, isolated: URL }} where
 * @param {(line: { name: string, result: 'passed' | 'failed' | 'skipped', detail?: string }) => void} report
 */
export async function run(createPool, where, report) {
  for (const [name, test] of Object.entries(cases(createPool, where))) {
    try {
      const reason = await test();
      if (reason && !reason.startsWith('but')) report({ name, result: 'skipped', detail: reason });
      else report({ name, result: 'passed', detail: reason || undefined });
    } catch (error) {
      report({ name, result: 'failed', detail: String(error?.stack ?? error) });
    }
  }
}
