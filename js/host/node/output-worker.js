/**
 * What a worker of Node, Bun or Deno prints. The runtime's own streams send main a first piece, and hold the others back until main
 * has answered: what a worker has printed would be lost when it, or its program, ends before that. Here each piece is sent at once,
 * so that main can take it whenever it wants to.
 */

/** How much, in characters or bytes, may be on its way to main before a worker that prints waits for main. */
const MOST_ON_ITS_WAY = 1 << 20;
/** For how long it waits while main takes nothing, in ms; then it goes on, until main moves: main may be waiting for it. */
const PATIENCE_MS = 1000;
const SLICE_MS = 10;

/** Place in `flow`: how much this worker has sent. */
const SENT = 0;
/** Place in `flow`: how much of it main has written, or the program has read. */
export const TAKEN = 1;

/**
 * @typedef {object} OutputWay what main gives to a worker
 * @property {import('node:worker_threads').MessagePort} port
 * @property {Int32Array} writes counts the pieces that all workers have sent
 * @property {Int32Array} flow
 *
 * @typedef {object} Piece
 * @property {'stdout' | 'stderr'} stream
 * @property {string | Uint8Array} chunk
 * @property {BufferEncoding | undefined} encoding
 */

/**
 * From now on what this thread prints goes to main by `way`.
 * @param {OutputWay} way
 */
export function sendOutput(way) {
  const flow = new Flow(way.flow);
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    const target = /** @type {import('node:stream').Writable} */ (process[stream]);
    target._writev = undefined; // pieces that were held back come one by one
    target._write = (chunk, encoding, done) => {
      const isText = typeof chunk === 'string';
      // A view would take all of its buffer along.
      const piece = { stream, chunk: isText ? chunk : Uint8Array.from(chunk), encoding: isText ? encoding : undefined };
      flow.send(chunk.length);
      way.port.postMessage(piece);
      Atomics.add(way.writes, 0, 1); // after it: who sees the count finds the piece
      flow.wait();
      done();
    };
  }
}

/** Keeps a worker that prints faster than main writes from filling main's memory. */
class Flow {
  #words;
  /** What main had taken when this worker lost its patience. @type {number | undefined} */
  #stuckAt;

  /** @param {Int32Array} words */
  constructor(words) {
    this.#words = words;
  }

  /** @param {number} length */
  send(length) {
    Atomics.add(this.#words, SENT, length);
  }

  wait() {
    for (let waitedMs = 0; ;) {
      const taken = Atomics.load(this.#words, TAKEN);
      const onItsWay = (Atomics.load(this.#words, SENT) - taken) | 0;
      if (onItsWay <= MOST_ON_ITS_WAY || taken === this.#stuckAt) return;
      this.#stuckAt = undefined;
      if (waitedMs >= PATIENCE_MS) {
        this.#stuckAt = taken;
        return;
      }
      waitedMs = Atomics.wait(this.#words, TAKEN, taken, SLICE_MS) === 'timed-out' ? waitedMs + SLICE_MS : 0;
    }
  }
}
