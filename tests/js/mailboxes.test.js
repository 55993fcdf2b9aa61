/** Mailboxes: messages between workers without main (js/actor/mailbox.js). The state machine is tested in tests/unit/mailbox_test.c. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Post } from '../../js/actor/mailbox.js';
import { Table } from '../../js/core/memory.js';
import * as L from '../../js/generated/layout.js';
import { RUNNER } from '../../js/handlers/runner.js';
import { host } from '../../js/host/index.js';
import { codeOf, until, withPool } from './helpers.js';

const MODULE = new URL('./fixtures/mailboxes.js', import.meta.url);
const MAIN = { now: host.time.now, defer: host.defer, blocks: false };

/** Runs a test with main's side of a pool's mailboxes. */
function withPost(workers, use) {
  return withPool({ module: MODULE, workers, liveness: false }, (pool) => use(pool, new Post(pool[RUNNER].core)));
}

/** Takes so many letters on main. */
async function take(mailbox, count) {
  const letters = [];
  await mailbox.serve((letter) => {
    letters.push(letter);
    if (letters.length === count) mailbox.detach();
  });
  return letters;
}

test('messages that are sent before the actor is there are kept, and arrive in order', () =>
  withPost(1, async (pool, post) => {
    const id = post.open();
    const values = [1, 'two', { three: [3, new Date(0), new Map([[1, 2n]])] }, undefined, new Uint8Array(5000).fill(7)];
    for (const value of values) post.send(id, value);
    assert.equal(post.waiting(id), values.length);
    const letters = await pool.dispatch('collect', { mailbox: id, count: values.length });
    assert.deepEqual(
      letters,
      values.map((value) => ({ value, from: 0 })),
    );
    assert.equal(post.drop(id), true);
  }));

test('100,000 messages from one worker to another arrive in order, with all that was written before [NF-17]', () =>
  withPost(2, async (pool, post) => {
    const id = post.open(1000);
    const checked = pool.dispatch('check', { mailbox: id, count: 100_000 });
    await pool.dispatch('flood', { to: id, count: 100_000 });
    assert.equal(await checked, 'all in order');
    post.drop(id);
  }));

test('two actors talk while main is blocked for 500 ms', () =>
  withPost(2, async (pool, post) => {
    const [a, b] = [post.open(), post.open()];
    const second = pool.dispatch('play', { mailbox: b, partner: a, rounds: 5000 });
    const first = pool.dispatch('play', { mailbox: a, partner: b, begins: true, rounds: 5000 });
    const { core } = pool[RUNNER];
    const taken = new Table(core.memory, core.pool + L.POOL_MAILBOXES).record(a % 65_536) + L.MAILBOX_TAKEN;
    await until(() => core.load(taken) > 0);
    const end = performance.now() + 500;
    while (performance.now() < end || core.load(taken) < 2500); // hangs if they need main
    const results = await Promise.all([first, second]);
    assert.ok(results.every(({ round }) => round >= 5000));
    post.drop(a);
    post.drop(b);
  }));

test('main has mailboxes as well: what an actor sends there names the actor [NF-13]', () =>
  withPost(1, async (pool, post) => {
    const [id, mine] = [post.open(), post.open()];
    const relayed = pool.dispatch('relay', { mailbox: id, to: mine });
    const mailbox = post.attach(mine, MAIN);
    for (const value of ['a', { b: 1 }, 'end']) post.send(id, value);
    const letters = await take(mailbox, 2);
    assert.deepEqual(letters, [
      { value: 'a', from: id, box: undefined },
      { value: { b: 1 }, from: id, box: undefined },
    ]);
    assert.equal(await relayed, 2);
    assert.ok(post.drop(id) && post.drop(mine));
  }));

test('what cannot be sent says why, and sends nothing', () =>
  withPost(1, async (pool, post) => {
    const [id, small] = [post.open(), post.open(1)];
    assert.equal(await pool.dispatch('refused', { to: id }), 'NOT_SERIALIZABLE');
    assert.equal(await pool.dispatch('refused', { to: id, value: 1, from: id }), 'DENIED');
    assert.equal(await pool.dispatch('refused', { to: small, value: 1 }), 'sent');
    assert.equal(await pool.dispatch('refused', { to: small, value: 1 }), 'QUEUE_FULL');
    assert.equal(post.waiting(id), 0);
    post.close(id);
    assert.equal(await pool.dispatch('refused', { to: id, value: 1 }), 'STALE_HANDLE');
    assert.equal(post.deadLetters, 1);
    assert.ok(post.drop(id) && post.drop(small));
    assert.equal(post.drop(id), false);
    assert.equal(post.deadLetters, 2);
  }));

test('an actor that is killed loses its own message only, and the next one on its mailbox gets the rest [NF-58]', () =>
  withPost(2, async (pool, post) => {
    const id = post.open();
    for (let i = 0; i < 3; i++) post.send(id, i);
    const hung = pool.dispatch('hang', { mailbox: id });
    await until(() => post.waiting(id) === 2);
    const ended = codeOf(hung);
    await hung.terminate();
    assert.equal(await ended, 'CANCELLED');
    assert.deepEqual(await pool.dispatch('collect', { mailbox: id, count: 2 }), [
      { value: 1, from: 0 },
      { value: 2, from: 0 },
    ]);
    assert.ok(post.drop(id));
  }));

test('a worker whose stack is used up while it sends loses no message that it had sent', () =>
  withPost(2, async (pool, post) => {
    const id = post.open();
    const result = await pool.dispatch('overflow', { to: id }).catch(() => undefined);
    const sent = post.waiting(id);
    if (result !== undefined) assert.equal(sent, result);
    post.send(id, 'last');
    const letters = await pool.dispatch('collect', { mailbox: id, count: sent + 1 });
    assert.deepEqual(letters.at(-1), { value: 'last', from: 0 });
    assert.ok(post.drop(id));
  }));
