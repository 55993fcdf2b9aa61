/** Errors that a program keeps without reading their stacks do not keep the memory of a destroyed pool. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { offer } from '../../js/host/node/registry/memory.js';
import { codeOf, DEADLY, liveness, until } from './helpers.js';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc');

offer(); // the registry's memory, which stays

/** Memories of the pools that were opened. @type {WeakRef<WebAssembly.Memory>[]} */
const memories = [];
WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(target, given) {
    const memory = Reflect.construct(target, given);
    memories.push(new WeakRef(memory));
    return memory;
  },
});
const { createPool } = await import('../../js/index.js');

const caught = (/** @type {PromiseLike<unknown>} */ promise) =>
  Promise.resolve(promise).then(
    () => assert.fail('it was fulfilled'),
    (error) => error,
  );

/** Errors of all kinds, by code. @type {Record<string, (pool: any) => Promise<any>>} */
const ERRORS = {
  TASK_FAILED: (pool) => caught(pool.dispatch('throwHostile')),
  'TASK_FAILED of a map': (pool) => caught(pool.map('throwNothing', [1])),
  'TASK_FAILED of a map that goes on': async (pool) =>
    (await pool.map('hostileValue', [{ how: 'throw', where: 'error' }], { settle: true }))[0].reason,
  TIMEOUT: (pool) => caught(pool.dispatch('never', 0, { timeoutMs: 20 })),
  'TIMEOUT of a deadline': (pool) => caught(pool.dispatch('never', 0, { deadlineMs: 20 })),
  'WORKER_LOST by its own end': (pool) => caught(pool.dispatch('exit', 1)),
  'WORKER_LOST in silence': (pool) => caught(pool.dispatch('spin')),
  POISON_JOB: (pool) => caught(pool.dispatch('exit', 1, { onLost: 'requeue' })),
  UNKNOWN_TASK: (pool) => caught(pool.dispatch('nobody')),
  NOT_SERIALIZABLE: (pool) => caught(pool.dispatch('echo', () => 1)),
  CANCELLED: (pool) => {
    const task = pool.dispatch('never');
    task.cancel();
    return caught(task);
  },
  POOL_DESTROYED: (pool) => {
    const ended = caught(pool.dispatch('never'));
    void pool.destroy();
    return ended;
  },
  LEASE_EXPIRED: async (pool) => {
    const box = await pool.dispatch('echo', 1, { deliver: 'lease' });
    box.release();
    return caught((async () => box.raw())());
  },
};

for (const [name, make] of Object.entries(ERRORS)) {
  test(`a kept error, ${name}, keeps no memory of its pool`, async () => {
    memories.length = 0;
    const restart = { minMs: 0, maxMs: 1, max: -1 };
    const open = async () => {
      const pool = await createPool({ module: DEADLY, workers: 1, liveness, restart });
      const error = await make(pool);
      await pool.destroy();
      return error;
    };
    const kept = await open();
    assert.equal(await codeOf(Promise.reject(kept)), name.split(' ')[0]);
    assert.ok(memories.length > 0);
    await until(() => {
      collect();
      return memories.every((memory) => memory.deref() === undefined);
    });
    assert.ok(kept.stack.startsWith('PoolError: '), 'it is kept till here');
  });
}
