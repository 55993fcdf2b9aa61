/** For pages that allow no workers from blob URLs: the package's files lie apart. */
import { check } from './check.js';

check(new URL('./plain-worker.js', import.meta.url), {
  workerUrl: new URL('./wasmpool/js/dist/browser-worker.js', import.meta.url),
  wasmUrl: new URL('./wasmpool/wasm/dist/wasmpool.wasm', import.meta.url),
});
