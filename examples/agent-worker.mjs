/**
 * An agent: it works on a goal in steps, each of which asks a tool of main's. This one has a script instead of a language model; what matters
 * is that nobody knows when it stops.
 */

/**
 * @param {{ send(msg: string, data: unknown): void }} self
 * @param {{ goal: string }} message
 * @param {any} ctx
 */
export async function agent(self, { goal }, ctx) {
  if (goal === 'think about thinking') for (;;); // never gives its thread back
  for (let step = 1; ; step++) {
    const { text, isLast } = await ctx.resources.tools.search({ query: `${goal}, step ${step}` });
    self.send('step', { step, text });
    if (isLast) break;
  }
  self.send('done', { goal });
}
