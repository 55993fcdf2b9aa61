/** What tests take for granted that browsers do not have. */
const { port1, port2 } = new MessageChannel();
const waiting = [];
port1.onmessage = () => waiting.shift()?.();

globalThis.setImmediate ??= (run, ...values) => {
  waiting.push(() => run(...values));
  port2.postMessage(0);
};
globalThis.process ??= {
  env: {},
  versions: {},
  execArgv: [],
  on: () => undefined,
  off: () => undefined,
  nextTick: (run, ...values) => queueMicrotask(() => run(...values)),
  exit: () => {
    throw new Error('there is no process to end');
  },
};
