/**
 * The demo's worker module: statistics of a text file in JavaScript, two handlers that hang, and
 * the place of the C tasks (`digest`, `spin`) that go with them.
 */

/** The C tasks: `wasmpool map demo/files.js#digest` runs the one in demo/digest.c. */
export const wasm = new URL('../build/demo/digest.mjs', import.meta.url);

const LF = 0x0a;
const SPACE = 0x20;

/** What separates words, as in the C locale: space and \t \n \v \f \r. */
const isSpace = Array.from({ length: 256 }, (_, b) => b === SPACE || (b >= 9 && b <= 13));

/**
 * Line and word statistics of a file.
 * @param {{ path: string, bytes: Uint8Array }} file
 * @returns {{ bytes: number, lines: number, words: number, longestLine: number }} lines: how many
 *   line ends; longestLine: in bytes
 */
export function statistics({ bytes }) {
  let lines = 0;
  let words = 0;
  let longestLine = 0;
  let lineStart = 0;
  let inWord = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    const separates = isSpace[byte];
    if (inWord && separates) words++;
    inWord = !separates;
    if (byte !== LF) continue;
    lines++;
    longestLine = Math.max(longestLine, i - lineStart);
    lineStart = i + 1;
  }
  if (inWord) words++;
  longestLine = Math.max(longestLine, bytes.length - lineStart);
  return { bytes: bytes.length, lines, words, longestLine };
}

/** Hangs in a loop. */
export function spinForever() {
  for (;;);
}

/** Hangs in a wait that nobody ends. */
export function waitForever() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
