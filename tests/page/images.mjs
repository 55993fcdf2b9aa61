/**
 * Makes the pictures of the page in docs/images, on an idle machine.
 *
 * usage: images.mjs      after `make page-files`
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';
import { listen, staticServer } from '../../demo/web-serve.mjs';
import { root } from '../runtimes/runtimes.mjs';

const FOLDER = join(root, 'docs/images');
/** Names, contexts, and the buttons that are pressed before. */
const PICTURES = [
  {
    name: 'page-light',
    options: { viewport: { width: 1280, height: 1010 }, colorScheme: 'light' },
    buttons: ['flood', 'hang-c', 'hang-js'],
  },
  {
    name: 'page-dark',
    options: { viewport: { width: 1280, height: 1010 }, colorScheme: 'dark' },
    buttons: ['crash', 'block', 'hang-c'],
  },
  {
    name: 'page-phone',
    options: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
    buttons: ['hang-js'],
    scrollTo: '.break',
  },
];

const server = staticServer(join(root, 'demo/dist'));
const url = `http://localhost:${await listen(server, 0)}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
});
mkdirSync(FOLDER, { recursive: true });
for (const { name, options, buttons, scrollTo } of PICTURES) {
  const page = await browser.newPage(/** @type {any} */ (options));
  await page.goto(url);
  const entries = (/** @type {number} */ count) =>
    page.waitForFunction((wanted) => document.querySelectorAll('#log li').length >= wanted, count);
  await entries(1);
  for (const [i, button] of buttons.entries()) {
    await page.evaluate((/** @type {string} */ id) => document.getElementById(id)?.click(), button); // without a scroll
    await entries(i + 2);
  }
  await page.evaluate((/** @type {string | undefined} */ selector) => {
    if (selector) document.querySelector(selector)?.scrollIntoView();
    else scrollTo(0, 0);
  }, scrollTo);
  await page.screenshot({ path: join(FOLDER, `${name}.jpg`), type: 'jpeg', quality: 82 });
  await page.close();
}
await browser.close();
server.close();
