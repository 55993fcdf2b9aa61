/*
 * The JavaScript functions that the core imports. Linked into the Emscripten glue by --js-library, so that they run inside
 * its scope, once per worker; what they need of the host is handed to them through globalThis.wasmpoolThread (js/worker/).
 */
addToLibrary({
  // A trap leaves C's stack pointer where it was: js/worker/loop.js puts it back. Not by EXPORTED_RUNTIME_METHODS, which users may set.
  wp_js_now__deps: ['$stackSave', '$stackRestore'],
  wp_js_now__postset: "Module['stackSave'] = stackSave; Module['stackRestore'] = stackRestore;",
  // Milliseconds on a clock that all threads share.
  wp_js_now: () => globalThis.wasmpoolThread.now(),

  // Called by the C start routine of a worker: hands the instance over to js/worker/.
  // Loop checks (js/instrument/instrument.js), where they were put in, ask this thread's record through a global of its instance.
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

  // Shared state of C tasks: js/registry/c-tasks.js. -21: WP_E_UNSUPPORTED, in pages and on main.
  wp_js_shared: (...call) => globalThis.wasmpoolThread?.shared?.(wasmMemory, ...call) ?? -21,

  // exit, _Exit and pthread_exit end the task that calls them, as a trap does. Emscripten's own end the whole program, by way of
  // main, or leave a thread that no task runs on any more.
  exit: (status) => {
    throw new Error(`the task called exit(${status})`);
  },
  proc_exit__proxy: '',
  proc_exit: (status) => {
    throw new Error(`the task called _Exit(${status})`);
  },
  emscripten_force_exit__proxy: '',
  emscripten_force_exit: (status) => {
    throw new Error(`the task called exit(${status})`);
  },
  wp_js_thread_exit: () => {
    throw new Error('the task called pthread_exit');
  },

  // Emscripten's mailbox on main: C code may send it calls from other threads, which wake it through Atomics.waitAsync. A pending wait
  // keeps the instance and its memory for ever (emscripten issue 20920; later versions end it at exit(), which a pool never calls).
  // So main's wait ends with its pool. Workers have no mailbox (src/bindings/thread.c) and need no wait.
  $wasmpoolMailbox: { closed: false },
  _emscripten_thread_mailbox_await__deps: ['$checkMailbox', '$wasmpoolMailbox'],
  _emscripten_thread_mailbox_await: (thread) => {
    if (ENVIRONMENT_IS_PTHREAD || wasmpoolMailbox.closed || typeof Atomics.waitAsync !== 'function') return;
    const { async, value } = Atomics.waitAsync(HEAP32, thread >>> 2, thread); // as <thread_mailbox.c> notifies it
    if (!async) return;
    value.then(() => {
      if (!wasmpoolMailbox.closed) checkMailbox();
    });
    Atomics.store(HEAP32, (thread + {{{ C_STRUCTS.pthread.waiting_async }}}) >>> 2, 1);
  },
  wp_js_mailbox_close__deps: ['$wasmpoolMailbox'],
  wp_js_mailbox_close: (thread) => {
    wasmpoolMailbox.closed = true;
    Atomics.notify(HEAP32, thread >>> 2);
  },
});

/* global FILESYSTEM, LibraryManager, HEAPU8, HEAPU32, UTF8ArrayToString, err, out, wasmpoolEndLines, wasmpoolLines, wasmpoolPrint */
// Without a file system its calls fail, where they are made. Emscripten's own have main answer them, with success, and main would
// wait for a lock of a thread that is killed meanwhile.
if (!FILESYSTEM) {
  const { library } = LibraryManager;
  for (const name of Object.keys(library)) {
    if (typeof library[name] !== 'function' || !/^(__syscall|fd)_/.test(name)) continue;
    library[`${name}__proxy`] = '';
    if (name.startsWith('fd_')) continue;
    delete library[`${name}__i53abi`];
    library[`${name}__deps`] = [];
    library[name] = (_1, _2, _3, _4, _5, _6, _7, _8) => -52; // ENOSYS
  }
  addToLibrary({
    // Lines go to the console, when they are complete.
    $wasmpoolLines: [[], []],
    $wasmpoolPrint: (print, line) => {
      const text = UTF8ArrayToString(line.splice(0));
      for (;;) {
        try {
          print(text);
          return 0;
        } catch (error) {
          if (error?.code !== 'EAGAIN') return 29; // EIO
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // a pipe that is full, on Node
        }
      }
    },
    $wasmpoolPrint__deps: ['$UTF8ArrayToString'],
    // Called by js/handlers/c-task.js: a task has ended in the middle of a line. Where there are streams, the next may go on with it.
    $wasmpoolEndLines: () => {
      const { write } = globalThis.wasmpoolThread;
      for (const fd of [1, 2]) {
        const line = wasmpoolLines[fd - 1];
        if (line.length) wasmpoolPrint(write ? (text) => write(fd, text) : fd === 1 ? out : err, line);
      }
      Module['endLines'] = undefined;
    },
    $wasmpoolEndLines__deps: ['$wasmpoolLines', '$wasmpoolPrint'],
    fd_write__deps: ['$wasmpoolEndLines', '$wasmpoolLines', '$wasmpoolPrint'],
    fd_write__postset: '',
    fd_write: (fd, iov, count, written) => {
      if (fd !== 1 && fd !== 2) return 8; // EBADF
      let [bytes, failed] = [0, 0];
      for (const end = iov + count * 8; iov !== end; iov += 8) {
        const from = HEAPU32[iov >>> 2];
        const length = HEAPU32[(iov + 4) >>> 2];
        const line = wasmpoolLines[fd - 1];
        for (let at = from; at < from + length; at++) {
          if (HEAPU8[at] !== 10) line.push(HEAPU8[at]);
          else failed = wasmpoolPrint(fd === 1 ? out : err, line) || failed;
        }
        bytes += length;
      }
      if (wasmpoolLines.some((line) => line.length)) Module['endLines'] = wasmpoolEndLines;
      HEAPU32[written >>> 2] = bytes;
      return failed;
    },
  });
}
