/**
 * A reporter of node:test with one line per test, as soon as it has ended. Tests and files that failed only since one inside them
 * did are left out.
 */

/** @param {AsyncIterable<{ type: string, data: any }>} source */
export default async function* reporter(source) {
  for await (const { type, data } of source) {
    if (type === 'test:pass' && data.skip === undefined && data.details?.type !== 'suite') yield `ok ${data.name}\n`;
    if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') yield `not ok ${data.name}\n`;
  }
}
