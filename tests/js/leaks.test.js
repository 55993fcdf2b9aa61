/** A short form of the soak test for leaks (tests/soak/leaks.mjs); `make soak` runs 200 rounds and 1,000 replacements. */
import test from 'node:test';
import { destroyedPools, LOSSES, replacedWorkers } from '../soak/leaks.mjs';
import { rounds } from './helpers.js';

test('a destroyed pool leaves nothing: no memory, address space, handle or listener', (context) =>
  destroyedPools(rounds(15), (text) => context.diagnostic(text)));

for (const [what, [options, deadly]] of Object.entries(LOSSES)) {
  test(`workers that were ${what} leave nothing in their pool or process`, (context) =>
    replacedWorkers(rounds(25), options, deadly, (text) => context.diagnostic(text)));
}
