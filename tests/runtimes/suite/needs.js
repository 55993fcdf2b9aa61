/**
 * Which files of tests/js run on every runtime, and which of their tests need what some runtimes lack. Such a test does not run there; its
 * reason is printed.
 */

/** More are to follow (docs/decisions/0027-runtimes.md). */
export const SHARED = ['dispatch', 'sequence', 'box', 'boxes'].map((name) => `${name}.test.js`);

const BROWSERS = ['chromium', 'firefox'];

/** @type {{ test: RegExp, lacks: string, on: string[] }[]} */
const NEEDS = [
  {
    test: /^workers need nothing of main: 2,000 tasks are done while it sleeps/,
    lacks: 'a page may not wait by Atomics.wait',
    on: BROWSERS,
  },
];

/**
 * @param {string} runtime
 * @param {string} name of a test
 * @returns {string | undefined} what the runtime lacks for it
 */
export function lackOf(runtime, name) {
  return NEEDS.find(({ test, on }) => on.includes(runtime) && test.test(name))?.lacks;
}
