/**
 * Serves a folder of static files, with the headers that shared memory needs.
 *
 * usage: web-serve.mjs [FOLDER]      default: demo/dist. PORT= chooses the port; otherwise it is 8080, or a free one if that is taken
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const USUAL_PORT = 8080;
/** What shared memory needs. */
export const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/**
 * @param {string} folder
 * @param {{ base?: string, headers?: Record<string, string> }} [how] base: the path under which the folder is served; headers: in place of
 *   those that shared memory needs
 * @returns {import('node:http').Server} not listening yet
 */
export function staticServer(folder, { base = '/', headers = ISOLATED } = {}) {
  return createServer(async (request, response) => {
    const path = pathOf(folder, base, request.url ?? '/');
    const isFile =
      path !== undefined &&
      (await stat(path).then(
        (found) => found.isFile(),
        () => false,
      ));
    if (!isFile) return void response.writeHead(404).end('not found');
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', ...headers });
    createReadStream(path).pipe(response);
  });
}

/**
 * @param {string} folder
 * @param {string} base
 * @param {string} url of a request
 * @returns {string | undefined} of the file; undefined: it is outside of the folder, or no URL at all
 */
function pathOf(folder, base, url) {
  try {
    const pathname = decodeURIComponent(new URL(url, 'http://localhost').pathname);
    const path = join(folder, pathname.slice(base.length) || 'index.html');
    return pathname.startsWith(base) && path.startsWith(join(folder, sep)) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** @param {import('node:http').Server} server @param {number} port @returns {Promise<number>} the port that it got */
export function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () =>
      resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port),
    );
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2] ?? fileURLToPath(new URL('dist', import.meta.url));
  const wanted = Number(process.env.PORT);
  const server = staticServer(folder);
  const port = await listen(server, wanted || USUAL_PORT).catch((error) => {
    if (wanted || error.code !== 'EADDRINUSE') throw error;
    return listen(server, 0);
  });
  console.log(`The page is at http://localhost:${port}/ (Ctrl-C ends it)`);
}
