/** The picture for those who drop none: a lake at dusk, drawn anew from the same random numbers each time. */

const WIDTH = 1280;
const HEIGHT = 800;
const HORIZON = 500;

/** A small generator of random numbers (mulberry32). @param {number} state */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns {HTMLCanvasElement} */
export function drawScene() {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const next = random(7);
  sky(to, next);
  clouds(to, next);
  for (let layer = 0; layer < 4; layer++) mountains(to, next, layer);
  lake(to, canvas, next);
  shore(to, next);
  return canvas;
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {() => number} next
 */
function sky(to, next) {
  const fade = to.createLinearGradient(0, 0, 0, HORIZON);
  for (const [at, colour] of /** @type {const} */ ([
    [0, '#1d2b64'],
    [0.35, '#5b4b8a'],
    [0.62, '#d9667b'],
    [0.82, '#f7a072'],
    [1, '#ffdf91'],
  ]))
    fade.addColorStop(at, colour);
  to.fillStyle = fade;
  to.fillRect(0, 0, WIDTH, HORIZON);
  for (let i = 0; i < 160; i++) {
    to.fillStyle = `rgb(255 245 225 / ${0.25 + 0.6 * next()})`;
    const size = 1 + 2 * next() ** 3;
    to.fillRect(next() * WIDTH, next() ** 1.6 * 260, size, size);
  }
  const glow = to.createRadialGradient(820, 420, 20, 820, 420, 420);
  glow.addColorStop(0, 'rgb(255 244 200 / 95%)');
  glow.addColorStop(0.16, 'rgb(255 214 140 / 55%)');
  glow.addColorStop(1, 'rgb(255 180 120 / 0%)');
  to.fillStyle = glow;
  to.fillRect(0, 0, WIDTH, HORIZON);
  to.fillStyle = '#fff6d8';
  to.beginPath();
  to.arc(820, 420, 46, 0, 2 * Math.PI);
  to.fill();
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {() => number} next
 */
function clouds(to, next) {
  for (let band = 0; band < 11; band++) {
    const [x, y, length] = [next() * WIDTH, 70 + next() * 290, 160 + next() * 320];
    const warm = y / 360;
    for (let puff = 0; puff < 90; puff++) {
      const along = next() - 0.5;
      const thick = 1 - 2 * Math.abs(along);
      to.fillStyle = `hsl(${350 + 30 * warm} ${55 + 30 * warm}% ${52 + 26 * warm + 10 * next()}% / 9%)`;
      to.beginPath();
      to.ellipse(
        x + along * length,
        y + (next() - 0.5) * 34 * thick,
        18 + 46 * next(),
        5 + 12 * next() * thick,
        0,
        0,
        7,
      );
      to.fill();
    }
  }
}

/**
 * A line of ridges by halving and shifting.
 * @param {() => number} next
 * @param {number} rough
 */
function ridge(next, rough) {
  let points = [next(), next(), next(), next(), next()];
  for (let spread = 0.5; points.length < WIDTH / 2; spread *= rough) {
    const finer = [];
    for (let i = 0; i < points.length - 1; i++)
      finer.push(points[i], (points[i] + points[i + 1]) / 2 + (next() - 0.5) * spread);
    points = [...finer, points[points.length - 1]];
  }
  return points;
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {() => number} next
 * @param {number} layer 0 is the farthest
 */
function mountains(to, next, layer) {
  const points = ridge(next, 0.52);
  const base = HORIZON - 40 + 14 * layer;
  const height = 190 - 42 * layer;
  const heightAt = (/** @type {number} */ x) => base - height * points[Math.round((x / WIDTH) * (points.length - 1))];
  to.fillStyle = `hsl(${262 - 14 * layer} ${26 + 4 * layer}% ${50 - 10 * layer}%)`;
  to.beginPath();
  to.moveTo(0, HORIZON + 2);
  for (let x = 0; x <= WIDTH; x += 2) to.lineTo(x, heightAt(x));
  to.lineTo(WIDTH, HORIZON + 2);
  to.fill();
  // Light from the sun on the slopes that look at it.
  for (let i = 0; i < 2600; i++) {
    const x = next() * WIDTH;
    const top = heightAt(x);
    const y = top + next() ** 2 * (HORIZON - top);
    const lit = Math.sign(820 - x) === Math.sign(heightAt(x + 6) - heightAt(x - 6)) ? 0 : 1;
    to.strokeStyle = lit
      ? `hsl(${18 + 20 * next()} 70% ${62 - 9 * layer}% / 22%)`
      : `hsl(250 40% ${22 - 3 * layer}% / 20%)`;
    to.lineWidth = 1 + 2 * next();
    to.beginPath();
    to.moveTo(x, y);
    to.lineTo(x + (next() - 0.5) * 22, y + 6 + 16 * next());
    to.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {HTMLCanvasElement} canvas
 * @param {() => number} next
 */
function lake(to, canvas, next) {
  to.save();
  to.translate(0, 2 * HORIZON);
  to.scale(1, -1);
  to.drawImage(canvas, 0, HORIZON - 300, WIDTH, 300, 0, HORIZON - 300, WIDTH, 300);
  to.restore();
  const deep = to.createLinearGradient(0, HORIZON, 0, HEIGHT);
  deep.addColorStop(0, 'rgb(40 44 96 / 12%)');
  deep.addColorStop(1, 'rgb(14 22 58 / 82%)');
  to.fillStyle = deep;
  to.fillRect(0, HORIZON, WIDTH, HEIGHT - HORIZON);
  for (let i = 0; i < 2600; i++) {
    const depth = next();
    const y = HORIZON + 3 + depth ** 1.5 * (HEIGHT - HORIZON);
    const x = next() * WIDTH;
    const near = Math.exp(-(((x - 820) / (50 + 150 * depth)) ** 2));
    to.fillStyle =
      next() < near
        ? `hsl(${30 + 15 * next()} 96% ${66 + 20 * next()}% / 55%)`
        : `hsl(${240 + 60 * next()} 42% ${30 + 32 * next()}% / 26%)`;
    to.fillRect(x, y, (10 + 44 * next()) * (0.35 + depth), 1 + 2.6 * depth);
  }
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {() => number} next
 */
function shore(to, next) {
  to.fillStyle = '#0d1226';
  to.beginPath();
  to.moveTo(0, HEIGHT);
  for (let x = 0; x <= WIDTH; x += 8)
    to.lineTo(x, HEIGHT - 26 - 34 * Math.cos(x / 200) ** 2 - 8 * next() - (x < 420 ? (420 - x) / 9 : 0));
  to.lineTo(WIDTH, HEIGHT);
  to.fill();
  for (let tree = 0; tree < 26; tree++) {
    const isLeft = tree < 17;
    const x = isLeft ? next() * 400 : 1040 + next() * 240;
    const tall = isLeft ? 90 + (1 - x / 400) * 260 * (0.5 + next()) : 40 + 90 * next();
    pine(to, next, x, HEIGHT - 34, tall);
  }
}

/**
 * @param {CanvasRenderingContext2D} to
 * @param {() => number} next
 * @param {number} x
 * @param {number} foot
 * @param {number} tall
 */
function pine(to, next, x, foot, tall) {
  to.strokeStyle = `hsl(${222 + 22 * next()} 44% ${7 + 6 * next()}%)`;
  to.lineWidth = 2.4;
  to.beginPath();
  to.moveTo(x, foot);
  to.lineTo(x, foot - tall);
  for (let up = 0.08; up < 1; up += 7 / tall) {
    const reach = (1 - up) * tall * 0.24 * (0.7 + 0.5 * next());
    const y = foot - up * tall;
    to.moveTo(x - reach, y + reach * 0.42);
    to.lineTo(x, y);
    to.lineTo(x + reach, y + reach * 0.42);
  }
  to.stroke();
}
