/** The page's worker module: each exported function is a task. The C tasks are in paint.c. */

/** A loop without an end. Nothing in JavaScript can stop it but the end of its thread. */
export const hangInJs = () => {
  for (;;);
};

/** An error that nobody catches, in the middle of a task: it ends the worker. */
export const crash = () =>
  new Promise(() => {
    setTimeout(() => {
      throw new Error('crashed on purpose');
    });
  });

/**
 * Runs a function of somebody else's module, in an instance of its own, without a single import.
 * @param {{ bytes: Uint8Array<ArrayBuffer>, name: string }} guest
 */
export const guest = async ({ bytes, name }) => {
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes));
  return String(/** @type {Function} */ (instance.exports[name])());
};
