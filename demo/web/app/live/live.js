/** All that moves by itself: looks at the pools in each frame, draws the lanes, and writes the numbers a few times a second. */
import { byId, grouped, inMs } from '../dom.js';
import { Frames } from './frames.js';
import { PoolLanes } from './history.js';
import { LanesView } from './lanes.js';

const NUMBERS_MS = 250;
const SLOWEST_OF_MS = 10_000;
/** How often the lanes are drawn for those who want less motion. */
const CALM_MS = 1000;

/** The live part of the page. */
export class Live {
  frames = new Frames();
  /** The lane of somebody else's module. */
  guest = new PoolLanes(['Guest'], undefined, 'guest');
  /** How often the lanes were drawn. */
  drawings = 0;
  #pools;
  #pool;
  #view = new LanesView(byId('lanes'));
  #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #isPaused = false;
  #drawnAt = 0;
  #writtenAt = 0;
  #processed = 0;

  /**
   * @param {import('wasmpool').Pool} pool all workers
   * @param {import('wasmpool').Pool} solo
   */
  constructor(pool, solo) {
    this.#pool = pool;
    const names = Array.from({ length: pool.size }, (_, index) => `Worker ${index + 1}`);
    this.#pools = [new PoolLanes(names, pool), new PoolLanes(['One worker'], solo), this.guest];
    const button = byId('pause');
    button.addEventListener('click', () => {
      this.#isPaused = !this.#isPaused;
      button.setAttribute('aria-pressed', String(this.#isPaused));
    });
    const tick = (/** @type {number} */ now) => {
      this.#tick(now);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /** The lanes, those of all workers first. */
  get lanes() {
    return this.#pools.flatMap(({ lanes }) => lanes);
  }

  /** @param {number} now */
  #tick(now) {
    this.frames.tick(now);
    const [seen] = this.#pools.map((pool) => pool.sample(now));
    if (!this.#isPaused && now - this.#drawnAt >= (this.#calm.matches ? CALM_MS : 0)) {
      this.#drawnAt = now;
      this.drawings++;
      this.#view.draw(now, this.lanes, this.frames.list);
    }
    if (seen && now - this.#writtenAt >= NUMBERS_MS) this.#write(now, seen);
  }

  /**
   * @param {number} now
   * @param {import('wasmpool').Diagnostics} seen
   */
  #write(now, { boxesInUse }) {
    const { queued, processed } = this.#pool.stats();
    const rate = ((processed - this.#processed) / (now - this.#writtenAt)) * 1000;
    this.#processed = processed;
    this.#writtenAt = now;
    const ended = this.#pools.map((pool) => pool.ended);
    const sum = (/** @type {(one: typeof ended[0]) => number} */ pick) =>
      ended.reduce((all, one) => all + pick(one), 0);
    put(byId('queued'), grouped(queued));
    put(byId('rate'), grouped(Math.round(rate)));
    put(byId('boxes'), grouped(boxesInUse));
    put(byId('slowest'), inMs(this.frames.slowest(now - SLOWEST_OF_MS)));
    put(byId('stopped'), grouped(sum(({ stopped }) => stopped)));
    put(byId('killed'), grouped(sum(({ killed }) => killed)));
    if (byId('as-text').open) this.#table();
  }

  /** Rewrites cells that have changed, and keeps the rows, so that nobody who reads the table loses their place. */
  #table() {
    const body = byId('rows');
    for (const [i, { name, state, ending, task, finished }] of this.lanes.entries()) {
      const row = body.rows[i] ?? body.insertRow();
      const shown = ending ? `${state}; an old thread is ending` : state;
      for (const [j, text] of [name, shown, task || 'nothing', grouped(finished)].entries())
        put(row.cells[j] ?? row.insertCell(), text);
    }
  }
}

/** Writes only what has changed. @param {HTMLElement} element @param {string} text */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
