/** The list in wazero. */
import { fileURLToPath } from 'node:url';
import { runList } from './list.js';

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

runList('wazero', [at('../../build/hosts/wazero'), at('../../build/checked/generic.wasm'), 'checks']);
runList('wazero, no checks', [at('../../build/hosts/wazero'), at('../../build/checked/stacks.wasm')]);
