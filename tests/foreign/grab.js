/** Modules that packages carry inside their JavaScript: taken when the package compiles them. */

/**
 * @param {() => Promise<unknown>} load makes the package compile its module
 * @returns {Promise<Uint8Array<ArrayBuffer>>} the first module that it compiled
 */
export async function grab(load) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const found = [];
  const { compile, instantiate } = WebAssembly;
  const take = (/** @type {any} */ source) => {
    if (source instanceof WebAssembly.Module) return;
    found.push(new Uint8Array(source.buffer ? source : new Uint8Array(source)));
  };
  const api = /** @type {any} */ (WebAssembly);
  api.compile = (/** @type {any} */ source, /** @type {any[]} */ ...more) => {
    take(source);
    return /** @type {any} */ (compile).call(WebAssembly, source, ...more);
  };
  api.instantiate = (/** @type {any} */ source, /** @type {any[]} */ ...more) => {
    take(source);
    return /** @type {any} */ (instantiate).call(WebAssembly, source, ...more);
  };
  try {
    await load();
  } finally {
    Object.assign(WebAssembly, { compile, instantiate });
  }
  if (found.length === 0) throw new Error('the package has compiled no module');
  return found[0];
}
