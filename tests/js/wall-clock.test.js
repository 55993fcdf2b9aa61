/** The wall clock is set and jumps: nothing in the pool may depend on it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const file = (name) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

test('leases and time limits go by a monotonic clock, though the wall clock jumps by 30 years in all threads [XP-15]', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    new URL('./fixtures/jumping-date.mjs', import.meta.url).href,
    file('wall-clock.mjs'),
  ]);
  const expected = {
    inTime: 'fulfilled',
    after: 'fulfilled',
    text: 'kept',
    late: 'TIMEOUT',
    replaced: 'fulfilled',
    lateAgain: 'TIMEOUT',
    expired: 'LEASE_EXPIRED',
  };
  assert.deepEqual(JSON.parse(stdout), { forwards: expected, backwards: expected });
});
