/**
 * The output of a worker in Node, Bun or Deno. The runtime's own streams send a first piece to main, and hold further ones back until main
 * has answered; they would be lost if the worker or its program ended before that. Here each piece is sent at once, so that main can take
 * it at any time.
 */

/** Output, in characters or bytes, that may be on its way to main before a printing worker waits for main. */
const MOST_ON_ITS_WAY = 1 << 20;
/**
 * How long the worker waits while main takes nothing. Then it goes on without limit until main takes something again, because main may be
 * blocked waiting for this worker. A choice: long for a main that is only busy, and the longest delay of one that is blocked.
 */
const PATIENCE_MS = 1000;
/** Length of a single wait; bounded, because some engines cannot stop a thread that waits without a limit. */
const SLICE_MS = 10;

/** Index in `flow`: amount that this worker has sent. */
const SENT = 0;
/** Index in `flow`: amount of it that main has written, or the program has read. */
export const TAKEN = 1;

/**
 * @typedef {object} OutputWay a worker's connection for output, from main
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
 * Sends this thread's output to main by `way`, from now on.
 * @param {OutputWay} way
 */
export function sendOutput(way) {
  const flow = new Flow(way.flow);
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    const target = /** @type {import('node:stream').Writable} */ (process[stream]);
    target._writev = undefined; // so that buffered pieces come one by one
    target._write = (chunk, encoding, done) => {
      const isText = typeof chunk === 'string';
      // A copy, because a view would bring its whole buffer.
      const piece = { stream, chunk: isText ? chunk : Uint8Array.from(chunk), encoding: isText ? encoding : undefined };
      flow.send(chunk.length);
      way.port.postMessage(piece);
      Atomics.add(way.writes, 0, 1); // after the message, so that a thread that sees the count finds the piece
      flow.wait();
      done();
    };
  }
}

/** Keeps a worker that prints faster than main writes from filling main's memory. */
class Flow {
  #words;
  /** TAKEN when this worker stopped waiting. @type {number | undefined} */
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
