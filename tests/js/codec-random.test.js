/**
 * Random values through the codec, against structuredClone (AM-08). SEED= repeats a run, SCALE=
 * makes it longer.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../js/codec/codec.js';
import { HOSTS, SLOT_BYTES, send } from './codec-send.js';

const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
const scale = Number(process.env.SCALE || 1);

/** @param {number} state */
function makeRandom(state) {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0; // mulberry32
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function randomText(random) {
  const sizes = [3, 20, 30, 70, 300];
  const ranges = [
    [32, 95],
    [32, 95],
    [0, 256],
    [0x3000, 0x1000],
    [0xd700, 0x900],
    [0xfe00, 0x200],
  ];
  const [first, count] = ranges[random(ranges.length)];
  const length = random(sizes[random(sizes.length)]);
  return String.fromCharCode(...Array.from({ length }, () => first + random(count)));
}

function randomNumber(random) {
  const numbers = [0, -0, NaN, Infinity, 1.5, 2 ** 53, -(2 ** 31), 2 ** 32, -24, -25, -256, -65537];
  if (random(3) === 0) return numbers[random(numbers.length)];
  return (random(2 ** 31) - 2 ** 30) * (random(2) ? 1 : 0.1) * (random(4) ? 1 : 2 ** random(60));
}

/** A random value; `known` gives shared references, cycles too. `plain`: only what CBOR carries. */
function randomValue(random, depth, known, plain) {
  const kind = random(plain ? 10 : 20);
  const item = () => randomValue(random, depth - 1, known, plain);
  const items = () => Array.from({ length: depth > 0 ? random(6) : 0 }, item);
  if (kind < 3) return randomText(random);
  if (kind < 5) return randomNumber(random);
  if (kind === 5) return [null, undefined, true, false][random(4)];
  if (kind < 8) {
    const object = {};
    known.push(object);
    for (const value of items()) object[randomText(random)] = value;
    return object;
  }
  if (kind < 10) return items();
  if (kind === 10) return new Map(items().map((value) => [item(), value]));
  if (kind === 11) return new Set(items());
  if (kind === 12) return new Date(random(2 ** 31) * 1000);
  if (kind === 13) return BigInt(random(2 ** 31)) ** BigInt(random(9)) * (random(2) ? 1n : -1n);
  if (kind === 14) return new Float64Array(items().map(Number.isFinite).map(Number));
  if (kind === 15) return Object.assign([], { [random(9)]: 1, x: item() });
  if (kind === 16) return new Uint8Array(new ArrayBuffer(12), random(6), random(6));
  return known.length > 0 ? known[random(known.length)] : null;
}

test(`random values arrive as structuredClone delivers them (SEED=${seed}) [AM-08]`, () => {
  const random = makeRandom(seed);
  const types = new Set();
  for (let i = 0; i < 3000 * scale; i++) {
    const value = { v: randomValue(random, 4, [], i % 2 === 0) };
    const expected = structuredClone(value);
    for (const host of Object.values(HOSTS)) {
      const got = send(host, value, random(2) * SLOT_BYTES);
      assert.deepStrictEqual(got.value, expected, `SEED=${seed}, value ${i}`);
      types.add(got.type);
    }
  }
  assert.ok(types.has(TYPE.CBOR) && types.has(TYPE.HOST) && types.has(TYPE.CHANNEL));
});
