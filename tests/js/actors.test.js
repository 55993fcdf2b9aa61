/** Actors in threads: messages, ends, failures, restarts, calls of resources. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createSupervisor } from '../../js/compat/future.js';
import { ACTORS, heard, supervise, thrown } from './actor-support.js';
import { until } from './helpers.js';

test('a message that is sent in the turn of the spawn is handled, and what the actor sends reaches its subscribers and the supervisor’s once [NF-05 NF-08 NF-11]', async (t) => {
  const supervisor = supervise(t);
  const actor = supervisor.spawn((self, msg) => self.send('echo', msg.n), { name: 'echo' });
  actor.receive({ n: 1 });
  const mine = heard(actor);
  const all = heard(supervisor);
  await mine.next('echo');
  actor.receive({ n: 2 });
  await mine.next('echo', 2);
  assert.deepEqual(
    mine.all,
    [1, 2].map((data) => ({ msg: 'echo', data, from: actor.id })),
  );
  assert.deepEqual(all.all, mine.all);
  assert.ok(Object.isFrozen(mine.all[0]));
  assert.equal(actor.name, 'echo');
});

test('the sender of a message cannot be forged, and values that are no plain objects arrive as they are [NF-13]', async (t) => {
  const actor = supervise(t).spawn((self, msg) => self.send('got', msg));
  const mine = heard(actor);
  actor.receive({ msg: 'a', data: 1, from: 'actor-9' });
  actor.receive([1, 2]);
  actor.receive('text');
  await mine.next('got', 3);
  assert.deepEqual(mine.of('got'), [{ msg: 'a', data: 1, from: 'main' }, [1, 2], 'text']);
});

test('an actor handles one message at a time, in their order, also when it awaits something [NF-09]', async (t) => {
  const actor = supervise(t).spawn(async (self, msg) => {
    self.send('begin', msg.n);
    if (msg.n % 2) await new Promise((resolve) => setTimeout(resolve, 5));
    self.send('end', msg.n);
  });
  const mine = heard(actor);
  for (let n = 0; n < 6; n++) actor.receive({ n });
  await mine.next('end', 6);
  assert.deepEqual(
    mine.all.map(({ msg, data }) => `${msg} ${data}`),
    [0, 1, 2, 3, 4, 5].flatMap((n) => [`begin ${n}`, `end ${n}`]),
  );
});

test('a function crosses as its source: what is around it does not exist there [NF-06]', async (t) => {
  const around = 5;
  const actor = supervise(t).spawn((self) => self.send('seen', typeof around));
  const mine = heard(actor);
  actor.receive({});
  assert.equal(await mine.next('seen'), 'undefined');
  assert.equal(around, 5);
});

test('an actor may be an export of a module, which may import others [NF-06]', async (t) => {
  const supervisor = supervise(t);
  const named = supervisor.spawn({ module: ACTORS, name: 'counter' });
  const mine = heard(named);
  for (let n = 0; n < 3; n++) named.receive({ msg: 'add', data: 2 });
  assert.equal(await mine.next('count', 3), 6, 'its state is the module’s, in its own thread');
  const other = supervisor.spawn({ module: ACTORS, name: 'counter' });
  const others = heard(other);
  other.receive({ msg: 'add', data: 1 });
  assert.equal(await others.next('count'), 1, 'no other actor has it');
});

test('an export that does not exist is a failure with a reason [NF-50]', async (t) => {
  const actor = supervise(t, { retry: { max: 0 } }).spawn({ module: ACTORS, name: 'nothing' });
  const { reason } = await heard(actor).next('DOWN');
  assert.match(reason, /exports no function 'nothing'/);
});

test('wrong callbacks, screened source and one actor too many throw at spawn; a death frees the place [NF-04 NF-06 NF-07]', async (t) => {
  const supervisor = supervise(t, { maxActors: 2 });
  assert.match(
    thrown(() => supervisor.spawn('work')),
    /^INVALID_ARGUMENT callback/,
  );
  assert.match(
    thrown(() => supervisor.spawn(() => process.exit())),
    /^INVALID_ARGUMENT callback: its source contains process/,
  );
  const first = supervisor.spawn(() => undefined);
  supervisor.spawn(() => undefined);
  assert.match(
    thrown(() => supervisor.spawn(() => undefined)),
    /^MAX_ACTORS spawn: 2 actors/,
  );
  const mine = heard(first);
  first.terminate();
  await mine.next('DOWN');
  supervisor.spawn(() => undefined);
});

test('with screening off the source may contain anything [NF-07]', async (t) => {
  const actor = supervise(t, { screening: false }).spawn((self) => self.send('is', typeof globalThis));
  const mine = heard(actor);
  actor.receive({});
  assert.equal(await mine.next('is'), 'object');
});

test('terminate ends an actor in an endless loop; others do not notice [NF-42 NF-45 NF-48]', async (t) => {
  const supervisor = supervise(t);
  const echo = (self, msg) => self.send('echo', msg.n);
  const other = supervisor.spawn(echo);
  const others = heard(other);
  const looping = supervisor.spawn((self) => {
    self.send('looping');
    for (;;);
  });
  const mine = heard(looping);
  looping.receive({});
  await mine.next('looping');
  other.receive({ n: 1 });
  await others.next('echo');
  supervisor.terminateActor(looping.id);
  assert.deepEqual(await mine.next('DOWN'), { id: looping.id, reason: 'terminated' });
  other.receive({ n: 2 });
  await others.next('echo', 2);
  assert.equal(looping.incarnation, 1, 'it was not restarted');
  assert.equal(other.incarnation, 1);
  supervisor.terminateActor('nobody');
});

test('a ref of an actor that has ended does nothing: messages are counted, subscriptions are inert [NF-10 NF-44]', async (t) => {
  const supervisor = supervise(t);
  const actor = supervisor.spawn(() => undefined);
  const mine = heard(actor);
  actor.terminate();
  actor.terminate();
  await mine.next('DOWN');
  const before = supervisor.getDiagnostics().value.deadLetters;
  actor.receive({ n: 1 });
  assert.equal(supervisor.getDiagnostics().value.deadLetters, before + 1);
  assert.equal(actor.getDiagnostics().isErr, true);
  actor.subscribe(() => assert.fail('nothing is published any more'))();
  assert.deepEqual(mine.of('DOWN').length, 1);
});

for (const [what, callback, reason] of [
  [
    'throws',
    () => {
      throw new RangeError('too far');
    },
    /RangeError: too far/,
  ],
  [
    'rejects',
    async () => {
      throw new Error('later');
    },
    /^later$/,
  ],
  [
    'throws in a timer',
    () =>
      void setTimeout(() => {
        throw new Error('in a timer');
      }),
    /in a timer/,
  ],
])
  // prettier-ignore
  test(`an actor that ${what} fails with a reason, and is restarted under the same ref [NF-50 NF-51 NF-57]`, async (t) => {
    const supervisor = supervise(t);
    const sibling = supervisor.spawn(() => undefined);
    const actor = supervisor.spawn(callback);
    const mine = heard(actor);
    actor.receive({});
    const down = await mine.next('DOWN');
    assert.match(down.reason, reason);
    assert.equal(down.id, actor.id);
    await until(() => actor.incarnation === 2);
    actor.receive({});
    await mine.next('DOWN', 2);
    assert.equal(sibling.incarnation, 1);
  });

test('a failure of the thread itself is a failure of the actor [NF-50]', async (t) => {
  const actor = supervise(t).spawn({ module: ACTORS, name: 'exit' });
  const mine = heard(actor);
  actor.receive({});
  const { reason } = await mine.next('DOWN');
  assert.ok(reason.length > 0);
  await until(() => actor.incarnation === 2);
});

test('the message that failed is not handled again; those behind it are dead letters [NF-58]', async (t) => {
  const supervisor = supervise(t);
  const actor = supervisor.spawn(async (self, msg) => {
    self.send('got', msg.n);
    if (msg.n === 0) throw new Error('first');
  });
  const mine = heard(actor);
  for (let n = 0; n < 3; n++) actor.receive({ n });
  await mine.next('DOWN');
  await until(() => actor.incarnation === 2);
  actor.receive({ n: 3 });
  await mine.next('got', 2);
  assert.deepEqual(mine.of('got'), [0, 3]);
  assert.equal(supervisor.getDiagnostics().value.deadLetters, 2);
});

test('an actor that ends itself is not restarted, and nothing after the call runs [NF-46]', async (t) => {
  const actor = supervise(t).spawn(async (self, msg, ctx) => {
    self.send('before');
    try {
      ctx.terminate();
    } finally {
      self.send('after');
    }
  });
  const mine = heard(actor);
  actor.receive({});
  assert.deepEqual(await mine.next('DOWN'), { id: actor.id, reason: 'terminated' });
  assert.deepEqual(
    mine.all.map(({ msg }) => msg),
    ['before', 'DOWN'],
  );
  assert.equal(actor.incarnation, 1);
});

test('an actor that gives no sign of life while it handles a message is ended; one that awaits, or beats in its loop, is not [NF-40 NF-41]', async (t) => {
  const supervisor = supervise(t, { timeouts: { actorTimeouts: { hung: 300 } } });
  const hung = supervisor.spawn(() => { for (;;); }, { name: 'hung' }); // prettier-ignore
  const waits = supervisor.spawn((self) => new Promise(() => self.send('waiting')), { timeoutMs: 300 });
  const beats = supervisor.spawn(
    (self, msg, ctx) => {
      self.send('beating');
      for (;;) ctx.heartbeat();
    },
    { timeoutMs: 300 },
  );
  const [ofHung, ofWaits, ofBeats] = [hung, waits, beats].map(heard);
  for (const actor of [waits, beats]) actor.receive({});
  await ofWaits.next('waiting');
  await ofBeats.next('beating');
  hung.receive({});
  const { reason } = await ofHung.next('DOWN');
  assert.match(reason, /^hung$/);
  assert.deepEqual([...ofWaits.of('DOWN'), ...ofBeats.of('DOWN')], []);
  assert.deepEqual([waits.incarnation, beats.incarnation], [1, 1]);
});

test('with graceMs, a loop that polls isCancelled and code that waits for the signal end in their own way [NF-47]', async (t) => {
  const supervisor = supervise(t, { graceMs: 60_000 });
  const loop = supervisor.spawn((self, msg, ctx) => {
    self.send('runs', ctx.isCancelled);
    while (!ctx.isCancelled);
    self.send('ends', ctx.isCancelled);
  });
  const waits = supervisor.spawn(async (self, msg, ctx) => {
    const aborted = new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
    self.send('runs', ctx.signal.aborted);
    await aborted;
    self.send('ends', ctx.signal.aborted);
  });
  for (const actor of [loop, waits]) {
    const mine = heard(actor);
    actor.receive({});
    assert.equal(await mine.next('runs'), false);
    actor.terminate();
    await mine.next('DOWN');
    assert.deepEqual(mine.of('ends'), [true]);
  }
});

test('resources: calls of methods, errors, and what a dead actor asked for [NF-69 NF-71 NF-73 NF-74]', async (t) => {
  const number = {
    safeParse: (value) =>
      typeof value === 'number' ? { success: true, data: value } : { success: false, error: new Error('no number') },
  };
  const any = { safeParse: (data) => ({ success: true, data }) };
  let calls = 0;
  const supervisor = supervise(t, {
    resources: {
      math: {
        double: { input: number, output: number, handler: (n) => (calls++, n * 2) },
        fail: { input: any, output: any, handler: () => { throw new TypeError('no such table'); } },
        never: { input: any, output: any, handler: () => new Promise(() => undefined) },
      },
    },
  }); // prettier-ignore
  const actor = supervisor.spawn(
    async (self, msg, ctx) => {
      try {
        self.send('value', await ctx.resources.math[msg.method](msg.argument));
      } catch (error) {
        self.send('value', `${error.name} ${error.code} ${error.message}`);
      }
    },
    { timeoutMs: 400 },
  );
  const mine = heard(actor);
  for (const [method, argument] of [['double', 21], ['double', 'x'], ['fail'], ['nothing'], ['never']]) actor.receive({ method, argument }); // prettier-ignore
  await mine.next('value', 5);
  assert.equal(calls, 1);
  assert.deepEqual(mine.of('value'), [
    42,
    'PoolError INVALID_ARGUMENT input of math.double: no number',
    'TypeError undefined no such table',
    "PoolError UNKNOWN_TASK resource 'math' has no method 'nothing'; known: double, fail, never",
    'PoolError TIMEOUT math.never: no answer within 400 ms',
  ]);
  assert.equal(actor.incarnation, 1);
});

test('shutdown ends all actors without restarts, then releases resources once; spawn throws from then on [NF-49 NF-75]', async () => {
  const order = [];
  const supervisor = createSupervisor({ resources: { a: { release: async () => void order.push('released') } } });
  const actors = [0, 1, 2].map(() => supervisor.spawn(() => { for (;;); })); // prettier-ignore
  for (const actor of actors) {
    actor.subscribe(({ msg, data }) => order.push(`${msg} ${data.reason}`));
    actor.receive({});
  }
  await Promise.all([supervisor.shutdown(), supervisor.shutdown()]);
  assert.deepEqual(order, ['DOWN shutdown', 'DOWN shutdown', 'DOWN shutdown', 'released']);
  assert.match(
    thrown(() => supervisor.spawn(() => undefined)),
    /^SHUTTING_DOWN/,
  );
  assert.equal(supervisor.getDiagnostics().value.activeActors, 0);
});

test('diagnostics agree with what happened [NF-81 NF-82]', async (t) => {
  const supervisor = supervise(t);
  const actor = supervisor.spawn((self, msg, ctx) => {
    ctx.heartbeat();
    self.send('done');
  });
  const other = supervisor.spawn(() => undefined);
  const mine = heard(actor);
  for (let n = 0; n < 3; n++) actor.receive({});
  await mine.next('done', 3);
  await until(() => actor.getDiagnostics().value.messageCount === 3);
  const { value } = actor.getDiagnostics();
  assert.deepEqual([value.id, value.heartbeatCount, value.terminationReason], [actor.id, 3, undefined]);
  assert.ok(value.lifetimeMs > 0 && value.lastHeartbeatAt <= performance.now());
  const others = heard(other);
  other.terminate();
  await others.next('DOWN');
  const all = supervisor.getDiagnostics();
  assert.equal(all.isOk, true);
  const { activeActors, totalActorsSpawned, totalActorsTerminated, memoryPool, actors } = all.value;
  assert.deepEqual([activeActors, totalActorsSpawned, totalActorsTerminated], [1, 2, 1]);
  assert.deepEqual(memoryPool, { poolSize: 4, boxesInUse: 0, utilization: 0 });
  assert.deepEqual(actors.map(({ id }) => id), [actor.id]); // prettier-ignore
});

test('ctx.spawn starts an actor that its parent can talk to; what a parent cannot do throws; at the limit it rejects [NF-66]', async (t) => {
  const supervisor = supervise(t, { maxActors: 2 });
  const parent = supervisor.spawn(async (self, msg, ctx) => {
    const child = await ctx.spawn((me, message) => me.send('child', message), { name: 'kid' });
    child.receive({ n: 7 });
    try {
      child.subscribe();
    } catch (error) {
      self.send('refused', `${error.code} ${error.message}`);
    }
    await ctx.spawn(() => undefined).catch((error) => self.send('limit', error.code));
  });
  const mine = heard(parent);
  const all = heard(supervisor);
  parent.receive({});
  assert.equal(await mine.next('limit'), 'MAX_ACTORS');
  assert.equal(
    await mine.next('refused'),
    'UNSUPPORTED subscribe: not available in worker; refs on the main thread have it',
  );
  assert.deepEqual(await all.next('child'), { n: 7, from: parent.id });
});
