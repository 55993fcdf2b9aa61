/** Submits the batches of a map as tasks. */
import { ARGUMENT } from '../core/core.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { MapPromise } from './map.js';
import { MapRun } from './map-run.js';
import { RECORD_BYTES } from '../core/records.js';
import { deadlineIn, OPTIONS_OF, readOptions } from '../options/spec.js';
import { Task } from '../task/task.js';

/** Most batches in flight or waiting to be read, for each task that can run at once. */
const BATCHES_PER_WORKER = 64;
/** Most bytes in flight or waiting to be read: this, or this share of the pool's memory if that is less. */
const BYTES_MOST = 256 << 20;
const BYTES_PART = 1 / 4;

/**
 * @param {import('../options/options.js').ResolvedOptions} pool
 * @param {number} workerCount largest number of workers
 * @param {boolean} leased whether each result takes one of the pool's boxes until it is read
 * @returns {import('./map-window.js').Room}
 */
function roomOf(pool, workerCount, leased) {
  const workers = workerCount * pool.concurrency;
  const batches = workers * BATCHES_PER_WORKER;
  return {
    workers: leased ? Math.min(workers, pool.boxCount) : workers,
    batches: leased ? Math.min(batches, pool.boxCount) : batches,
    bytes: Math.min(BYTES_MOST, pool.memoryBytes * BYTES_PART),
  };
}

/**
 * Makes a map, which starts in the next turn or when it is iterated.
 * @param {import('../submit/intake.js').Intake} intake
 * @param {import('../options/options.js').ResolvedOptions} pool
 * @param {() => void} over is told when it has ended
 * @param {{ task: import('../base/task-name.js').TaskRef, items: Iterable<any> | AsyncIterable<any>, options: import('../options/task-options.js').MapOptions }} what
 * @returns {MapPromise<any>}
 */
export function startMap(intake, pool, over, { task, items, options }) {
  const isLate = intake.ending;
  return new MapPromise(() => {
    try {
      if (isLate) intake.checkOpen();
      return openMap(intake, pool, task, items, options, over);
    } catch (error) {
      over();
      throw error;
    }
  });
}

/**
 * Starts a pass over the inputs.
 * @param {import('../submit/intake.js').Intake} intake
 * @param {import('../options/options.js').ResolvedOptions} pool
 * @param {import('../base/task-name.js').TaskRef} task
 * @param {Iterable<unknown> | AsyncIterable<unknown>} items
 * @param {import('../options/task-options.js').MapOptions} options
 * @param {() => void} over is told when it has ended
 * @returns {MapRun<any>}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
function openMap(intake, pool, task, items, options, over) {
  const given = readOptions(options, OPTIONS_OF.map);
  if (given.onItems) given.onItems = host.bind(given.onItems);
  const { maxWaitMs = Infinity, sharedArgs } = given;
  const name = intake.names.of(task);
  const isSlice = maxWaitMs !== Infinity;
  const spec = intake.check(given, { flags: isSlice ? L.SLOT_SLICE : 0 });
  const { poolNow } = pool.scheduler;
  return new MapRun(
    {
      over,
      isShared: sharedArgs !== undefined,
      room: roomOf(pool, intake.workers, given.deliver === 'lease'),
      cancel: (record, kill) => void intake.giveUp(record, poolError('CANCELLED', 'the map was given up'), kill),
      freed: () => intake.engine?.ledger.whenFreed(),
      bytes: ({ index }) => {
        const core = intake.engine?.core;
        return core && index >= 0 ? core.bytesOf(core.slots.record(index), ARGUMENT) : 0;
      },
      submit: (batch, start, sink, bytes) => {
        const record = new Task(sink, start);
        const isList = batch.length > 1 || sharedArgs !== undefined;
        const deadline = (sink.deadline ??= spec.deadline && deadlineIn(spec.deadline.ms, pool.scheduler));
        const dueMs = isSlice ? poolNow() + maxWaitMs : undefined;
        const now = deadline || isSlice ? { ...spec, deadline, dueMs } : spec;
        const payload = isList ? { items: batch, shared: sharedArgs } : batch[0];
        const flags = (now.flags ?? 0) | L.SLOT_BATCH | (batch.length > 1 ? L.SLOT_ITEMS : 0);
        const own = isList ? { ...now, flags, itemsBytes: bytes + batch.length * RECORD_BYTES } : now;
        intake.send(record, name, payload, own, undefined, true);
        return record;
      },
    },
    items,
    given,
  );
}
