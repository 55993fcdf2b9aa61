/** Taking finished slots from the core. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { host } from '../../js/host/index.js';
import { Ledger } from '../../js/engine/ledger.js';
import { blocker, until, withPool } from './helpers.js';

test('a delivery that throws takes no other with it, and what it threw is heard of [XP-16]', (t) => {
  /** @type {string[]} */
  const heard = [];
  const { defer } = host;
  t.mock.method(host, 'defer', (/** @type {() => void} */ run) =>
    defer(() => {
      try {
        run();
      } catch (error) {
        heard.push(/** @type {Error} */ (error).message);
      }
    }),
  );
  const { end } = Ledger.prototype;
  t.mock.method(Ledger.prototype, 'end', function deliver(/** @type {any[]} */ ...given) {
    end.apply(this, /** @type {any} */ (given));
    if (given[2] === 8) throw new Error('eight');
  });
  return withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const tasks = [7, 8, 9].map((value) => pool.dispatch('echo', value)); // they end together
    await gate.release();
    assert.deepEqual(await Promise.all(tasks), [7, 8, 9]);
    await pool.drain();
    await pool.dispatch('echo', 1);
    await until(() => heard.length > 0); // in a later turn
    assert.deepEqual(heard, ['eight']);
    assert.equal(pool.diagnostics().tasksInUse, 0, 'each slot is free again');
  });
});
