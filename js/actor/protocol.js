/**
 * What main and an actor say to each other, and the words that they share. Everything else about an actor is a task of its supervisor's
 * pool (js/actor/main/incarnation.js).
 */

/** Words of an actor's control block: a SharedArrayBuffer of Int32, one for each incarnation. The actor's thread writes, main reads. */
export const CONTROL = Object.freeze({
  /** Signs of life: heartbeats, the timer of the event loop, messages, calls. */
  BEAT: 0,
  /** Messages whose handler has settled. */
  HANDLED: 1,
  /** 1 while a handler runs. */
  BUSY: 2,
  /** Heartbeats that the actor's code has asked for. */
  HEARTBEATS: 3,
  /** Nobody writes it: a thread that must not go on waits here until it is killed. */
  PARK: 4,
  WORDS: 8,
});

/** The sender of messages that main sends. */
export const MAIN = 'main';
/** The sender of notices about actors. */
export const SYSTEM = 'system';

/** The message that tells of an actor's end. */
export const DOWN = 'DOWN';

/**
 * @typedef {{ module: string, name: string } | { source: string, name: string }} Code of an actor: an export of a module, or a function's
 *   source
 *
 * @typedef {{ readonly boxIndex: number, readonly epoch: number }} BoxHandle
 * @typedef {'json' | 'string' | 'binary' | 'cbor'} BoxType
 *
 * @typedef {object} Start what an incarnation gets
 * @property {string} id
 * @property {string | undefined} name
 * @property {number} incarnation
 * @property {Code} code
 * @property {MessagePort} port
 * @property {SharedArrayBuffer} control
 * @property {number} beatMs how often the event loop gives a sign of life
 * @property {number} callMs how long a call to main may take
 * @property {Readonly<Record<string, readonly string[]>>} resources their methods
 *
 * @typedef {import('../protocol/messages.js').CarriedError} CarriedError
 *
 * @typedef {{ kind: 'message', message: any }} Delivery
 * @typedef {{ kind: 'answer', call: number, value?: unknown, error?: CarriedError }} Answer
 * @typedef {Delivery | Answer} ToActor
 *
 * @typedef {object} Publication `self.send`
 * @property {'send'} kind
 * @property {string} msg
 * @property {unknown} data
 *
 * @typedef {object} Call
 * @property {'call'} kind
 * @property {number} call its number, which the answer repeats; 0: no answer is wanted
 * @property {string} what
 * @property {readonly unknown[]} values
 *
 * @typedef {{ kind: 'failed', error: CarriedError }} Failed the handler threw: the incarnation handles nothing any more
 * @typedef {{ kind: 'left' }} Left the actor ends by its own wish
 * @typedef {Publication | Call | Failed | Left} FromActor
 */
