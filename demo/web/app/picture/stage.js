/** The picture on the page: painted by one worker, then by all, and again and again while something is broken. */
import { byId, inMs, inSeconds } from '../dom.js';
import { drawScene } from './scene.js';
import { isSame, paint } from './tiles.js';

/** More would only take longer. */
const SIDE_MAX = 1024;

/** What is not painted yet shows through this. */
const VEIL = 0.28;

/** The two canvases, and what is on them. */
export class Stage {
  #solo;
  #all;
  /** @type {ImageData} */
  #picture = /** @type {any} */ (undefined);
  /** @type {HTMLCanvasElement} */
  #unpainted = /** @type {any} */ (undefined);
  #name = 'A lake at dusk';
  /** How many actions want the others' work to be seen. */
  #company = 0;
  #keepsPainting = false;
  /** Painted by all workers so far, comparisons left out. */
  #tiles = 0;
  /** @type {Promise<void>} */
  #painting = Promise.resolve();

  /**
   * @param {import('wasmpool').Pool} solo one worker
   * @param {import('wasmpool').Pool} all
   */
  constructor(solo, all) {
    this.#solo = { pool: solo, ...surface('solo') };
    this.#all = { pool: all, ...surface('all') };
    byId('all-name').textContent = `All ${all.size} workers`;
    this.show(drawScene(), 'A lake at dusk');
  }

  /**
   * Takes another picture.
   * @param {CanvasImageSource & { width: number, height: number }} source
   * @param {string} name
   */
  show(source, name) {
    const scale = Math.min(1, SIDE_MAX / Math.max(source.width, source.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(source.width * scale));
    canvas.height = Math.max(1, Math.round(source.height * scale));
    const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
    to.drawImage(source, 0, 0, canvas.width, canvas.height);
    this.#picture = to.getImageData(0, 0, canvas.width, canvas.height);
    this.#unpainted = canvas;
    this.#name = name;
    for (const side of [this.#solo, this.#all]) this.#veil(side);
    byId('solo-time').textContent = byId('all-time').textContent = '–';
    byId('verdict').textContent = 'Both run the same C code, one after the other.';
  }

  /** @param {File} file @returns {Promise<string>} as `compare` @throws {Error} if it is no picture */
  async photo(file) {
    const bitmap = await createImageBitmap(file);
    await this.#painting;
    this.show(bitmap, file.name);
    bitmap.close();
    byId('drawing').hidden = false;
    return this.compare();
  }

  /** Back to the drawing. @returns {Promise<string>} as `compare` */
  async drawing() {
    await this.#painting;
    this.show(drawScene(), 'A lake at dusk');
    byId('drawing').hidden = true;
    return this.compare();
  }

  /**
   * Paints by one worker, then by all of them, and compares times and bytes.
   * @returns {Promise<string>} both times, in a sentence
   */
  compare() {
    const result = this.#painting.then(() => this.#compare());
    this.#painting = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async #compare() {
    const times = [];
    const results = [];
    byId('verdict').textContent = 'Painting…';
    for (const side of [this.#solo, this.#all]) this.#veil(side);
    for (const side of [this.#solo, this.#all]) {
      const { ms, data } = await paint(side.pool, this.#picture, side.to);
      side.time.textContent = inSeconds(ms);
      side.canvas.setAttribute('aria-label', `${this.#name}, painted in ${inSeconds(ms)} by ${side.who}`);
      times.push(ms);
      results.push(data);
    }
    const [soloMs, allMs] = times;
    const same = isSame(results[0], results[1]);
    const strong = document.createElement('strong');
    strong.textContent = `${(soloMs / allMs).toFixed(1)} times as fast,`;
    byId('verdict').replaceChildren(strong, same ? ' and every byte is the same.' : ' but the bytes differ!');
    return `${this.#name}, painted by one worker in ${inMs(soloMs)}, by ${this.#all.pool.size} in ${inMs(allMs)}.`;
  }

  /**
   * Has all workers paint, again and again, until something is over.
   * @template T
   * @param {Promise<T>} something
   * @returns {Promise<{ value: T, tiles: number }>} tiles: how many of them were painted meanwhile
   */
  async accompany(something) {
    const before = this.#tiles;
    this.#company++;
    if (!this.#keepsPainting) void this.#keepPainting();
    const value = await something.finally(() => this.#company--);
    return { value, tiles: this.#tiles - before };
  }

  async #keepPainting() {
    this.#keepsPainting = true;
    while (this.#company > 0) {
      this.#painting = this.#painting.then(() => this.#round()); // behind a comparison that was asked for meanwhile
      await this.#painting;
    }
    this.#keepsPainting = false;
  }

  async #round() {
    this.#veil(this.#all);
    await paint(this.#all.pool, this.#picture, this.#all.to, () => this.#tiles++).catch(() => undefined); // an action tells of its own failures
  }

  /** @param {{ canvas: HTMLCanvasElement, to: CanvasRenderingContext2D }} side */
  #veil({ canvas, to }) {
    const { width, height } = this.#picture;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    else to.clearRect(0, 0, width, height);
    to.globalAlpha = VEIL;
    to.drawImage(this.#unpainted, 0, 0);
    to.globalAlpha = 1;
  }
}

/** @param {'solo' | 'all'} id */
function surface(id) {
  const canvas = /** @type {HTMLCanvasElement} */ (byId(id));
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  return { canvas, to, time: byId(`${id}-time`), who: id === 'solo' ? 'one worker' : 'all workers' };
}
