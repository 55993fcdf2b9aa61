/** The list in plain Node, with threads and without: no Emscripten, and no other JavaScript of wasmpool than demo/hosts/node. */
import { fileURLToPath } from 'node:url';
import { runList } from './list.js';

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

runList('Node', [process.execPath, at('node.mjs'), at('../../build/checked/v8.wasm')]);
runList('no threads', [process.execPath, at('inline.mjs'), at('../../build/checked/inline.wasm')]);
runList('Node, no checks', [process.execPath, at('node.mjs'), at('../../build/checked/stacks.wasm')], {
  onlyEnds: true,
});
