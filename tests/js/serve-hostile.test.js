/** Clients and handlers of wasmpool/serve that do not keep to the rules. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { promisify } from 'node:util';
import { listener, serve } from '../../js/serve/index.js';
import { until } from './helpers.js';
import { answerTo, asked, HANDLERS, serving } from './serve-support.js';

/** A connection that has sent this. */
function sending(port, text) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.setEncoding('latin1');
  socket.write(text);
  return socket;
}

test('an upload that breaks off is an error for the handler that reads it, never its end', async (t) => {
  const { port, word, open } = await serving(t);
  const socket = sending(
    port.port,
    `POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(420_000)}`,
  );
  await until(() => Atomics.load(word, 0) === 1);
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
  open(1);
  await until(() => Atomics.load(word, 3) !== 0);
  assert.equal(Atomics.load(word, 3), 2);
});

test('close() cuts off no answer that the client has not taken yet', async (t) => {
  const { base, server } = await serving(t);
  const request = http.get(`${base}/large`);
  const [response] = await once(request, 'response');
  response.pause();
  server.close();
  const waiting = server.wait();
  let bytes = 0;
  for await (const part of response) bytes += part.length;
  assert.equal(bytes, 2e7);
  await waiting;
});

test('pipelined requests of a client that leaves are all given up; their handlers end', async (t) => {
  const { port, server, word, get } = await serving(t, { leaveMs: 50, pool: { workers: 2, spares: 1 } });
  const socket = sending(port.port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => Atomics.load(word, 0) === 2);
  socket.destroy();
  await until(() => server.stats.active === 0);
  assert.deepEqual(server.stats.answered, { 0: 2 });
  await until(() => server.pool.stats().busyWorkers === 0);
  assert.equal(await (await get('/text')).text(), 'GET ');
});

test('close() refuses a request whose body has not arrived, and waits for none', async (t) => {
  const { port, server } = await serving(t);
  const socket = sending(port.port, 'POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
  await until(() => server.stats.active === 1);
  server.close();
  const [answer] = await once(socket, 'data');
  assert.match(answer, /^HTTP\/1.1 503 /);
  await server.wait();
});

test('an upload that the handler does not read leaves the connection usable', async (t) => {
  const { base } = await serving(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const request = http.request(`${base}/unread`, { method: 'POST', agent });
  request.end('x'.repeat(200_000));
  const [response] = await once(request, 'response');
  let text = '';
  for await (const part of response) text += part;
  assert.equal(text, 'unread');
  assert.equal((await asked(base, '/text', agent)).body, 'GET ');
});

test('a worker that cannot load the module any more ends, and one that can takes its place', async (t) => {
  const word = new Int32Array(new SharedArrayBuffer(8));
  const port = listener(0);
  const module = new URL('./fixtures/serve-flaky.js', import.meta.url);
  const pool = {
    workers: 1,
    spares: 0,
    initData: { word },
    restart: { minMs: 1, maxMs: 2, max: Infinity },
  };
  const server = serve(port, { module }, { timeoutMs: 200, onError: () => {}, pool });
  t.after(() => server.destroy());
  await server.ready;
  server.pool.on('error', () => {});
  const base = `http://127.0.0.1:${port.port}`;
  Atomics.store(word, 0, 1);
  assert.equal((await fetch(`${base}/hang`)).status, 503);
  await until(() => Atomics.load(word, 1) >= 3); // it has tried again
  Atomics.store(word, 0, 0);
  await until(() => server.pool.stats().freeWorkers === 1);
  let answer = await fetch(`${base}/`);
  for (let i = 0; answer.status !== 200 && i < 20; i++) answer = await fetch(`${base}/`);
  assert.equal(await answer.text(), 'here');
});

test('a part of a body that is neither text nor bytes ends the answer as a failure', async (t) => {
  const { get, errors } = await serving(t);
  await assert.rejects(
    get('/mixed').then((answer) => answer.text()),
    TypeError,
  );
  assert.match(String(errors[0]?.error), /parts of a body are strings or bytes/);
});

test('an onError that throws harms neither the client nor the program', async (t) => {
  const said = t.mock.method(console, 'error', () => {});
  const { get } = await serving(t, {
    onError: () => {
      throw new Error('the log is full');
    },
  });
  assert.equal((await get('/throw')).status, 500);
  assert.equal((await get('/text')).status, 200);
  assert.match(String(said.mock.calls[0].arguments[0]), /the log is full/);
});

test('a server can be closed and destroyed in every phase', async (t) => {
  const early = serve(listener(0), { module: HANDLERS }, { pool: { workers: 1 } });
  early.close();
  await early.wait();
  const alone = listener(0);
  alone.close();
  await alone.closed;
  const { port } = await serving(t);
  const taken = serve(listener(port.port), { module: HANDLERS }, { pool: { workers: 1 } });
  await assert.rejects(taken.ready, { code: 'EADDRINUSE' });
  await taken.destroy();
  const module = new URL('./fixtures/serve-never.js', import.meta.url);
  const never = serve(listener(0), { module }, { pool: { workers: 1 } });
  const ready = assert.rejects(never.ready, { code: 'POOL_DESTROYED' });
  await never.destroy();
  await ready;
});

test('a request that comes before the server is ready is refused by close(), not cut off', async () => {
  const port = listener(0);
  await port.ready;
  const module = new URL('./fixtures/serve-never.js', import.meta.url);
  const server = serve(port, { module }, { pool: { workers: 1 } });
  const early = asked(`http://127.0.0.1:${port.port}`, '/', new http.Agent());
  await until(() => server.stats.active === 1);
  server.close();
  assert.equal((await early).status, 503);
  await server.destroy();
});

test('a client that left before serve() began is forgotten', async (t) => {
  const port = listener(0);
  await port.ready;
  const socket = sending(port.port, 'GET /text HTTP/1.1\r\nHost: x\r\n\r\n');
  // Another request has come, so the first one has, too.
  const second = asked(`http://127.0.0.1:${port.port}`, '/text', new http.Agent());
  await once(socket, 'connect');
  const server = await new Promise((done) => {
    socket.once('close', () => setImmediate(() => done(serve(port, { module: HANDLERS }, { pool: { workers: 1 } }))));
    socket.destroy();
  });
  t.after(() => server.destroy());
  assert.equal((await second).body, 'GET ');
  await until(() => server.stats.active === 0);
});

test('a failure to start that nobody awaits is told', async () => {
  const program = `
    import { listener, serve } from ${JSON.stringify(new URL('../../js/serve/index.js', import.meta.url).href)};
    const server = serve(listener(0), { module: 'file:///no/such/module.js' }, { pool: { workers: 1 } });
    setTimeout(() => server.destroy(), 1);`;
  const later = program.replace(
    'setTimeout(() => server.destroy(), 1)',
    "server.pool; process.once('beforeExit', () => {}); const look = setInterval(() => { if (said) { clearInterval(look); void server.destroy(); } }, 5); let said = false; const { error } = console; console.error = (...all) => { said = true; error(...all); }",
  );
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', later]);
  assert.match(stderr, /no\/such\/module/);
});

test('a Host that would become a part of the path, and several of them, are answered 400', async (t) => {
  const { port } = await serving(t);
  const ask = (...lines) => answerTo(port.port, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`);
  for (const host of ['a/secret?#', 'a b', 'u:p@a', 'a\\b', '[::1', 'a,b'])
    assert.match(await ask('GET /url HTTP/1.1', `Host: ${host}`), /^HTTP\/1.1 400 /, host);
  assert.match(await ask('GET /url HTTP/1.1', 'Host: a', 'Host: b'), /^HTTP\/1.1 400 /);
  assert.match(await ask('GET http://u:p@a/url HTTP/1.1', 'Host: a'), /^HTTP\/1.1 400 /);
  for (const [host, url] of [
    ['a:80', 'http://a/url'],
    ['[::1]:81', 'http://[::1]:81/url'],
    ['', 'http://localhost/url'],
  ])
    assert.ok((await ask('GET /url HTTP/1.1', `Host: ${host}`)).endsWith(url), host);
  assert.match(await ask('CONNECT a:1 HTTP/1.1', 'Host: a:1'), /^HTTP\/1.1 501 /);
});

test('the stream of an answer is cancelled when its client leaves, and its thread goes on', async (t) => {
  const { port, word, get } = await serving(t, { leaveMs: 10_000, pool: { workers: 1 } });
  const thread = await (await get('/thread')).text();
  const socket = sending(port.port, 'GET /given-up HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await until(() => Atomics.load(word, 2) === 1);
  assert.equal(await (await get('/thread')).text(), thread);
});

test('a body above the limit is answered 413 also if the handler does not mind', async (t) => {
  const { port, errors } = await serving(t, { maxBodyBytes: 100_000 });
  const part = 'x'.repeat(0x10000);
  const chunks = `10000\r\n${part}\r\n`.repeat(3);
  const answer = await answerTo(
    port.port,
    `POST /caught HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.deepEqual(errors, []);
});
