/** What goes wrong around actors, and what supervisors leave behind. */
import assert from 'node:assert/strict';
import test from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { PostOffice } from '../../js/actor/main/post-office.js';
import { createSupervisor } from '../../js/compat/future.js';
import { heard, supervise, thrown } from './actor-support.js';
import { until } from './helpers.js';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

const member = (self, msg) => {
  if (msg.fail) throw new Error('as told');
  self.send('ready', msg.data);
};

test('an actor can be spawned while the one before it, the only one allowed, is still dying [NF-04]', async (t) => {
  const supervisor = supervise(t, { maxActors: 1 });
  const first = supervisor.spawn(() => {
    for (;;);
  });
  first.receive({ msg: 'loop' });
  first.terminate();
  const second = supervisor.spawn(member);
  const all = heard(second);
  second.receive({ data: 7 });
  assert.equal(await all.next('ready'), 7);
});

test('an actor that is ended while it waits for its restart has ended because of that [NF-44 NF-45]', async (t) => {
  const supervisor = supervise(t, { retry: { delayMs: 60_000 } });
  const actor = supervisor.spawn(member);
  const all = heard(actor);
  actor.receive({ fail: true });
  assert.equal((await all.next('DOWN')).reason, 'as told');
  actor.terminate();
  assert.match(actor.getDiagnostics().error, /terminated/);
  assert.equal(supervisor.getDiagnostics().value.activeActors, 0);
});

test('a notice of a death that does not fit into the watcher’s mailbox is a dead letter, and disturbs nothing else [NF-64]', async (t) => {
  const supervisor = supervise(t);
  const [watcher, watched] = [supervisor.spawn(member), supervisor.spawn(member)];
  const all = heard(watched);
  watched.receive({ data: 1 });
  await all.next('ready');
  watcher.monitor(watched);
  const { send } = PostOffice.prototype;
  t.after(() => Object.assign(PostOffice.prototype, { send }));
  t.mock.method(process, 'emitWarning', () => undefined);
  PostOffice.prototype.send = function (actor, message, from) {
    if (from === 'system') throw Object.assign(new Error('full'), { code: 'QUEUE_FULL' });
    send.call(this, actor, message, from);
  };
  const before = supervisor.getDiagnostics().value.deadLetters;
  watched.receive({ fail: true });
  await until(() => watched.incarnation === 2);
  watched.receive({ data: 2 });
  await all.next('ready', 2);
  assert.equal(supervisor.getDiagnostics().value.deadLetters, before + 1);
});

test('what an actor asks of main after its end was asked for is not done [NF-42 NF-74]', async (t) => {
  const any = { safeParse: (data) => ({ success: true, data }) };
  let count = 0;
  const handler = () => {
    if (++count === 3) supervisor.terminateActor(actor.id);
    return count;
  };
  const supervisor = supervise(t, { resources: { tools: { use: { input: any, output: any, handler } } } });
  const actor = supervisor.spawn(async (self, msg, ctx) => {
    for (;;) await ctx.resources.tools.use(1);
  });
  const all = heard(actor);
  actor.receive({ msg: 'begin' });
  await all.next('DOWN');
  assert.equal(count, 3);
});

test('groups that the program has dropped make room for others once their actors have ended [NF-59]', async (t) => {
  const supervisor = supervise(t);
  const made = () => {
    try {
      supervisor.createGroup();
      return true;
    } catch (error) {
      assert.equal(error.code, 'QUEUE_FULL');
      return false;
    }
  };
  let count = 0;
  while (made()) count++;
  assert.ok(count >= 10 && count < 1000, `${count} groups`);
  await until(() => {
    collect();
    return made();
  });
});

test('a ref of another supervisor is refused: its number would be that of a wrong actor [NF-60]', async (t) => {
  const [one, two] = [supervise(t), supervise(t)];
  const actor = one.spawn(member);
  const bystander = one.spawn(member);
  two.spawn(member);
  const stranger = two.spawn(member);
  for (const ask of ['link', 'monitor'])
    assert.match(
      thrown(() => actor[ask](stranger)),
      /^INVALID_ARGUMENT actor: actor-\S+ belongs to another supervisor$/,
    );
  const mine = heard(bystander);
  actor.terminate();
  bystander.receive({ data: 1 });
  assert.equal(await mine.next('ready'), 1);
  assert.equal(bystander.incarnation, 1);
});

test('ctx.write never rejects, whatever it is given [NF-20]', async (t) => {
  const actor = supervise(t).spawn(async (self, msg, ctx) => {
    const thrower = {
      get data() {
        throw new Error('no data today');
      },
    };
    const given = [[], [null], [5], [thrower]];
    const written = await Promise.all(given.map((one) => ctx.write(...one)));
    self.send('errors', written.map(({ isErr, error }) => isErr && error)); // prettier-ignore
  });
  const mine = heard(actor);
  actor.receive({});
  const errors = await mine.next('errors');
  for (const text of errors.slice(0, 3)) assert.match(text, /^writing: expected \{ msg, type, data \}/);
  assert.equal(errors[3], 'no data today');
});

test('what an async subscriber rejects with is logged, like what one throws [NF-12]', async (t) => {
  const logged = t.mock.method(console, 'error', () => undefined);
  const supervisor = supervise(t);
  const actor = supervisor.spawn(member);
  for (const source of [actor, supervisor])
    source.subscribe(async () => {
      throw new Error('as told');
    });
  const mine = heard(actor);
  actor.receive({ data: 1 });
  await mine.next('ready');
  await until(() => logged.mock.callCount() === 2);
  assert.deepEqual(
    logged.mock.calls.map(({ arguments: [, error] }) => error.message),
    ['as told', 'as told'],
  );
});

test('a release hook that hangs is given up, and the others run [NF-75]', async (t) => {
  const warned = t.mock.method(process, 'emitWarning', () => undefined);
  const released = [];
  const never = () => new Promise(() => undefined);
  const resources = { a: { release: never }, b: { release: () => void released.push('b') } };
  const supervisor = createSupervisor({ resources, timeouts: { defaultLeaseMs: 20 } });
  await supervisor.shutdown();
  assert.deepEqual(released, ['b']);
  assert.match(warned.mock.calls[0].arguments[0], /^resource 'a' failed to release: not done within 20 ms$/);
});

test('an uncaught error that speaks of memory is the reason as it is [NF-50]', async (t) => {
  t.mock.method(process, 'emitWarning', () => undefined);
  const actor = supervise(t).spawn(() => {
    setTimeout(() => {
      throw new Error('the memory of an elephant');
    });
    return new Promise(() => undefined);
  });
  const mine = heard(actor);
  actor.receive({});
  assert.match((await mine.next('DOWN')).reason, /the memory of an elephant/);
});

test('an actor that throws while it may end by itself has ended [NF-47]', async (t) => {
  const supervisor = supervise(t, { graceMs: 60_000 });
  const actor = supervisor.spawn((self, msg, ctx) => {
    self.send('runs');
    while (!ctx.isCancelled);
    throw new Error('cancelled');
  });
  const mine = heard(actor);
  actor.receive({});
  await mine.next('runs');
  const begin = performance.now();
  actor.terminate();
  await supervisor.shutdown();
  assert.ok(performance.now() - begin < 30_000);
});

test('ctx.resources shows its names, and those of their methods [NF-69]', async (t) => {
  const any = { safeParse: (data) => ({ success: true, data }) };
  const tools = { use: { input: any, output: any, handler: (value) => value } };
  const actor = supervise(t, { resources: { tools, empty: {} } }).spawn(async (self, msg, { resources }) => {
    const isFixed = [() => (resources.more = 1), () => Object.freeze(resources)].map((change) => {
      try {
        return change() === undefined;
      } catch (error) {
        return error.name;
      }
    });
    const { tools } = { ...resources };
    self.send('seen', [Object.keys(resources), Object.keys(resources.tools), 'more' in resources, isFixed]);
    self.send('used', await tools.use(7));
  });
  const mine = heard(actor);
  actor.receive({});
  assert.equal(await mine.next('used'), 7);
  assert.deepEqual(mine.of('seen')[0], [['tools', 'empty'], ['use'], false, [false, 'TypeError']]);
});
