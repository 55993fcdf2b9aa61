/** How the page presents itself, in Chromium: to eyes, keyboards and screen readers, on phones, and on servers that send no headers. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import wabt from 'wabt';
import { listen, staticServer } from '../../demo/web-serve.mjs';
import { root } from '../runtimes/runtimes.mjs';

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const FOLDER = join(root, 'demo/dist');
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 360, height: 740 };

/** @param {unknown} condition @param {string} text */
function assert(condition, text) {
  if (!condition) throw new Error(text);
}

/** Waits for the next entry of the log that something causes. @param {any} page @param {() => Promise<unknown>} cause @returns {Promise<string>} */
async function told(page, cause) {
  const entries = page.locator('#log li');
  const before = await entries.count();
  await cause();
  await page.waitForFunction((count) => document.querySelectorAll('#log li').length > count, before);
  return entries.first().locator('span').innerText();
}

/** Findings of the accessibility checker, best practices included. @param {any} page @returns {Promise<string[]>} */
async function findings(page) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run());
  assert(passes.length > 20, `only ${passes.length} rules were applied`);
  return violations.map(
    (/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ { html }) => html).join(' ')}`,
  );
}

/** A module that is no part of the page. */
async function strangersModule() {
  const { parseWat } = await wabt();
  const text = '(module (func (export "times") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1))))';
  return Buffer.from(parseWat('stranger.wat', text).toBinary({}).buffer);
}

/** Drops it on the page. @param {any} page */
async function dropStranger(page) {
  const bytes = [...(await strangersModule())];
  await page.evaluate((/** @type {number[]} */ all) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(all)], 'stranger.wasm', { type: 'application/wasm' }));
    document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
  }, bytes);
}

/**
 * @typedef {{ page: any, url: string }} Visit a page that has painted its first picture
 * @type {Record<string, { options?: object, plain?: boolean, visit: (visit: Visit) => Promise<string | void> }>} options of the browser's
 *   context; plain: a server without headers, under a path
 */
const CLAIMS = {
  'nothing is to be found by axe, in light': {
    options: { viewport: DESKTOP, colorScheme: 'light' },
    visit: ({ page }) => checkAccess(page),
  },
  'nothing is to be found by axe, in dark': {
    options: { viewport: DESKTOP, colorScheme: 'dark' },
    visit: ({ page }) => checkAccess(page),
  },
  'nothing is to be found by axe on a phone, and nothing is wider than it': {
    options: { viewport: PHONE, isMobile: true, hasTouch: true },
    async visit({ page }) {
      await checkAccess(page);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert(width <= PHONE.width, `the page is ${width} pixels wide`);
    },
  },
  'the theme follows the system, and the button overrules it, also the next time': {
    options: { colorScheme: 'dark' },
    async visit({ page, url }) {
      const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
      assert((await theme()) === 'dark', 'the system’s theme');
      await page.click('#theme');
      assert((await theme()) === 'light', 'the chosen theme');
      await page.goto(url);
      assert((await theme()) === 'light', 'the chosen theme was forgotten');
    },
  },
  'everything can be reached and pressed by the keyboard alone': {
    async visit({ page }) {
      const wanted = new Set([
        'theme',
        'again',
        'photo',
        'hang-c',
        'hang-js',
        'crash',
        'flood',
        'block',
        'pause',
        'wasm',
      ]);
      for (const id of ['function', 'input', 'run-guest']) wanted.add(id);
      for (let presses = 0; presses < 40 && wanted.size > 0; presses++) {
        await page.keyboard.press('Tab');
        wanted.delete(await page.evaluate(() => document.activeElement?.id));
      }
      assert(wanted.size === 0, `never reached: ${[...wanted]}`);
      await page.focus('#hang-c');
      const story = await told(page, () => page.keyboard.press('Enter'));
      assert(/hung in C/.test(story), story);
    },
  },
  'the view can be paused, and those who want less motion get one picture a second': {
    options: { reducedMotion: 'reduce' },
    async visit({ page }) {
      const drawings = () => page.evaluate(() => /** @type {any} */ (globalThis).demo.live.drawings);
      const frames = (/** @type {number} */ count) =>
        page.evaluate(async (/** @type {number} */ left) => {
          while (left--) await new Promise((resolve) => requestAnimationFrame(resolve));
        }, count);
      let before = await drawings();
      await frames(60);
      const calm = (await drawings()) - before;
      await page.emulateMedia({ reducedMotion: 'no-preference' });
      before = await drawings();
      await frames(60);
      const lively = (await drawings()) - before;
      assert(lively >= 50 && calm <= lively / 4, `${calm} drawings in 60 frames, otherwise ${lively}`);
      await page.click('#pause');
      before = await drawings();
      await frames(10);
      assert((await drawings()) === before, 'it was drawn although it is paused');
    },
  },
  'the lanes are there as text as well': {
    async visit({ page }) {
      await page.click('#as-text summary');
      await page.waitForSelector('#rows tr');
      const rows = await page.locator('#rows tr').allInnerTexts();
      assert(
        rows.length >= 3 && rows.every((/** @type {string} */ row) => /Worker|worker|Guest/.test(row)),
        rows.join('|'),
      );
    },
  },
  'a photo is painted, the same by one worker and by all; a file of another kind is refused in words': {
    async visit({ page }) {
      const buffer = await page.screenshot();
      const photo = { name: 'photo.png', mimeType: 'image/png', buffer };
      const painted = await told(page, () => page.setInputFiles('#photo', photo));
      assert(/^photo\.png, painted by one worker in /.test(painted), painted);
      assert(/every byte is the same/.test(await page.innerText('#verdict')), 'the bytes differ');
      await told(page, () => page.click('#again'));
      const back = await told(page, () => page.click('#drawing'));
      assert(/^A lake at dusk, painted by one worker in /.test(back), back);
      const noPhoto = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('a') };
      const story = await told(page, () => page.setInputFiles('#photo', noPhoto));
      assert(/notes\.txt cannot be used/.test(story), story);
    },
  },
  'a wasm file that is dropped on the page runs': {
    async visit({ page }) {
      const loaded = await told(page, () => dropStranger(page));
      assert(loaded === 'stranger.wasm is loaded: choose one of its functions.', loaded);
      await page.fill('#input', '6, 7');
      const story = await told(page, () => page.click('#run-guest'));
      assert(story.startsWith('times of stranger.wasm returned 42 '), story);
    },
  },
  'a wasm file that is dropped while another one runs waits for its end': {
    async visit({ page }) {
      await page.selectOption('#function', 'loop_for_ever');
      await told(page, async () => {
        await page.click('#run-guest');
        await dropStranger(page);
      });
      await page.waitForFunction(() => document.querySelector('#function')?.textContent === 'times');
      const stories = (await page.locator('#log li span').allInnerTexts()).join(' ');
      assert(/loop_for_ever of sample\.wasm did not end within 1\.00 s: /.test(stories), stories);
    },
  },
  'it runs under a path of a server that sends no headers: its service worker adds them': {
    plain: true,
    async visit({ page, url }) {
      assert(/\/some\/where\/$/.test(url) && (await page.evaluate(() => crossOriginIsolated)), 'not isolated');
      const story = await told(page, () => page.click('#hang-js'));
      assert(/hung in JavaScript\. Its thread was killed/.test(story), story);
      return story;
    },
  },
  'without headers and service workers it says what is missing': {
    plain: true,
    options: { serviceWorkers: 'block' },
    async visit({ page }) {
      const text = await page.locator('#notice').innerText();
      assert(/blocked, so its server must send .* cannot start here/.test(text), text);
      return text;
    },
  },
};

/** Uses what adds to the page, then has it checked. @param {any} page */
async function checkAccess(page) {
  await told(page, () => page.click('#hang-c'));
  await page.click('#as-text summary');
  await page.waitForSelector('#rows tr');
  const found = await findings(page);
  assert(found.length === 0, found.join('\n'));
}

/** @param {import('playwright-core').Page} page */
const settled = (page) =>
  page.waitForFunction(() => globalThis.document.querySelector('#log li, #notice:not([hidden])'));

/** @param {(line: { name: string, result: string, detail?: string }) => void} print */
export async function look(print) {
  const isolated = staticServer(FOLDER);
  const plain = staticServer(FOLDER, { base: '/some/where/', headers: {} });
  const urls = {
    isolated: `http://localhost:${await listen(isolated, 0)}/`,
    plain: `http://localhost:${await listen(plain, 0)}/some/where/`,
  };
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
  });
  for (const [name, { options, plain: isPlain, visit }] of Object.entries(CLAIMS)) {
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    /** @type {string[]} */
    const errors = [];
    try {
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(String(error)));
      const url = urls[isPlain ? 'plain' : 'isolated'];
      await page.goto(url);
      await settled(page);
      const detail = await visit({ page, url });
      assert(errors.length === 0, errors.join('\n'));
      print({ name, result: 'passed', detail: detail ?? undefined });
    } catch (error) {
      print({ name, result: 'failed', detail: [/** @type {any} */ (error).stack, ...errors].join('\n') });
    }
    await context.close();
  }
  await browser.close();
  for (const server of [isolated, plain]) server.close().closeAllConnections();
}
