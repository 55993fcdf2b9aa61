/**
 * A pipeline of three actors: one makes pictures, one turns them grey, one measures their brightness. The pictures lie in boxes, so that only
 * handles travel. The last stage asks the first one for more, so that no stage fills all boxes alone.
 *
 * usage: node examples/pipeline.mjs [PICTURES]
 */
import process from 'node:process';
import { createSupervisor } from 'wasmpool/future';

const PICTURES = Number(process.argv[2] ?? 20);

const supervisor = createSupervisor({ maxActors: 3, memory: { poolSize: 4, boxSize: '4mb' } });

const camera = supervisor.spawn(async (self, { next, count }, ctx) => {
  if (next) Object.assign(ctx.state, { next, left: count });
  for (let i = 0; i < (next ? 2 : 1) && ctx.state.left > 0; i++) {
    const shade = ctx.state.left--;
    const data = new Uint8Array(3 * 2 ** 20).fill(shade);
    await ctx.write({ msg: 'picture', type: 'binary', data, share: [ctx.state.next] });
  }
});

const grey = supervisor.spawn(async (self, msg, ctx) => {
  if (msg.next) ctx.state.next = msg.next;
  if (msg.msg !== 'picture') return;
  const pixels = ctx.read(msg).raw(); // in place
  const data = new Uint8Array(pixels.length / 3);
  for (let i = 0; i < data.length; i++) data[i] = (pixels[3 * i] + pixels[3 * i + 1] + pixels[3 * i + 2]) / 3;
  ctx.release(msg.handle);
  await ctx.write({ msg: 'grey', type: 'binary', data, share: [ctx.state.next] });
});

const meter = supervisor.spawn((self, msg, ctx) => {
  if (msg.first) Object.assign(ctx.state, { first: ctx.actor(msg.first), left: msg.count, sum: 0 });
  if (msg.msg !== 'grey') return;
  const pixels = ctx.read(msg).raw();
  let sum = 0;
  for (const pixel of pixels) sum += pixel;
  ctx.state.sum += sum / pixels.length;
  ctx.release(msg.handle);
  ctx.state.first.receive({});
  if (--ctx.state.left === 0) self.send('done', ctx.state.sum);
});

meter.subscribe(async ({ msg, data }) => {
  if (msg !== 'done') return;
  console.log(`${PICTURES} pictures, mean brightness ${data / PICTURES}`);
  await supervisor.shutdown();
});
meter.receive({ first: camera.id, count: PICTURES });
grey.receive({ next: meter.id });
camera.receive({ next: grey.id, count: PICTURES });
