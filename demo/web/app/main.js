/** Puts the page together. */
import { isolate } from './isolation.js';
import { action, byId, nextFrame, reasonOf } from './dom.js';
import { log } from './log.js';

/** @param {string} text for whoever cannot see the page work */
function notice(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = false;
}

/** @param {string} text of somebody else's module */
function tellOfGuest(text) {
  byId('guest-result').textContent = text;
  log(text);
}

/**
 * A file that was chosen or dropped.
 * @param {File | undefined} file
 * @param {import('./picture/stage.js').Stage} stage
 * @param {import('./break/guest.js').Guest} guest
 */
async function take(file, stage, guest) {
  if (!file) return;
  try {
    if (/\.wasm$/.test(file.name) || file.type === 'application/wasm') tellOfGuest(await guest.load(file));
    else if (file.type.startsWith('image/')) log(await stage.photo(file));
    else throw new Error('it is neither a picture nor a wasm file');
  } catch (error) {
    log(`${file.name} cannot be used: ${reasonOf(error)}.`);
  }
}

/** @param {(file: File | undefined) => Promise<void>} use */
function listenForDrops(use) {
  const { classList } = document.body;
  addEventListener('dragover', (event) => {
    event.preventDefault();
    classList.add('dropping');
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) classList.remove('dropping');
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    classList.remove('dropping');
    void use(event.dataTransfer?.files[0]);
  });
}

async function start() {
  const obstacle = await isolate();
  if (obstacle) return notice(`${obstacle} So the pool cannot start here.`);
  const [{ openPool, WORKERS }, { Stage }, { Live }, hangs, load, { Guest }] = await Promise.all([
    import('./pools.js'),
    import('./picture/stage.js'),
    import('./live/live.js'),
    import('./break/hangs.js'),
    import('./break/load.js'),
    import('./break/guest.js'),
  ]);
  const [pool, solo] = await Promise.all([openPool(WORKERS, 'Worker'), openPool(1, 'Solo')]);
  const stage = new Stage(solo, pool);
  for (let i = 0; i < 3; i++) await nextFrame(); // the first frames are the browser's own: it lays out the page
  const live = new Live(pool, solo);
  const guest = new Guest(stage, (opened) => live.guest.attach(opened));
  await guest.sample();

  const told = (/** @type {Promise<string>} */ story) =>
    story.catch((error) => `That failed: ${reasonOf(error)}.`).then(log);
  action('hang-c', () => told(hangs.hangInC(pool, stage)));
  action('hang-js', () => told(hangs.hangInJs(pool, stage)));
  action('crash', () => told(hangs.crash(pool, stage)));
  action('flood', () => told(load.flood(pool, live.frames)));
  action('block', () => told(load.block(pool, live.frames)));
  action('run-guest', async () => tellOfGuest(await guest.run()));
  action('again', () => told(stage.compare()));
  action('drawing', () => told(stage.drawing()));
  const use = (/** @type {File | undefined} */ file) => take(file, stage, guest);
  for (const id of ['photo', 'wasm'])
    byId(id).addEventListener('change', (/** @type {any} */ { target }) => {
      void use(target.files[0]);
      target.value = ''; // so that the same file can be chosen again
    });
  listenForDrops(use);
  byId('about').textContent =
    `${pool.size} workers on ${navigator.hardwareConcurrency} processors, and one worker more for the comparison. All of it runs in this page: nothing is sent anywhere.`;
  // For the console of whoever wants to try more.
  Object.assign(globalThis, { demo: { pool, solo, stage, live } });
  await told(stage.compare());
}

start().catch((error) => notice(`The page could not start: ${reasonOf(error)}.`));
