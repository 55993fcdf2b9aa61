/** The pictures of `wasmpool top`: text from two looks at a process. */

/** @typedef {import('../../host/node/top.js').View} View */

/** Widths of columns; the others take what they need. */
const NAME = 14;
const STATE = 9;
const TIME = 9;
const TASK = 24;

const MS = { minute: 60_000, hour: 3_600_000, second: 1000 };
const MB = 1e6;

/**
 * @param {View} now
 * @param {View} [before] for rates; without it they are left out
 * @returns {string[]} lines
 */
export function picture(now, before) {
  const cpu = before && (now.cpuMs - before.cpuMs) / Math.max(1, now.upMs - before.upMs);
  const head = [`wasmpool top   process ${now.pid}`, printable(now.title), `up ${duration(now.upMs)}`];
  if (cpu !== undefined) head.push(`cpu ${(cpu * 100).toFixed(0)} %`);
  head.push(`rss ${megabytes(now.rssBytes)}`);
  const lines = [head.join('   ')];
  const seconds = before && (now.upMs - before.upMs) / MS.second;
  const pools = (/** @type {View | undefined} */ view) => view?.sources.filter(({ kind }) => kind === 'pool') ?? [];
  const earlier = pools(before);
  pools(now).forEach((pool, i) => lines.push('', ...poolLines(`pool ${i + 1}`, pool, earlier[i], seconds)));
  now.sources
    .filter(({ kind }) => kind === 'actors')
    .forEach((actors, i) => lines.push('', ...actorLines(`supervisor ${i + 1}`, actors.diagnostics)));
  if (now.sources.length === 0) lines.push('', 'no pool');
  return lines;
}

/**
 * @param {string} name
 * @param {any} pool
 * @param {any} before
 * @param {number} [seconds] between the two
 */
function poolLines(name, { stats, diagnostics }, before, seconds) {
  const { boxes, workers } = diagnostics;
  const facts = [
    `${stats.totalWorkers} workers, ${stats.busyWorkers} busy`,
    `waiting ${count(stats.queued)}`,
    `done ${count(stats.processed)}`,
    `errors ${count(stats.errors)}`,
    `kills ${count(diagnostics.kills)}`,
    `boxes ${boxes.leased} of ${boxes.count}`,
    `memory ${megabytes(diagnostics.memoryBytes)}`,
  ];
  if (seconds && before)
    facts.splice(2, 0, `${count(Math.round((stats.processed - before.stats.processed) / seconds))}/s`);
  return [
    `${name}: ${facts.join('   ')}`,
    row('worker', 'state', 'for', 'task', 'done', 'stopped'),
    ...workers.map(workerLine),
  ];
}

/** @param {import('../../telemetry/workers.js').WorkerView} worker */
function workerLine({ name, state, running, finished, stopped }) {
  const longest = running.reduce((most, task) => (task.ms > most.ms ? task : most), { task: '', ms: 0 });
  const more = running.length > 1 ? ` +${running.length - 1}` : '';
  const since = running.length > 0 ? duration(longest.ms) : '';
  return row(printable(name), state, since, printable(longest.task) + more, count(finished), count(stopped));
}

/**
 * @param {string} name
 * @param {any} diagnostics of Supervisor.getDiagnostics()
 */
function actorLines(name, { activeActors, totalActorsSpawned, totalActorsTerminated, memoryPool, actors }) {
  const facts = [
    `${count(activeActors)} actors`,
    `spawned ${count(totalActorsSpawned)}`,
    `ended ${count(totalActorsTerminated)}`,
    `boxes ${count(memoryPool.boxesInUse)} of ${count(memoryPool.poolSize)}`,
  ];
  const rows = actors.map((/** @type {any} */ { id, lifetimeMs, messageCount, heartbeatCount }) =>
    row(printable(id), '', duration(lifetimeMs), '', count(messageCount), count(heartbeatCount)),
  );
  return [`${name}: ${facts.join('   ')}`, row('actor', '', 'age', '', 'messages', 'beats'), ...rows];
}

/** @param {string} name @param {string} state @param {string} since @param {string} task @param {string} done @param {string} last */
function row(name, state, since, task, done, last) {
  const cells = [
    name.padEnd(NAME),
    state.padEnd(STATE),
    since.padStart(TIME),
    ` ${task.padEnd(TASK)}`,
    done.padStart(TIME),
    last.padStart(STATE),
  ];
  return `  ${cells.join(' ')}`;
}

/** Without what a terminal would obey. @param {unknown} text */
const printable = (text) => String(text).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');

/** @param {number} value */
const count = (value) => value.toLocaleString('en');

/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / MB).toFixed(0)} MB`;

/** @param {number} ms */
function duration(ms) {
  if (ms < MS.second) return `${ms.toFixed(0)} ms`;
  if (ms < MS.minute) return `${(ms / MS.second).toFixed(1)} s`;
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, '0');
  const hours = ms >= MS.hour ? `${Math.floor(ms / MS.hour)}:` : '';
  return `${hours}${two((ms % MS.hour) / MS.minute)}:${two((ms % MS.minute) / MS.second)}`;
}
