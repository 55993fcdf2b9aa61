import workerpool from 'workerpool';
import * as tasks from '../../tasks.mjs';

const moved = (bytes) => new workerpool.Transfer(bytes, [bytes.buffer]);

workerpool.worker({
  ...tasks,
  makeMoved: (length) => moved(tasks.make(length)),
  remakeMoved: (bytes) => moved(tasks.remake(bytes)),
});
