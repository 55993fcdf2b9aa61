/** Small tasks: how long one takes, and how many a second there are. */
import { KINDS, roundTrips, stream } from '../measure.mjs';

const KIND_TITLES = { number: 'a number', object: 'a small object', string: '1 KB of text' };

/** @param {boolean} pinned */
const roundTrip = (pinned) => ({
  id: pinned ? 'roundtrip-pinned' : 'roundtrip',
  group: 'Round trip of one task at a time',
  title: pinned ? 'all on one core' : 'threads placed by the system',
  pinned,
  parameters: { depth: 1, kind: 'number' },
  metrics: {
    median: { title: 'median, µs', better: 'lower' },
    p99: { title: '99th percentile, µs', better: 'lower' },
  },
  async measure({ open, quick }) {
    const pool = await open();
    await roundTrips(pool, quick ? 100 : 500);
    return roundTrips(pool, quick ? 200 : 1000);
  },
});

/**
 * @param {number} depth
 * @param {'number' | 'object' | 'string'} kind
 */
const throughput = (depth, kind) => ({
  id: `throughput-${kind}-${depth}`,
  group: 'Small tasks a second',
  title: `${KIND_TITLES[kind]}, ${depth.toLocaleString('en')} in flight`,
  parameters: { depth, kind },
  metrics: { rate: { title: '', better: 'higher' } },
  async measure({ open, quick }) {
    const pool = await open();
    await stream(pool, depth, KINDS[kind], quick ? 300 : 1000); // until the compilers are done
    return { rate: await stream(pool, depth, KINDS[kind], quick ? 250 : 1000) };
  },
});

/** @type {import('./index.mjs').Row[]} */
export const smallRows = /** @type {any} */ ([
  roundTrip(true),
  roundTrip(false),
  ...[64, 1024].flatMap((depth) => ['number', 'object', 'string'].map((kind) => throughput(depth, kind))),
]);
