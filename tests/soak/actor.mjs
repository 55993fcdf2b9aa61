/** The actor of tests/soak/actors.mjs: it does what it is told, and says so first. */

/** What an actor can be told to do. Each way to end counts as one failure, but `leave`, which is none. */
const ACTIONS = {
  echo: (self, { data }) => self.send('echo', data),
  throws: () => {
    throw new Error('as told');
  },
  rejects: () => Promise.reject(new Error('as told, later')),
  loops: () => {
    for (;;);
  },
  waits: () => new Promise(() => undefined),
  exits: () => process.exit(1),
  leave: (self, message, ctx) => ctx.terminate(),
  spawns: async (self, { module }, ctx) => {
    const child = await ctx.spawn({ module, name: 'worker' }).catch(() => undefined); // the limit
    child?.receive({ msg: 'echo', data: 0 });
  },
  allocates: () => {
    const kept = [];
    for (let i = 0; i < 100; i++) kept.push(new Uint8Array(1 << 16).fill(i));
  },
};

/** @param {any} self @param {any} message @param {any} ctx */
export function worker(self, message, ctx) {
  return ACTIONS[message.msg]?.(self, message, ctx);
}
