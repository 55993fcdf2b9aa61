/** What a handler returned, on its way into its task's slot. */
import { RESULT } from '../core/core.js';
import { shownName } from '../base/task-name.js';
import * as L from '../generated/layout.js';
import { commitBox, dropBoxes, transferOf } from '../handlers/context.js';
import { isUnserializable } from '../handlers/status-of.js';
import { countLease, waitForBox, wantsLease } from './box-line.js';

/**
 * @param {import('./loop.js').Loop} loop
 * @param {import('./sleep.js').Sleep} sleep
 * @param {number} index
 * @param {number} slot
 * @param {unknown} value
 * @param {import('../handlers/context.js').Context} context
 * @throws what keeps the value from being carried
 */
export function writeResult(loop, sleep, index, slot, value, context) {
  const { core } = loop;
  try {
    if (commitBox(context, value)) {
      countLease(core, sleep, slot);
      return;
    }
    const leased = wantsLease(core, slot);
    if (leased) waitForBox(core, sleep);
    const message = core.write(slot, RESULT, value, {
      boxed: leased,
      travelBytes: loop.init.memoryBytes,
      transfer: transferOf(context),
      forC: false,
    });
    if (message) loop.send(index, slot, message);
    dropBoxes(context); // not before: the value may contain views of them
  } catch (error) {
    dropBoxes(context);
    const name = core.name(core.memory.u32[(slot + L.SLOT_NAME) >>> 2]);
    if (isUnserializable(error)) error.message = `the result of ${shownName(name)}: ${error.message}`;
    throw error;
  }
}
