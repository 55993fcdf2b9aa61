/**
 * Agents with tools and a kill switch. An agent can do nothing but call the tools that main gives it, whose arguments and results are checked;
 * each agent has a budget of calls and of time. Whatever it does, even in a loop that never ends, switching it off is one call.
 *
 * usage: node examples/agent.mjs
 */
import { createSupervisor } from 'wasmpool/future';

const MOST_CALLS = 20;
const TIME_LIMIT_MS = 2000;

/** A schema: any object with `safeParse`, as zod's have it. @param {(value: any) => boolean} fits */
const schema = (fits) => ({
  safeParse: (/** @type {unknown} */ data) =>
    fits(data) ? { success: true, data } : { success: false, error: 'it does not fit' },
});

/** Calls so far, by agent. @type {Map<string, number>} */
const calls = new Map();

const supervisor = createSupervisor({
  maxActors: 3,
  timeouts: { defaultLeaseMs: 60_000 }, // the switch below decides, not the usual limit
  resources: {
    tools: {
      search: {
        input: schema((value) => typeof value?.query === 'string'),
        output: schema((value) => typeof value?.text === 'string'),
        handler: ({ query }, { actor }) => {
          const count = (calls.get(actor) ?? 0) + 1;
          calls.set(actor, count);
          if (count >= MOST_CALLS) switchOff(actor, `it has made ${MOST_CALLS} calls`);
          return { text: `found something for "${query}"`, isLast: query.startsWith('plan a trip') && count === 3 };
        },
      },
      release: () => console.log('tools are closed'),
    },
  },
});

/** @type {Map<string, string>} why agents were switched off, by id */
const reasons = new Map();

/** @param {string} id @param {string} reason */
function switchOff(id, reason) {
  reasons.set(id, reason);
  supervisor.terminateActor(id);
}

/** @param {string} goal @returns {Promise<string>} what became of it */
function run(goal) {
  const agent = supervisor.spawn({ module: new URL('./agent-worker.mjs', import.meta.url), name: 'agent' });
  const timer = setTimeout(() => switchOff(agent.id, `its ${TIME_LIMIT_MS} ms were over`), TIME_LIMIT_MS);
  agent.receive({ goal });
  return new Promise((resolve) => {
    agent.subscribe(({ msg, data }) => {
      if (msg === 'step') return;
      clearTimeout(timer);
      if (msg === 'done') agent.terminate();
      const how = msg === 'done' ? 'done' : `switched off: ${reasons.get(agent.id) ?? data.reason}`;
      resolve(`${goal}: ${how}, after ${calls.get(agent.id) ?? 0} calls`);
    });
  });
}

const goals = ['plan a trip', 'collect everything there is', 'think about thinking'];
for (const outcome of await Promise.all(goals.map(run))) console.log(outcome);
await supervisor.shutdown();
