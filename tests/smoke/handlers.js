/** Handlers of the smoke suite: plain JavaScript, for every runtime. */
import { defineWorker } from '../../js/handlers/handlers.js';

const threads = globalThis.process?.versions?.node ? await import('node:worker_threads') : undefined;

/** Deno's own are written in JavaScript, and checked by their kind. */
const isBuiltIn = (value) =>
  /\[native code\]/.test(value) ||
  ('Deno' in globalThis && /^(class Worker extends|function postMessage\()/.test(value));

/** What is left of the start of Emscripten's glue in this realm. */
function leftovers() {
  const found = ['importScripts', 'startWorker'].filter((name) => Object.hasOwn(globalThis, name));
  if (globalThis.name?.startsWith('em-pthread') || threads?.workerData === 'em-pthread')
    found.push('marks of a thread');
  if (globalThis.onmessage || globalThis.onunhandledrejection) found.push('listeners');
  for (const name of ['Worker', 'alert', 'postMessage'])
    if (globalThis[name] && !isBuiltIn(globalThis[name])) found.push(name);
  return found;
}

const post = (message) => (threads?.parentPort ?? globalThis).postMessage(message);

const print = (count) => {
  for (let i = 0; i < count; i++) console.log(`line ${i}`);
};

export default defineWorker({
  print,
  printAndHang: (count) => {
    print(count);
    for (;;);
  },
  world: leftovers,
  workerName: (_, { worker }) => worker.name,
  surroundings: () => ({ greeting: process.env.GREETING, argv: process.argv }),
  listen: () => {
    const hear = (message) => post({ heard: message });
    if (threads) threads.parentPort.on('message', hear);
    else globalThis.addEventListener('message', ({ data }) => hear(data));
  },
  add: ({ a, b }) => a + b,
  nest: async ({ depth, wasm }) => {
    const { createPool } = await import(threads ? '../../js/dist/index.mjs' : '../../js/dist/browser-index.js');
    const pool = await createPool({ module: import.meta.url, wasm, workers: 1 });
    try {
      return [
        await pool.dispatch('c_sum', new Uint8Array([depth, 1])),
        ...(depth ? await pool.dispatch('nest', { depth: depth - 1, wasm }) : []),
      ];
    } finally {
      await pool.destroy();
    }
  },
  echo: (value) => value,
  count: ({ word }) => Atomics.add(word, 0, 1),
  bytes: (length) => new Uint8Array(length).fill(7),
  later: (value) => new Promise((resolve) => setTimeout(resolve, 1, value)),
  fail: () => {
    throw new TypeError('as asked');
  },
  throwLater: () => {
    setTimeout(() => {
      throw new Error('after its end');
    });
    return 'fine';
  },
  progress: (values, context) => {
    for (const value of values) context.progress(value);
    return context.worker.name;
  },
  askMain: (value, context) => context.main('twice', value),
  spin: () => {
    for (;;);
  },
  wait: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
});
