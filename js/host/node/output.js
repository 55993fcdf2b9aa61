/** Receives the output of worker threads on Node, Bun and Deno, and passes it on to this thread's streams, or to the program. */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { Readable } from 'node:stream';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { own } from '../../base/own.js';
import { TAKEN } from './output-worker.js';
import { defer } from './time.js';

/**
 * @typedef {import('./output-worker.js').Piece} Piece
 *
 * @typedef {(chunk: string | Uint8Array, encoding: BufferEncoding | undefined, taken: () => void) => void} Sink
 */

/** Number of pieces sent by all workers of this thread's pools, and the number at the last look. */
const writes = new Int32Array(new SharedArrayBuffer(4));
let seen = 0;

/** @type {Set<WorkerOutput>} of threads that may still send something */
const outputs = new Set();

/** Takes everything that has been sent so far. Costs one load from memory if there is nothing. */
export function takeOutput() {
  const sent = Atomics.load(writes, 0);
  if (sent === seen) return;
  seen = sent;
  takeAll();
}

function takeAll() {
  for (const output of outputs) output.take();
}

/** The output of one worker. */
export class WorkerOutput {
  #port;
  #flow = new Int32Array(new SharedArrayBuffer(8));
  #sinks;

  /** @param {Partial<Record<'stdout' | 'stderr', import('../index.js').Captured>>} captured streams to use instead of this thread's */
  constructor(captured) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#sinks = {
      stdout: captured.stdout?.sink ?? sinkOf('stdout'),
      stderr: captured.stderr?.sink ?? sinkOf('stderr'),
    };
    /** For the worker. */
    this.way = own({ port: port2, writes, flow: this.#flow });
    port1.on('message', (/** @type {Piece} */ piece) => this.take(piece));
    port1.unref(); // output must not keep the program alive: it is taken when the program ends
    if (outputs.size === 0) process.prependListener('exit', takeAll);
    outputs.add(this);
  }

  /**
   * Passes on all pieces that have arrived.
   * @param {Piece} [first] a piece before them
   */
  take(first = receiveMessageOnPort(this.#port)?.message) {
    if (!first) return;
    // In one write: many small ones fill a pipe with a slow reader, and data that a stream still buffers is lost when the program ends.
    const streams = [process.stdout, process.stderr];
    for (const stream of streams) stream.cork?.();
    for (let piece = first; piece; piece = receiveMessageOnPort(this.#port)?.message) this.#pass(piece);
    for (const stream of streams) stream.uncork?.();
  }

  /** @param {Piece} piece */
  #pass({ stream, chunk, encoding }) {
    const taken = () => {
      Atomics.add(this.#flow, TAKEN, chunk.length);
      Atomics.notify(this.#flow, TAKEN);
    };
    try {
      this.#sinks[stream](typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer), encoding, taken);
    } catch (error) {
      // An error of the program's own stream: rethrow it later, so that it does not affect tasks.
      defer(() => {
        throw error;
      });
    }
  }

  /** The thread is gone. */
  close() {
    this.take();
    this.#port.close();
    outputs.delete(this);
    if (outputs.size === 0) process.off('exit', takeAll);
  }
}

/**
 * @param {'stdout' | 'stderr'} name
 * @returns {Sink}
 */
function sinkOf(name) {
  return (chunk, encoding, taken) => process[name].write(chunk, encoding, taken);
}

/** A stream from which the program reads the output of workers. */
export class Captured {
  /** Callbacks for pieces that the program has not read yet. @type {(() => void)[]} */
  #waiting = [];
  stream = new Readable({
    read: () => {
      for (const taken of this.#waiting.splice(0)) taken();
    },
  });

  /** @type {Sink} */
  sink = (chunk, encoding, taken) => {
    if (this.stream.destroyed || this.stream.push(chunk, encoding)) taken();
    else this.#waiting.push(taken);
  };

  /** Ends the stream. */
  end() {
    this.stream.push(null);
  }
}
