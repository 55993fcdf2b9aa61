/** The Emscripten glue of the package's own core, as text for bundles: without the parts for other environments. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { transform } from 'esbuild';

/** The glue's global object in a worker is one of its own, so that the worker's need not be changed and restored. */
const REALM = {
  ...{ globalThis: 'realm', global: 'realm', self: 'realm' },
  ...Object.fromEntries(['startWorker', 'onmessage', 'postMessage'].map((name) => [name, `realm.${name}`])),
};
const IN_WORKER = { ENVIRONMENT_IS_WEB: 'false', ENVIRONMENT_IS_WORKER: 'true', ENVIRONMENT_IS_PTHREAD: 'true' };

/** What the glue would find out at its start, but a bundle knows. */
const KNOWN = {
  'node-worker': { ...IN_WORKER, ENVIRONMENT_IS_NODE: 'true' },
  'browser-worker': { ...IN_WORKER, ENVIRONMENT_IS_NODE: 'false' },
  'node-main': {
    ...{ ENVIRONMENT_IS_WEB: 'false', ENVIRONMENT_IS_WORKER: 'false' },
    ...{ ENVIRONMENT_IS_NODE: 'true', ENVIRONMENT_IS_PTHREAD: 'false' },
  },
  // A page or a worker of it: the glue looks.
  'browser-main': { ENVIRONMENT_IS_NODE: 'false', ENVIRONMENT_IS_PTHREAD: 'false' },
};

/** @typedef {keyof typeof KNOWN} Place */

/** What no bundle needs. Each must be there: otherwise Emscripten has changed, and this list must follow. */
const NEEDLESS = [
  /const\{createRequire\}=[^]*?global\.Worker=worker_threads\.Worker;/, // a bundle for Node has a `require`
  /ENVIRONMENT_IS_WORKER=!worker_threads[^;]*;/,
  /ENVIRONMENT_IS_PTHREAD=ENVIRONMENT_IS_WORKER&&worker_threads[^;}]*/,
  /if\(ENVIRONMENT_IS_NODE\)\{var parentPort=[^]*?\}\)\}/,
  /worker=new Worker\(new URL\([^;]*;PThread\.unusedWorkers\.push\(worker\)/, // threads are the host's; bundlers would follow it
  /export default Module;[^]*/,
];

/** How the glue hands out each function of the core: some 130 bytes of text, although nothing but the name differs. */
const WRAPPER = /var (_wp_\w+)=Module\["\1"\]=[^;]*;/g;
/** Where it has the functions themselves. */
const INSTANCE = 'wasmExports=applySignatureConversions(wasmExports);';
const HAND_OUT = 'for(var name in wasmExports)if(/^wp_/.test(name))Module["_"+name]=wasmExports[name];';

/**
 * Hands out all functions of the core by one loop, so that another one costs a bundle nothing.
 * @param {string} glue
 */
function handOut(glue) {
  const wrapped = [...glue.matchAll(WRAPPER)].map(([, name]) => name);
  const rest = glue.replaceAll(WRAPPER, '');
  const used = wrapped.find((name) => new RegExp(`\\b${name}\\b`).test(rest));
  if (wrapped.length === 0 || used || !rest.includes(INSTANCE))
    throw new Error(`wasm/dist/wasmpool.mjs: its functions are handed out in another way${used ? `: ${used}` : ''}`);
  return rest.replace(INSTANCE, INSTANCE + HAND_OUT);
}

/**
 * @param {string} root of the package
 * @param {Place} place where it runs
 * @param {string} name
 * @returns {Promise<string>} a module that exports, by that name, a function of the glue's URL and, in workers, of its global object. The
 *   function returns the factory
 */
export async function ownGlueText(root, place, name) {
  const known = KNOWN[place];
  let glue = await readFile(resolve(root, 'wasm/dist/wasmpool.mjs'), 'utf8');
  for (const part of [...Object.keys(known).map((name) => new RegExp(`var ${name}=[^;]*;`)), ...NEEDLESS]) {
    if (!part.test(glue)) throw new Error(`wasm/dist/wasmpool.mjs: nothing looks like ${part}`);
    glue = glue.replace(part, '');
  }
  const text = handOut(glue).replaceAll('import.meta.url', 'url');
  const module = `export const ${name} = (url, realm) => {${text}return Module;};`;
  const define = place.endsWith('worker') ? { ...known, ...REALM } : known;
  const { code } = await transform(module, { minify: true, format: 'esm', target: 'es2022', define });
  return code;
}
