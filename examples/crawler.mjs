/**
 * A supervised crawler. Pages come from anywhere, so a parser may crash on one, or never return from it. Here each parser is an actor: one
 * that is silent for longer than its time limit is ended and started anew, its page is tried once more and then given up, and the others do not notice.
 *
 * usage: node examples/crawler.mjs [pages]
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { createSupervisor } from 'wasmpool/future';

const PARSERS = 3;
const TIME_LIMIT_MS = 500;
const count = Number(process.argv[2] ?? 40);
/** Hangs the parser. */
const TRAP = Math.floor(count / 2);

// ---- A site: page n links to 2n + 1 and 2n + 2, and one page is a trap ----

const site = createServer((request, response) => {
  const page = Number(request.url?.slice(1));
  const links = [2 * page + 1, 2 * page + 2].filter((next) => next < count);
  const trap = page === TRAP ? `<a ${'word '.repeat(40)}` : '';
  response.end(links.map((next) => `<a class="next" href="/${next}">more</a>`).join('\n') + trap);
});
site.listen(0, '127.0.0.1');
await once(site, 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (site.address());

// ---- The crawler ----

const supervisor = createSupervisor({
  maxActors: PARSERS,
  timeouts: { defaultLeaseMs: TIME_LIMIT_MS },
  retry: { max: 100, delayMs: 10, backoff: 'fixed' }, // a site on which more than 100 pages a minute hang is given up
});
const known = new Set(['/0']);
const waiting = ['/0'];
/** @type {Map<any, string>} the page that a parser has */
const busy = new Map();
const parsed = [];
const givenUp = [];
/** Pages on which a parser has died. */
const suspect = new Set();
/** @type {() => void} */
let finish;
const finished = new Promise((resolve) => (finish = () => resolve(undefined)));

/** Gives waiting pages to parsers that have none. */
async function feed() {
  for (const parser of parsers) {
    const path = busy.has(parser) ? undefined : waiting.shift();
    if (path === undefined) continue;
    busy.set(parser, path);
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    parser.receive({ path, text: await response.text() });
  }
  if (busy.size === 0 && waiting.length === 0) finish();
}

/** @param {any} parser @param {{ msg: string, data: any }} message */
function hear(parser, { msg, data }) {
  const path = busy.get(parser);
  if (path === undefined) return; // it was ended with the supervisor
  busy.delete(parser);
  if (msg === 'links') {
    parsed.push(path);
    const fresh = data.links.filter((/** @type {string} */ link) => !known.has(link));
    fresh.forEach((/** @type {string} */ link) => known.add(link));
    waiting.push(...fresh);
  } else if (suspect.has(path)) {
    givenUp.push(`${path} (${data.reason})`);
  } else {
    suspect.add(path); // DOWN: the parser is started anew, under the same ref
    waiting.push(path);
  }
  void feed();
}

const parsers = Array.from({ length: PARSERS }, () =>
  supervisor.spawn({ module: new URL('./crawler-parser.mjs', import.meta.url), name: 'parse' }),
);
for (const parser of parsers) parser.subscribe((message) => hear(parser, message));
await feed();
await finished;

console.log(`${parsed.length} pages parsed, ${givenUp.length} given up: ${givenUp.join(', ')}`);
console.log(`parsers were started ${parsers.reduce((sum, { incarnation }) => sum + incarnation, 0)} times`);
await supervisor.shutdown();
site.close();
