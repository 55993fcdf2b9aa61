/** The registry under programs that cut its calls off, or end in unusual ways. Each has a process of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';

const API = JSON.stringify(new URL('../../js/compat/workers.js', import.meta.url).href);

/** What a program prints, which has the registry's names. */
async function printed(program) {
  const given = `import { configureRegistry, counter, shared, sharedMap } from ${API};
    import { setImmediate as turn } from 'node:timers/promises';
    import { Worker } from 'node:worker_threads';`;
  const flags = ['--expose-gc', '--input-type=module', '-e', given + program];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  return stdout.trim();
}

/** Calls a function again and again at the end of the stack, where it is cut off at any place. */
const AT_THE_END = `
  let left = 0;
  const atTheEnd = (run, times, deep) => {
    const up = () => {
      try { up(); } catch {}
      if (left-- > 0) try { run(); } catch {}
    };
    left = times;
    (function down(depth) { depth ? down(depth - 1) : up(); })(deep);
  };`;

test('a map whose publication was cut off is never freed while others have it', async () => {
  // Not by atTheEnd: with a frame less, the cuts lie elsewhere.
  const text = await printed(`
    shared('warm', sharedMap());
    let n = 0;
    let left = 0;
    const up = () => {
      try { up(); } catch {}
      if (left-- > 0) try { shared('k' + n++, sharedMap()); } catch {}
    };
    for (let round = 0; round < 400; round++) { left = 60; (function down(depth) { depth ? down(depth - 1) : up(); })(round % 7); }
    for (let i = 0; i < 20; i++) { gc(); await turn(); }
    for (let i = 0; i < 2000; i++) shared('new' + i, sharedMap()).set('who', i);
    let wrong = 0;
    for (let i = 0; i < n; i++) if (shared('k' + i, sharedMap()).has('who')) wrong++;
    console.log(n, wrong);`);
  assert.equal(text, '24000 0');
});

test('a look-up that is cut off leaves the stack in shared memory where it was', async () => {
  const text = await printed(`${AT_THE_END}
    const known = shared('known', counter(7));
    const map = shared('m', sharedMap());
    for (let i = 0; i < 1000; i++) map.set('k' + i, 'v' + i);
    for (let round = 0; round < 150; round++) atTheEnd(() => shared('known', known), 600, round % 50);
    let wrong = 0;
    for (let i = 0; i < 1000; i++) if (map.get('k' + i) !== 'v' + i) wrong++;
    map.set('x', 1);
    console.log(shared('known', known).get(), wrong, map.size);`);
  assert.equal(text, '7 0 1001');
});

test('a thread may use the registry in its last moments, while others begin', async () => {
  const text = await printed(`
    const word = new Int32Array(new SharedArrayBuffer(4));
    const code = \`Promise.all([import(${API}), import('node:worker_threads')]).then(([{ shared, sharedMap }, { workerData: { name, word } }]) => {
      const map = shared('m', sharedMap());
      const busy = () => { for (let i = 0; i < 100000; i++) map.set(name + (i % 50), name.repeat(3 + (i % 90))); };
      if (name === 'b') busy();
      else process.on('exit', () => { Atomics.store(word, 0, 1); Atomics.notify(word, 0); busy(); });
    });\`;
    const start = (name) => new Promise((done, fail) => {
      new Worker(code, { eval: true, workerData: { name, word } }).on('error', fail).on('exit', done);
    });
    const map = shared('m', sharedMap());
    const a = start('a');
    while (Atomics.load(word, 0) === 0) await turn();
    await Promise.all([a, start('b')]);
    let wrong = 0;
    for (const name of 'ab') for (let i = 0; i < 50; i++) if (!RegExp('^' + name + '+$').test(map.get(name + i))) wrong++;
    console.log(map.size, wrong);`);
  assert.equal(text, '100 0');
});

test('a thread of no pool that is ended in the middle of a call holds no memory back', async () => {
  const text = await printed(`
    configureRegistry({ maxBytes: 32 << 20 });
    const map = shared('m', sharedMap());
    map.set('k', 'x'.repeat(10000));
    const code = \`Promise.all([import(${API}), import('node:worker_threads')]).then(([{ shared, sharedMap }, { parentPort }]) => {
      const map = shared('m', sharedMap());
      parentPort.postMessage(1);
      for (;;) map.get('k');
    });\`;
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(code, { eval: true });
      await new Promise((done) => worker.once('message', done));
      for (let i = 0; i < 20; i++) await turn();
      await worker.terminate();
    }
    for (let i = 0; i < 20000; i++) map.set('k', 'x'.repeat(10000));
    console.log('all sets');`);
  assert.equal(text, 'all sets');
});

test('keys that begin with a byte order mark are keys of their own', async () => {
  const text = await printed(`
    const map = shared('m', sharedMap());
    map.set('\\uFEFFa', 1);
    map.set('a', 2);
    console.log(JSON.stringify(map.keys().sort()));`);
  assert.equal(text, '["a","\uFEFFa"]');
});
