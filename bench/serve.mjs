/**
 * `wasmpool/serve` beside node:cluster, both with the same handler: as many requests as they can answer; then a steady rate of requests,
 * without and with one in a hundred that hangs for ever. In turns; prints medians and ratios.
 *
 * usage: serve.mjs [ROUNDS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import os from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { median } from './stats.mjs';

const rounds = Number(process.argv[2] ?? 3);
const SERVERS = ['wasmpool', 'cluster'];
const WORKERS = Math.max(2, os.availableParallelism());
const CONNECTIONS = 16;
const SECONDS = 4;
/** Requests a second where some hang; low, because each that hangs keeps a processor busy until it is ended. */
const RATE = 100;
const HUNG_SHARE = 0.01;
/** A request that takes longer counts as not answered. */
const LIMIT_S = 2;

/** @param {string} name */
async function start(name) {
  const program = fileURLToPath(new URL(`./servers/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [program, String(WORKERS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return { child, base: `http://127.0.0.1:${Number(port)}` };
}

/** @param {import('node:child_process').ChildProcess} child */
async function stop(child) {
  child.kill('SIGKILL'); // node:cluster's children end with it
  await once(child, 'exit');
}

/**
 * @typedef {object} Figures
 * @property {number} perSecond
 * @property {number} p99Ms
 * @property {number} lost requests without an answer within LIMIT_S
 */

/** @param {string} base @param {object} how @returns {Promise<Figures>} */
async function load(base, how) {
  const result = await autocannon({
    url: `${base}/work`,
    connections: CONNECTIONS,
    duration: SECONDS,
    timeout: LIMIT_S,
    ...how,
  });
  return { perSecond: result.requests.average, p99Ms: result.latency.p99, lost: result.errors + result.non2xx };
}

/** Sends requests that hang, until it is stopped. @param {string} base */
function hanging(base) {
  const agent = new http.Agent({ keepAlive: false });
  const open = new Set();
  const timer = setInterval(
    () => {
      const request = http.get(`${base}/hang`, { agent }, (response) => response.resume());
      request.on('error', () => {}).on('close', () => open.delete(request));
      open.add(request);
    },
    1000 / (RATE * HUNG_SHARE),
  );
  return () => {
    clearInterval(timer);
    for (const request of open) request.destroy();
  };
}

/** @type {Record<string, Record<'most' | 'steady' | 'hung', Figures[]>>} */
const all = Object.fromEntries(SERVERS.map((name) => [name, { most: [], steady: [], hung: [] }]));
for (let round = 0; round < rounds; round++)
  for (const name of round % 2 ? SERVERS.toReversed() : SERVERS) {
    const { child, base } = await start(name);
    await load(base, { duration: 1 }); // warms up
    all[name].most.push(await load(base, {}));
    all[name].steady.push(await load(base, { overallRate: RATE }));
    const end = hanging(base);
    all[name].hung.push(await load(base, { overallRate: RATE }));
    end();
    await stop(child);
  }

/** @param {string} name @param {'most' | 'steady' | 'hung'} row @param {keyof Figures} figure */
const of = (name, row, figure) => median(all[name][row].map((figures) => figures[figure]));
console.log(
  `| ${WORKERS} workers, ${rounds} rounds | requests a second, at most | p99 at ${RATE} a second, ms | p99 with 1 % that hang, ms | then not answered, of ${RATE * SECONDS} |`,
);
console.log('| --- | ---: | ---: | ---: | ---: |');
for (const name of SERVERS) {
  const figures = [
    of(name, 'most', 'perSecond').toFixed(0),
    of(name, 'steady', 'p99Ms'),
    of(name, 'hung', 'p99Ms'),
    of(name, 'hung', 'lost'),
  ];
  console.log(`| ${name} | ${figures.join(' | ')} |`);
}
console.log(
  `wasmpool's throughput is ${(of('wasmpool', 'most', 'perSecond') / of('cluster', 'most', 'perSecond')).toFixed(2)} of cluster's`,
);
