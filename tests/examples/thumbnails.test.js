import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { directoryFor, killUnderLoad, needs, program, tool, withExample } from './support.js';

/** A picture without sharp edges: two right filters differ by nothing but their rounding. @param {number} width @param {number} height */
function picture(width, height) {
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < pixels.length; i++) {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    pixels[i] = 128 + 60 * Math.sin((x * 5) / width + (i % 3)) + 50 * Math.cos((y * 4) / height);
  }
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), pixels]);
}

/** @param {string} program @param {string[]} args @param {Uint8Array} input */
function convert(program, args, input) {
  const { status, bytes, errors } = tool(program, args, input);
  assert.equal(status, 0, errors);
  return bytes;
}

/** The header of a PPM file, and its pixels. @param {Buffer} ppm */
function parts(ppm) {
  const [header] = /^P6\n\d+ \d+\n255\n/.exec(ppm.toString('latin1')) ?? assert.fail('no PPM file');
  return { header, pixels: ppm.subarray(header.length) };
}

/** @param {Buffer} one @param {Buffer} other both PPM */
function largestDifference(one, other) {
  const [a, b] = [parts(one), parts(other)];
  assert.equal(a.header, b.header);
  return a.pixels.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b.pixels[i])), 0);
}

test(
  'thumbnails are netpbm’s but for rounding, whatever the kind of file; a damaged file and one that unpacks to too much fail alone',
  needs('thumbnails'),
  (t) => {
    const directory = directoryFor(t);
    const wide = picture(900, 600);
    const files = {
      'wide.png': convert('pnmtopng', ['-quiet'], wide),
      'high.jpg': convert('pnmtojpeg', ['-quality=95'], picture(500, 1100)),
      'small.png': convert('pnmtopng', ['-quiet'], picture(40, 30)),
      'damaged.png': convert('pnmtopng', ['-quiet'], wide).subarray(0, 2000),
      'bomb.png': convert('pnmtopng', ['-quiet'], convert('ppmmake', ['red', '12000', '12000'], new Uint8Array())),
    };
    const paths = Object.entries(files).map(([name, bytes]) => {
      writeFileSync(join(directory, name), bytes);
      return join(directory, name);
    });
    const { status, stderr } = program('thumbnails', [join(directory, 'made'), ...paths]);
    assert.equal(status, 1);
    const failed = stderr.trim().split('\n').sort();
    assert.equal(failed.length, 2, stderr);
    assert.match(failed[0], /bomb\.png: NO_MEMORY /);
    assert.match(failed[1], /damaged\.png: TASK_FAILED /);
    for (const [name, reader] of [
      ['wide.png', 'pngtopam'],
      ['high.jpg', 'jpegtopnm'],
      ['small.png', 'pngtopam'],
    ]) {
      const made = convert('pngtopam', [], readFileSync(join(directory, 'made', `${name}.png`)));
      const source = convert(reader, [], files[name]);
      const theirs = name === 'small.png' ? source : convert('pamscale', ['-xyfit', '128', '128'], source);
      // Each rounds its last step to a whole number by itself. One column off, or netpbm without its filter, is 3 and more.
      const difference = largestDifference(made, theirs);
      assert.ok(difference <= 1, `${name}: ${difference} of 255`);
    }
  },
);

test('killed a thousand times beside images that end', needs('thumbnails'), (t) =>
  withExample('thumbnails', { maxTaskBytes: '256mb' }, async (pool) => {
    const large = convert('pnmtopng', ['-quiet'], picture(3000, 2000));
    const small = convert('pnmtopng', ['-quiet'], picture(200, 100));
    const expected = await pool.dispatch('thumbnail', small);
    await killUnderLoad(
      t,
      pool,
      () => pool.dispatch('thumbnail', large, { timeoutMs: 2 }),
      async () => assert.deepEqual(await pool.dispatch('thumbnail', small), expected),
    );
  }),
);
