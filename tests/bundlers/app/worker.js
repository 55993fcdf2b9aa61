import { defineWorker } from 'wasmpool/worker';

export default defineWorker({
  add: ([a, b]) => a + b,

  hang() {
    for (;;) globalThis.spins = true; // bundlers take out what has no effect
  },
});
