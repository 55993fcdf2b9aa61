/** Uses the page as a visitor does, from the window around it, in any browser: each button does what it says, and the page stays smooth. */
import { post } from '../runtimes/post.js';

/** How often the page is flooded, at most, until a flood was smooth. */
const FLOODS_MAX = 4;
const FLOOD_MS = 3000;
/** How often a worker hangs in C, at most, until one was stopped in time. */
const HANGS_MAX = 8;

const frame = /** @type {HTMLIFrameElement} */ (document.querySelector('iframe'));
const page = () => /** @type {any} */ (frame.contentWindow);
const byId = (/** @type {string} */ id) => page().document.getElementById(id);
const text = (/** @type {string} */ id) => byId(id).textContent;
const entries = () => page().document.querySelectorAll('#log li');
const nextFrame = () => new Promise((resolve) => page().requestAnimationFrame(resolve));

/** @param {() => unknown} condition of the page, looked at in each frame; whatever hangs is ended by the runner's watchdog */
async function until(condition) {
  while (!condition()) await nextFrame();
}

/** @param {unknown} condition @param {string} text */
function assert(condition, text) {
  if (!condition) throw new Error(text);
}

/** Presses a button, and waits for what the page tells of it. @param {string} id @returns {Promise<string>} */
async function press(id) {
  const before = entries().length;
  byId(id).focus();
  byId(id).click();
  await until(() => entries().length > before && byId(id).getAttribute('aria-disabled') !== 'true');
  assert(entries().length === before + 1, `${id} was told in ${entries().length - before} entries`);
  assert(page().document.activeElement === byId(id), `${id} has lost its focus`);
  return entries()[0].lastElementChild.textContent;
}

/** What the pool has counted so far. */
function counts() {
  const { pool } = page().demo;
  const { kills, stops } = pool.diagnostics();
  return { kills, checks: stops.check.count };
}

/** The pixels of a canvas of the page. @param {string} id @returns {Uint8ClampedArray} */
function pixels(id) {
  const canvas = byId(id);
  return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
}

/** @param {string} story @returns {number} of tiles that others painted */
const tilesOf = (story) => Number(/others painted (\d+) tiles/.exec(story)?.[1]);

/** All workers serve, and none of their old threads is left. */
const isWhole = () => {
  const { pool } = page().demo;
  const { workers } = pool.diagnostics();
  return (
    workers.length === pool.size &&
    workers.every((/** @type {any} */ { state }) => state === 'idle' || state === 'busy')
  );
};

/** The slowest frame while something goes on. @param {() => Promise<unknown>} something @returns {Promise<number>} */
async function slowest(something) {
  const since = page().performance.now();
  await something();
  return page().demo.live.frames.slowest(since);
}

/**
 * What a page can be without a pool, as the measure: as many plain workers are busy as the pool has, for as long as a flood takes, and the
 * page itself works for half of each frame.
 */
async function bePlain() {
  const source = `onmessage = ({ data }) => { const end = performance.now() + data; while (performance.now() < end); postMessage(0); }`;
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const workers = Array.from({ length: page().demo.pool.size }, () => new Worker(url));
  let left = workers.length;
  for (const worker of workers) {
    worker.onmessage = () => left--;
    worker.postMessage(FLOOD_MS);
  }
  while (left > 0) {
    const end = performance.now() + 8;
    while (performance.now() < end);
    await nextFrame();
  }
  for (const worker of workers) worker.terminate();
  URL.revokeObjectURL(url);
}

/** @type {Record<string, () => Promise<string | void>>} each may return a figure */
const CLAIMS = {
  'the picture is painted by one worker and by all of them, and every byte is the same': async () => {
    await until(() => page()?.demo && entries().length === 1);
    const [solo, all] = [pixels('solo'), pixels('all')];
    assert(solo.length > 1_000_000 && solo.length === all.length, `${solo.length} and ${all.length} bytes`);
    assert(
      solo.every((byte, i) => byte === all[i]),
      'the pictures differ',
    );
    assert(new Set(solo.subarray(0, 40_000)).size > 20, 'there is hardly any colour');
    return `${text('solo-time')} by one worker, ${text('all-time')} by ${page().demo.pool.size}; ${text('verdict')}`;
  },
  'painting again gives the same picture, after a canvas that is not painted': async () => {
    const before = pixels('all');
    byId('again').click();
    await nextFrame();
    assert(
      pixels('all').some((byte, i) => byte !== before[i]),
      'the canvas was not emptied',
    );
    await until(() => entries().length === 2);
    assert(
      pixels('all').every((byte, i) => byte === before[i]),
      'the picture is another one',
    );
  },
  'a worker that hangs in C is stopped, its thread lives on, and the others go on': async () => {
    // On a machine that is busy with other things a check may be reached too late: then the thread is killed, and the page says so.
    for (let attempt = 0; attempt < HANGS_MAX; attempt++) {
      const before = counts();
      const story = await press('hang-c');
      const [checks, kills] = [counts().checks - before.checks, counts().kills - before.kills];
      assert(checks + kills === 1 && /lives on/.test(story) === (checks === 1), `${checks} ${kills}: ${story}`);
      assert(tilesOf(story) > 0, story);
      await until(isWhole);
      if (checks === 1) return story;
    }
    throw new Error(`no check was reached in time in ${HANGS_MAX} hangs`);
  },
  'a worker that hangs in JavaScript is killed and replaced, and the others go on': async () => {
    const before = counts();
    const story = await press('hang-js');
    assert(counts().kills === before.kills + 1 && counts().checks === before.checks, JSON.stringify(counts()));
    assert(tilesOf(story) > 0, story);
    await until(() => text('killed') === String(before.kills + 1));
    return story;
  },
  'a worker that crashes comes back, and the others go on': async () => {
    const before = counts();
    const story = await press('crash');
    assert(counts().kills === before.kills, 'it was killed, not crashed');
    assert(/crashed on purpose/.test(story) && tilesOf(story) > 0, story);
    return story;
  },
  'two that are broken at once are told apart': async () => {
    const before = entries().length;
    byId('hang-js').click();
    byId('crash').click();
    await until(() => entries().length === before + 2);
    const stories = [...entries()].slice(0, 2).map((entry) => entry.textContent);
    const lost = [/(Worker \d) crashed/, /(Worker \d) hung in JavaScript/].map(
      (said) => said.exec(stories.join())?.[1],
    );
    assert(lost[0] && lost[1] && lost[0] !== lost[1], stories.join());
  },
  'each flood of 100,000 tasks comes back complete, and in one of up to four no frame takes longer than 50 ms, or twice the slowest of a plain page':
    async () => {
      await until(isWhole); // a browser may still be ending a killed thread, which takes a processor
      const figures = [];
      // Other programs of this machine may take the processor for longer than a frame: one undisturbed flood shows what the page does.
      for (let attempt = 0; attempt < FLOODS_MAX; attempt++) {
        let story = '';
        const busy = await slowest(bePlain);
        const flooded = await slowest(async () => (story = await press('flood')));
        assert(story.startsWith('100,000 of 100,000 tasks came back right'), story);
        const deepest = Number(/; ([\d,]+) waited/.exec(story)?.[1].replaceAll(',', ''));
        assert(deepest > 1000, `only ${deepest} waited`);
        figures.push(`flooded ${flooded.toFixed(1)} ms, a plain page ${busy.toFixed(1)} ms`);
        if (deepest > 10_000 && flooded <= Math.max(50, 2 * busy))
          return `slowest frame: ${figures.join('; ')}. ${story}`;
      }
      throw new Error(`slowest frame: ${figures.join('; ')}`);
    },
  'the workers go on while the page is blocked': async () => {
    const since = page().performance.now();
    const isBlocked = (/** @type {any} */ { at, ms, onPurpose }) => at > since && onPurpose && ms >= 1900;
    const [story] = await Promise.all([press('block'), until(() => page().demo.live.frames.list.some(isBlocked))]);
    assert(Number(/finished ([\d,]+) tasks/.exec(story)?.[1].replaceAll(',', '')) > 100, story);
    return story;
  },
  'a function of the sample module gives its answer': async () => {
    byId('function').value = 'answer';
    const story = await press('run-guest');
    assert(story.startsWith('answer of sample.wasm returned 42 '), story);
    const [lane] = page().demo.live.guest.lanes;
    await until(() => lane.finished > 0);
    const kinds = lane.stretches.map((/** @type {any} */ { kind }) => kind);
    assert(kinds.includes('guest') && !kinds.includes('tile'), `its lane shows ${kinds}`);
    return story;
  },
  'a module that loops for ever is stopped, and the others go on': async () => {
    const before = counts();
    const shown = () => Number(text('stopped')) + Number(text('killed'));
    const shownBefore = shown();
    byId('function').value = 'loop_for_ever';
    const story = await press('run-guest');
    assert(/did not end within 1\.00 s: its? (thread was killed|was stopped)/.test(story) && tilesOf(story) > 0, story);
    assert(counts().kills === before.kills && counts().checks === before.checks, 'the pool of the picture noticed');
    await until(() => shown() === shownBefore + 1);
    return story;
  },
  'a module that recurses without an end fails, and one that takes memory gets what it may': async () => {
    byId('function').value = 'recurse_for_ever';
    byId('input').value = '1';
    assert(/failed/.test(await press('run-guest')), text('guest-result'));
    byId('input').value = '';
    byId('function').value = 'grow_for_ever';
    const story = await press('run-guest');
    const pages = Number(/returned (\d+)/.exec(story)?.[1]);
    assert(pages > 0 && pages <= 2048, story); // 128 MiB
    return story;
  },
  'after all of that every worker serves, nothing waits and no box is left': async () => {
    await until(isWhole);
    const { pool } = page().demo;
    await pool.drain();
    await until(() => pool.diagnostics().boxesInUse === 0);
    assert(pool.stats().queued === 0 && pool.diagnostics().tasksInUse === 0, JSON.stringify(pool.stats()));
    const again = await press('again');
    assert(/every byte is the same/.test(text('verdict')), text('verdict'));
    return again;
  },
};

for (const [name, check] of Object.entries(CLAIMS)) {
  try {
    post({ name, result: 'passed', detail: (await check()) ?? undefined });
  } catch (error) {
    post({ name, result: 'failed', detail: `${error}\n${/** @type {any} */ (error).stack}` });
  }
}
post({ end: true });
