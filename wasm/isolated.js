/*
 * The JavaScript functions that a module with a memory of its own imports (src/isolated/isolated.h). Linked into its glue by
 * --js-library; js/handlers/isolated.js hands over what they call as the module's `wasmpool`.
 */
addToLibrary({
  wp_js_isolated_cancelled: () => Module['wasmpool'].cancelled(),
  wp_js_isolated_heartbeat: () => Module['wasmpool'].heartbeat(),
  wp_js_isolated_progress: (type, data, bytes) => Module['wasmpool'].progress(type, data >>> 0, bytes >>> 0),

  // exit and _Exit end the task that calls them.
  exit: (status) => {
    throw new Error(`the task called exit(${status})`);
  },
  proc_exit: (status) => {
    throw new Error(`the task called _Exit(${status})`);
  },
  __handle_stack_overflow: (_requested) => {
    throw new RangeError('the C stack is used up');
  },

  // No shell, and none of the host's random numbers into shared memory, which browsers refuse.
  _emscripten_system: (_command) => -52, // ENOSYS
  $initRandomFill: () => (view) => view.set(crypto.getRandomValues(new Uint8Array(view.byteLength))),
});
