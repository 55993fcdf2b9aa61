/*
 * Linked into both kinds of modules of C tasks (wasm/flags.txt). Settings that cannot work are refused here, when emcc reads this file and
 * before anything is linked; a C++ exception that cannot be caught gets a text; and there is no shell.
 */

/* global ASYNCIFY, DISABLE_EXCEPTION_CATCHING, HEAPU32, MAIN_MODULE, MALLOC, MEMORY64, PROXY_TO_PTHREAD, PTHREADS, SAFE_HEAP, SIDE_MODULE, USE_ASAN, UTF8ToString, WASM2JS, WASM_EXCEPTIONS, error */

const isLinked = MALLOC === 'none'; // with the core: see [link]
const natively = 'debug tasks natively instead, under gdb and sanitizers: docs/guide.md, "Debugging"';
const refused = [
  [MAIN_MODULE || SIDE_MODULE, 'a pool takes one module: dynamic linking (-sMAIN_MODULE, -sSIDE_MODULE) is not supported'],
  [MEMORY64, 'a pool takes 32-bit modules: -sMEMORY64 is not supported'],
  [ASYNCIFY, 'a C task runs from its start to its end without the event loop: -sASYNCIFY and -sJSPI are not supported'],
  [WASM2JS, 'a pool takes WebAssembly: -sWASM=0 and -sWASM=2 are not supported'],
  [PROXY_TO_PTHREAD, "a pool's workers are its own: -sPROXY_TO_PTHREAD is not supported"],
  [PTHREADS && !isLinked, 'a module of isolated tasks has one thread: build without -pthread, or link with the core (wasmpool-config --emscripten)'],
  [USE_ASAN, `-fsanitize=address does not fit a pool's memory: ${natively}`],
  [SAFE_HEAP && isLinked, `-sSAFE_HEAP takes the pool's heap for unmapped memory: use wasmpool-config --isolated, or ${natively}`],
];
for (const [found, why] of refused) if (found) error(`wasmpool: ${why}`);

// Emscripten's own system() runs a shell of the host, on Node.
addToLibrary({
  _emscripten_system: (command) => (command ? -52 : 0), // ENOSYS; system(NULL) asks whether there is one
});

if (DISABLE_EXCEPTION_CATCHING && !WASM_EXCEPTIONS)
  addToLibrary({
    // Nothing can catch it: the task fails, with what is known. Emscripten's own throws the address.
    __cxa_throw__deps: ['$UTF8ToString'],
    __cxa_throw: (exception, type, _destructor) => {
      const name = UTF8ToString(HEAPU32[(type + 4) >>> 2]);
      // What the library itself defines in std:: and throws is a std::exception: its table has what() behind two destructors.
      const isStandard = /^St\d/.test(name);
      const what = HEAPU32[(HEAPU32[exception >>> 2] + 8) >>> 2];
      const text = isStandard ? UTF8ToString({{{ makeDynCall('pp', 'what') }}}(exception)) : `a C++ exception was thrown (its type is ${name}, as compilers write it)`;
      throw new Error(`${text}; build with -fwasm-exceptions to catch exceptions`);
    },
  });
