/** Serves files to browsers, with the headers that shared memory needs, and takes the reports of its pages. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { root } from './runtimes.mjs';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/**
 * @typedef {object} Served
 * @property {string} url ends with a slash
 * @property {(report: any) => void} onReport is called with what pages post
 * @property {() => void} close
 */

/**
 * @param {object} [how]
 * @param {string} [how.folder] default: the project
 * @param {Record<string, string>} [how.headers] more of them
 * @param {(path: string, text: string) => string} [how.rewrite] changes scripts
 * @returns {Promise<Served>}
 */
export async function serve({ folder = root, headers, rewrite = (_path, text) => text } = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'POST') {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      request.on('end', () => {
        response.writeHead(204).end();
        served.onReport(JSON.parse(text));
      });
      return;
    }
    const path = decodeURIComponent(pathname) + (pathname.endsWith('/') ? 'index.html' : '');
    readFile(join(folder, path)).then(
      (bytes) => {
        const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(path))] ?? 'application/octet-stream';
        response.writeHead(200, {
          'content-type': type,
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-embedder-policy': 'require-corp',
          'cross-origin-resource-policy': 'same-origin',
          ...headers,
        });
        response.end(type === 'text/javascript' ? rewrite(path, bytes.toString()) : bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  /** @type {Served} */
  const served = {
    url: `http://127.0.0.1:${port}/`,
    onReport: () => undefined,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return served;
}
