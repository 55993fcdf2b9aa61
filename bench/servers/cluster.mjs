/** usage: cluster.mjs WORKERS   prints its port */
import cluster from 'node:cluster';
import http from 'node:http';
import process from 'node:process';
import { answer } from './handler.mjs';

if (cluster.isPrimary) {
  let left = Number(process.argv[2]);
  for (let i = left; i > 0; i--) cluster.fork();
  cluster.on('listening', (_worker, { port }) => {
    if (--left === 0) console.log(port);
  });
} else {
  const server = http.createServer(({ url = '' }, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(answer(url));
  });
  server.listen(0, '127.0.0.1');
}
