/**
 * What main and an actor say to each other, and the words that they share. An actor is a task of its supervisor's pool
 * (js/actor/main/incarnation.js); its messages are letters (js/actor/mailbox.js), its calls those of context.main.
 */

/**
 * Words of an actor in its supervisor's control block, a SharedArrayBuffer of Int32: an actor has those at its index. The actor's thread
 * writes, main reads; main clears them before an incarnation starts.
 */
export const CONTROL = Object.freeze({
  /** Signs of life: heartbeats, the timer of the event loop, messages, calls. */
  BEAT: 0,
  /** Messages whose handler has settled. */
  HANDLED: 1,
  /** 1 while a handler runs, and after one has failed. */
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

/** Name of the function of main that actors call. */
export const CALL = 'actor';

/**
 * @typedef {import('./mailbox.js').MailboxId} MailboxId
 *
 * @typedef {{ module: string, name: string } | { source: string, name: string }} Code of an actor: an export of a module, or a function's
 *   source
 *
 * @typedef {import('./mailbox.js').BoxHandle} BoxHandle
 * @typedef {'json' | 'string' | 'binary' | 'cbor'} BoxType
 *
 * @typedef {object} Setup what all actors of a supervisor get, as initData of the pool
 * @property {SharedArrayBuffer} control
 * @property {Readonly<Record<string, readonly string[]>>} resources their methods
 * @property {boolean} hasGrace whether actors that are to end may do so by themselves
 *
 * @typedef {object} Start what an incarnation gets
 * @property {string} id
 * @property {string | undefined} name
 * @property {number} incarnation
 * @property {Code} code
 * @property {number} index of its words in the control block
 * @property {MailboxId} mailbox its own
 * @property {MailboxId} main that of main
 * @property {number} beatMs how often the event loop gives a sign of life
 * @property {number} leaseMs how long it may be silent, keep a box, and wait for main's answer to a call
 *
 * @typedef {object} Delivery a letter to an actor
 * @property {any} message
 * @property {string} from id of the sender
 *
 * @typedef {object} Request a call of main
 * @property {string} id of the actor that calls
 * @property {number} incarnation
 * @property {string} what
 * @property {readonly unknown[]} values
 *
 * @typedef {import('../protocol/messages.js').CarriedError} CarriedError
 *
 * Letters to main:
 * @typedef {{ kind: 'send', msg: string, data: unknown }} Publication `self.send`
 * @typedef {{ kind: 'tell', what: string, values: readonly unknown[] }} Tell a request without an answer
 * @typedef {{ kind: 'started' }} Started its code is loaded
 * @typedef {{ kind: 'failed', error: CarriedError, isLoading: boolean }} Failed the handler threw, or the code could not be loaded: the
 *   incarnation handles nothing any more
 * @typedef {{ kind: 'left' }} Left the actor ends by its own wish
 * @typedef {{ kind: 'box', message: { msg: string, type: BoxType }, from: string }} Written it has written a box; others get the same letter
 * @typedef {Publication | Tell | Written | Started | Failed | Left} Content
 * @typedef {Content & { incarnation: number }} FromActor
 */
