/** How the batches of a map get into the pool as tasks. */
import { milliseconds } from './check.js';
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { MapRun, WINDOW_PER_WORKER } from './map.js';
import { OPTIONS_OF, readOptions } from './spec.js';
import { Task } from './task.js';

/**
 * Starts a pass over the inputs.
 * @param {import('./intake.js').Intake} intake
 * @param {import('./options.js').ResolvedOptions} pool
 * @param {string | Function} task
 * @param {Iterable<unknown> | AsyncIterable<unknown>} items
 * @param {import('./map.js').MapOptions} options
 * @returns {MapRun<any>}
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT
 */
export function openMap(intake, pool, task, items, options) {
  const given = readOptions(options, OPTIONS_OF.map);
  const { maxWaitMs } = given;
  const waitMs = maxWaitMs === undefined ? undefined : milliseconds('maxWaitMs', maxWaitMs);
  const { poolNow } = pool.scheduler;
  return new MapRun(
    {
      window: () => pool.workers * pool.concurrency * WINDOW_PER_WORKER,
      cancel: (record) => void intake.giveUp(record, poolError('CANCELLED', 'the map was given up')),
      submit: (payload, { batch }, sink, item) => {
        const record = new Task(sink, item);
        intake.submit(record, task, payload, given, {
          flags: (batch ? L.SLOT_BATCH : 0) | (waitMs === undefined ? 0 : L.SLOT_SLICE),
          dueMs: waitMs === undefined ? undefined : poolNow() + waitMs,
          unbounded: true,
        });
        return record;
      },
    },
    items,
    given,
  );
}
