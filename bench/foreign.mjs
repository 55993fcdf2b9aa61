/**
 * What a task costs that is a wasm module of somebody else (the option `isolated`): a call in a new instance and in a kept one, beside plain
 * WebAssembly on this thread and beside a handler; and what its checks cost. Runs on Node and on Bun. All in turns; medians.
 *
 * usage: node bench/foreign.mjs [KERNELS.wasm] [--rounds N]      (kernels: make bench builds them from bench/kernels.c)
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createPool } from '../js/index.js';
import { ADDED, confine } from '../js/instrument/confine.js';
import { median } from './stats.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' } },
});
const ROUNDS = Number(options.rounds);
const CALLS = 500;
const SAMPLE_MS = 40;
const KIB = 1024;
// (func (export "run") (param i32 i32) (result i32) (local.get 1)), an allocator and a page of memory.
const module = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 12, 2, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f, 3, 3, 2, 0, 1],
  ...[5, 3, 1, 0, 1, 7, 24, 3, 3, 114, 117, 110, 0, 0, 5, 97, 108, 108, 111, 99, 0, 1, 6, 109, 101, 109, 111, 114, 121],
  ...[2, 0, 10, 12, 2, 4, 0, 0x20, 1, 0x0b, 5, 0, 0x41, 0x80, 0x08, 0x0b],
);
const compiled = new WebAssembly.Module(module);
const bytes = new Uint8Array(KIB);

/** One call as a program does it by itself. @param {any} exports */
function call({ alloc, run, memory }) {
  const at = alloc(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
  return run(at, bytes.length);
}

const pool = await createPool({
  module: new URL('./pools/workers/wasmpool.mjs', import.meta.url),
  workers: 1,
  isolated: { fresh: { wasm: module }, kept: { wasm: module, reuse: true } },
});
const kept = new WebAssembly.Instance(compiled).exports;
/** @param {string} task */
const burst = (task) => () => Promise.all(Array.from({ length: CALLS }, () => pool.dispatch(task, bytes)));
/** @param {() => void} one */
const many = (one) => () => {
  for (let i = 0; i < CALLS; i++) one();
};
/** @type {Record<string, () => any>} */
const rows = {
  'plain WebAssembly, kept instance, this thread': many(() => call(kept)),
  'plain WebAssembly, new instance each, this thread': many(() => call(new WebAssembly.Instance(compiled).exports)),
  'handler, in the pool': burst('inspect'),
  'module with reuse, in the pool': burst('kept'),
  'module, new instance each, in the pool': burst('fresh'),
};
/** @type {Record<string, number[]>} */
const times = Object.fromEntries(Object.keys(rows).map((name) => [name, []]));
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(rows)) {
    const start = performance.now();
    await run();
    if (round >= 0) times[name].push(((performance.now() - start) / CALLS) * 1000);
  }
}
await pool.destroy();
const runtime = process.versions.bun ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`;
console.log(`| ${KIB} bytes in, a number out, ${runtime} | µs a call, bursts of ${CALLS} |\n| --- | --- |`);
for (const [name, all] of Object.entries(times)) console.log(`| ${name} | ${median(all).toFixed(2)} |`);

if (positionals[0]) compareKernels(new Uint8Array(readFileSync(positionals[0])));

/**
 * Time with the checks of js/instrument/confine.js over time without, by kernel.
 * @param {Uint8Array<ArrayBuffer>} kernels
 */
function compareKernels(kernels) {
  const instance = (/** @type {Uint8Array<ArrayBuffer>} */ code, /** @type {boolean} */ shared) =>
    /** @type {any} */ (
      new WebAssembly.Instance(new WebAssembly.Module(code), {
        env: { memory: new WebAssembly.Memory({ initial: 16, maximum: 16, shared }) },
      }).exports
    );
  const plain = instance(kernels, true);
  const checked = instance(confine(kernels, { maximumBytes: 16 * 65536, checked: true }).bytes, false);
  const relay = new WebAssembly.Module(
    Uint8Array.of(
      ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f],
      ...[2, 7, 1, 1, 104, 1, 102, 0, 0, 7, 5, 1, 1, 102, 0, 0],
    ),
  );
  const word = new Int32Array(new SharedArrayBuffer(4));
  const hook = new WebAssembly.Instance(relay, { h: { f: () => Atomics.load(word, 0) } }).exports.f;
  checked[ADDED.hook].set(0, hook);
  checked[ADDED.start]?.();
  const timeOf = (/** @type {(rounds: number) => unknown} */ run, /** @type {number} */ rounds) => {
    const start = performance.now();
    run(rounds);
    return performance.now() - start;
  };
  console.log(`\n| kernel | time with checks / without |\n| --- | --- |`);
  /** @type {number[]} */
  const ratios = [];
  for (const name of Object.keys(plain)) {
    let rounds = 1;
    while (Math.min(timeOf(plain[name], rounds), timeOf(checked[name], rounds)) < SAMPLE_MS / 2) rounds *= 2;
    const pairs = Array.from({ length: ROUNDS }, () => [timeOf(plain[name], rounds), timeOf(checked[name], rounds)]);
    const ratio = median(pairs.map(([, with_]) => with_)) / median(pairs.map(([without]) => without));
    ratios.push(ratio);
    console.log(`| ${name} | ${ratio.toFixed(2)} |`);
  }
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  console.log(`| geometric mean | ${mean.toFixed(2)} |`);
}
