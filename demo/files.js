/**
 * The demo's worker module: statistics of a text file in JavaScript, two handlers that hang, and
 * the place of the C tasks (`digest`, `spin`) that go with them.
 */

/** The C tasks: `wasmpool map demo/files.js#digest` runs the one in demo/digest.c. */
export const wasm = new URL('../build/demo/digest.mjs', import.meta.url);

const LF = 0x0a;

/** Words are what stands between the white space of ASCII. */
const WORD = /[^\t-\r ]+/g;

/** Longer ones are counted, but not told apart: minified code is one long word. */
const LONGEST_WORD = 40;

/** How many of the most frequent words are named. */
const NAMED_WORDS = 3;

/**
 * Line and word statistics of a file.
 * @param {{ path: string, bytes: Uint8Array }} file
 * @returns {{ bytes: number, lines: number, longestLine: number, words: number, distinct: number,
 *   frequent: [string, number][] }}  lines: how many line ends; longestLine: in bytes
 */
export function statistics({ bytes }) {
  return { bytes: bytes.length, ...lineStatistics(bytes), ...wordStatistics(bytes) };
}

/** @param {Uint8Array} bytes */
function lineStatistics(bytes) {
  let lines = 0;
  let longestLine = 0;
  let start = 0;
  for (let end; (end = bytes.indexOf(LF, start)) >= 0; start = end + 1) {
    lines++;
    longestLine = Math.max(longestLine, end - start);
  }
  return { lines, longestLine: Math.max(longestLine, bytes.length - start) };
}

/** @param {Uint8Array} bytes */
function wordStatistics(bytes) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  let words = 0;
  for (const [word] of new TextDecoder().decode(bytes).matchAll(WORD)) {
    words++;
    if (word.length <= LONGEST_WORD) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return { words, distinct: counts.size, frequent: ranked.slice(0, NAMED_WORDS) };
}

/** Hangs in a loop. */
export function spinForever() {
  for (;;);
}

/** Hangs in a wait that nobody ends. */
export function waitForever() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
