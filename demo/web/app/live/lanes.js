/** Draws the lanes: one for the page's own frames, one for each worker. */

const GUTTER = 92;
const RIGHT = 76;
const ROW = 30;
const GAP = 6;
const FRAMES_ROW = 44;
/** The end of the scale of frame times, and the line that no frame should cross. */
const FRAME_TOP_MS = 100;
const FRAME_LINE_MS = 50;
/** Narrower than this, the gutters give way. */
const NARROW = 560;

/**
 * @typedef {import('./history.js').Lane} Lane
 * @typedef {import('./frames.js').Frame} Frame
 */

/** The drawing. */
export class LanesView {
  #canvas;
  #to;
  #colours = /** @type {Record<string, any>} */ ({});
  #font = '';
  #ratio = 0;
  #width = 0;
  #height = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.restyle();
    document.addEventListener('themechange', () => this.restyle());
    new ResizeObserver(() => (this.#ratio = 0)).observe(canvas);
  }

  /** Reads the colours of the page's style. */
  restyle() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ['card', 'sunk', 'ink', 'soft', 'tile', 'grain', 'hung', 'guest', 'gone', 'starting'])
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
    this.#font = getComputedStyle(document.body).fontFamily;
    this.#colours.hatched = this.#hatch();
    this.#colours.dotted = this.#dots();
  }

  /** @returns {CanvasPattern} for tasks that hang */
  #hatch() {
    return this.#pattern(8, (to) => {
      to.fillStyle = this.#colours.hung;
      to.globalAlpha = 0.35;
      to.fillRect(0, 0, 8, 8);
      to.globalAlpha = 1;
      to.strokeStyle = this.#colours.hung;
      to.lineWidth = 3;
      for (const x of [-8, 0, 8]) {
        to.beginPath();
        to.moveTo(x, 8);
        to.lineTo(x + 8, 0);
        to.stroke();
      }
    });
  }

  /** @returns {CanvasPattern} for threads that start */
  #dots() {
    return this.#pattern(6, (to) => {
      to.fillStyle = this.#colours.starting;
      to.fillRect(2, 2, 2, 2);
    });
  }

  /**
   * @param {number} side
   * @param {(to: CanvasRenderingContext2D) => void} draw
   */
  #pattern(side, draw) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side;
    draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')));
    return /** @type {CanvasPattern} */ (this.#to.createPattern(canvas, 'repeat'));
  }

  /** @param {number} rows */
  #fit(rows) {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const height = FRAMES_ROW + GAP + rows * (ROW + GAP);
    if (this.#ratio === ratio && this.#height === height) return;
    [this.#ratio, this.#height] = [ratio, height];
    this.#canvas.style.height = `${height}px`;
    this.#width = this.#canvas.clientWidth;
    this.#canvas.width = Math.round(this.#width * ratio);
    this.#canvas.height = Math.round(height * ratio);
  }

  /**
   * @param {number} now
   * @param {readonly Lane[]} lanes
   * @param {readonly Frame[]} frames
   */
  draw(now, lanes, frames) {
    this.#fit(lanes.length);
    const to = this.#to;
    to.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    to.clearRect(0, 0, this.#width, this.#height);
    to.textBaseline = 'middle';
    const isNarrow = this.#width < NARROW;
    const [left, right] = isNarrow ? [76, this.#width] : [GUTTER, this.#width - RIGHT];
    const span = isNarrow ? 6000 : 12_000;
    const xOf = (/** @type {number} */ time) => right - ((now - time) / span) * (right - left);
    const box = { left, right, xOf, from: now - span };
    this.#frames(frames, box);
    for (const [row, lane] of lanes.entries()) this.#lane(lane, FRAMES_ROW + GAP + row * (ROW + GAP), box, isNarrow);
  }

  /**
   * @typedef {{ left: number, right: number, xOf: (time: number) => number, from: number }} Area
   * @param {readonly Frame[]} frames
   * @param {Area} area
   */
  #frames(frames, { left, right, xOf, from }) {
    const to = this.#to;
    const heightOf = (/** @type {number} */ ms) => (Math.min(ms, FRAME_TOP_MS) / FRAME_TOP_MS) * FRAMES_ROW;
    this.#name('This page', 'frames', FRAMES_ROW / 2);
    const line = FRAMES_ROW - heightOf(FRAME_LINE_MS);
    this.#clipped(left, 0, right, FRAMES_ROW, () => {
      for (const { at, ms, onPurpose } of frames) {
        if (at < from) continue;
        const x = xOf(at - ms);
        to.fillStyle = onPurpose ? this.#colours.hatched : ms > FRAME_LINE_MS ? this.#colours.gone : this.#colours.soft;
        to.fillRect(x, FRAMES_ROW - heightOf(ms), Math.max(1, xOf(at) - x - 0.5), FRAMES_ROW);
      }
      to.fillStyle = this.#colours.soft;
      for (let x = left; x < right; x += 8) to.fillRect(x, line, 3, 1);
      for (const { at, ms, onPurpose } of frames)
        if (onPurpose && ms > FRAME_TOP_MS)
          this.#label(`blocked ${(ms / 1000).toFixed(1)} s`, Math.max(xOf(at - ms), left) + 8, FRAMES_ROW / 2);
    });
    to.fillStyle = this.#colours.soft;
    to.font = `11px ${this.#font}`;
    if (right < this.#width) to.fillText('50 ms', right + 10, line);
  }

  /**
   * @param {Lane} lane
   * @param {number} y
   * @param {Area} area
   * @param {boolean} isNarrow
   */
  #lane(lane, y, { left, right, xOf, from }, isNarrow) {
    const to = this.#to;
    this.#name(lane.name, '', y + ROW / 2);
    if (!isNarrow) {
      to.fillStyle = this.#colours.soft;
      to.font = `12px ${this.#font}`;
      to.fillText(lane.state, right + 10, y + ROW / 2);
    }
    this.#clipped(left, y, right, y + ROW, () => {
      for (const { from: begun, to: end, kind } of lane.stretches) {
        if (end < from || kind === 'idle' || kind === 'none') continue;
        const [x, width] = [xOf(begun), Math.max(1, xOf(end) - xOf(begun))];
        to.fillStyle =
          kind === 'hung' ? this.#colours.hatched : kind === 'starting' ? this.#colours.dotted : this.#colours[kind];
        to.fillRect(x, y, width, ROW);
        if (kind === 'hung' && width > 70) this.#label('hung', Math.max(x, left) + 8, y + ROW / 2);
      }
      this.#marks(lane.marks, y, xOf);
    });
    if (lane.ending) {
      // An earlier thread of this place is still being stopped by the browser.
      const since = lane.marks.findLast(({ kind }) => kind === 'gone')?.at ?? from;
      const x = Math.max(left, xOf(since));
      to.fillStyle = this.#colours.gone;
      to.fillRect(x, y + ROW + 1, right - x, 2);
    }
  }

  /**
   * A label that would cover the one before it is left out.
   * @param {readonly import('./history.js').Mark[]} marks
   * @param {number} y
   * @param {Area['xOf']} xOf
   */
  #marks(marks, y, xOf) {
    for (const { at, kind } of marks) {
      this.#to.fillStyle = kind === 'gone' ? this.#colours.gone : this.#colours.ink;
      this.#to.fillRect(xOf(at) - 1, y, 3, ROW);
    }
    let end = -Infinity;
    for (const { at, text } of marks) if (xOf(at) > end) end = this.#label(text, xOf(at) + 7, y + ROW / 2);
  }

  /**
   * Text on a ground of its own, so that it can be read on any colour.
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @returns {number} where it ends
   */
  #label(text, x, y) {
    const to = this.#to;
    to.font = `600 11px ${this.#font}`;
    const width = to.measureText(text).width;
    to.fillStyle = this.#colours.card;
    to.beginPath();
    to.roundRect(x - 4, y - 9, width + 8, 18, 4);
    to.fill();
    to.fillStyle = this.#colours.ink;
    to.fillText(text, x, y + 0.5);
    return x + width + 4;
  }

  /**
   * @param {string} name
   * @param {string} unit
   * @param {number} y
   */
  #name(name, unit, y) {
    const to = this.#to;
    to.fillStyle = this.#colours.ink;
    to.font = `500 12px ${this.#font}`;
    to.fillText(name, 0, unit ? y - 7 : y);
    to.fillStyle = this.#colours.soft;
    to.font = `11px ${this.#font}`;
    if (unit) to.fillText(unit, 0, y + 8);
  }

  /**
   * @param {number} left
   * @param {number} top
   * @param {number} right
   * @param {number} bottom
   * @param {() => void} draw
   */
  #clipped(left, top, right, bottom, draw) {
    const to = this.#to;
    to.save();
    to.beginPath();
    to.roundRect(left, top, right - left, bottom - top, 5);
    to.clip();
    to.fillStyle = this.#colours.sunk;
    to.fillRect(left, top, right - left, bottom - top);
    draw();
    to.restore();
  }
}
