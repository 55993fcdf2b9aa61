/** Stands for `node:worker_threads`. */
export const isMainThread = typeof document !== 'undefined';
export const threadId = isMainThread ? 0 : Math.floor(Math.random() * 2 ** 50) + 1;
export const workerData = undefined;
export const parentPort = isMainThread
  ? null
  : {
      postMessage: (...values) => globalThis.postMessage(...values),
      on: (_event, hear) => globalThis.addEventListener('message', ({ data }) => hear(data)),
    };
const { Worker, MessageChannel, MessagePort, BroadcastChannel } = globalThis;
export { BroadcastChannel, MessageChannel, MessagePort, Worker };
export const receiveMessageOnPort = () => undefined;
export default { isMainThread, threadId, workerData, parentPort, MessageChannel };
