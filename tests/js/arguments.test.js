/** Arguments that cannot be what their caller means are refused where they are given: by name, with what was expected. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool } from '../../js/index.js';
import { MODULE, withPool } from './helpers.js';

/**
 * The text of INVALID_ARGUMENT.
 * @param {() => unknown} call
 */
async function refusal(call) {
  try {
    await call();
  } catch (/** @type {any} */ error) {
    assert.equal(error.code, 'INVALID_ARGUMENT', error.message);
    return error.message;
  }
  return 'accepted';
}

/** What may stand in a list of transferables by mistake, and what is said. @type {[unknown, RegExp][]} */
const NOT_TRANSFERABLE = [
  [1, /^transfer\[1\]: expected an ArrayBuffer, a port or a stream, got 1$/],
  [null, /^transfer\[1\]: expected .*, got null$/],
  [{}, /^transfer\[1\]: expected .*, got \[object Object\]$/],
  [[new ArrayBuffer(1)], /^transfer\[1\]: expected .*, got \[object Array\]$/],
  [
    new Uint8Array(2),
    /^transfer\[1\]: expected an ArrayBuffer, which is the \.buffer of a view, got \[object Uint8Array\]$/,
  ],
  [new SharedArrayBuffer(2), /^transfer\[1\]: .*shared memory is shared without being in the list/],
];

test('transfer lists of tasks, of messages and of results name the part that cannot be transferred', () =>
  withPool({ workers: 1 }, async (pool) => {
    for (const [part, expected] of NOT_TRANSFERABLE) {
      const transfer = [new ArrayBuffer(1), part];
      for (const payload of [1, 'text', new Uint8Array(4), { list: [1n] }])
        assert.match(await refusal(() => pool.dispatch('echo', payload, { transfer })), expected);
      assert.match(await refusal(() => pool.batch([{ task: 'echo' }], { transfer })), expected);
      assert.match(await refusal(() => pool.postMessage(1, { transfer })), expected);
    }
    assert.equal(
      await pool.dispatch('moveWrong', 'number'),
      'transfer[0]: expected an ArrayBuffer, a port or a stream, got 1',
    );
    assert.equal(await pool.dispatch('moveWrong', 'none'), 'transfer: expected an array, got undefined');
  }));

test('what is in the transfer list is moved, whatever the payload is', () =>
  withPool({ workers: 1 }, async (pool) => {
    for (const payload of [5, 'text', null, { list: [1] }]) {
      const small = new ArrayBuffer(8);
      const large = new ArrayBuffer(2 ** 20);
      assert.deepEqual(await pool.dispatch('echo', payload, { transfer: [small, large] }), payload);
      assert.deepEqual([small.byteLength, large.byteLength], [0, 0]);
    }
  }));

test('a message with a transfer list goes to one worker', () =>
  withPool({ workers: 2 }, async (pool) => {
    const transfer = [new ArrayBuffer(8)];
    assert.match(await refusal(() => pool.postMessage(1, { transfer })), /^transfer: .* name it by the option worker$/);
    pool.postMessage(1, { transfer, worker: 1 });
    assert.equal(transfer[0].byteLength, 0);
  }));

test('context.alloc takes a number of bytes', () =>
  withPool({ workers: 1 }, async (pool) => {
    for (const bytes of [-1, 1.5, '5', undefined, NaN]) {
      const error = await pool.dispatch('alloc', bytes).then(assert.fail, (reason) => reason);
      assert.match(error.message, /^bytes: expected a whole number from 0, got /);
    }
    assert.deepEqual(await pool.dispatch('alloc', 0), new Uint8Array(0));
  }));

test('names that are nearly right: of the functions of time, of a task of another module', () =>
  withPool({ workers: 1 }, async (pool) => {
    const mistaken = /^scheduler: expected some of now, setTimeout, clearTimeout .*it has noww: did you mean now\?$/;
    const scheduler = { noww: () => 1 };
    assert.match(await refusal(() => pool.inject('mine', scheduler)), mistaken);
    assert.match(
      await refusal(() => createPool({ module: MODULE, scheduler: /** @type {any} */ (scheduler) })),
      mistaken,
    );
    assert.match(await refusal(() => pool.inject('mine', performance)), /^scheduler: expected some of .* its own/);
    pool.inject('runtime', {}); // restores the runtime's
    const task = { module: MODULE, nam: 'echo' };
    const calls = {
      dispatch: () => pool.dispatch(task, 1),
      batch: () => pool.batch([{ task: 'echo' }, { task }]),
      broadcast: () => pool.broadcast(task),
      map: () => pool.map(task, [1]),
      'map of nothing': () => pool.map(task, []),
      split: () => pool.split(task, 1, () => undefined),
      bulkSplit: () => pool.bulkSplit(task, [1], () => undefined),
      sequence: () => pool.sequence([{ task: 'echo', payload: 1 }, { task }]),
    };
    for (const [call, make] of Object.entries(calls))
      assert.match(await refusal(make), /^task\.nam: unknown option; did you mean task\.name\?$/, call);
    assert.match(await refusal(() => createPool({ module: '' })), /^module: expected a URL or a path, got ''$/);
    for (const signal of [new EventTarget(), new AbortController(), {}])
      assert.match(await refusal(() => pool.dispatch('echo', 1, { signal })), /^signal: expected an AbortSignal, got /);
  }));
