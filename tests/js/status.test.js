/** The table of results, as JavaScript has it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PoolError } from '../../js/base/errors.js';
import { STATUS, STATUS_ROWS } from '../../js/generated/status.js';
import { instantiate, loadProgram } from '../../js/core/load.js';
import { resolveOptions } from '../../js/options/options.js';
import { openCore } from '../../js/threads/open.js';
import { MODULE } from './helpers.js';

test('each status has a text of its own, and a code that is the name of a status', () => {
  const names = new Set(STATUS_ROWS.map(({ name }) => name));
  assert.equal(new Set(STATUS_ROWS.map(({ text }) => text)).size, STATUS_ROWS.length);
  assert.deepEqual(
    STATUS_ROWS.filter(({ code }) => !names.has(code)),
    [],
  );
  assert.deepEqual(
    STATUS_ROWS.filter(({ name, code }) => name !== code).map(({ name, code }) => [name, code]),
    [
      ['TABLE_FULL', 'QUEUE_FULL'],
      ['LOCK_BUSY', 'QUEUE_FULL'],
      ['NOT_GRANTED', 'QUEUE_FULL'],
    ],
  );
});

test('a code without a message has the text of the status of its name', () => {
  for (const { name, code, text } of STATUS_ROWS) {
    if (name === code) assert.equal(new PoolError(code).message, text);
  }
});

test('a worker that waits for a box hears that none is granted yet; whoever meets a full table, QUEUE_FULL and why', async () => {
  const options = resolveOptions({ module: MODULE, workers: 2, boxes: { count: 1 } });
  const { exports, memory } = await instantiate(
    await loadProgram(options.wasm, { checked: false }),
    options.memoryBytes,
  );
  const core = openCore(options, exports, memory);
  const [first, second] = [1, 2]; // threads
  assert.equal(exports._wp_box_request(core.pool, first), STATUS.OK);
  assert.equal(exports._wp_box_request(core.pool, second), STATUS.NOT_GRANTED);
  assert.equal(exports._wp_js_box_create(core.pool, second, 8, 1), STATUS.NOT_GRANTED);
  const { text } = STATUS_ROWS[-STATUS.TABLE_FULL];
  assert.throws(() => core.index(STATUS.TABLE_FULL), { code: 'QUEUE_FULL', message: text });
  exports._wp_js_close();
});
