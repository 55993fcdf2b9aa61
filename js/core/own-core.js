/**
 * The package's own core. A build that contains it (scripts/bundle-main.mjs) puts another module in place of this one.
 *
 * @typedef {object} OwnCore
 * @property {string} url of its glue, an Emscripten module; in a build that contains the glue, a name only
 * @property {() => Promise<(module: object) => Promise<any>>} glue
 * @property {(() => Uint8Array<ArrayBuffer>) | undefined} wasm its bytes, where the build contains them
 */

const url = new URL('../../wasm/dist/wasmpool.mjs', import.meta.url).href;

/** @type {OwnCore} */
export const ownCore = {
  url,
  glue: async () => (await import(/* @vite-ignore */ /* webpackIgnore: true */ url)).default,
  wasm: undefined,
};
