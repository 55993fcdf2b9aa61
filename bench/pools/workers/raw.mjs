import { parentPort } from 'node:worker_threads';
import * as tasks from '../../tasks.mjs';

const handlers = { ...tasks, makeMoved: tasks.make, remakeMoved: tasks.remake };
const MOVES = new Set(['makeMoved', 'remakeMoved']);

parentPort.on('message', ({ call, task, value }) => {
  const result = handlers[task](value);
  parentPort.postMessage({ call, result }, MOVES.has(task) ? [result.buffer] : undefined);
});
