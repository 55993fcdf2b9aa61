/** The registry's wasm module. The build puts the bytes in place of this (scripts/bundle-main.mjs). */

/**
 * @param {(url: URL) => Uint8Array} read
 * @returns {BufferSource}
 */
export const registryBytes = (read) =>
  /** @type {Uint8Array<ArrayBuffer>} */ (read(new URL('../../../../wasm/dist/registry.wasm', import.meta.url)));
