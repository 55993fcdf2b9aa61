/*
 * The JavaScript functions that the core imports. Linked into the Emscripten glue by --js-library, so that they run inside
 * its scope, once per worker; what they need of the host is handed to them through globalThis.wasmpoolThread (js/worker/).
 */
addToLibrary({
  // Milliseconds on a clock that all threads share: the host's offset turns this thread's performance.now() into it.
  wp_js_now: () => performance.now() + globalThis.wasmpoolThread.clockOffsetMs,

  // Called by the C start routine of a worker: hands the instance over to js/worker/.
  // Loop checks (js/instrument.js), where they were put in, ask this thread's record through a global of its instance.
  wp_js_thread_start: (pool, thread, record) => {
    if (wasmExports.wasmpool_thread) wasmExports.wasmpool_thread.value = record;
    globalThis.wasmpoolThread.start(Module, wasmMemory, pool >>> 0, thread);
  },

  // A C task has used up its stack: that task fails, as it does by a trap.
  wp_js_stack_overflow: () => {
    throw new RangeError('the C stack is used up');
  },
  // Called by the checks that -sSTACK_OVERFLOW_CHECK=2 adds. Emscripten's own declares the whole program dead.
  __handle_stack_overflow__deps: ['wp_js_stack_overflow'],
  __handle_stack_overflow: (_requested) => _wp_js_stack_overflow(),

  wp_js_ring: () => globalThis.wasmpoolThread.ring(),
});
