/** The name of a context's method that is not the users'. Registered: a bundle has its own copy of this file. */
export const CALL_C = Symbol.for('wasmpool.callC');
