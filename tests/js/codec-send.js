/** Shared by the codec's tests: sends a value through shared memory as two threads would. */

import assert from 'node:assert/strict';
import { TYPE, createCodec } from '../../js/codec/codec.js';
import { createSerializer } from '../../js/host/node/serialize.js';

export const SLOT_BYTES = 64;
const OFFSET = 3; // odd, since nothing may rely on alignment
export const HOSTS = { node: createSerializer(), browser: {} };

/**
 * Sends a value as two threads would: encoded into shared memory by one codec, decoded by another.
 * @param {import('../../js/codec/types.js').CodecHost} host
 * @param {unknown} value
 * @param {number} capacity inline bytes; 0 forces the path through `bytes`
 */
export function send(host, value, capacity, fails = false) {
  const sender = createCodec(host);
  const receiver = createCodec(host);
  let memory = new Uint8Array(new SharedArrayBuffer(OFFSET + capacity + 8)).fill(0xa5);
  let length = fails
    ? sender.encodeError(value, memory, OFFSET, capacity)
    : sender.encode(value, memory, OFFSET, capacity);
  const { type, aux } = sender;
  if (type === TYPE.CHANNEL) return { type, value: structuredClone(sender.channel) };
  assert.ok(
    memory.subarray(OFFSET + capacity).every((byte) => byte === 0xa5),
    'stays in its room',
  );
  if (length === -1) {
    const bytes = Uint8Array.from(sender.bytes);
    length = bytes.length;
    assert.ok(length > capacity);
    memory = new Uint8Array(new SharedArrayBuffer(OFFSET + length));
    memory.set(bytes, OFFSET);
  }
  const decoded = receiver.decode(type, aux, memory, OFFSET, length);
  memory.fill(0xff); // decoded values must not depend on the memory
  return { type, value: decoded };
}

/** @param {(host: any, capacity: number, name: string) => void} body */
export function everyWay(body) {
  for (const [name, host] of Object.entries(HOSTS)) {
    for (const capacity of [SLOT_BYTES, 0, 100_000]) body(host, capacity, `${name}/${capacity}`);
  }
}
