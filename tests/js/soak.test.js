/** A short form of the soak test (tests/soak/). `make soak` runs ten thousand kills. */
import test from 'node:test';
import { rounds, seed } from './helpers.js';
import { soak } from '../soak/soak.mjs';

test(`a thousand random kills under mixed load, SEED=${seed} [XP-01, XP-16, NF-87]`, async (context) => {
  const { kills, settled, outcomes } = await soak({
    kills: rounds(1000),
    seed,
    log: (text) => context.diagnostic(text),
  });
  context.diagnostic(`${kills} kills, ${settled} promises, settled once each: ${JSON.stringify(outcomes)}`);
});
