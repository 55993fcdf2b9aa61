/** Cuts a picture into tiles, and has a pool paint them. */
import { packArguments } from 'wasmpool';
import { breather } from '../dom.js';

const SIDE = 64;
/** How far the brush reaches, in pixels: a tile's margin. */
const RADIUS = 9;

/** @typedef {{ x: number, y: number, width: number, height: number }} Tile */
/** @typedef {{ width: number, height: number, data: Uint8ClampedArray }} Picture */

/**
 * The tiles of a picture, from its middle outwards.
 * @param {Picture} picture
 * @returns {Tile[]}
 */
function cut({ width, height }) {
  /** @type {Tile[]} */
  const tiles = [];
  for (let y = 0; y < height; y += SIDE)
    for (let x = 0; x < width; x += SIDE)
      tiles.push({ x, y, width: Math.min(SIDE, width - x), height: Math.min(SIDE, height - y) });
  const distance = (/** @type {Tile} */ { x, y }) => Math.hypot(x + SIDE / 2 - width / 2, y + SIDE / 2 - height / 2);
  return tiles.sort((a, b) => distance(a) - distance(b));
}

/**
 * A tile's pixels with its margins. What is outside the picture is as the picture's edge.
 * @param {Picture} picture
 * @param {Tile} tile
 */
function withMargins({ width, height, data }, tile) {
  const pixels = new Uint32Array(data.buffer);
  const side = tile.width + 2 * RADIUS;
  const copy = new Uint32Array(side * (tile.height + 2 * RADIUS));
  const left = tile.x - RADIUS;
  for (let at = 0, y = tile.y - RADIUS; at < copy.length; at += side, y++) {
    const row = Math.min(Math.max(y, 0), height - 1) * width;
    if (left >= 0 && left + side <= width) copy.set(pixels.subarray(row + left, row + left + side), at);
    else for (let x = 0; x < side; x++) copy[at + x] = pixels[row + Math.min(Math.max(left + x, 0), width - 1)];
  }
  return new Uint8Array(copy.buffer);
}

/**
 * Paints a picture; draws each tile when it comes.
 * @param {import('wasmpool').Pool} pool
 * @param {Picture} picture
 * @param {CanvasRenderingContext2D} canvas
 * @param {() => void} [onTile]
 * @returns {Promise<{ ms: number, data: Uint8ClampedArray }>} ms: from the first task to the last result
 */
export async function paint(pool, picture, canvas, onTile) {
  const tiles = cut(picture);
  const whole = new ImageData(picture.width, picture.height);
  const begun = performance.now();
  const breathe = breather();
  const tasks = [];
  for (const tile of tiles) {
    const bytes = packArguments(tile.width, tile.height, RADIUS, withMargins(picture, tile));
    const task = pool.dispatch('paint', bytes);
    tasks.push(
      task.then((/** @type {Uint8Array<ArrayBuffer>} */ painted) => {
        place(painted, tile, whole, canvas);
        onTile?.();
      }),
    );
    await breathe();
  }
  await Promise.all(tasks);
  return { ms: performance.now() - begun, data: whole.data };
}

/**
 * @param {Uint8Array<ArrayBuffer>} painted
 * @param {Tile} tile
 * @param {ImageData} whole
 * @param {CanvasRenderingContext2D} canvas
 */
function place(painted, { x, y, width, height }, whole, canvas) {
  const rowBytes = 4 * width;
  for (let row = 0; row < height; row++)
    whole.data.set(painted.subarray(row * rowBytes, (row + 1) * rowBytes), 4 * ((y + row) * whole.width + x));
  const pixels = new Uint8ClampedArray(painted.buffer, painted.byteOffset, painted.length);
  canvas.putImageData(new ImageData(pixels, width), x, y);
}

/**
 * @param {Uint8ClampedArray} a
 * @param {Uint8ClampedArray} b of the same length
 * @returns {boolean} whether every byte is the same
 */
export function isSame(a, b) {
  const [words, others] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  return words.every((word, i) => word === others[i]);
}
