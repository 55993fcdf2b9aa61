/**
 * Where workers find js/foreign/run.js, as it was built: one file. A build that contains its text (scripts/bundle-main.mjs) puts another
 * module in place of this one.
 * @param {string | undefined} workerUrl the pool's option: it lies beside that file
 * @returns {Promise<string>}
 */
export const codeUrl = async (workerUrl) =>
  workerUrl === undefined ? new URL('../dist/foreign.js', import.meta.url).href : new URL('foreign.js', workerUrl).href;
