/** What goes wrong around actors, and what supervisors leave behind. */
import assert from 'node:assert/strict';
import test from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { PostOffice } from '../../js/actor/main/post-office.js';
import { heard, supervise } from './actor-support.js';
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
