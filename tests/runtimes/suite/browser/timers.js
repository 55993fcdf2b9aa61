/** Stands for `node:timers/promises`. */
export const setTimeout = (ms, value) => new Promise((resolve) => globalThis.setTimeout(resolve, ms, value));
export const setImmediate = (value) => new Promise((resolve) => globalThis.setImmediate(resolve, value));
