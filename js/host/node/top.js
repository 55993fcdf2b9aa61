/**
 * What `wasmpool top` looks at in a process that was started with WASMPOOL_TOP=1: a socket that only its owner can open. A connection
 * writes a line and gets one of JSON. Costs nothing while nobody asks. Not on Windows, and only pools of the main thread.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {import('../index.js').Watched} Watched */

/** @typedef {{ pid: number, title: string, upMs: number, rssBytes: number, cpuMs: number, sources: Watched[] }} View */

/** Only its owner may enter. */
const PRIVATE = 0o700;
/** What others may do, of a mode. */
const OTHERS = 0o077;

/** @type {Set<() => Watched>} */
const sources = new Set();
/** A socket is there, or could not be opened. */
let isOpen = false;

/**
 * The directory of the sockets of this user's processes.
 * @returns {string}
 * @throws if it is somebody else's, or others may enter it
 */
export function socketsPath() {
  const uid = process.getuid?.() ?? 0;
  const path = join(tmpdir(), `wasmpool-top-${uid}`);
  mkdirSync(path, { recursive: true, mode: PRIVATE });
  const { mode, uid: owner } = lstatSync(path); // not through a link that somebody else has put there
  if (owner !== uid || (mode & OTHERS) !== 0) throw new Error(`${path} is not this user's alone`);
  return path;
}

/**
 * @param {() => Watched} read
 * @returns {() => void} it is not there any more
 */
export function watch(read) {
  if (!isOpen) open();
  isOpen = true;
  sources.add(read);
  return () => sources.delete(read);
}

function open() {
  try {
    const path = join(socketsPath(), `${process.pid}.sock`);
    rmSync(path, { force: true }); // of a process that had this id before
    const server = createServer((socket) => {
      socket
        .unref()
        .setEncoding('utf8')
        .on('error', () => {});
      // One answer to whatever has come, and none while the last one was not taken: nobody can keep this process busy.
      socket.on('data', (text) => {
        if (String(text).includes('\n') && !socket.writableNeedDrain) socket.write(`${JSON.stringify(view())}\n`);
      });
    });
    server.on('error', warn).unref();
    server.listen(path, () => chmodSync(path, PRIVATE));
    process.on('exit', () => rmSync(path, { force: true }));
  } catch (error) {
    warn(/** @type {Error} */ (error));
  }
}

/** @param {Error} error */
function warn(error) {
  process.emitWarning(`WASMPOOL_TOP: ${error.message}`, { type: 'WasmpoolWarning' });
}

/** @returns {View} */
function view() {
  const { user, system } = process.cpuUsage();
  return {
    pid: process.pid,
    title: process.argv.slice(1, 3).join(' '),
    upMs: process.uptime() * 1000,
    rssBytes: process.memoryUsage.rss(),
    cpuMs: (user + system) / 1000,
    sources: Array.from(sources, (read) => read()),
  };
}
