/** Handlers of the smoke suite: plain JavaScript, for every runtime. */
import { defineWorker } from '../../js/worker/handlers.js';

export default defineWorker({
  add: ({ a, b }) => a + b,
  echo: (value) => value,
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
