/** What bench/mailbox.mjs runs: in a pool's workers over mailboxes, in plain ones over ports or channels. */
import { BroadcastChannel, parentPort } from 'node:worker_threads';
import { ActorBoxes } from '../../../js/actor/boxes.js';
import { Post } from '../../../js/actor/mailbox.js';
import { RUNNER } from '../../../js/handlers/runner.js';

const OBJECT = { kind: 'move', x: 1.5, y: -2, tags: ['a', 'b'] };

/** @typedef {{ what: string, count: number, bytes?: number }} Job bytes: of the large value that is handed over */

/**
 * One measurement over any means: `send` sends, `take` is called for each message until `end`.
 * @param {'ask' | 'answer'} role
 * @param {Job} job
 * @param {{ send: (value: unknown) => void, end: (value: unknown) => void }} means
 * @returns {{ begin: () => void, take: (value: any) => void }}
 */
function play(role, { what, count }, { send, end }) {
  let left = count;
  let start = 0;
  const ask = {
    'round trip': {
      begin: () => ((start = performance.now()), send(0)),
      take: () => (--left > 0 ? send(left) : end(performance.now() - start)),
    },
    flow: {
      begin() {
        start = performance.now();
        for (let i = 0; i < count; i++) send(what === 'objects' ? OBJECT : i);
      },
      take: () => end(performance.now() - start),
    },
  };
  const answer = {
    'round trip': { begin() {}, take: (value) => (send(value), --left > 0 || end(0)) },
    flow: { begin() {}, take: () => --left > 0 || (send('all'), end(0)) },
  };
  return (role === 'ask' ? ask : answer)[what === 'round trip' ? what : 'flow'];
}

// ---- Over mailboxes ----

async function overMailboxes(role, { mailbox, partner, main, ...job }, context) {
  const runner = context[RUNNER];
  const post = new Post(runner.core);
  const own = post.attach(mailbox, { now: runner.readClock, defer: runner.host.defer, blocks: true });
  if (job.bytes) return handOver(role, { post, own, partner, main, ...job }, runner.core);
  let result;
  const send = (value) => post.send(partner, value);
  const end = (value) => {
    result = value;
    own.detach();
  };
  const { begin, take } = play(role, job, { send, end });
  begin();
  await own.serve(({ value }) => take(value));
  return result;
}

/** A box that is written already is handed over, again and again; the partner looks at its last byte, and answers. */
async function handOver(role, { post, own, partner, main, count, bytes }, core) {
  const boxes = new ActorBoxes(core, { post, id: own.id, main, leaseMs: 60_000 });
  const written =
    role === 'ask' ? await boxes.write({ value: 0, type: 'binary', data: new Uint8Array(bytes) }) : undefined;
  let left = count;
  const start = performance.now();
  if (written) post.send(partner, 0, { box: written });
  await own.serve(({ box }) => {
    left--;
    if (box) {
      post.send(partner, boxes.read(box).raw().at(-1));
      boxes.release(box);
    } else if (left > 0) post.send(partner, 0, { box: written });
    if (left === 0) own.detach();
  });
  const ms = performance.now() - start;
  boxes.release(written);
  return ms;
}

export const ask = (job, context) => overMailboxes('ask', job, context);
export const answer = (job, context) => overMailboxes('answer', job, context);

// ---- Over ports and channels ----

parentPort?.on('message', ({ role, job, port }) => {
  if (role === 'ask' || role === 'answer') overPorts(role, job, port ?? new BroadcastChannel('bench'));
});

/**
 * Main says when to begin: then both sides listen.
 * @param {'ask' | 'answer'} role
 * @param {Job} job
 * @param {any} means
 */
function overPorts(role, job, means) {
  const end = (result) => parentPort.postMessage({ result });
  const send = (value) => means.postMessage(value, value instanceof Uint8Array ? [value.buffer] : undefined);
  const { begin, take } = job.bytes ? transfer(role, job, send, end) : play(role, job, { send, end });
  means.onmessage = ({ data }) => take(data);
  parentPort.once('message', begin);
  parentPort.once('message', () => parentPort.once('message', () => means.close()));
  parentPort.postMessage({ ready: true });
}

/** The same buffer is transferred there and back. */
function transfer(role, { count, bytes }, send, end) {
  let left = count;
  let start;
  return {
    begin() {
      start = performance.now();
      if (role === 'ask') send(new Uint8Array(bytes));
    },
    take(value) {
      left--;
      if (role === 'answer' || left > 0) send(value);
      if (left === 0) end(performance.now() - start);
    },
  };
}
