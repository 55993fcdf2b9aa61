/**
 * The rooms of the C core, from the ground up: a file may include files of its own room and of rooms below it, so no circle can come
 * back. A function that a room declares is defined in that room: otherwise a lower room could call a higher one through its own header.
 * Prints `file:line: rooms: text`; exit status 1 when there is any.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Rooms from the lowest up, each with its files: `heap` is heap.c and heap.h, `port/` is everything below that folder. */
const ROOMS = [
  ['base/'],
  ['status'],
  ['port/'],
  ['wasmpool', 'wasmpool_parts', 'wasmpool_shared', 'wasmpool_tasks', 'arguments'], // the public header: types that rooms share, functions that several rooms define
  ['store'],
  ['map', 'map_node', 'map_walk'],
  ['counter'],
  ['registry'],
  ['type'],
  ['segment'],
  ['heap', 'heap_block', 'heap_mend', 'heap_walk', 'heap_keep'],
  ['arena'],
  ['table'],
  ['slot'],
  ['letter'],
  ['thread'],
  ['pool'],
  ['instance/'],
  ['critical'],
  ['lock'],
  ['name'],
  ['idle'],
  ['governor'],
  ['telemetry'],
  ['group'],
  ['box', 'box_parts', 'box_line', 'box_memory', 'box_reap'],
  ['mailbox', 'mailbox_parts', 'mailbox_take', 'mailbox_reap'],
  ['actor_box', 'actor_box_share'],
  ['lease'],
  ['completion'],
  ['task_life'],
  ['lanes'],
  ['scheduler'],
  ['task', 'task_reap', 'event', 'items'],
  ['task_side'],
  ['fork', 'fork_state', 'fork_help'],
  ['parallel'],
  ['rooms', 'check'],
  ['recount'],
  ['worker'],
  ['tick'],
  ['restart'],
  [
    'supervision',
    'supervision_state',
    'supervision_kin',
    'supervision_death',
    'supervision_group',
    'supervision_check',
  ],
  ['ladder'],
  ['fleet', 'fleet_state', 'fleet_suspects', 'fleet_threads', 'fleet_size', 'fleet_leave'],
  ['embed/'],
  ['hosts/'],
  ['isolated/'],
  ['bindings/'],
  ['shared/'],
];

/** Calls that go up, by the room that declares and calls them, and the one that defines them. */
const UPCALLS = new Map([['wp__lock_chores', ['lock', 'rooms']]]);

let findings = 0;

/**
 * @param {string} file
 * @param {number} line
 * @param {string} text
 */
function report(file, line, text) {
  console.log(`src/${file}:${line}: rooms: ${text}`);
  findings++;
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).sort();
const sources = files.filter((file) => /\.(?:[ch]|def)$/.test(file));

/**
 * @param {string} file below src/
 * @returns {number} its room; -1: none
 */
function roomOf(file) {
  const stem = file.replace(/\.\w+$/, '');
  return ROOMS.findIndex((parts) => parts.some((part) => (part.endsWith('/') ? file.startsWith(part) : stem === part)));
}

/** @param {number} room */
const nameOf = (room) => ROOMS[room][0].replace('/', '');

/**
 * @param {string} file
 * @returns {string} its text without comments
 */
function codeOf(file) {
  const text = readFileSync(join(root, 'src', file), 'utf8');
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (part) => part.replace(/[^\n]/g, ' '));
}

checkIncludes();
checkDefinitions();
for (const [index, parts] of ROOMS.entries()) {
  for (const part of parts) {
    if (!sources.some((file) => (part.endsWith('/') ? file.startsWith(part) : file.replace(/\.\w+$/, '') === part)))
      report('', 1, `${nameOf(index)}: there is no file ${part}`);
  }
}
process.exitCode = findings ? 1 : 0;

/** Checks that no include points up. */
function checkIncludes() {
  for (const file of sources) {
    const room = roomOf(file);
    if (room < 0)
      report(file, 1, 'is in no room: enter it in ROOMS of scripts/lint-rooms.mjs, above all that it includes');
    codeOf(file)
      .split('\n')
      .forEach((line, index) => {
        const name = /^\s*#\s*include\s*"([^"]+)"/.exec(line)?.[1];
        if (!name) return;
        const beside = file.includes('/') ? `${dirname(file)}/${name}` : name;
        const found = [beside, name].find((path) => sources.includes(path));
        if (!found) return; // a header of the host
        if (roomOf(found) > room) report(file, index + 1, `includes ${found}, which is above it`);
      });
  }
}

/** Checks that the room that declares a function in a header also defines it. */
function checkDefinitions() {
  /** @type {Map<string, Set<number>>} */
  const defined = new Map();
  for (const file of sources.filter((name) => /\.[ch]$/.test(name))) {
    for (const match of codeOf(file).matchAll(/^[a-z][\w *]*?\b(wp_\w+)\([^;{}]*\)\s*(?=\{)/gm)) {
      const rooms = defined.get(match[1]) ?? new Set();
      defined.set(match[1], rooms.add(roomOf(file)));
    }
  }
  const seen = new Set();
  for (const file of sources.filter((name) => name.endsWith('.h') && !/^wasmpool(_\w+)?\.h$/.test(name))) {
    const code = codeOf(file);
    for (const match of code.matchAll(/^(?!typedef)[a-z][\w *]*?\b(wp_\w+)\([^;{}]*\)\s*;/gm)) {
      const [, name] = match;
      const line = code.slice(0, match.index).split('\n').length;
      const room = roomOf(file);
      const upcall = UPCALLS.get(name);
      const home = upcall ? ROOMS.findIndex(([first]) => first === upcall[1]) : room;
      if (upcall && upcall[0] !== nameOf(room)) report(file, line, `${name} is declared by ${upcall[0]}`);
      if (upcall) seen.add(name);
      if (!defined.get(name)?.has(home)) report(file, line, `${name} is not defined in ${nameOf(home)}`);
    }
  }
  for (const name of UPCALLS.keys()) if (!seen.has(name)) report('', 1, `${name} is an upcall that nobody declares`);
}
