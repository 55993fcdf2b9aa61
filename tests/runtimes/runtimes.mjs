/**
 * The runtimes that tests run on: where each of them is, and how a program or a page runs there. A program prints its reports, one JSON
 * text a line; a page posts them to its server. So browsers need no driver.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const installed = join(root, 'tests/runtimes/node_modules');

/** @type {Record<string, { file: string, args?: string[], permissions?: string[] }>} */
const PROGRAMS = {
  node: { file: process.execPath },
  node22: { file: join(installed, 'node22/bin/node') },
  node24: { file: join(installed, 'node24/bin/node') },
  node26: { file: join(installed, 'node26/bin/node') },
  bun: { file: join(root, 'tests/smoke/node_modules/.bin/bun') },
  deno: { file: denoFile(), args: ['run', '--no-check', '--quiet', '--no-prompt'], permissions: ['-A'] },
};

/** @type {Record<string, { file: string, args: (profile: string) => string[] }>} */
const BROWSERS = {
  chromium: {
    file: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: (profile) => [
      '--headless=new',
      '--no-sandbox', // of the system's user root
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-sync',
      '--no-first-run',
      `--user-data-dir=${profile}`,
    ],
  },
  firefox: {
    file: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    args: (profile) => {
      writeFileSync(join(profile, 'user.js'), QUIET.map(([key, value]) => `user_pref("${key}", ${value});\n`).join(''));
      return ['--headless', '--no-remote', '--profile', profile];
    },
  },
};

/** Firefox asks the network for nothing, and does not slow down timers of pages that nobody looks at. */
const QUIET = [
  ['app.update.enabled', false],
  ['browser.shell.checkDefaultBrowser', false],
  ['datareporting.policy.dataSubmissionEnabled', false],
  ['dom.max_script_run_time', 0],
  ['extensions.update.enabled', false],
  ['network.captive-portal-service.enabled', false],
  ['network.connectivity-service.enabled', false],
  ['services.settings.server', '"data:,"'],
  ['toolkit.telemetry.enabled', false],
  ['browser.startup.homepage_override.mstone', '"ignore"'],
];

/** What `make test` runs on; `make runtimes` installs the others. */
export const FEW = ['node', 'bun', 'chromium'];
export const ALL = [...Object.keys(PROGRAMS), ...Object.keys(BROWSERS)];

/** Deno's package has one for each kind of machine. */
function denoFile() {
  const require = createRequire(join(installed, 'deno/package.json'));
  const libc = process.platform === 'linux' ? '-glibc' : '';
  try {
    return join(dirname(require.resolve(`@deno/${process.platform}-${process.arch}${libc}/package.json`)), 'deno');
  } catch {
    return join(installed, 'deno');
  }
}

/**
 * Which runtimes to run on, as a command line names them: some, `all`, or those of `make test`.
 * @param {string[]} named
 * @returns {string[]}
 */
export function chosen(named) {
  if (named.includes('all')) return ALL;
  const unknown = named.filter((name) => !ALL.includes(name));
  if (unknown.length > 0) throw new Error(`no such runtime: ${unknown}; there are ${ALL.join(', ')}, all`);
  return named.length > 0 ? named : FEW;
}

/**
 * Why a runtime cannot be used here.
 * @param {string} name
 * @returns {string | undefined}
 */
export function missing(name) {
  const { file } = PROGRAMS[name] ?? BROWSERS[name];
  return existsSync(file) ? undefined : `${file} is not there: see make runtimes`;
}

/** @param {string} name */
export const isBrowser = (name) => name in BROWSERS;

/**
 * Runs a program in a runtime.
 * @param {string} name
 * @param {string[]} args its file, and more
 * @param {{ flags?: string[], permissions?: string[], limitMs: number, onReport: (report: any) => void }} options flags of the runtime;
 *   permissions: on Deno, default: all; limitMs between two reports
 * @returns {Promise<string>} how it failed, or ''
 */
export async function runProgram(name, args, { flags = [], permissions, limitMs, onReport }) {
  const program = PROGRAMS[name];
  const allowed = permissions ?? program.permissions ?? [];
  const child = spawn(program.file, [...(program.args ?? []), ...allowed, ...flags, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const watch = watchdog(limitMs, () => child.kill('SIGKILL'));
  let [text, errors] = ['', ''];
  child.stdout.on('data', (/** @type {Buffer} */ bytes) => {
    const lines = (text + bytes).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines.filter((one) => one.startsWith('{"'))) {
      watch.look();
      onReport(JSON.parse(line));
    }
  });
  child.stderr.on('data', (bytes) => (errors = (errors + bytes).slice(-4000)));
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  watch.end();
  if (status === 0) return '';
  return `${watch.isLate() ? `nothing happened for ${limitMs} ms` : `ended with ${status}`}: ${errors.trim()}`;
}

/**
 * Runs a page in a browser until its server has had the last report, `{ end: true }`.
 * @param {string} name
 * @param {import('./serve.mjs').Served} server
 * @param {string} path of the page
 * @param {{ limitMs: number, onReport: (report: any) => void }} options
 * @returns {Promise<string>} how it failed, or ''
 */
export async function runPage(name, server, path, { limitMs, onReport }) {
  const { file, args } = BROWSERS[name];
  const profile = mkdtempSync(join(tmpdir(), `wasmpool-${name}-`));
  const child = spawn(file, [...args(profile), `${server.url}${path}`], { stdio: 'ignore', detached: true });
  const closed = new Promise((resolve) => child.once('close', resolve));
  /** @type {(failure: string) => void} */
  let settle = () => undefined;
  const ended = new Promise((resolve) => (settle = resolve));
  const watch = watchdog(limitMs, () => settle(`nothing happened for ${limitMs} ms`));
  child.once('error', (error) => settle(String(error)));
  child.once('close', (code) => settle(`the browser ended with ${code}`));
  server.onReport = (report) => {
    watch.look();
    if (report.end) settle('');
    else onReport(report);
  };
  const failure = await ended;
  watch.end();
  try {
    if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL'); // with the processes that it has started
  } catch {
    // They are gone.
  }
  await closed;
  rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  return failure;
}

/** @param {number} ms @param {() => void} bark when nothing was seen for so long */
function watchdog(ms, bark) {
  let late = false;
  const fire = () => {
    late = true;
    bark();
  };
  let timer = setTimeout(fire, ms);
  return {
    look() {
      clearTimeout(timer);
      timer = setTimeout(fire, ms);
    },
    end: () => clearTimeout(timer),
    isLate: () => late,
  };
}
