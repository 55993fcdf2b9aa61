/** Actors that belong together: groups, links, monitors, children, and messages between them. The rules are tested natively, too. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { heard, supervise, thrown } from './actor-support.js';
import { until } from './helpers.js';

/** Tells its incarnation, or fails. */
function member(self, msg) {
  if (msg.fail) throw new Error('as told');
  self.send('up', self.incarnation);
}

/** Waits until an actor handles messages in an incarnation. */
async function reach(actor, incarnation) {
  await until(() => actor.incarnation >= incarnation);
  const mine = heard(actor);
  actor.receive({});
  assert.equal(await mine.next('up'), incarnation);
}

for (const [strategy, incarnations, ids] of [
  ['one-for-one', [1, 2, 1], '[NF-51 NF-59]'],
  ['one-for-all', [2, 2, 2], '[NF-52 NF-59]'],
  ['rest-for-one', [1, 2, 2], '[NF-53 NF-59]'],
])
  test(`${strategy} restarts those that it says, in a group of its own ${ids}`, async (t) => {
    const supervisor = supervise(t);
    const outsider = supervisor.spawn(member);
    const group = supervisor.createGroup({ strategy });
    const actors = [0, 1, 2].map(() => group.spawn(member));
    for (const actor of actors) await reach(actor, 1);
    actors[1].receive({ fail: true });
    for (const [i, actor] of actors.entries()) await reach(actor, incarnations[i]);
    await reach(outsider, 1);
  });

test('one failure more than retry.max ends the whole group, with the reason cascade; other groups live on [NF-55]', async (t) => {
  const supervisor = supervise(t);
  const outsider = supervisor.spawn(member);
  const group = supervisor.createGroup({ retry: { max: 1, backoff: 'fixed', delayMs: 1 } });
  const [failing, sibling] = [group.spawn(member), group.spawn(member)];
  const [mine, others] = [failing, sibling].map(heard);
  failing.receive({ fail: true });
  await reach(failing, 2);
  failing.receive({ fail: true });
  assert.equal((await mine.next('DOWN', 2)).reason, 'as told');
  assert.equal((await others.next('DOWN')).reason, 'cascade');
  assert.equal(failing.getDiagnostics().isErr, true);
  await reach(outsider, 1);
});

test('terminateAll ends the members of a group, and nobody else [NF-59]', async (t) => {
  const supervisor = supervise(t);
  const outsider = supervisor.spawn(member);
  const group = supervisor.createGroup();
  const all = heard(supervisor);
  const ids = [0, 1, 2].map(() => group.spawn(member).id);
  group.terminateAll();
  await all.next('DOWN', 3);
  assert.deepEqual(all.of('DOWN').map(({ id }) => id).sort(), ids.sort()); // prettier-ignore
  await reach(outsider, 1);
});

test('linked actors die together, in a ring too; those that were not ended themselves come back and are linked again [NF-60 NF-61]', async (t) => {
  const supervisor = supervise(t);
  const actors = [0, 1, 2].map(() => supervisor.spawn(member));
  actors.forEach((actor, i) => actor.link(actors[(i + 1) % 3]));
  actors[0].link(actors[0]);
  const all = heard(supervisor);
  for (const [round, failing] of [0, 2].entries()) {
    actors[failing].receive({ fail: true });
    for (const actor of actors) await reach(actor, round + 2);
  }
  actors[1].terminate();
  await reach(actors[0], 4);
  await reach(actors[2], 4);
  assert.equal(actors[1].getDiagnostics().isErr, true);
  const reasons = all.of('DOWN').map(({ reason }) => reason);
  assert.deepEqual(reasons.filter((reason) => reason === 'as told').length, 2);
  assert.deepEqual(reasons.filter((reason) => reason === 'linked_actor_died').length, 6);
});

test('linking with an actor that has ended is an error on main, and kills the actor that asks for it [NF-62]', async (t) => {
  const supervisor = supervise(t, { retry: { max: 0 } });
  const ended = supervisor.spawn(member);
  ended.terminate();
  const asks = supervisor.spawn((self, msg, ctx) => ctx.link(msg.id));
  assert.match(
    thrown(() => asks.link(ended)),
    /^STALE_HANDLE link:/,
  );
  assert.match(
    thrown(() => asks.link('nobody')),
    /^INVALID_ARGUMENT actor:/,
  );
  const mine = heard(asks);
  asks.receive({ id: ended.id });
  assert.equal((await mine.next('DOWN')).reason, 'linked_actor_died');
});

test('a death is told once to the watcher’s handler, to its subscribers and to the supervisor’s; the watcher’s death is not the other’s [NF-63 NF-64]', async (t) => {
  const supervisor = supervise(t);
  const watched = supervisor.spawn(member);
  const watcher = supervisor.spawn((self, msg) => {
    if (msg.msg === 'DOWN') self.send('told', msg);
  });
  watcher.monitor(watched);
  const mine = heard(watcher);
  const all = heard(supervisor);
  watched.receive({ fail: true });
  const data = { id: watched.id, reason: 'as told' };
  assert.deepEqual(await mine.next('told'), { msg: 'DOWN', data, from: 'system' });
  assert.deepEqual([mine.of('DOWN'), all.of('DOWN'), mine.of('told').length], [[data], [data], 1]);
  await reach(watched, 2);
  watched.receive({ fail: true });
  await mine.next('told', 2); // the monitor has outlived the restart
  await reach(watched, 3);
  watcher.terminate();
  await mine.next('DOWN', 3);
  await reach(watched, 3);
});

test('watching an actor that has ended tells of it at once: noproc [NF-65]', async (t) => {
  const supervisor = supervise(t);
  const ended = supervisor.spawn(member);
  const gone = heard(ended);
  ended.terminate();
  await gone.next('DOWN');
  const watcher = supervisor.spawn((self, msg, ctx) => {
    if (msg.watch) ctx.monitor(msg.watch);
    else self.send('told', msg.data);
  });
  const mine = heard(watcher);
  watcher.monitor(ended);
  assert.deepEqual(await mine.next('told'), { id: ended.id, reason: 'noproc' });
  watcher.receive({ watch: ended.id });
  assert.deepEqual(await mine.next('told', 2), { id: ended.id, reason: 'noproc' });
});

test('children die with their parent, and theirs with them; none is left [NF-67]', async (t) => {
  const supervisor = supervise(t);
  const parent = supervisor.spawn(async (self, msg, ctx) => {
    const child = await ctx.spawn(async (me, message, context) => {
      await context.spawn((it) => it.send('grandchild'));
      me.send('child');
    });
    child.receive({});
  });
  const all = heard(supervisor);
  parent.receive({});
  await all.next('child');
  assert.equal(supervisor.getDiagnostics().value.activeActors, 3);
  parent.terminate();
  await all.next('DOWN', 3);
  assert.deepEqual(all.of('DOWN').map(({ reason }) => reason), ['terminated', 'parent_died', 'parent_died']); // prettier-ignore
  assert.equal(supervisor.getDiagnostics().value.activeActors, 0);
});

test('restarts wait as retry says: with a base of 50 ms the second linear one comes 100 ms after its failure [NF-54]', async (t) => {
  const supervisor = supervise(t, { retry: { max: 5, backoff: 'linear', delayMs: 50 } });
  const actor = supervisor.spawn(member);
  const mine = heard(actor);
  for (const [n, delayMs] of [50, 100].entries()) {
    await reach(actor, n + 1);
    const failed = performance.now();
    actor.receive({ fail: true });
    await mine.next('DOWN', n + 1);
    await until(() => actor.incarnation === n + 2);
    assert.ok(performance.now() - failed >= delayMs);
  }
});

test('without retry twenty crashes are twenty restarts [NF-56]', async (t) => {
  const actor = supervise(t).spawn(member);
  for (let n = 1; n <= 20; n++) {
    await reach(actor, n);
    actor.receive({ fail: true });
  }
  await reach(actor, 21);
});

test('actors talk to each other while main is blocked; the sender of a message can be answered [NF-13]', async (t) => {
  const supervisor = supervise(t);
  const count = new Int32Array(new SharedArrayBuffer(4));
  const second = supervisor.spawn((self, msg, ctx) => {
    if (msg.n === undefined) return;
    ctx.actor(msg.from).receive({ n: msg.n + 1 });
  });
  const first = supervisor.spawn((self, msg, ctx) => {
    if (msg.partner) ctx.actor(msg.partner).receive({ n: 0 });
    else if (msg.n < 2000) ctx.actor(msg.from).receive({ n: msg.n });
    else self.send('done', { n: msg.n, from: msg.from });
  });
  const mine = heard(first);
  first.receive({ partner: second.id });
  await until(() => first.getDiagnostics().value.messageCount > 1);
  const before = first.getDiagnostics().value.messageCount;
  while (first.getDiagnostics().value.messageCount < 1500); // hangs if they need main
  assert.ok(before < 1500 && count);
  assert.deepEqual(await mine.next('done'), { n: 2000, from: second.id });
});

test('a message to an actor that has ended, from another one, is a dead letter and no error [NF-10]', async (t) => {
  const supervisor = supervise(t);
  const ended = supervisor.spawn(member);
  const gone = heard(ended);
  const sender = supervisor.spawn((self, msg, ctx) => {
    ctx.actor(msg.to).receive({});
    self.send('sent');
  });
  ended.terminate();
  await gone.next('DOWN');
  const mine = heard(sender);
  sender.receive({ to: ended.id });
  await mine.next('sent');
  assert.equal(sender.incarnation, 1);
});
