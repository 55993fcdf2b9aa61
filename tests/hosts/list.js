/** What every host of the core does: one list for all. A row that a host cannot do is skipped, and says why. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Program, STATUS } from './program.mjs';

const FAILED = -4;
const UNKNOWN = -3;
const PRIORITY = { normal: 0, critical: 1, high: 2, low: 3 };
const KILLS = Number(process.env.KILLS ?? 1000);

/** Stacks of the threads that a pool of two may have at once, four; each kill of `hang_leak` would lose 100 KB. */
const BLOCKS_BYTES = 4 * 330_000;

/** What a row needs that not every host has. */
const NEEDS = {
  threads: 'this host has no threads',
  ends: 'this host cannot end a thread',
  waits: 'this host cannot end a wait',
  kills: 'this host ends no thread that the checks of its module would not stop',
  checks: "the module's loops have no checks",
};

/**
 * Runs the list.
 * @param {string} host name for titles
 * @param {string[]} command of its program, see program.mjs
 * @param {{ onlyEnds?: boolean }} [how] onlyEnds: leave out what has nothing to do with ends of tasks and threads
 */
export function runList(host, command, { onlyEnds = false } = {}) {
  /**
   * @param {string} title
   * @param {(program: Program, t: import('node:test').TestContext) => Promise<void>} body the pool is open, and is closed afterwards
   * @param {{ needs?: (keyof typeof NEEDS)[], options?: object, closed?: boolean }} [how]
   */
  function row(title, body, { needs = [], options, closed = false } = {}) {
    test(`${host}: ${title}`, async (t) => {
      const program = new Program(command);
      try {
        await program.hello;
        if (program.can.has(killer(program) === 'hang' ? 'ends' : 'waits')) program.can.add('kills');
        const missing = needs.find((need) => !program.can.has(need));
        if (missing) {
          t.skip(NEEDS[missing]);
          return;
        }
        await program.open(options);
        await body(program, t);
        if (!closed) {
          await program.until('stats', ({ free, total }) => free === total);
          await program.sound();
          await program.close();
        }
      } finally {
        program.child.kill('SIGKILL');
      }
    });
  }

  if (!onlyEnds) {
    values(row);
    order(row);
  }
  crashes(row);
  kills(row);
  threads(row);
  ends(row);
}

/** @typedef {Parameters<typeof values>[0]} Row */

/** @param {(title: string, body: (program: Program, t: any) => Promise<void>, how?: any) => void} row */
function values(row) {
  row('a pool starts, and results of all sizes arrive unchanged', async (program) => {
    for (const size of [0, 1, 63, 64, 65, 1000, 65536, 3_000_000]) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251);
      assert.deepEqual(await program.value('echo', bytes), Buffer.from(bytes), `${size} bytes`);
      const made = await program.value('make', size);
      assert.ok(made.length === size && made.every((byte, i) => byte === i % 256), `${size} bytes made`);
    }
    assert.equal(await program.value('echo', 1.5), 1.5);
    assert.equal(await program.value('echo', 'zwölf'), 'zwölf');
    assert.equal(await program.value('nothing'), undefined);
  });

  row('many tasks under way at once all end, each with its own result', async (program) => {
    const all = Array.from({ length: 2000 }, (_, i) => program.value('sum', Uint8Array.of(i % 256, 1)));
    assert.deepEqual(
      await Promise.all(all),
      all.map((_, i) => (i % 256) + 1),
    );
  });

  row('intermediate values come in order, before the result', async (program) => {
    const run = program.run('values');
    assert.equal((await run.end).value, 4);
    assert.deepEqual(run.values, [1, 2, 3]);
  });

  row("a task's error arrives with its text; an unknown task is refused", async (program) => {
    const failed = await program.run('fail').end;
    assert.deepEqual([failed.status, failed.value], [FAILED, 'as asked']);
    assert.equal((await program.run('nobody').end).status, UNKNOWN);
  });
}

/** @param {Row} row */
function order(row) {
  row(
    'one worker runs tasks in the order of their submission',
    async (program) => {
      const runs = Array.from({ length: 50 }, () => program.run('nothing'));
      await Promise.all(runs.map(({ end }) => end));
      assert.deepEqual(
        program.order,
        runs.map(({ id }) => id),
      );
    },
    { options: { workers: 1 } },
  );

  row(
    'tasks of higher priority go first',
    async (program) => {
      await program.ask('pause', 'done');
      const runs = ['low', 'normal', 'high', 'critical'].map((name) =>
        program.run('nothing', undefined, { priority: PRIORITY[name] }),
      );
      await program.until('stats', ({ queued }) => queued === 4);
      await program.ask('resume', 'done');
      await Promise.all(runs.map(({ end }) => end));
      assert.deepEqual(program.order, runs.map(({ id }) => id).reverse());
    },
    { options: { workers: 1 } },
  );

  row('a cancelled task that waits never runs', async (program) => {
    await program.ask('pause', 'done');
    const run = program.run('local');
    await program.until('stats', ({ queued }) => queued === 1);
    assert.equal(await run.cancel(), 1);
    assert.equal((await run.end).status, STATUS.cancelled);
    assert.equal(await run.cancel(), 0, 'a second time is too late');
    await program.ask('resume', 'done');
    assert.equal(await program.value('local'), 1, 'no task of this kind has run');
  });
}

/** @param {Row} row */
function crashes(row) {
  row('a crash fails its task only', async (program) => {
    for (const task of ['crash', 'wild', 'crash']) {
      const beside = program.value('sum', new Uint8Array(1000).fill(1));
      assert.equal((await program.run(task).end).status, FAILED, task);
      assert.equal(await beside, 1000);
    }
    assert.equal(await program.value('echo', 1), 1);
  });

  row('a recursion without an end fails its task, and damages nothing', async (program) => {
    assert.equal(await program.value('recurse', 100), 1);
    for (let i = 0; i < 5; i++) assert.equal((await program.run('recurse', 1e6).end).status, FAILED);
    assert.equal(await program.value('recurse', 100), 1);
  });

  row('a task that uses up the memory and crashes leaves it all to the next one', async (program) => {
    const first = program.run('eat');
    assert.equal((await first.end).status, FAILED);
    const again = program.run('eat');
    assert.equal((await again.end).status, FAILED);
    assert.ok(
      first.values[0] > 10 && again.values[0] > first.values[0] - 2,
      `${first.values} > ${again.values} megabytes`,
    );
    assert.equal((await program.value('make', 5_000_000)).length, 5_000_000);
  });
}

/** @param {Row} row */
function kills(row) {
  for (const task of ['hang', 'hang_alloc', 'hang_leak', 'polite', 'hang_wait']) {
    row(
      `a task that does not end is stopped (${task}); others go on meanwhile, and all workers serve again`,
      async (program) => {
        const hung = program.run(task);
        await hung.runs;
        const others = Array.from({ length: 20 }, () => program.value('work', 10));
        assert.equal(await hung.terminate(), 1);
        assert.equal((await hung.end).status, STATUS.cancelled);
        await Promise.all(others);
        await program.until('stats', ({ free, tasks }) => free === 2 && tasks === 0);
      },
      { needs: task === 'hang_wait' ? ['threads', 'waits'] : ['threads'] },
    );
  }

  row(
    'a time limit stops a task',
    async (program) => {
      const end = await program.run('hang', undefined, { timeoutMs: 30 }).end;
      assert.equal(end.status, STATUS.timeout);
      await program.until('stats', ({ free, tasks }) => free === 2 && tasks === 0);
      assert.equal(await program.value('echo', 2), 2);
    },
    { needs: ['threads'] },
  );

  row(
    `${KILLS} kills of loops leave the memory as it was`,
    async (program, t) => {
      const killed = async (times) => {
        for (let i = 0; i < times; i++) {
          const hung = program.run('hang_leak');
          await hung.runs;
          await hung.terminate();
          assert.equal((await hung.end).status, STATUS.cancelled);
        }
        await program.until('stats', ({ free, tasks }) => free === 2 && tasks === 0);
        return { heap: (await program.stats()).heapBytes, resident: residentKb(program.child.pid) };
      };
      const before = await killed(KILLS / 10);
      const after = await killed(KILLS - KILLS / 10);
      t.diagnostic(`heap ${before.heap} > ${after.heap}, resident ${before.resident} > ${after.resident} KB`);
      assert.ok(after.heap - before.heap < BLOCKS_BYTES, `the heap grew from ${before.heap} to ${after.heap} bytes`);
    },
    { needs: ['threads', 'checks'] },
  );
}

/**
 * The task for which a thread has to end: where loops have checks, they stop all others.
 * @param {Program} program
 */
const killer = (program) => (program.can.has('checks') ? 'hang_wait' : 'hang');

/**
 * Has a thread ended. A loop check may stop the task just before it waits, so this may take several tries.
 * @param {Program} program
 */
async function killThread(program) {
  const { kills } = await program.counts();
  do {
    const hung = program.run(killer(program));
    await hung.runs;
    await hung.terminate();
    assert.equal((await hung.end).status, STATUS.cancelled);
    await program.until('stats', ({ tasks }) => tasks === 0);
  } while ((await program.counts()).kills === kills);
}

/** @param {number | undefined} pid */
const residentKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** @param {Row} row */
function threads(row) {
  row(
    'each thread has variables of its own, and a new thread has new ones',
    async (program) => {
      assert.equal(await program.value('local'), 1);
      assert.equal(await program.value('local'), 2);
      await killThread(program);
      assert.equal(await program.value('local'), 1, 'the killed thread was replaced');
    },
    { needs: ['threads', 'kills'], options: { workers: 1 } },
  );

  row(
    'a spare takes the place of a killed thread, and is replaced itself',
    async (program) => {
      await program.until('counts', ({ starts }) => starts === 2);
      await killThread(program);
      assert.equal(await program.value('echo', 3), 3);
      const { kills } = await program.until('counts', ({ starts, reaped }) => starts === 3 && reaped === 1);
      assert.equal(kills, 1);
    },
    { needs: ['threads', 'kills'], options: { workers: 1, spares: 1 } },
  );

  row(
    'a seat whose restarts are used up is given up, and the others serve on',
    async (program) => {
      for (let loss = 0; loss < 7; loss++) {
        assert.equal((await program.run('break_core').end).status, STATUS.lost);
        const { retired } = await program.until(
          'counts',
          ({ losses, reaped }) => losses === loss + 1 && reaped === losses,
        );
        assert.equal(await program.value('echo', loss), loss, 'another worker serves');
        if (retired) break;
      }
      assert.equal((await program.counts()).retired, 1);
      assert.equal((await program.stats()).total, 1);
    },
    { needs: ['threads'], options: { workers: 2, restarts: 3 } },
  );

  row(
    'thirty threads are killed in a row, and the memory stays as it was',
    async (program, t) => {
      let heap = 0;
      for (let kill = 0; kill < 30; kill++) {
        await killThread(program);
        if (kill === 5) heap = (await program.stats()).heapBytes;
      }
      const { heapBytes } = await program.until('stats', ({ free }) => free === 2);
      t.diagnostic(`heap ${heap} > ${heapBytes}`);
      assert.ok(heapBytes - heap < BLOCKS_BYTES);
    },
    { needs: ['threads', 'kills'] },
  );
}

/** @param {Row} row */
function ends(row) {
  row(
    'a pool whose tasks all hang is closed',
    async (program) => {
      const runs = [program.run('hang'), program.run(program.can.has('waits') ? 'hang_wait' : 'hang_alloc')];
      await Promise.all(runs.map((run) => run.runs));
      program.run('nothing');
      await program.close();
    },
    { needs: ['threads'], closed: true },
  );
}
