/** Boxes as programs with actors use them: write, read, release, shares, leases, deaths. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { heard, supervise } from './actor-support.js';
import { until } from './helpers.js';

/** Writes what it is told to, and sends what became of it. */
async function writer(self, msg, ctx) {
  const { text, bytes, ...writing } = msg.write ?? msg;
  if (msg.msg === 'DOWN') return;
  const data = bytes === undefined ? text : ctx.fmt.alloc(bytes);
  const { isOk, value, error } = await ctx.write({ msg: 'box', type: 'string', ...writing, data });
  self.send('written', isOk ? { isOk, epoch: value.epoch } : { isOk, error });
}

/** Reads the boxes that it is told of, and gives them back; keeps the first `keep`. */
function reader(self, msg, ctx) {
  ctx.state.keep ??= 0;
  if (msg.keep) ctx.state.keep = msg.keep;
  if (msg.msg !== 'box') return;
  const box = ctx.read(msg);
  self.send('read', { text: box?.string() ?? null, from: msg.from, type: msg.type });
  if (ctx.state.keep-- <= 0) ctx.release(msg.handle);
}

/** How many boxes are in use. */
const inUse = (supervisor) => supervisor.getDiagnostics().value.memoryPool.boxesInUse;

test('each way in which a write can fail is a Result, and takes no box [NF-15 NF-20]', async (t) => {
  const supervisor = supervise(t);
  const actor = supervisor.spawn(writer);
  const mine = heard(actor);
  const failing = [
    { bytes: 64 * 1024 + 1 },
    { type: 'xml', text: 'a' },
    { share: 'everyone', text: 'a' },
    { type: 'json', text: undefined },
  ];
  for (const one of failing) actor.receive({ write: one });
  await mine.next('written', failing.length);
  assert.deepEqual(mine.of('written').map(({ isOk, error }) => [isOk, typeof error]), failing.map(() => [false, 'string'])); // prettier-ignore
  assert.match(mine.of('written')[0].error, /65537 bytes do not fit into a box, which has 65536 bytes/);
  await until(() => inUse(supervisor) === 0);
  assert.equal(actor.incarnation, 1);
  actor.receive({ write: { bytes: 64 * 1024 } });
  actor.receive({ write: { bytes: 0 } });
  await mine.next('written', failing.length + 2);
  assert.deepEqual(mine.of('written').slice(-2).map(({ isOk }) => isOk), [true, true]); // prettier-ignore
});

test('json, string, binary and cbor round-trip through a box, on main and in an actor [NF-22]', async (t) => {
  const supervisor = supervise(t);
  const group = supervisor.createGroup();
  const value = { a: [1, null, 'ü'] };
  const actor = group.spawn(async (self, msg, ctx) => {
    await ctx.write({ msg: 'json', type: 'json', data: msg.value, share: 'group' });
    await ctx.write({ msg: 'cbor', type: 'cbor', data: msg.value, share: 'group' });
    await ctx.write({ msg: 'string', type: 'string', data: 'ü', share: 'group' });
    await ctx.write({ msg: 'binary', type: 'binary', data: new Uint8Array([1, 0, 0]), share: 'group' });
  });
  const other = group.spawn((self, msg, ctx) => {
    self.send(msg.msg, ctx.read(msg)[msg.type]());
    ctx.release(msg.handle);
  });
  const seen = heard(other);
  const read = {};
  actor.subscribe((msg) => {
    if (!msg.handle) return;
    read[msg.msg] = actor.read(msg)[msg.type]();
    actor.release(msg.handle);
  });
  actor.receive({ value });
  await seen.next('binary');
  await until(() => Object.keys(read).length === 4);
  const wanted = { json: value, cbor: value, string: 'ü', binary: new Uint8Array([1, 0, 0]) };
  assert.deepEqual(read, wanted);
  for (const [msg, one] of Object.entries(wanted)) assert.deepEqual(seen.of(msg), [one]);
  await until(() => inUse(supervisor) === 0);
});

test('a box is told to the group, to linked actors, or to those of a list, and to nobody else; the writer is not told [NF-29 NF-30 NF-31 NF-32]', async (t) => {
  const supervisor = supervise(t);
  const group = supervisor.createGroup();
  const write = group.spawn(writer);
  const [member, linked, listed, stranger] = [group, supervisor, supervisor, supervisor].map((one) =>
    one.spawn(reader),
  );
  write.link(linked);
  const [ofWriter, ...seen] = [write, member, linked, listed, stranger].map(heard);
  const shares = ['group', 'linked', [listed.id, 'actor-0.0.0', 'nobody'], 'owner'];
  for (const share of shares) write.receive({ write: { text: String(share).slice(0, 6), share } });
  await ofWriter.next('written', 4);
  await ofWriter.next('box', 4);
  await Promise.all(seen.slice(0, 3).map((one) => one.next('read')));
  assert.deepEqual(
    seen.map((one) => one.of('read')),
    [
      [{ text: 'group', from: write.id, type: 'string' }],
      [{ text: 'linked', from: write.id, type: 'string' }],
      [{ text: listed.id.slice(0, 6), from: write.id, type: 'string' }],
      [],
    ],
  );
});

test('a forged handle and one of a box that is gone read as null, and are counted; releasing them does nothing [NF-25 NF-26 NF-27]', async (t) => {
  const supervisor = supervise(t, { diagnostics: { enabled: true, track: { authorizationEvents: true } } });
  const write = supervisor.spawn(writer);
  const stranger = supervisor.spawn((self, msg, ctx) => {
    ctx.release(msg.stolen);
    self.send('read', ctx.read({ handle: msg.stolen }));
  });
  let told;
  write.subscribe((msg) => (told = msg.handle ?? told));
  write.receive({ write: { text: 'mine' } });
  await until(() => told);
  const mine = heard(stranger);
  stranger.receive({ stolen: told });
  assert.equal(await mine.next('read'), null);
  assert.equal(write.read({ handle: told }).string(), 'mine');
  write.release(told);
  write.release(told);
  assert.equal(write.read({ handle: told }), null);
  stranger.receive({ stolen: told });
  assert.equal(await mine.next('read', 2), null);
  const { denied, stale } = supervisor.getDiagnostics().value.authorization;
  assert.ok(denied >= 1 && stale >= 1, `${denied} ${stale}`);
});

test('a tier-1 message reads as null [NF-24]', async (t) => {
  const supervisor = supervise(t);
  const actor = supervisor.spawn((self, msg, ctx) => self.send('read', ctx.read(msg)));
  const mine = heard(actor);
  actor.receive({ msg: 'a' });
  assert.equal(await mine.next('read'), null);
  assert.equal(actor.read(mine.all[0]), null);
});

test('several writes that are not awaited all settle, with more writes than boxes [NF-18 NF-19]', async (t) => {
  const supervisor = supervise(t, { memory: { poolSize: 2, boxSize: 64 } });
  const actor = supervisor.spawn(async (self, msg, ctx) => {
    const one = (n) => ctx.write({ msg: 'box', type: 'string', data: String(n) });
    self.send(
      'all',
      (await Promise.all([0, 1, 2, 3, 4].map(one))).map(({ isOk }) => isOk),
    );
  });
  const texts = [];
  actor.subscribe((msg) => {
    if (msg.msg !== 'box') return;
    texts.push(actor.read(msg).string());
    actor.release(msg.handle);
  });
  const mine = heard(actor);
  actor.receive({});
  assert.deepEqual(await mine.next('all'), [true, true, true, true, true]);
  assert.deepEqual(texts, ['0', '1', '2', '3', '4']);
});

test('a box that nobody gives back is free at the end of its lease, without any other traffic [NF-34 NF-35 NF-38 NF-39]', async (t) => {
  const supervisor = supervise(t, { timeouts: { defaultLeaseMs: 60_000, actorTimeouts: { brief: 100 } } });
  const actor = supervisor.spawn(writer, { name: 'brief' });
  const mine = heard(actor);
  for (let n = 0; n < 4; n++) actor.receive({ write: { text: 'kept' } });
  await mine.next('written', 4);
  await until(() => inUse(supervisor) === 0);
  assert.equal(actor.incarnation, 1);
});

test('what a killed actor wrote and what it held comes back, and waiting writes go on [NF-43 NF-87]', async (t) => {
  const supervisor = supervise(t, { memory: { poolSize: 2, boxSize: 64 }, timeouts: { defaultLeaseMs: 60_000 } });
  const group = supervisor.createGroup();
  const write = group.spawn(writer);
  const holds = group.spawn(reader);
  const seen = heard(holds);
  const mine = heard(write);
  holds.receive({ keep: 100 });
  await until(() => holds.getDiagnostics().value.messageCount === 1); // before any box: senders are not ordered among each other
  for (let n = 0; n < 3; n++) write.receive({ write: { text: String(n), share: 'group' } });
  await seen.next('read', 2);
  assert.equal(mine.of('written').length, 2, 'the third waits for a box');
  holds.terminate();
  await mine.next('written', 3);
  write.terminate();
  await mine.next('DOWN');
  await until(() => inUse(supervisor) === 0);
});

test('a pipeline of three stages hands a thousand boxes on, with four in the pool [NF-68]', async (t) => {
  const supervisor = supervise(t, { memory: { poolSize: 4, boxSize: 64 }, timeouts: { defaultLeaseMs: 60_000 } });
  /** Each stage is told of the others first; the last one asks the first for more, so that no stage fills the pool alone. */
  const first = supervisor.spawn(async (self, msg, ctx) => {
    const { state } = ctx;
    if (msg.next) Object.assign(state, { next: msg.next, n: 0 });
    const count = msg.next ? 2 : 1;
    for (let i = 0; i < count && state.n < 1000; i++)
      await ctx.write({ msg: 'number', type: 'json', data: state.n++, share: [state.next] });
  });
  const middle = supervisor.spawn(async (self, msg, ctx) => {
    if (msg.next) ctx.state.next = msg.next;
    if (msg.msg !== 'number') return;
    const number = ctx.read(msg).json();
    ctx.release(msg.handle);
    await ctx.write({ msg: 'squared', type: 'json', data: number * number, share: [ctx.state.next] });
  });
  const last = supervisor.spawn((self, msg, ctx) => {
    if (msg.first) Object.assign(ctx.state, { first: ctx.actor(msg.first), sum: 0, count: 0 });
    if (msg.msg !== 'squared') return;
    ctx.state.sum += ctx.read(msg).json();
    ctx.release(msg.handle);
    ctx.state.first.receive({ more: true });
    if (++ctx.state.count === 1000) self.send('sum', ctx.state.sum);
  });
  const mine = heard(last);
  last.receive({ first: first.id });
  middle.receive({ next: last.id });
  first.receive({ next: middle.id });
  assert.equal(await mine.next('sum'), 332_833_500);
  await until(() => inUse(supervisor) === 0);
});

test('who may read a box hands it on, an actor or main; who may not hands on nothing [NF-85]', async (t) => {
  const supervisor = supervise(t, { timeouts: { defaultLeaseMs: 60_000 } });
  const last = supervisor.spawn((self, msg, ctx) => {
    self.send('read', ctx.read(msg)?.string() ?? null);
    ctx.release(msg.handle);
  });
  const between = supervisor.spawn((self, msg, ctx) => {
    if (msg.next) ctx.state.next = ctx.actor(msg.next);
    if (msg.stolen) ctx.state.next.receive({ handle: msg.stolen });
    if (msg.msg !== 'box') return;
    ctx.state.next.receive({ data: { handle: msg.handle } }); // main is asked first where that is
    ctx.state.next.receive({ handle: msg.handle });
    ctx.release(msg.handle);
  });
  const write = supervisor.spawn(writer);
  const [seen, written] = [heard(last), heard(write)];
  between.receive({ next: last.id });
  write.receive({ write: { text: 'by an actor', share: [between.id] } });
  await seen.next('read', 2);
  write.receive({ write: { text: 'by main' } });
  await written.next('box', 2);
  const { handle } = written.all.filter(({ msg }) => msg === 'box')[1];
  between.receive({ stolen: handle, msg: 'no box' });
  assert.equal(await seen.next('read', 3), null);
  last.receive({ handle });
  last.receive({ data: { handle } });
  write.release(handle);
  await seen.next('read', 5);
  assert.deepEqual(seen.of('read'), ['by an actor', 'by an actor', null, 'by main', 'by main']);
  await until(() => inUse(supervisor) === 0);
});
