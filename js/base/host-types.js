/**
 * Types of the host that the package's declarations need and that a program's TypeScript may lack: a program for Node alone has no
 * `lib.dom`. Each is the host's own where it is declared.
 */

/**
 * The instance type of a global class, or never if the program's TypeScript does not know the class.
 * @template {string} N
 * @typedef {N extends string ? typeof globalThis extends Record<N, { prototype: infer T }> ? T : never : never} HostClass
 */

/**
 * Objects that can be transferred to another thread.
 * @typedef {ArrayBuffer | HostClass<'MessagePort' | 'ReadableStream' | 'WritableStream' | 'TransformStream' | 'ImageBitmap' |
 *   'OffscreenCanvas' | 'VideoFrame' | 'AudioData' | 'RTCDataChannel' | 'MediaSourceHandle' | 'MIDIAccess'>} Transferable
 *
 * @typedef {typeof globalThis extends { WebAssembly: { Memory: { prototype: infer T } } } ? T : object} WasmMemory
 * @typedef {typeof globalThis extends { WebAssembly: { Module: { prototype: infer T } } } ? T : object} WasmModule
 * @typedef {typeof globalThis extends { WebAssembly: { Instance: { prototype: infer T } } } ? T : object} WasmInstance
 */

export {};
