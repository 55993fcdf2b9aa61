import { parentPort } from 'node:worker_threads';
import { expose, transfer } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import * as tasks from '../../tasks.mjs';

const moved = (bytes) => transfer(bytes, [bytes.buffer]);

expose(
  {
    ...tasks,
    makeMoved: (length) => moved(tasks.make(length)),
    remakeMoved: (bytes) => moved(tasks.remake(bytes)),
  },
  nodeEndpoint(parentPort),
);
