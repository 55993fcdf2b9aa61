/**
 * Results of a batch's items, one after the other in the box of their task. The worker writes each one when its item has finished, so
 * that main finds them even if the worker dies later. See wp_items in src/slot.h.
 */
import { toMessage } from '../codec/errors.js';
import { TYPE } from '../codec/codec.js';
import { asMessage } from './formats.js';

/** The head of a record, before each value: type, aux, length, and whether it was thrown. */
export const RECORD_BYTES = 16;

/** @param {number} length of a value */
const padded = (length) => (length + 7) & ~7;

/**
 * The address behind `count` records.
 * @param {import('./core.js').Core} core
 * @param {number} at of the first
 * @param {number} count
 */
export function skipRecords(core, at, count) {
  const { memory } = core;
  let end = at;
  for (let i = 0; i < count; i++) {
    memory.reach(end + RECORD_BYTES);
    const word = end >>> 2;
    const isHere = memory.u32[word] !== TYPE.CHANNEL;
    end += RECORD_BYTES + (isHere ? padded(memory.u32[word + 2]) : 0);
  }
  return end;
}

/**
 * @typedef {object} Written
 * @property {number} end the address behind the record
 * @property {{ value: unknown, transfer: import('../base/host-types.js').Transferable[] } | undefined} message the value, if it must go
 *   by message instead
 */

/**
 * Writes the record of a value or a thrown one. A value for which there is no room, or that bytes cannot express, goes by message.
 * @param {import('./core.js').Core} core
 * @param {number} at
 * @param {number} room for the value
 * @param {unknown} value
 * @param {boolean} isError
 * @param {readonly import('../base/host-types.js').Transferable[]} [transfer]
 * @returns {Written}
 * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE, unless it is an error
 */
export function writeRecord(core, at, room, value, isError, transfer) {
  const { codec, memory } = core;
  const from = at + RECORD_BYTES;
  const length = isError
    ? codec.encodeError(value, memory.u8, from, room)
    : core.encode(value, from, room, { transfer });
  const isChannel = length < 0 && codec.type === TYPE.CHANNEL;
  if (isChannel && !isError && !transfer?.length) {
    const own = core.privately(value);
    if (own !== value) return writeRecord(core, at, room, own, isError);
  }
  const word = at >>> 2;
  memory.u32[word] = length < 0 ? TYPE.CHANNEL : codec.type;
  memory.u32[word + 1] = length < 0 ? 0 : codec.aux;
  memory.u32[word + 2] = length < 0 ? (isChannel ? 0 : (codec.bytes?.length ?? 0)) : length;
  memory.u32[word + 3] = isError ? 1 : 0;
  if (length >= 0) return { end: from + padded(length), message: undefined };
  return { end: from, message: messageOf(codec, value, isError, isChannel) };
}

/**
 * @param {import('../codec/codec.js').Codec} codec
 * @param {unknown} value
 * @param {boolean} isError
 * @param {boolean} isChannel
 */
function messageOf(codec, value, isError, isChannel) {
  const { bytes, channel, transfer } = codec;
  codec.bytes = codec.channel = undefined;
  if (isError) return { value: toMessage(value), transfer: [] };
  return isChannel ? { value: channel, transfer } : asMessage(codec, bytes ?? new Uint8Array(0));
}

/**
 * @typedef {object} Records
 * @property {any[]} values
 * @property {number} bytes of all values together
 * @property {{ value: any } | undefined} thrown by the item after them
 * @property {boolean} travels whether the last value, or the thrown one, comes by message
 * @property {boolean} isError whether the last record is of a thrown value
 */

/**
 * @param {import('./core.js').Core} core
 * @param {number} at of the first
 * @param {number} count
 * @returns {Records}
 */
export function readRecords(core, at, count) {
  const { memory, codec } = core;
  /** @type {Records} */
  const found = { values: [], bytes: 0, thrown: undefined, travels: false, isError: false };
  for (let i = 0, from = at; i < count; i++) {
    memory.reach(from + RECORD_BYTES);
    const word = from >>> 2;
    const [type, aux, length] = [memory.u32[word], memory.u32[word + 1], memory.u32[word + 2]];
    found.bytes += length;
    found.isError = memory.u32[word + 3] === 1;
    found.travels = type === TYPE.CHANNEL;
    if (found.travels) break;
    memory.reach(from + RECORD_BYTES + length);
    try {
      const value = codec.decode(type, aux, memory.u8, from + RECORD_BYTES, length);
      if (found.isError) found.thrown = { value };
      else found.values.push(value);
    } catch (value) {
      found.thrown = { value }; // a value that cannot be read counts as an error of its item
      break;
    }
    from += RECORD_BYTES + padded(length);
  }
  return found;
}
