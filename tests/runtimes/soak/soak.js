/**
 * Random kills under mixed load, on every runtime: tasks that hang in C, in JavaScript and in waits are ended while others run. Each task
 * must settle once, as it should; those that do not hang run once, and their results are right; in the end nothing is held.
 */

/** Tasks at the same time. */
const IN_FLIGHT = 16;
/** Hanging tasks and how often each comes, of a hundred: most end by a loop check, the others with their thread. */
const HANGS = { c_spin: 45, c_malloc: 25, c_recurse: 15, spin: 7, wait: 5, c_wait: 3 };
const SOUND = ['work', 'later', 'fill', 'split', 'c_sum'];
/** Longer than anything takes: what has not settled by then hangs. */
const HANG_MS = 120_000;

/** @param {number} seed @returns {(below: number) => number} whole numbers */
function randomFrom(seed) {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * @param {any} createPool
 * @param {{ module: URL, wasm: URL }} where
 * @param {{ kills: number, seed: number }} size
 * @param {(report: object) => void} report hears from it now and then
 */
export async function soak(createPool, where, { kills, seed }, report) {
  const random = randomFrom(seed);
  const runs = new Int32Array(new SharedArrayBuffer(4 * kills * 10));
  const found = { killed: 0, sound: 0, lost: 0, twice: 0, wrong: /** @type {string[]} */ ([]) };
  const pool = await createPool({
    ...where,
    workers: 4,
    spares: 1,
    initData: runs,
    recycleTimeoutMs: 0,
    restart: { minMs: 1, maxMs: 1, max: -1 },
  });
  let number = 0;

  const hang = async () => {
    let which = random(100);
    const task = /** @type {string} */ (Object.entries(HANGS).find(([, share]) => (which -= share) < 0)?.[0]);
    const [way, ms] = [random(3), 5 + random(25)];
    const aborter = new AbortController();
    const options = way === 0 ? { timeoutMs: ms } : way === 1 ? { signal: aborter.signal } : {};
    const promise = pool.dispatch(task, task.startsWith('c_') ? undefined : { number: number++ }, options);
    const code = promise.then(
      () => 'a result',
      (/** @type {any} */ error) => error.code,
    );
    if (way > 0) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      if (way === 1) aborter.abort();
      void promise.terminate();
    }
    const expected = way === 0 ? 'TIMEOUT' : 'CANCELLED';
    const got = await code;
    if (got !== expected) found.wrong.push(`${task} ended with ${got} instead of ${expected}`);
    found.killed++;
  };

  const sound = async () => {
    const [own, value] = [number++, random(5000)];
    const task = SOUND[random(SOUND.length)];
    let settled = 0;
    let result;
    if (task === 'split') {
      result = await new Promise((resolve) =>
        pool.split('work', { number: own, value }, (/** @type {any} */ got) => {
          if (++settled > 1) found.twice++;
          resolve(got);
        }),
      );
    } else if (task === 'c_sum') {
      result = await pool.dispatch(task, new Uint8Array(value).fill(1));
      runs[own]++;
    } else result = await pool.dispatch(task, { number: own, value });
    const isRight =
      task === 'fill'
        ? result.length === value && !result.some((/** @type {number} */ byte) => byte !== (own & 0xff))
        : result === value;
    if (!isRight) found.wrong.push(`${task} ${own} gave ${String(result).slice(0, 80)}`);
    if (runs[own] > 1) found.twice++;
    if (runs[own] === 0) found.lost++;
    found.sound++;
  };

  let begun = 0;
  let busy = IN_FLIGHT; // lanes: each waits for one task
  const lane = async () => {
    while (begun < kills) {
      if (random(2))
        await sound().catch((error) => void found.wrong.push(`a sound task failed: ${error.code} ${error.message}`));
      else {
        begun++;
        await hang();
        if (found.killed % 50 === 0) report({ killed: found.killed });
      }
    }
    busy--;
  };
  const lanes = Array.from({ length: IN_FLIGHT }, lane);
  await Promise.race([Promise.all(lanes), late(() => found.killed + found.sound)]);
  const unsettled = busy;
  const threads = pool.diagnostics().kills;
  if (unsettled === 0) await pool.drain(); // otherwise it may never settle
  await settledAt(() => pool.diagnostics().tasksInUse + pool.diagnostics().boxesInUse);
  const { tasksInUse: tasks, boxesInUse: boxes } = pool.diagnostics();
  const serves = await pool.broadcast('work', { number: number++, value: 1 });
  await pool.destroy();
  return {
    ...found,
    threads,
    unsettled,
    held: tasks + boxes,
    serving: serves.length,
  };
}

/** Settles when nothing more has happened for HANG_MS. @param {() => number} progress */
async function late(progress) {
  for (let last = -1; last !== progress();) {
    last = progress();
    await new Promise((resolve) => setTimeout(resolve, HANG_MS));
  }
}

/** What is held by threads that are dying comes back by itself; what leaks stays. @param {() => number} held */
async function settledAt(held) {
  for (const end = Date.now() + 30_000; held() > 0 && Date.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/**
 * What is wrong with a soak's outcome, or nothing.
 * @param {any} outcome
 */
export function faults({ lost, twice, unsettled, held, serving, wrong }) {
  const all = [...wrong.slice(0, 5)];
  for (const [name, count] of Object.entries({ lost, twice, unsettled, held }))
    if (count) all.push(`${name}: ${count}`);
  if (serving !== 4) all.push(`${serving} of 4 workers serve`);
  return all.join('; ');
}
