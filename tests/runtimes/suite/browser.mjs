/**
 * Makes the tests of tests/js loadable in browsers: what they import of Node is served from browser/, or from packages made for that.
 */
import { build } from 'esbuild';
import { join } from 'node:path';
import { root } from '../runtimes.mjs';

const own = '/tests/runtimes/suite';
const bundled = '/build/runtimes';

/** Scripts by the names under which tests import them. @type {Record<string, string>} */
const INSTEAD = {
  'node:test': `${own}/node-test.js`,
  'node:assert/strict': `${bundled}/assert.js`,
  'node:events': `${bundled}/events.js`,
  'node:util': `${bundled}/util.js`,
  'node:worker_threads': `${own}/browser/threads.js`,
  'node:timers/promises': `${own}/browser/timers.js`,
  'node:async_hooks': `${own}/browser/absent.js`,
  'node:child_process': `${own}/browser/absent.js`,
  'node:fs': `${own}/browser/absent.js`,
  'node:module': `${own}/browser/absent.js`,
  'node:path': `${own}/browser/absent.js`,
  'cbor-x/encode': `${bundled}/cbor.js`,
};

/** Exports by the name of the file. @type {Record<string, string>} */
const BUNDLES = {
  assert: "import assert from 'assert'; export default assert.strict; export const { AssertionError } = assert;",
  events: "export { EventEmitter, once } from 'events'; export { default } from 'events';",
  util: "export { promisify, inspect, isDeepStrictEqual } from 'util';",
  cbor: "export { Encoder } from 'cbor-x/encode';",
};

/** Makes the scripts of packages. */
export async function makeBundles() {
  for (const [name, contents] of Object.entries(BUNDLES))
    await build({
      stdin: { contents, resolveDir: name === 'cbor' ? root : join(root, 'tests/smoke') },
      outfile: join(root, bundled, `${name}.js`),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'warning',
      define: { global: 'globalThis', 'process.env.NODE_DEBUG': 'undefined', Buffer: 'undefined' },
      banner: { js: "import '/tests/runtimes/suite/browser/globals.js';" },
    });
}

/** @param {string} path @param {string} text @returns {string} the script for browsers */
export function rewrite(path, text) {
  if (path.startsWith(bundled) || path.startsWith('/tests/runtimes/')) return text;
  const changed = text.replaceAll(/(\bfrom |\bimport\(|\bimport )'([^'./][^']*)'/g, (all, before, name) =>
    INSTEAD[name] ? `${before}'${INSTEAD[name]}'` : all,
  );
  return path.startsWith('/tests/js/') ? `import '${own}/browser/globals.js'; ${changed}` : changed;
}
