import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { listener, serve } from '../../js/serve/index.js';
import { until } from './helpers.js';
import { checkExample } from './page-example.js';
import { answerTo, asked, HANDLERS, serving } from './serve-support.js';

test('a handler gets a Request, and answers with a text, a plain object or a Response', async (t) => {
  const { get, server } = await serving(t);
  const text = await get('/text?a=1');
  assert.deepEqual([text.status, await text.text()], [200, 'GET ?a=1']);
  assert.equal(text.headers.get('content-type'), 'text/plain; charset=utf-8');
  const plain = await get('/plain');
  assert.deepEqual(
    [plain.status, [...((await plain.bytes?.()) ?? new Uint8Array(await plain.arrayBuffer()))]],
    [201, [1, 2, 3]],
  );
  assert.equal(plain.headers.get('x-kind'), 'plain');
  const response = await get('/response', { method: 'POST', body: '{"ä":[1]}', headers: { 'X-Sent': 'yes' } });
  assert.deepEqual([response.status, await response.json()], [202, { ä: [1] }]);
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(response.headers.get('x-sent'), 'yes');
  assert.equal((await get('/none')).status, 404);
  const data = await get('/initData');
  assert.deepEqual(await data.json(), ['word', 'count']);
  assert.deepEqual(server.stats, { active: 0, answered: { 200: 2, 201: 1, 202: 1, 404: 1 } });
});

test('HEAD, 204 and 304 have no body, and HEAD has the length that GET would have', async (t) => {
  const { base } = await serving(t);
  const of = async (path, method = 'GET') => {
    const answer = await answerTo(
      new URL(base).port,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    const [head, ...rest] = answer.split('\r\n\r\n');
    return { head, body: rest.join('') };
  };
  const head = await of('/text', 'HEAD');
  assert.match(head.head, /^HTTP\/1.1 200 [^]*content-length: 5/i);
  assert.equal(head.body, '');
  const nothing = await of('/nothing');
  assert.match(nothing.head, /^HTTP\/1.1 204 /);
  assert.doesNotMatch(nothing.head, /content-length/i);
  const same = await of('/not-modified');
  assert.match(same.head, /^HTTP\/1.1 304 [^]*etag: "1"/i);
  assert.equal(same.body, '');
  assert.equal((await of('/endless', 'HEAD')).body, '');
});

test('bodies stream: a long upload comes in parts, and an answer goes out before it is whole', async (t) => {
  const { get, open } = await serving(t, { maxBodyBytes: 8 << 20 });
  const small = await get('/length', { method: 'POST', body: 'x'.repeat(1000) });
  assert.equal(await small.text(), '1000 at once');
  const large = await get('/length', { method: 'POST', body: 'x'.repeat(3 << 20) });
  assert.equal(await large.text(), `${3 << 20} in parts`);
  const bytes = Uint8Array.from({ length: 5 << 20 }, (_, i) => i % 251);
  const chunked = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 100_000) controller.enqueue(bytes.subarray(at, at + 100_000));
      controller.close();
    },
  });
  const echo = await get('/echo', { method: 'POST', body: chunked, duplex: 'half' });
  assert.deepEqual(Buffer.from(await echo.arrayBuffer()).equals(bytes), true);
  const answer = await get('/parts');
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, 'first'); // the handler waits for the test
  open(1);
  assert.equal((await reader.read()).value, 'second');
  assert.equal((await reader.read()).done, true);
});

test('a client that does not read stops the handler that sends to it, and no other', async (t) => {
  const { base, count, get } = await serving(t, { pool: { workers: 1, concurrentTasksPerWorker: 2 } });
  const socket = net.connect(new URL(base).port, '127.0.0.1');
  socket.write('GET /endless HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => Atomics.load(count, 0) > 0);
  let before = -1;
  // Between two looks the same worker answers another request, so a handler that waits for nobody would have gone on.
  for (; Atomics.load(count, 0) !== before; await (await get('/text')).text()) before = Atomics.load(count, 0);
  socket.resume();
  await until(() => Atomics.load(count, 0) > before);
  socket.destroy();
});

test('a request over its time is answered 503 and dies alone: the others get their answers, with one worker as with two', async (t) => {
  for (const workers of [1, 2]) {
    const { get, word, errors, server } = await serving(t, { timeoutMs: 1000, pool: { workers, spares: 1 } });
    const hung = get('/hang');
    await until(() => Atomics.load(word, 0) === 1);
    const others = Array.from({ length: 50 }, (_, i) => get(`/text?${i}`).then((answer) => answer.text()));
    assert.deepEqual(
      await Promise.all(others),
      Array.from({ length: 50 }, (_, i) => `GET ?${i}`),
    );
    const answer = await hung;
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    assert.deepEqual(
      errors.map(({ error, request }) => [error.code, request]),
      [['TIMEOUT', { method: 'GET', url: '/hang' }]],
    );
    assert.deepEqual(server.stats.answered, { 200: 50, 503: 1 });
  }
});

test('a handler that throws, ends its worker or returns something else is answered 500, with nothing of its error', async (t) => {
  const { get, errors } = await serving(t);
  for (const path of ['/throw', '/exit', '/number', '/status', '/header']) {
    const answer = await get(path);
    assert.deepEqual([path, answer.status, await answer.text()], [path, 500, '']);
  }
  const texts = errors.map(({ error }) => `${error.code}: ${error.message}`);
  assert.match(texts[0], /^TASK_FAILED: no such luck/);
  assert.match(texts[1], /^WORKER_LOST/);
  for (const text of texts.slice(2)) assert.match(text, /returns a Response, \{ status, headers, body \} or a string/);
  assert.equal((await get('/text')).status, 200);
});

test('a body that breaks off, or is not as long as it says, ends the connection', async (t) => {
  const { get, errors, open, word } = await serving(t);
  const broken = await get('/broken');
  open(1);
  await assert.rejects(broken.text(), TypeError);
  assert.match(String(errors.pop()?.error), /the source of the body broke/);
  Atomics.store(word, 1, 0);
  const short = await get('/short');
  open(1);
  await assert.rejects(short.text(), TypeError);
  assert.match(String(errors.pop()?.error), /content-length/i);
});

test('a body above the limit is answered 413, whether its length is said or not', async (t) => {
  const { get, errors, base } = await serving(t, { maxBodyBytes: 200_000 });
  const { port } = new URL(base);
  const said = await answerTo(port, 'POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 200001\r\n\r\n');
  assert.match(said, /^HTTP\/1.1 413 /);
  const part = 'x'.repeat(0x10000);
  const chunks = `10000\r\n${part}\r\n`.repeat(4);
  const unsaid = await answerTo(
    port,
    `POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
  );
  assert.match(unsaid, /^HTTP\/1.1 413 /);
  assert.deepEqual(errors, []);
  const fits = await get('/length', { method: 'POST', body: 'x'.repeat(200_000) });
  assert.equal(await fits.text(), '200000 in parts');
});

test('floods of headers and slow clients are cut off, and hold no worker', async (t) => {
  const { base, get } = await serving(t, {
    limits: { maxHeaderBytes: 2000, headersTimeoutMs: 50, requestTimeoutMs: 100 },
    pool: { workers: 1 },
  });
  const { port } = new URL(base);
  const flood = await answerTo(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(3000)}\r\n\r\n`);
  assert.match(flood, /^HTTP\/1.1 431 /);
  const slowHeaders = answerTo(port, 'GET / HTTP/1.1\r\nHost: x\r\n');
  const slowBody = answerTo(port, 'POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx');
  assert.equal(await (await get('/text')).text(), 'GET '); // with one worker, while both wait
  assert.match(await slowHeaders, /^HTTP\/1.1 408 /);
  assert.match(await slowBody, /^(?:HTTP\/1.1 408 |$)/);
});

test('close() answers what runs and refuses what is new; wait() resolves when all is over [NC-32]', async (t) => {
  const { base, server, word, open, agent, port } = await serving(t, {
    pool: { workers: 4, concurrentTasksPerWorker: 5 },
  });
  const running = Array.from({ length: 20 }, () => asked(base, '/slow', agent));
  await until(() => Atomics.load(word, 0) === 20);
  const held = net.connect(port.port, '127.0.0.1'); // connected before, asks after
  await once(held, 'connect');
  held.setEncoding('latin1');
  server.close();
  server.close();
  const waits = [server.wait(), server.wait()];
  await assert.rejects(asked(base, '/text', new http.Agent()), { code: 'ECONNREFUSED' });
  assert.equal(server.stats.active, 20);
  open(1);
  const answers = await Promise.all(running);
  assert.deepEqual(
    answers.map(({ status, body, headers }) => [status, body, headers.connection]),
    Array(20).fill([200, 'slow', 'close']),
  );
  await Promise.all(waits);
  assert.deepEqual(server.stats, { active: 0, answered: { 200: 20 } });
  held.destroy();
});

test('a request on a connection that stayed open is refused once the server closes', async (t) => {
  const { base, server, word, open, port } = await serving(t);
  const slow = asked(base, '/slow', new http.Agent());
  await until(() => Atomics.load(word, 0) === 1);
  const socket = net.connect(port.port, '127.0.0.1');
  socket.setEncoding('latin1');
  socket.write('GET /text HTTP/1.1\r\nHost: x\r\n'); // half a request: the connection is not idle
  await once(socket, 'ready').catch(() => {});
  await new Promise((done) => setImmediate(done));
  await asked(base, '/text', new http.Agent()); // so the half of the other one has arrived
  server.close();
  socket.write('\r\n');
  const [answer] = await once(socket, 'data');
  assert.match(answer, /^HTTP\/1.1 503 [^]*connection: close/i);
  open(1);
  assert.equal((await slow).body, 'slow');
  await server.wait();
});

test('a client that leaves aborts its request; a handler that goes on all the same is ended', async (t) => {
  const { base, word, get, port } = await serving(t, { leaveMs: 50, pool: { workers: 1, spares: 1 } });
  const leaver = http.get(`${base}/left`).on('error', () => {});
  await until(() => Atomics.load(word, 0) === 1);
  leaver.destroy();
  await until(() => Atomics.load(word, 2) === 1);
  assert.equal(await (await get('/text')).text(), 'GET ');
  const before = await (await get('/thread')).text();
  const socket = net.connect(port.port, '127.0.0.1');
  socket.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => Atomics.load(word, 0) === 2);
  socket.destroy();
  assert.notEqual(await (await get('/thread')).text(), before);
});

test('each of 1,000 requests is handled once, and every worker gets some [NC-20]', async (t) => {
  const { base, agent, server } = await serving(t, { pool: { workers: 4 } });
  const threads = new Map();
  const ask = async () => {
    const { body } = await asked(base, '/thread', agent);
    threads.set(body, (threads.get(body) ?? 0) + 1);
  };
  for (let i = 0; i < 1000; i += 50) await Promise.all(Array.from({ length: 50 }, ask));
  assert.equal(
    [...threads.values()].reduce((sum, count) => sum + count),
    1000,
  );
  assert.equal(threads.size, 4);
  assert.deepEqual(server.stats.answered, { 200: 1000 });
});

test('requests that come before serve() wait for it', async (t) => {
  const port = listener('127.0.0.1:0');
  await port.ready;
  const early = asked(`http://127.0.0.1:${port.port}`, '/text', new http.Agent());
  const server = serve(port, { module: HANDLERS }, { pool: { workers: 1 } });
  t.after(() => server.destroy());
  assert.equal((await early).body, 'GET ');
});

test('wrong use is told at once: addresses, functions, a listener served twice, a port that is taken, a missing handler', async (t) => {
  for (const address of ['x', 70000, '127.0.0.1', -1, 1.5])
    assert.throws(() => listener(address), /address: expected a port or 'host:port'/);
  const { port } = await serving(t);
  assert.throws(() => serve(port, { module: HANDLERS }), /one that is not served already/);
  assert.throws(() => serve({}, { module: HANDLERS }), /what listener\(\) returns/);
  assert.throws(() => serve(port, () => 'x'), /handlers run in workers/);
  assert.throws(() => serve(port, { module: HANDLERS }, { timeout: 5 }), /timeout: unknown option.*timeoutMs/);
  assert.throws(() => serve(port, { module: HANDLERS }, { maxBodyBytes: -1 }), /maxBodyBytes/);
  assert.throws(() => serve(port, { module: '' }), /handler.module/);
  assert.throws(() => listener(0, { maxHeaders: 5 }), /maxHeaders: unknown option/);
  const taken = listener(port.port);
  await assert.rejects(taken.ready, { code: 'EADDRINUSE' });
  const missing = serve(listener(0), { module: HANDLERS, name: 'nobody' }, { pool: { workers: 1 } });
  t.after(() => missing.destroy());
  await assert.rejects(missing.ready, /has no handler 'nobody'/);
});

test('the example of docs/serve.md runs', () => {
  const page = readFileSync(new URL('../../docs/serve.md', import.meta.url), 'utf8');
  const [program, handler] = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text]) => text);
  const here = program
    .replace("'wasmpool/serve'", JSON.stringify(new URL('../../js/serve/index.js', import.meta.url).href))
    .replace('listener(8080)', 'listener(0)'); // others may have that port
  const client = `
    const answer = await fetch('http://127.0.0.1:' + port.port + '/sum', { method: 'POST', body: '[1, 2]' });
    console.log(await answer.json()); // 3
    server.close();`;
  checkExample({ 'app.mjs': handler, 'main.mjs': here + client });
});
