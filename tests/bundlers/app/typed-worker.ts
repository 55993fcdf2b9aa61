/** A worker module in TypeScript, with the syntax that the bundler compiles for browsers that do not have it. */
import { defineWorker } from 'wasmpool/worker';

export default defineWorker({
  add([a, b]: [number, number]): number {
    let sum = 0;
    {
      using part = { sum: a, [Symbol.dispose]: () => void (sum += b) };
      sum += part.sum;
    }
    return sum;
  },

  hang() {
    for (;;) Object.assign(globalThis, { spins: true }); // bundlers take out what has no effect
  },
});
