/** The name of an internal method of contexts. A registered symbol, because a bundle has its own copy of this file. */
export const CALL_C = Symbol.for('wasmpool.callC');
