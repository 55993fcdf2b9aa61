/** `wasmpool top`: what the pools of a process are doing, as long as it is looked at. */

import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { socketsPath } from '../../host/node/top.js';
import { UsageError, describe, oneLine } from '../fault.js';
import { picture } from './view.js';

/**
 * @typedef {import('../../host/node/top.js').View} View
 * @typedef {{ once?: boolean, json?: boolean, interval: number }} TopFlags interval: ms
 * @typedef {Pick<import('../map.js').Io, 'stdin' | 'stdout' | 'signals' | 'terminal'>} TopIo
 */

/** q and Ctrl-C. */
const END_KEYS = new Set(['q', '\u0003']);
const HOME_AND_CLEAR = '\x1b[H\x1b[J';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/**
 * @param {number | undefined} pid of the process; undefined: the only one that can be looked at
 * @param {TopFlags} flags
 * @param {TopIo} io
 * @returns {Promise<number>} the exit status: 0, also when the process has ended
 * @throws {UsageError} if there is no such process, or it was not started with WASMPOOL_TOP=1
 */
export async function runTop(pid, flags, io) {
  const source = await open(pid);
  const stop = new AbortController();
  const end = () => {
    stop.abort();
    source.socket.destroy(); // the process may be too busy to answer
  };
  const isTerminal = Boolean(/** @type {any} */ (io.stdout).isTTY) && io.terminal !== 'dumb';
  const moves = isTerminal && !flags.once && !flags.json;
  io.signals.once('SIGINT', end);
  io.signals.once('SIGTERM', end);
  const keys = /** @type {any} */ (io.stdin);
  const listens = moves && keys.isTTY;
  if (listens) {
    keys.setRawMode(true);
    keys.on('data', (/** @type {Buffer} */ key) => END_KEYS.has(String(key)) && end());
  }
  io.stdout.on('error', end); // `top --json | head -1`
  if (moves) io.stdout.write(HIDE_CURSOR);
  try {
    await show(source, flags, io, { moves, signal: stop.signal });
  } finally {
    if (moves) io.stdout.write(SHOW_CURSOR);
    if (listens) keys.setRawMode(false).pause();
    source.socket.destroy();
  }
  return 0;
}

/**
 * @param {Source} source
 * @param {TopFlags} flags
 * @param {TopIo} io
 * @param {{ moves: boolean, signal: AbortSignal }} how
 */
async function show(source, { once: single, json, interval }, io, { moves, signal }) {
  /** @type {View | undefined} */
  let before;
  while (!signal.aborted) {
    const now = await source.look();
    if (!now) {
      if (!signal.aborted && !single && !json) io.stdout.write('\nthe process has ended\n');
      return;
    }
    if (json) {
      io.stdout.write(`${JSON.stringify(now)}\n`);
    } else if (!single || before) {
      const { rows = Infinity, columns = Infinity } = /** @type {any} */ (io.stdout);
      const lines = picture(now, before).slice(0, moves ? rows - 1 : undefined);
      const text = lines.map((line) => `${moves ? line.slice(0, columns) : line}\n`).join('');
      io.stdout.write(moves ? HOME_AND_CLEAR + text : `${text}\n`);
    }
    if (single && (json || before)) return;
    before = now;
    await setTimeout(interval, undefined, { signal }).catch(() => {});
  }
}

/** @typedef {NonNullable<Awaited<ReturnType<typeof reach>>>} Source */

/** @param {number | undefined} pid @returns {Promise<Source>} */
async function open(pid) {
  if (process.platform === 'win32') throw new UsageError('top: not on Windows');
  const directory = inUsersWords(socketsPath);
  const all = readdirSync(directory)
    .filter((name) => /^\d+\.sock$/.test(name))
    .map((name) => Number.parseInt(name, 10));
  const wanted = pid === undefined ? all : all.filter((one) => one === pid);
  const found = [];
  for (const one of wanted) {
    const source = await reach(join(directory, `${one}.sock`));
    if (source) found.push({ pid: one, source });
  }
  if (found.length === 1) return found[0].source;
  for (const { source } of found) source.socket.destroy();
  if (found.length === 0) {
    const which = pid === undefined ? 'no process' : `process ${pid}`;
    throw new UsageError(
      `${which}${pid === undefined ? ' was' : ' was not'} started with WASMPOOL_TOP=1, or it has no pool yet`,
    );
  }
  throw new UsageError(`several processes can be looked at: name one of ${found.map((one) => one.pid).join(', ')}`);
}

/** @template T @param {() => T} run @returns {T} */
function inUsersWords(run) {
  try {
    return run();
  } catch (error) {
    throw new UsageError(oneLine(describe(error)));
  }
}

/**
 * Connects to a process. The socket of one that was killed is removed.
 * @param {string} path
 */
async function reach(path) {
  const socket = connect(path).setEncoding('utf8');
  try {
    await once(socket, 'connect');
  } catch (error) {
    if (/** @type {any} */ (error).code === 'ECONNREFUSED') rmSync(path, { force: true });
    return undefined;
  }
  let text = '';
  let isOver = false;
  let arrived = () => {};
  socket.on('data', (more) => {
    text += more;
    arrived();
  });
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    isOver = true;
    arrived();
  });
  return {
    socket,
    /** @returns {Promise<View | undefined>} undefined: the process has ended */
    async look() {
      socket.write('\n');
      while (!text.includes('\n')) {
        if (isOver) return undefined;
        await new Promise((done) => (arrived = () => done(undefined)));
      }
      const end = text.indexOf('\n');
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return JSON.parse(line);
    },
  };
}
