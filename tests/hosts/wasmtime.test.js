/** The list in Wasmtime: with loop checks, and with epochs, which end threads. */
import { fileURLToPath } from 'node:url';
import { runList } from './list.js';

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const program = at('../../build/hosts/wasmtime');

runList('Wasmtime', [program, at('../../build/checked/cranelift.wasm'), 'checks']);
runList('Wasmtime, epochs', [program, at('../../build/checked/stacks.wasm'), 'epochs']);
