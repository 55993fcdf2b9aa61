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
    });
    matchAll(message, { result: (m) => void m.from, _: () => undefined });
    // @ts-expect-error 'result' is not handled, and there is no `_`
    matchAll(message, { progress: () => undefined });
    matchAll(message, {
      progress: () => undefined,
      // @ts-expect-error the data of 'result' is text
      result: (m) => void m.data.percent,
    });
    const reader = actor.read(message);
    if (reader) void reader.raw().byteLength;
  });
  const { isOk, value } = actor.getDiagnostics();
  if (isOk) void value.messageCount.toFixed();
  const untyped = supervisor.spawn((self: { send(msg: string): void }) => self.send('x'));
  untyped.subscribe((message) => void message.data.anything);
  // @ts-expect-error no such strategy
  createSupervisor({ strategy: 'all' });
  // @ts-expect-error a resource's method needs schemas
  createSupervisor({ resources: { db: { query: { handler: () => 1 } } } });
}
