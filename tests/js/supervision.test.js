/** Supervision as JavaScript sees it; its rules are tested in tests/unit/supervision*_test.c. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { indexOf, NOBODY, ROOT, Supervision } from '../../js/actor/supervision.js';
import { STATUS } from '../../js/generated/status.js';
import * as S from '../../js/generated/supervision.js';

/** Names of actions, by number. @type {Map<number, string>} */
const NAMES = new Map(
  [
    ...['SPAWNED', 'GROUPED', 'REFUSED', 'START', 'DEAD', 'STOP', 'FREE_BOXES', 'DROP_MAILBOX', 'DOWN', 'DROP_WRITES'],
    ...['RESTART', 'ENDED', 'CASCADE', 'CLOSED'],
  ].map((name) => [Reflect.get(S, `SUPERVISION_${name}`), name]),
);

/** @param {import('../../js/actor/supervision.js').SupervisionAction[]} actions */
const kinds = (actions) => actions.map(({ kind }) => NAMES.get(kind)).join(' ');

/** @param {Supervision} supervision @param {Partial<import('../../js/actor/supervision.js').SupervisionEvent>} [event] */
function spawn(supervision, event) {
  const [spawned, start] = supervision.step(0, { kind: S.SUPERVISION_SPAWN, ...event });
  assert.equal(kinds([spawned, start]), 'SPAWNED START');
  return spawned.actor;
}

test('an actor is spawned, dies in order, is restarted after its delay under the same number, and ends [NF-43, NF-54, NF-57]', () => {
  const supervision = new Supervision({ maxActors: 4, leaseMs: 5000, retry: { delayMs: 50, backoff: 'linear' } });
  const actor = spawn(supervision, { nameLeaseMs: 700 });
  assert.equal(supervision.info(actor)?.leaseMs, 700);
  supervision.step(10, { kind: S.SUPERVISION_MONITOR, other: actor });
  const failed = supervision.step(20, { kind: S.SUPERVISION_FAILED, actor, incarnation: 1, reason: S.ACTOR_NO_MEMORY });
  assert.equal(kinds(failed), 'DEAD STOP');
  assert.equal(supervision.nextMs, 0);
  const buried = supervision.step(30, { kind: S.SUPERVISION_GONE, actor, incarnation: 1 });
  assert.equal(kinds(buried), 'FREE_BOXES DROP_MAILBOX DOWN DROP_WRITES RESTART');
  const down = buried[2];
  assert.equal(supervision.reasonText(down.reason), 'no_memory');
  assert.deepEqual([down.actor, down.other, down.group, down.incarnation], [actor, NOBODY, ROOT, 1]);
  assert.equal(buried[4].ms, 50);
  assert.equal(supervision.nextMs, 80);
  assert.deepEqual(supervision.step(79), []);
  const [start] = supervision.step(80);
  assert.deepEqual([start.kind, start.actor, start.incarnation, start.ms], [S.SUPERVISION_START, actor, 2, 700]);
  assert.equal(supervision.info(actor)?.startedMs, 80);
  supervision.step(90, { kind: S.SUPERVISION_TERMINATE, actor });
  const ended = supervision.step(95, { kind: S.SUPERVISION_GONE, actor, incarnation: 2 }).at(-1);
  assert.deepEqual([ended?.kind, ended?.reason], [S.SUPERVISION_ENDED, S.ACTOR_TERMINATED]);
  assert.equal(supervision.info(actor), undefined);
  const next = spawn(supervision);
  assert.equal(indexOf(next), indexOf(actor));
  assert.notEqual(next, actor);
});

test('a step returns copies: another step does not change them', () => {
  const supervision = new Supervision({ maxActors: 4, leaseMs: 5000 });
  const first = supervision.step(0, { kind: S.SUPERVISION_SPAWN });
  const before = structuredClone(first);
  supervision.step(0, { kind: S.SUPERVISION_SPAWN });
  assert.deepEqual(first, before);
});

test('groups have a strategy and a policy each; one more failure than its max is a cascade [NF-55, NF-59]', () => {
  const supervision = new Supervision({ maxActors: 8, leaseMs: 5000 });
  const [{ group }] = supervision.step(0, {
    ...{ kind: S.SUPERVISION_GROUP, strategy: 'one-for-all', retry: { max: 0 } },
  });
  const [a, b] = [spawn(supervision, { group }), spawn(supervision, { group })];
  const other = spawn(supervision);
  const actions = supervision.step(1, { kind: S.SUPERVISION_GONE, actor: a, incarnation: 1 });
  assert.equal(kinds(actions), 'DEAD FREE_BOXES DROP_MAILBOX DROP_WRITES CASCADE DEAD STOP ENDED');
  assert.equal(actions[4].group, group);
  assert.equal(actions[5].actor, b);
  assert.equal(supervision.info(other)?.phase, S.ACTOR_STARTING);
  const [refused] = supervision.step(1, { kind: S.SUPERVISION_GROUP, retry: { max: 300 } });
  assert.deepEqual([refused.kind, refused.status], [S.SUPERVISION_REFUSED, STATUS.INVALID_ARGUMENT]);
});

test('links are made again after a restart, and children end with their parent [NF-61, NF-67]', () => {
  const supervision = new Supervision({ maxActors: 4, leaseMs: 5000 });
  const [a, b] = [spawn(supervision), spawn(supervision)];
  const child = spawn(supervision, { other: a });
  assert.equal(supervision.info(child)?.parent, a);
  supervision.step(0, { kind: S.SUPERVISION_LINK, actor: a, other: b });
  for (const incarnation of [1, 2]) {
    const actions = supervision.step(incarnation * 10, { kind: S.SUPERVISION_GONE, actor: a, incarnation });
    const dead = actions.filter(({ kind }) => kind === S.SUPERVISION_DEAD).map(({ actor }) => actor);
    assert.deepEqual(dead, incarnation === 1 ? [a, b, child] : [a, b]);
    for (const { actor } of actions.filter(({ kind }) => kind === S.SUPERVISION_STOP))
      supervision.step(incarnation * 10, { kind: S.SUPERVISION_GONE, actor, incarnation });
    assert.equal(kinds(supervision.step(incarnation * 10 + 1)), 'START START');
  }
  assert.equal(supervision.info(child), undefined);
});

test('the limit of actors is kept, and counts say what has happened [NF-04]', () => {
  const supervision = new Supervision({ maxActors: 2, leaseMs: 5000 });
  const [a] = [spawn(supervision), spawn(supervision)];
  assert.equal(supervision.step(0, { kind: S.SUPERVISION_SPAWN })[0].status, STATUS.MAX_ACTORS);
  supervision.step(0, { kind: S.SUPERVISION_TERMINATE, actor: a });
  supervision.step(0, { kind: S.SUPERVISION_GONE, actor: a, incarnation: 1 });
  assert.deepEqual(supervision.counts, {
    ...{ active: 1, dying: 0, groups: 1, relations: 0, spawned: 2, ended: 1, failures: 0, starts: 2 },
    ...{ downs: 0, cascades: 0, refused: 1, stale: 0 },
  });
  const all = supervision.step(0, { kind: S.SUPERVISION_SHUTDOWN });
  assert.equal(kinds(all), 'DEAD STOP');
  const closed = supervision.step(0, { kind: S.SUPERVISION_GONE, actor: all[0].actor, incarnation: 1 });
  assert.equal(kinds(closed.slice(-2)), 'ENDED CLOSED');
});

test('a configuration out of its bounds throws', () => {
  for (const wrong of [{ maxActors: 0 }, { maxActors: 1e6 }, { maxGroups: 0 }])
    assert.throws(() => new Supervision({ maxActors: 4, leaseMs: 5000, ...wrong }), RangeError);
});

test('1,024 actors in a ring of links die of one crash and all come back [NF-60, NF-61]', () => {
  const supervision = new Supervision({ maxActors: 1024, leaseMs: 5000 });
  const actors = Array.from({ length: 1024 }, () => spawn(supervision));
  for (const [i, actor] of actors.entries())
    supervision.step(0, { kind: S.SUPERVISION_LINK, actor, other: actors[(i + 1) % actors.length] });
  const dying = [actors[0]];
  for (let i = 0; i < dying.length; i++) {
    const actions = supervision.step(1, { kind: S.SUPERVISION_GONE, actor: dying[i], incarnation: 1 });
    for (const { kind, actor } of actions) if (kind === S.SUPERVISION_STOP) dying.push(actor);
  }
  assert.equal(dying.length, 1024);
  supervision.step(2);
  assert.equal(supervision.counts.starts, 2048);
});
