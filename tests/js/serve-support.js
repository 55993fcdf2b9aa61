/** Servers for tests of wasmpool/serve, and clients that hide nothing. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listener, serve } from '../../js/serve/index.js';

export const HANDLERS = new URL('./fixtures/serve.js', import.meta.url);

/** A server on a free port, ended with the test. */
export async function serving(t, { pool, limits, ...options } = {}) {
  const port = listener(0, limits);
  const word = new Int32Array(new SharedArrayBuffer(16));
  const count = new Int32Array(new SharedArrayBuffer(4));
  const errors = [];
  const server = serve(
    port,
    { module: HANDLERS },
    {
      onError: (error, request) => errors.push({ error, request }),
      ...options,
      pool: { workers: 2, initData: { word, count }, ...pool },
    },
  );
  const agent = new http.Agent({ keepAlive: true });
  t.after(async () => {
    agent.destroy();
    await server.destroy();
  });
  await server.ready;
  const base = `http://127.0.0.1:${port.port}`;
  const open = (at) => {
    Atomics.store(word, at, 1);
    Atomics.notify(word, at);
  };
  return { server, port, word, count, errors, base, agent, open, get: (path, how) => fetch(base + path, how) };
}

/** Status and body of a request by a given agent, through node:http, which hides nothing. */
export async function asked(base, path, agent, headers = {}) {
  const request = http.get(base + path, { agent, headers });
  const [response] = await once(request, 'response');
  response.setEncoding('utf8');
  let body = '';
  for await (const part of response) body += part;
  return { status: response.statusCode, headers: response.headers, body };
}

/** What a server says to these bytes, until it closes the connection. */
export async function answerTo(port, text) {
  const socket = net.connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  socket.write(text);
  let answer = '';
  for await (const part of socket) answer += part;
  return answer;
}
