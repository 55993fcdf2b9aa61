/** The first program of @nilejs/future's documentation, with nothing changed but the import and the body of the function that it leaves open. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createSupervisor, println, matchAll } from '../../js/compat/future.js';
import { until } from './helpers.js';

test('the documentation’s program runs: spawn, write a box, subscribe, read, release, terminate [NF-85 NF-15 NF-28 NF-33]', async (t) => {
  const printed = [];
  t.mock.method(console, 'log', (...values) => printed.push(values));

  const supervisor = createSupervisor({
    maxActors: 10,
    memory: { poolSize: 5, boxSize: '1mb' },
    timeouts: { defaultLeaseMs: 5000 },
  });
  // Spawn an actor that does real work
  const actor = supervisor.spawn(async (self, msg, ctx) => {
    async function fragileComputation(input) {
      return input.toUpperCase();
    }
    self.send('started', { input: msg.input });
    // Heavy computation or external call that might hang
    const result = await fragileComputation(msg.input);
    const encoded = ctx.fmt.encode({ text: result });
    // Write result to shared memory, zero-copy, single call
    const writeResult = await ctx.write({
      msg: 'done',
      type: 'json',
      data: encoded,
      share: 'owner',
    });
    if (writeResult.isOk) {
      self.send('result', { handle: writeResult.value });
    }
  });
  // Send work to the actor
  actor.receive({ input: 'process me' });
  // Read results from the main thread
  actor.subscribe((msg) => {
    matchAll(msg, {
      started: (m) => println('Started:', m.data.input),
      result: (m) => {
        const reader = actor.read(m);
        if (reader) {
          println('Result:', reader.json());
          actor.release(m.handle);
        }
      },
      _: () => {},
    });
  });
  // Hung after 3 seconds? Kill it. Everything else keeps running.
  setTimeout(() => actor.terminate(), 3000);

  await until(() => printed.length === 2);
  assert.deepEqual(printed, [
    ['Started:', 'process me'],
    ['Result:', { text: 'PROCESS ME' }],
  ]);
  await until(() => actor.getDiagnostics().isErr);
  const { activeActors, memoryPool } = supervisor.getDiagnostics().value;
  assert.deepEqual([activeActors, memoryPool.boxesInUse], [0, 0]);
  await supervisor.shutdown();
});
