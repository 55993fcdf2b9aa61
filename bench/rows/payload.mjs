/**
 * What it costs to bring data there and back. The tasks mark both ends of the bytes and look at those marks only, so that what is
 * timed is the way and not the work on the data.
 */
import { inspect, make } from '../tasks.mjs';
import { check, timed } from '../measure.mjs';

const SIZES = {
  '1mb': { title: '1 MB', bytes: 1 << 20, runs: 200 },
  '64mb': { title: '64 MB', bytes: 1 << 26, runs: 16 },
};
const WAYS = { copy: 'copied', move: 'moved', share: 'in shared memory' };

/** What of a pool's own lies in shared memory; others send a SharedArrayBuffer that the task has made. */
const OWN = { copy: undefined, move: undefined, share: ['wasmpool', 'wasmpool-c', 'limit-native'] };

/** @param {number} bytes */
const sees = (bytes) => (/** @type {number} */ seen) =>
  check(seen === bytes, () => `${bytes} bytes sent, ${seen} arrived`);

/** What is timed for each way of going: a preparation, the run, and a check. @type {Record<string, any>} */
const WAYS_TO_GO = {
  copy: (pool, bytes) => {
    const sent = make(bytes);
    const arrived = (/** @type {Uint8Array} */ result) => sees(bytes)(inspect(result));
    return {
      in: { run: () => pool.run('inspect', sent), after: sees(bytes) },
      out: { run: () => pool.run('make', bytes), after: arrived },
      both: { run: () => pool.run('remake', sent), after: arrived },
    };
  },
  move: (pool, bytes) => {
    const prepare = () => make(bytes);
    const arrived = (/** @type {Uint8Array} */ result) => sees(bytes)(inspect(result));
    const moving = (task) => (sent) => pool.run(task, sent, { move: [sent.buffer] });
    return {
      in: { prepare, run: moving('inspect'), after: sees(bytes) },
      out: { run: () => pool.run('makeMoved', bytes), after: arrived },
      both: { prepare, run: moving('remakeMoved'), after: arrived },
    };
  },
  share: async ({ shared }, bytes) => {
    const sent = await shared.make(bytes);
    const arrived = (handle) => {
      sees(bytes)(inspect(shared.bytes(handle)));
      shared.release(handle);
    };
    return {
      in: { run: () => shared.inspect(sent), after: sees(bytes) },
      out: { run: () => shared.make(bytes), after: arrived },
      both: { run: () => shared.remake(sent), after: arrived },
    };
  },
};

/**
 * @param {keyof SIZES} size
 * @param {keyof WAYS} way
 */
function there(size, way) {
  const { title, bytes, runs } = SIZES[size];
  return {
    id: `payload-${size}-${way}`,
    group: `${title} of binary data`,
    title: WAYS[way],
    needs: [way],
    own: OWN[way],
    parameters: { bytes, way },
    metrics: {
      in: { title: 'in, ms', better: 'lower' },
      out: { title: 'out, ms', better: 'lower' },
      both: { title: 'both, ms', better: 'lower' },
    },
    async measure({ open, quick, cannot }) {
      const pool = await open();
      /** @type {Record<string, any>} */
      const figures = {};
      for (const [direction, plan] of Object.entries(await WAYS_TO_GO[way](pool, bytes)))
        figures[direction] = cannot(`${way}-${direction}`) ?? (await timed(quick ? runs >> 2 : runs, plan));
      return figures;
    },
  };
}

/** Two workers read one result. */
const READERS = {
  copy: (pool, bytes) => async () => {
    const result = await pool.run('make', bytes);
    for (const seen of await Promise.all([pool.run('inspect', result), pool.run('inspect', result)])) sees(bytes)(seen);
  },
  share:
    ({ shared }, bytes) =>
    async () => {
      const handle = await shared.make(bytes);
      for (const seen of await Promise.all([shared.inspect(handle), shared.inspect(handle)])) sees(bytes)(seen);
      shared.release(handle);
    },
};

/** @param {keyof READERS} way */
const readers = (way) => ({
  id: `readers-${way}`,
  group: 'A result of 64 MB, read by two more tasks',
  title: WAYS[way],
  needs: [way],
  own: OWN[way],
  parameters: { bytes: 1 << 26, way },
  metrics: { ms: { title: 'ms', better: 'lower' } },
  async measure({ open, quick }) {
    return { ms: await timed(quick ? 4 : 12, READERS[way](await open(), 1 << 26)) };
  },
});

/** About so many bytes of JSON, in nested objects. */
function tree(bytes) {
  const item = (i) => ({ id: i, name: `item ${i}`, tags: ['a', 'b', 'c'], at: { x: i / 3, y: [1, 2, 3], ok: true } });
  return { rows: Array.from({ length: Math.round(bytes / 90) }, (_, i) => item(i)) };
}

/** @type {import('./index.mjs').Row[]} */
export const payloadRows = /** @type {any} */ ([
  {
    id: 'payload-object',
    group: 'An object of 100 KB',
    metrics: { ms: { title: 'there and back, ms', better: 'lower' } },
    async measure({ open, quick }) {
      const pool = await open();
      const sent = tree(100_000);
      const text = JSON.stringify(sent);
      const after = (/** @type {unknown} */ result) =>
        check(JSON.stringify(result) === text, () => 'the object came back changed');
      return { ms: await timed(quick ? 50 : 200, { run: () => pool.run('echo', sent), after }) };
    },
  },
  .../** @type {any[]} */ (Object.keys(SIZES)).flatMap((size) =>
    /** @type {any[]} */ (Object.keys(WAYS)).map((way) => there(size, way)),
  ),
  readers('copy'),
  readers('share'),
]);
