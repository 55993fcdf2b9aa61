/** Taking finished slots from the core. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Completions } from '../../js/completions.js';
import { host } from '../../js/host/index.js';

/** A core on which some slots have finished. */
function finished(indexes) {
  const words = new Uint32Array(2048);
  const freed = [];
  const exports = {
    _malloc: () => 4,
    _wp_task_arm_bell: () => 1,
    _wp_sched_burst: () => undefined,
    _wp_task_drain: (_pool, at) => {
      words.set(indexes, at >>> 2);
      return indexes.splice(0).length;
    },
    _wp_task_free_delivered: (_pool, at, count) => freed.push(...words.subarray(at >>> 2, (at >>> 2) + count)),
  };
  return { core: /** @type {any} */ ({ exports, pool: 0, memory: { u32: words } }), freed };
}

test('XP-16: a delivery that throws takes no other with it, and what it threw is heard of', (context) => {
  const deferred = [];
  context.mock.method(host, 'defer', (run) => deferred.push(run));
  const { core, freed } = finished([7, 8, 9]);
  const delivered = [];
  const completions = new Completions(
    core,
    (index) => {
      if (index === 8) throw new Error('eight');
      delivered.push(index);
    },
    () => false,
  );
  completions.ring();
  assert.deepEqual(
    [delivered, freed],
    [
      [7, 9],
      [7, 8, 9],
    ],
  );
  assert.throws(() => deferred.forEach((run) => run()), /eight/);
});
