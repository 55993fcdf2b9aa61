/** Values as the pool has them: a type and bytes. */
import { TYPE } from './abi.mjs';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A task's end that is no result. */
export class TaskError extends Error {
  /** @param {number} status @param {string} text */
  constructor(status, text) {
    super(text || `status ${status}`);
    this.status = status;
    this.text = text;
  }
}

/** A value as the pool's type and bytes. @returns {[number, Uint8Array]} */
export function encode(value) {
  if (value === undefined) return [TYPE.undefined, new Uint8Array(0)];
  if (typeof value === 'number') return [TYPE.number, new Uint8Array(new Float64Array([value]).buffer)];
  if (typeof value === 'string') return [TYPE.string, encoder.encode(value)];
  return [TYPE.binary, value];
}

/** @param {number} type @param {Uint8Array} bytes a copy */
export function decode(type, bytes) {
  if (type === TYPE.undefined) return undefined;
  if (type === TYPE.number) return new Float64Array(bytes.buffer)[0];
  return type === TYPE.binary ? bytes : decoder.decode(bytes);
}
