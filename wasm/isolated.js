/*
 * The JavaScript functions that a module with a memory of its own imports (src/isolated/isolated.h). Linked into its glue by
 * --js-library; js/handlers/isolated.js hands over what they call as the module's `wasmpool`.
 */
/* global FS, err, out, printCharBuffers */
addToLibrary({
  // A task has ended in the middle of a line. Called by src/isolated/isolated.c or, after a trap, by js/handlers/isolated.js.
  wp_js_isolated_end_lines: () => {
    for (const fd of [1, 2]) {
      // With Emscripten's files the streams of a terminal hold the line, without them fd_write does.
      const line =
        typeof FS !== 'undefined' && FS.streams
          ? FS.streams[fd]?.tty?.output
          : typeof printCharBuffers !== 'undefined'
            ? printCharBuffers[fd]
            : undefined;
      if (!line?.length) continue;
      const text = new TextDecoder().decode(new Uint8Array(line.splice(0)));
      const { write } = Module['wasmpool'];
      if (write) write(fd, text);
      else if (fd === 1) out(text);
      else err(text);
    }
  },
  wp_js_isolated_end_lines__postset: "Module['endLines'] = _wp_js_isolated_end_lines;",
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

  // None of the host's random numbers into shared memory, which browsers refuse.
  $initRandomFill: () => (view) => view.set(crypto.getRandomValues(new Uint8Array(view.byteLength))),
});
