/** Types of actors: messages by a message map, and matchAll, which knows whether all of them are there. */
import { createSupervisor, matchAll } from '../../types/compat/future.js';

interface Progress {
  progress: { percent: number };
  result: string;
}

export function typed(): void {
  const supervisor = createSupervisor({ maxActors: 2, strategy: 'one-for-all', retry: { max: 3, backoff: 'linear' } });
  const actor = supervisor.spawn<Progress>({ module: './actor.js', name: 'work' }, { name: 'worker', timeoutMs: 100 });
  actor.subscribe((message) => {
    matchAll(message, {
      progress: (m) => void m.data.percent.toFixed(),
      result: (m) => void m.data.toUpperCase(),
      DOWN: (m) => void m.data.reason.toUpperCase(),
    });
    // @ts-expect-error the actor may end, and that is told by DOWN
    matchAll(message, { progress: () => undefined, result: () => undefined });
    matchAll(message, { result: (m) => void m.from, _: () => undefined });
    // @ts-expect-error 'result' is not handled, and there is no `_`
    matchAll(message, { progress: () => undefined, DOWN: () => undefined });
    matchAll(message, {
      progress: () => undefined,
      DOWN: () => undefined,
      // @ts-expect-error the data of 'result' is text
      result: (m) => void m.data.percent,
    });
    const reader = actor.read(message);
    if (reader) void reader.raw().byteLength;
  });
  const { isOk, value } = actor.getDiagnostics();
  if (isOk) void value.messageCount.toFixed();
  supervisor.createGroup().spawn(async (self, msg, ctx) => {
    self.send(msg.key, await ctx.resources.db.query({ id: ctx.state.id }));
    const { isErr, error, value } = await ctx.write({ msg: 'box', type: 'json', data: [1], share: [msg.from] });
    if (isErr) self.send('failed', error.toUpperCase());
    else ctx.release(value);
    const child = await ctx.spawn((me, { text }, { isCancelled }) => isCancelled || me.send('text', text));
    child.receive(ctx.read(msg)?.string());
    // @ts-expect-error there is no such function
    ctx.beat();
  });
  supervisor.spawn(() => undefined);
  // @ts-expect-error an actor's function gets itself first
  supervisor.spawn((self: number) => self);
  const untyped = supervisor.spawn((self: { send(msg: string): void }) => self.send('x'));
  untyped.subscribe((message) => void message.data.anything);
  // @ts-expect-error no such strategy
  createSupervisor({ strategy: 'all' });
  // @ts-expect-error a resource's method needs schemas
  createSupervisor({ resources: { db: { query: { handler: () => 1 } } } });
}
